"""The whole analysis of one sweep, computed once and read by tables and figures alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import pandas as pd

from ganbench.analysis.agreement import agreement
from ganbench.analysis.anytime import checkpoint_curves
from ganbench.analysis.comparisons import comparison_curves, comparisons
from ganbench.analysis.components import variance_components
from ganbench.analysis.compute import compute_curves
from ganbench.analysis.costs import costs
from ganbench.analysis.crossings import crossings
from ganbench.analysis.curves import budget_curves, independent_draws
from ganbench.analysis.distributions import over_seeds, over_settings
from ganbench.analysis.marginals import marginals
from ganbench.analysis.means import joint_curves, mean_curves
from ganbench.analysis.optimism import checkpoint_optimism
from ganbench.analysis.ranks import ranks
from ganbench.analysis.reruns import selection_gaps
from ganbench.analysis.results import FINISHED, IMPORTED, STATES, ReportError, Results
from ganbench.analysis.runs import failure_shares, jointly, runs
from ganbench.analysis.selection import ceilings, counts, outcomes, ranked_settings
from ganbench.analysis.sensitivity import sensitivity
from ganbench.reruns import seeds_by_rank


@dataclass(frozen=True)
class Summary:
    """What the report shows, as tidy frames; `results` is what they were computed from.

    The properties below are computed when they are first asked for. Those that are about a tuning budget raise
    `StatisticsError` where the sampler's draws are not independent (`iid` says so).
    """

    results: Results
    missing: str  # what keeps the sweep from being complete; empty where nothing does
    counts: pd.DataFrame
    outcomes: pd.DataFrame
    ceilings: pd.DataFrame
    curves: pd.DataFrame
    settings: pd.DataFrame
    seeds: pd.DataFrame
    # metrics of comparisons, crossings, ranks and sensitivity; None: those shown
    judged: frozenset[str] | None = None

    @property
    def partial(self) -> bool:
        """Return whether trials of the sweep are still to come."""
        return bool(self.missing)

    @property
    def iid(self) -> bool:
        """Return whether the settings were drawn independently and alike."""
        return independent_draws(self.results)

    @cached_property
    def mean_curves(self) -> pd.DataFrame:
        """See `means.mean_curves`."""
        return mean_curves(self.results, self.outcomes, self.ceilings)

    @cached_property
    def joint_curves(self) -> pd.DataFrame:
        """See `means.joint_curves`."""
        return joint_curves(self.results, self.outcomes)

    @cached_property
    def compute_curves(self) -> pd.DataFrame:
        """See `compute.compute_curves`."""
        return compute_curves(self.results, self.outcomes, self.ceilings)

    @cached_property
    def checkpoint_curves(self) -> pd.DataFrame:
        """See `anytime.checkpoint_curves`."""
        return checkpoint_curves(self.results, self.outcomes)

    @cached_property
    def costs(self) -> pd.DataFrame:
        """See `costs.costs`."""
        return costs(self.results, self.outcomes)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """See `runs.runs`."""
        return runs(self.results, self.outcomes, self.ceilings)

    @cached_property
    def joint(self) -> pd.DataFrame:
        """See `runs.jointly`."""
        return jointly(self.results, self.outcomes)

    @cached_property
    def failures(self) -> pd.DataFrame:
        """See `runs.failure_shares`."""
        return failure_shares(self.counts)

    @cached_property
    def sensitivity(self) -> pd.DataFrame:
        """See `sensitivity.sensitivity`."""
        return sensitivity(self.results, self.outcomes, keys=self.judged)

    @cached_property
    def marginals(self) -> pd.DataFrame:
        """See `marginals.marginals`."""
        return marginals(self.results, self.outcomes)

    @cached_property
    def gaps(self) -> pd.DataFrame:
        """See `reruns.selection_gaps`."""
        return selection_gaps(self.results, self.outcomes, self.seeds)

    @cached_property
    def components(self) -> pd.DataFrame:
        """See `components.variance_components`."""
        return variance_components(self.results, self.outcomes, self.ceilings)

    @cached_property
    def optimism(self) -> pd.DataFrame:
        """See `optimism.checkpoint_optimism`."""
        return checkpoint_optimism(self.results, self.outcomes)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """See `comparisons.comparisons`."""
        return comparisons(self.results, self.outcomes, keys=self.judged)

    @cached_property
    def comparison_curves(self) -> pd.DataFrame:
        """See `comparisons.comparison_curves`."""
        return comparison_curves(self.results, self.outcomes)

    @cached_property
    def crossings(self) -> pd.DataFrame:
        """See `crossings.crossings`."""
        return crossings(self.results, self.outcomes, keys=self.judged)

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """See `ranks.ranks`."""
        return ranks(self.results, self.outcomes, keys=self.judged)

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """See `agreement.agreement`."""
        return agreement(self.results, self.outcomes)


def summarise(results: Results, *, allow_partial: bool) -> Summary:
    """Analyse a sweep; raises `ReportError` where it is unusable, or incomplete without leave."""
    results.check()
    table = outcomes(results)
    unscored = _unscored(results)
    missing = "; ".join(filter(None, [unfinished(results, table), unscored]))
    if missing and not allow_partial:
        again = f"score {results.name} --protocol PROTOCOL" if unscored else f"sweep {results.name}"
        raise ReportError(
            f"sweep {results.name!r} is not complete: {missing}; finish it with"
            f" `ganbench {again}` or report what there is with --allow-partial"
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
    if IMPORTED in results.definition:  # nothing says what else was planned
        return "; ".join(parts)
    unplanned = _unplanned(results, table, "search")
    if unplanned:
        parts.append(f"no trial of {', '.join(unplanned)}")
    if to_come := _settings_to_come(results):
        parts.append(f"{to_come} settings not planned yet")
    rerun = results.definition.get("rerun") or {}
    if rerun.get("top", 0) and rerun.get("seeds", 0) and not unplanned:
        again = _reruns_to_come(results, table)
        waiting = [name for name in _unplanned(results, table, "rerun") if again.get(name) != 0]
        parts += [f"no rerun of {', '.join(waiting)}"] if waiting else []
        more = {name: count for name, count in again.items() if count and name not in waiting}
        parts += [f"{sum(more.values())} more reruns of {', '.join(more)}"] if more else []
    return "; ".join(parts)


def _unscored(results: Results) -> str:
    """Say how many finished trials a later protocol has not scored to their end: snapshots gone, or still to come."""
    if results.own is None:
        return ""
    finished = results.trials.loc[results.trials["state"].isin(FINISHED), "trial_id"].unique()
    ends, due = (
        scores.groupby("trial_id", observed=True)["step"].max().reindex(finished)
        for scores in (results.scores, results.history.scores)
    )
    left = int((ends.fillna(-1) < due).sum())
    return (
        f"{left} of {len(finished)} finished trials are not scored at their last checkpoint" if left else ""
    )


def _settings_to_come(results: Results) -> int:
    """Count the settings that the definition asks for beyond those planned, of variants that have any."""
    wanted = (results.definition.get("search") or {}).get("trials", 0)
    plan = results.plan()
    planned = plan[plan["stage"] == "search"].groupby(["dataset", "variant"], observed=True).size()
    return int((wanted - planned).clip(lower=0).sum())


def _reruns_to_come(results: Results, table: pd.DataFrame) -> dict[str, int]:
    """Count the reruns not planned yet of each variant whose search is finished, as its ranking asks for them."""
    plan, seeds = results.plan(), seeds_by_rank(results.definition["rerun"])
    found: dict[str, int] = {}
    for dataset, variant in product(results.datasets, results.variants):
        mine = plan[(plan["dataset"] == dataset) & (plan["variant"] == variant)]
        searched, again = (mine[mine["stage"] == stage] for stage in ("search", "rerun"))
        if not searched["state"].isin(FINISHED).all():
            continue
        ranking = ranked_settings(results, table, dataset, variant)["index"]
        have = again["index"].value_counts()
        due = (max(0, n - have.get(index, 0)) for index, n in zip(ranking, seeds, strict=False))
        found[f"{variant} on {dataset}"] = int(sum(due))
    return found


def _unplanned(results: Results, table: pd.DataFrame, stage: str) -> list[str]:
    """Return the variants without a trial of a stage; a rerun needs a setting with a score."""
    plan = results.plan()
    planned = set(plan.loc[plan["stage"] == stage, ["dataset", "variant"]].itertuples(index=False, name=None))
    finite = table.loc[table["best_finite"], ["dataset", "variant"]].itertuples(index=False, name=None)
    every = [(dataset, variant) for dataset in results.datasets for variant in results.variants]
    due = set(finite) if stage == "rerun" else set(every)
    return [f"{variant} on {dataset}" for dataset, variant in every if (dataset, variant) in due - planned]
