"""The whole analysis of one sweep, computed once and read by tables and figures alike."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ganbench.analysis.curves import budget_curves
from ganbench.analysis.distributions import over_seeds, over_settings
from ganbench.analysis.results import FINISHED, STATES, ReportError, Results
from ganbench.analysis.selection import ceilings, counts, outcomes


@dataclass(frozen=True)
class Summary:
    """What the report shows, as tidy frames; `results` is what they were computed from."""

    results: Results
    missing: str  # what keeps the sweep from being complete; empty where nothing does
    counts: pd.DataFrame
    outcomes: pd.DataFrame
    ceilings: pd.DataFrame
    curves: pd.DataFrame
    settings: pd.DataFrame
    seeds: pd.DataFrame

    @property
    def partial(self) -> bool:
        """Return whether trials of the sweep are still to come."""
        return bool(self.missing)


def summarise(results: Results, *, allow_partial: bool) -> Summary:
    """Analyse a sweep; raises `ReportError` where it is unusable, or incomplete without leave."""
    results.check()
    table = outcomes(results)
    missing = unfinished(results, table)
    if missing and not allow_partial:
        raise ReportError(
            f"sweep {results.name!r} is not complete: {missing}; finish it with"
            f" `ganbench sweep {results.name}` or report what there is with --allow-partial"
        )
    if table.empty:
        raise ReportError(
            f"no trial of sweep {results.name!r} has finished: continue `ganbench sweep {results.name}`"
        )
    bottoms = ceilings(results, table)
    return Summary(
        results=results,
        missing=missing,
        counts=counts(results),
        outcomes=table,
        ceilings=bottoms,
        curves=budget_curves(results, table, bottoms),
        settings=over_settings(results, table, bottoms),
        seeds=over_seeds(results, table, bottoms),
    )


def unfinished(results: Results, table: pd.DataFrame) -> str:
    """Say what is still to come: trials by state, variants without a plan, reruns not yet planned."""
    states = results.trials["state"]
    tally = {state: int((states == state).sum()) for state in STATES if state not in FINISHED}
    pending = ", ".join(f"{n} {state}" for state, n in tally.items() if n)
    parts = [f"{pending} of {len(states)} trials"] if pending else []
    unplanned = _unplanned(results, table, "search")
    if unplanned:
        parts.append(f"no trial of {', '.join(unplanned)}")
    rerun = results.definition.get("rerun") or {}
    if rerun.get("top", 0) and rerun.get("seeds", 0) and not unplanned:
        waiting = _unplanned(results, table, "rerun")
        parts += [f"no rerun of {', '.join(waiting)}"] if waiting else []
    return "; ".join(parts)


def _unplanned(results: Results, table: pd.DataFrame, stage: str) -> list[str]:
    """Return the variants without a trial of a stage; a rerun needs a setting with a score."""
    plan = results.plan()
    planned = set(plan.loc[plan["stage"] == stage, ["dataset", "variant"]].itertuples(index=False, name=None))
    finite = table.loc[table["best_finite"], ["dataset", "variant"]].itertuples(index=False, name=None)
    every = [(dataset, variant) for dataset in results.datasets for variant in results.variants]
    due = set(finite) if stage == "rerun" else set(every)
    return [f"{variant} on {dataset}" for dataset, variant in every if (dataset, variant) in due - planned]
