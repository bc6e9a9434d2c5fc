"""What failed in a sweep, by kind of error, and which parameters set the failed apart. Reads only, torch-free."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from ganbench.store import Store
from ganbench.store.causes import MORE_MEMORY, OUT_OF_MEMORY, failures, is_out_of_memory
from ganbench.store.opening import open_store
from ganbench.terminal import Console

_FEW = 6  # values that are told one by one rather than as a range
_KILLED = "KilledError"


def failures_of(name: str, results: Path) -> list[dict[str, Any]]:
    """Return failed packs and baselines grouped by signature, the commonest first, each crossed with the parameters.

    Raises `StoreError` where there is no such sweep.
    """
    store = open_store(name, results)
    groups: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for unit, failure in failures(store).items():
        groups[failure["signature"]][unit] = failure
    planned = store.trial_states() if groups else pd.DataFrame()
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [_group(store, signature, units, planned) for signature, units in ordered]


def _group(
    store: Store, signature: str, units: dict[str, dict[str, Any]], planned: pd.DataFrame
) -> dict[str, Any]:
    first = next(iter(units.values()))
    failed = planned["pack_id"].isin(list(units))
    cause = _cause(first)
    return {
        "signature": signature,
        "packs": len(units),
        "trials": int(failed.sum()),
        "units": list(units),
        **first,
        "cause": cause,
        "fix": MORE_MEMORY if cause == OUT_OF_MEMORY else None,
        "parameters": crossed(planned, failed, _parameters(store)),
    }


def _cause(failure: dict[str, Any]) -> str:
    if is_out_of_memory(failure["message"]):
        return OUT_OF_MEMORY
    return "killed" if failure["signature"].startswith(_KILLED) else "error"


def _parameters(store: Store) -> list[str]:
    """Return what trials of the plan differ in by name: the stage, axes, drawn parameters."""
    trials = store.plan().trials
    names = dict.fromkeys(name for trial in trials for name in (*trial.variant, *trial.params))
    return ["stage", *names]


def crossed(planned: pd.DataFrame, failed: pd.Series[bool], names: list[str]) -> list[dict[str, Any]]:
    """Return, for each parameter that varies, the values of the failed lines beside those of all planned lines.

    `within` counts the planned lines whose value is one of the failed ones', or in their range, and how many of those
    failed; the parameter that sets the failed apart best (the fewest others within) comes first. Parameters that a
    failed line lacks are judged by the lines that have them.
    """
    rows = []
    for name in names:
        values = planned[name].dropna()
        mine = values[failed[values.index]]
        if len(mine) and values.nunique() > 1:
            rows.append({"name": name, **(_range if _is_range(values) else _choices)(mine, values)})
    return sorted(rows, key=lambda row: row["within"]["planned"] - row["within"]["failed"])


def _is_range(values: pd.Series[Any]) -> bool:
    several = values.nunique() > _FEW or values.is_unique  # what no other line has tells nothing
    return is_numeric_dtype(values) and not is_bool_dtype(values) and bool(several)


def _range(failed: pd.Series[Any], planned: pd.Series[Any]) -> dict[str, Any]:
    inside = int(planned.between(failed.min(), failed.max()).sum())
    within = {"failed": len(failed), "planned": inside}
    return {"failed": _quantiles(failed), "planned": _quantiles(planned), "within": within}


def _quantiles(values: pd.Series[Any]) -> dict[str, float]:
    return {
        "min": float(values.min()),
        "median": float(values.median()),
        "max": float(values.max()),
    }


def _choices(failed: pd.Series[Any], planned: pd.Series[Any]) -> dict[str, Any]:
    hit, every = failed.astype(str).value_counts(), planned.astype(str).value_counts()
    within = {"failed": len(failed), "planned": int(every[hit.index].sum())}
    return {"failed": _counted(hit), "planned": _counted(every), "within": within}


def _counted(counts: pd.Series[int]) -> dict[str, int]:
    return {str(value): int(count) for value, count in counts.items()}


def show_failures(name: str, found: list[dict[str, Any]], console: Console) -> None:
    """Print each kind of failure: how many it hit, what sets them apart, and one traceback."""
    if not found:
        console.print("no failures")
    for group in found:
        console.print(f"── {group['packs']} × {group['signature']} ({group['trials']} trials)")
        if group["fix"]:
            console.print(f"{group['cause']}: {group['fix']}")
        if group["parameters"]:
            console.rows(
                ["parameter", "failed", "all planned", "failed of planned there"],
                [_row(parameter) for parameter in group["parameters"]],
            )
        console.print(f"{group['traceback'].rstrip()}\n")
    if any(group["trials"] > group["packs"] for group in found):
        console.print("A pack fails as a whole: trials beside the one that raised are counted as well.")
    if found:
        console.print(
            f"`ganbench sweep {name} … --retry failed` runs them again, "
            "`--retry 'failed:SIGNATURE'` those whose signature begins so."
        )


def _row(parameter: dict[str, Any]) -> list[str]:
    within = parameter["within"]
    cells = [_cell(parameter[who]) for who in ("failed", "planned")]
    return [parameter["name"], *cells, f"{within['failed']} of {within['planned']}"]


def _cell(values: dict[str, Any]) -> str:
    if values.keys() == {"min", "median", "max"}:
        return f"{values['min']:.3g} … {values['median']:.3g} … {values['max']:.3g}"
    shown = [f"{value} {count}" for value, count in list(values.items())[:_FEW]]
    return ", ".join(shown) + (f" and {len(values) - _FEW} more" if len(values) > _FEW else "")
