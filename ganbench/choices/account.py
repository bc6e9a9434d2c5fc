"""What a plan's packs are predicted to cost, and what they would in the usual way: a line for each variant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from ganbench.choices.choice import AUTO, COMPILED, USUAL, VMAP, Choice, predicted
from ganbench.choices.law import cost, known, work_of
from ganbench.identity import signature, training_config
from ganbench.packing import Setting
from ganbench.records import Pack, Trial

_SEARCH, _HOUR_S = "search", 3600.0
_Key: TypeAlias = tuple[tuple[str, str], ...]


class _Member(NamedTuple):
    """A pack of the search, and the first setting it trains."""

    pack: Pack
    setting: Setting


def account(
    definition: Mapping[str, Any],
    settings: Sequence[Setting],
    trials: Iterable[Trial],
    packs: Mapping[str, Pack],
) -> list[dict[str, Any]]:
    """Return for each variant how the packs of its search run, predicted hours of one core, and that as a line.

    Hours are None where the law does not know the networks or the mode; `vmap_hours` are those of eager packs of
    eight. Empty where settings are chosen while the search runs.
    """
    drawn = {(_key(s.variant), s.index): s for s in settings}
    found: dict[_Key, list[_Member]] = {}
    seen: set[str] = set()
    for trial in trials:
        key, pack = _key(trial.variant), packs[trial.pack_id]
        setting = drawn.get((key, trial.index))
        if pack.stage == trial.stage == _SEARCH and pack.pack_id not in seen and setting is not None:
            seen.add(pack.pack_id)
            found.setdefault(_key(pack.variant), []).append(_Member(pack, setting))
    is_open = definition["mode"] == AUTO or definition["pack"] is None
    return [_of_variant(members, is_open=is_open) for members in found.values()]


def _key(variant: Mapping[str, str]) -> _Key:
    return tuple(sorted(variant.items()))


def _of_variant(members: list[_Member], *, is_open: bool) -> dict[str, Any]:
    ways = Counter((member.pack.mode, member.pack.lanes) for member in members)
    hours, usual = _hours(members)
    found: dict[str, Any] = {
        "variant": members[0].pack.variant,
        "packs": [{"mode": mode, "lanes": lanes, "packs": n} for (mode, lanes), n in ways.most_common()],
        "predicted_hours": hours,
        "vmap_hours": usual,
        "chosen": is_open,
    }
    return {**found, "said": _said(found)}


def _hours(members: list[_Member]) -> tuple[float | None, float | None]:
    """Return the predicted hours of packs as they are, and of eager packs of eight."""
    groups: dict[str, list[_Member]] = {}
    for member in members:
        groups.setdefault(signature(training_config(member.setting.resolved)), []).append(member)
    both = [_seconds(group) for group in groups.values()]
    if None in both:
        return None, None
    hours = [sum(pair[i] for pair in both if pair) / _HOUR_S for i in range(2)]
    return float(f"{hours[0]:.3g}"), float(f"{hours[1]:.3g}")


def _seconds(group: list[_Member]) -> tuple[float, float] | None:
    work = work_of(group[0].setting.resolved)
    modes = {member.pack.mode for member in group}
    if work is None or not all(known(work, mode) for mode in (*modes, VMAP)):
        return None
    total = 0.0
    for mode in sorted(modes):
        lanes = [member.pack.lanes for member in group if member.pack.mode == mode]
        graphs = work.graphs * len(set(lanes)) if mode == COMPILED else 0
        total += cost(work, mode, lanes, graphs=graphs).total
    trials = sum(len(member.pack.trial_ids) for member in group)
    return total, predicted(work, trials, Choice(VMAP, USUAL)).total


def _said(found: Mapping[str, Any]) -> str:
    """Say it in a line, such as `ns_gan ring: 13 packs of 8 compiled (predicted 9 min; vmap in packs of 8 22 min)`."""
    kinds = [f"{p['packs']} pack{'s' * (p['packs'] > 1)} of {p['lanes']} {p['mode']}" for p in found["packs"]]
    name = " ".join(found["variant"].values())
    return f"{name}: {', '.join(kinds)}{'' if found['chosen'] else ', as the sweep says'} ({_why(found)})"


def _why(found: Mapping[str, Any]) -> str:
    hours, usual = found["predicted_hours"], found["vmap_hours"]
    if hours is None:
        return "no cost of such packs is known"
    if hours == usual:
        return f"predicted {_duration(hours)}"
    return f"predicted {_duration(hours)}; vmap in packs of {USUAL} {_duration(usual)}"


def _duration(hours: float) -> str:
    if hours >= 1:
        return f"{hours:.3g} h"
    return f"{60 * hours:.2g} min" if 60 * hours >= 1 else f"{_HOUR_S * hours:.2g} s"
