"""Which trials train together: packs of one signature with 1, 2, 4, … lanes, frozen in the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from ganbench.identity import digest, signature, training_config, trial_id
from ganbench.records import Pack, Trial


@dataclass(frozen=True)
class Setting:
    """A draw with a seed, before it has a pack: what the planner hands to `packs`."""

    variant: dict[str, str]
    stage: str
    index: int
    seed: int
    is_default: bool
    params: dict[str, Any]
    resolved: dict[str, Any]  # of the config, at least what training reads


@dataclass(frozen=True)
class Mode:
    """How packs run; part of the pack's record since modes differ in the last bits."""

    size: int
    mode: str
    threads: int


Chooser: TypeAlias = Callable[[str, list[Setting]], Mode]  # (signature, its trials) → how they are packed


def lanes_for(trials: int) -> int:
    """Round up to a power of two, so that a sweep has few shapes."""
    return 1 << (trials - 1).bit_length()


def lanes_of(trials: int, size: int, mode: str) -> list[int]:
    """Return the lanes of each pack of so many trials, at most `size` of them in one.

    A size of 6 makes packs of 4: padding must not exceed it. Compiled packs are all of one shape, so that there are
    few compilations.
    """
    width = 1 << (size.bit_length() - 1)
    full, rest = divmod(trials, width)
    return [width] * full + ([width if mode == "compiled" else lanes_for(rest)] if rest else [])


def pack_settings(
    settings: Iterable[Setting], choose: Chooser, known: dict[str, tuple[str, int]]
) -> tuple[list[Trial], list[Pack]]:
    """Plan settings into packs of one signature, in order; equal trials train once.

    `choose` is asked once for each signature of a variant. `known` maps trial ids that the plan already holds to
    (pack_id, lane) and is not changed.
    """
    settings = list(settings)
    ids = [trial_id(training_config(s.resolved), s.seed) for s in settings]
    groups: dict[tuple[str, str], dict[str, Setting]] = {}
    seen = set(known)
    for identity, setting in zip(ids, settings, strict=True):
        if identity not in seen:
            seen.add(identity)
            key = (signature(training_config(setting.resolved)), digest(setting.variant))
            groups.setdefault(key, {})[identity] = setting
    packs = [
        pack
        for (shared, _), group in groups.items()
        for pack in _split(group, choose(shared, list(group.values())))
    ]
    places = {**known, **{i: (pack.pack_id, lane) for pack in packs for lane, i in enumerate(pack.trial_ids)}}
    return [_trial(i, s, places[i]) for i, s in zip(ids, settings, strict=True)], packs


def _split(group: dict[str, Setting], mode: Mode) -> Iterator[Pack]:
    identities = iter(group)
    for lanes in lanes_of(len(group), mode.size, mode.mode):
        members = tuple(islice(identities, lanes))
        first = group[members[0]]
        precision = first.resolved["precision"]
        pack_id = digest([members, lanes, mode.mode, mode.threads, precision])
        yield Pack(pack_id, first.stage, first.variant, members, lanes, mode.mode, mode.threads, precision)


def _trial(identity: str, s: Setting, place: tuple[str, int]) -> Trial:
    return Trial(identity, s.variant, s.stage, s.index, s.seed, s.is_default, s.params, *place)
