"""What comparisons say, as cells: pairs, crossing budgets, ranks, hyperparameters and selection gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganbench.analysis.comparisons import HOLM_AT, UNDECIDED
from ganbench.analysis.sensitivity import ALL
from ganbench.report.cells import Row, keyed
from ganbench.report.render import MISSING, number
from ganbench.report.words import DAGGER

NOT_REACHED = "not reached"


def matrix(frame: pd.DataFrame, variants: list[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return P(row beats column) at one budget, NaN where it is not known, and which of them are decided."""
    place = {variant: n for n, variant in enumerate(variants)}
    shares = np.full((len(variants), len(variants)), np.nan)
    decided = np.zeros(shares.shape, dtype=bool)
    for row in frame.to_dict("records"):
        a, b = place[str(row["a"])], place[str(row["b"])]
        shares[a, b], shares[b, a] = float(row["share"]), 1.0 - float(row["share"])
        decided[a, b] = decided[b, a] = row["verdict"] != UNDECIDED
    return shares, decided


def pair_rows(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return a row a pair: the share with its interval at each budget, at which who is better, and at which alike."""
    rows = []
    for (a, b), ours in frame.groupby(["a", "b"], sort=False):
        at = keyed(ours, "k")
        cells = [interval(at[k,], ("share", "lower", "upper"), 2) if (k,) in at else MISSING for k in HOLM_AT]
        rows.append((str(a), str(b), *cells, verdict(ours), _budgets(ours[ours["alike"]]) or MISSING))
    return rows


def verdict(pair: pd.DataFrame) -> str:
    """Say who is better at which budgets, or that it is undecided."""
    decided = pair[pair["verdict"] != UNDECIDED]
    said = [f"{winner} ({_budgets(rows)})" for winner, rows in decided.groupby("verdict", sort=False)]
    return ", ".join(said) or UNDECIDED


def _budgets(rows: pd.DataFrame) -> str:
    return f"k = {', '.join(map(str, rows['k']))}" if len(rows) else ""


def with_verdicts(crossings: pd.DataFrame, comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return one metric's crossings with the `verdict` of the comparison at the same budget."""
    known = {
        (frozenset((row["a"], row["b"])), row["k"]): row["verdict"] for row in comparisons.to_dict("records")
    }
    found = crossings[["better", "worse", "budget"]].itertuples(index=False, name=None)
    return crossings.assign(verdict=[known.get((frozenset((a, b)), k), UNDECIDED) for a, b, k in found])


def crossing_rows(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return a row for each (better, worse): the budget at which the worse passes the better's at each budget.

    ``frame`` is that of `with_verdicts`: cells of pairs that are undecided bear a dagger.
    """
    budgets = sorted(set(frame["budget"])) if len(frame) else []
    rows = []
    for _, ours in frame.groupby(["better", "worse"], sort=False):
        at = keyed(ours, "budget")
        better, worse = map(str, keyed(ours, "better", "worse").popitem()[0])
        rows.append((better, worse, *(_crossing(at[b,]) if (b,) in at else MISSING for b in budgets)))
    return rows


def _crossing(row: Row) -> str:
    k, low, high = (float(row[name]) for name in ("k", "lower", "upper"))
    centre = f"> {row['limit']:.0f}" if np.isinf(k) else f"{k:.0f}"
    mark = DAGGER if row["verdict"] == UNDECIDED else ""
    if np.isnan(low):
        return centre + mark
    return f"{centre} [{low:.0f}, {'∞' if np.isinf(high) else f'{high:.0f}'}]{mark}"


def rank_rows(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return a row a model: its rank with interval and its share of first places at each budget."""
    budgets = sorted(set(frame["k"])) if len(frame) else []
    rows = []
    for variant, ours in frame.groupby("variant", sort=False):
        at = keyed(ours, "k")
        cells = [cell for k in budgets for cell in (_rank(at[k,]) if (k,) in at else (MISSING, MISSING))]
        rows.append((str(variant), *cells))
    return rows


def _rank(row: Row) -> tuple[str, str]:
    rank, low, high, first = (float(row[name]) for name in ("rank", "lower", "upper", "first"))
    if np.isnan(rank):
        return MISSING, MISSING
    return f"{rank:.3g} [{low:.3g}, {high:.3g}]", f"{100 * first:.0f} %"


def parameters_of(frame: pd.DataFrame) -> list[str]:
    """Return the hyperparameters of `sensitivity`, all together last."""
    names = [name for name in dict.fromkeys(frame["parameter"]) if name != ALL]
    return [*names, *([ALL] if len(frame) else [])]


def parameter_name(parameter: str) -> str:
    """Write a hyperparameter without the group it is in."""
    return "all together" if parameter == ALL else parameter.removeprefix("model.").replace("_", " ")


def sensitivity_rows(frame: pd.DataFrame, parameters: list[str]) -> list[tuple[str, ...]]:
    """Return a row a model: the share of each hyperparameter with its interval."""
    rows = []
    for variant, ours in frame.groupby("variant", sort=False):
        at = keyed(ours, "parameter")
        shares = [
            interval(at[p,], ("share", "lower", "upper"), 2) if (p,) in at else MISSING for p in parameters
        ]
        rows.append((str(variant), *shares))
    return rows


def gap_cells(row: Row, places: int) -> tuple[str, ...]:
    """Return seeds, searched score, mean over seeds, gap with interval, and how many reruns are as good."""
    return (
        f"{row['n']:.0f}",
        number(float(row["searched"]), places),
        number(float(row["mean"]), places),
        interval(row, ("gap", "lower", "upper"), places),
        interval(row, ("as_good", "as_good_lower", "as_good_upper"), 2),
    )


def interval(row: Row, names: tuple[str, str, str], places: int) -> str:
    """Write a number with its interval, where it has one."""
    centre, low, high = (number(float(row[name]), places) for name in names)
    return centre if MISSING in (low, high) else f"{centre} [{low}, {high}]"
