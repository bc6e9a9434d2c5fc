"""Two choices of an axis beside each other: by hand, and as an exhibit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ganbench.analysis.equivalence import equivalences, tost
from ganbench.analysis.results import ReportError, Results
from ganbench.analysis.summary import Summary, summarise
from ganbench.report.paper.exhibit import Exhibit
from ganbench.report.style import styled
from papers import paper, ring, shelf, unfinished

EXHIBIT = {"kind": "equivalence", "name": "x", "axis": "precision", "pair": ["float32", "bf16"]}


def twofold() -> Results:
    """Return a sweep half of whose settings are of either precision, its authors' default apart."""
    made = ring()
    choice = np.where(made.trials["index"] % 2, "bf16", "float32")
    axes = {**made.definition["axes"], "precision": ["float32", "bf16"]}
    return replace(
        made, definition={**made.definition, "axes": axes}, trials=made.trials.assign(precision=choice)
    )


def exhibit(results: Results | None, margin: float = 0.05, **more: object) -> Exhibit:
    store = shelf({"ring": results} if results else {})
    ((entry,),) = paper({**EXHIBIT, "sweeps": ["ring"], "margins": [margin], **more}).entries
    with styled():
        return entry.module.make(entry.name, entry.settings, store)


def test_two_one_sided_tests_by_hand():
    a, b = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.3, 0.2, 0.4, 0.7])
    found = tost(a, b, margin=0.5)
    error = np.sqrt(a.var(ddof=1) / 4 + b.var(ddof=1) / 4)
    df = error**4 / ((a.var(ddof=1) / 4) ** 2 / 3 + (b.var(ddof=1) / 4) ** 2 / 3)  # Welch and Satterthwaite
    assert found["difference"] == pytest.approx(0.15)
    assert found["upper"] == pytest.approx(0.15 + stats.t.ppf(0.95, df) * error)
    assert found["p"] == pytest.approx(stats.t.cdf((0.15 - 0.5) / error, df))
    assert found["p"] > stats.t.cdf((-0.5 - 0.15) / error, df), "the larger of the two"


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0.0, "equivalent"), (0.04, "equivalent"), (0.1, "undecided"), (0.3, "different")]
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_verdicts(shift: float, verdict: str, sign: float):
    spread = np.linspace(-0.1, 0.1, 30)
    assert tost(spread, spread + sign * shift, margin=0.1)["verdict"] == verdict


def test_samples_without_spread_are_compared_as_they_stand():
    assert tost(np.ones(3), np.ones(3), margin=0.1)["verdict"] == "equivalent"
    assert tost(np.ones(3), np.zeros(3), margin=0.1)["verdict"] == "different"


def test_a_diverged_run_counts_as_the_ceiling():
    summary = summarise(twofold(), allow_partial=True)
    metric = summary.results.metric("ring", "energy_ring")
    table, ceilings = summary.outcomes, summary.ceilings
    one = (table["model"] == "vae") & (table["metric"] == "energy_ring") & (table["index"] == 1)
    sunk = table.assign(best=table["best"].mask(one & (table["stage"] == "search"), np.inf))
    given = {"dataset": "ring", "axis": "precision", "pair": ("float32", "bf16"), "margin": 0.1}
    before = equivalences(summary.results, table, ceilings, metric, **given).set_index("model")
    after = equivalences(summary.results, sunk, ceilings, metric, **given).set_index("model")
    score = min(float(table.loc[one & (table["stage"] == "search"), "best"].iloc[0]), 0.5)
    moved = (after["mean_other"] - before["mean_other"])["vae"]
    assert moved == pytest.approx((0.5 - score) / 12), "the untrained generator scores 0.5"
    assert after.loc["wgan"].equals(before.loc["wgan"])


def test_an_exhibit_of_all_models_and_its_partial_and_missing_forms():
    whole = exhibit(twofold())
    (table,) = whole.tables
    assert [row[0] for row in table.rows[1:4]] == ["ns_gan", "vae", "wgan"]
    assert table.rows[0][0].startswith("ring, F1 (ring) ↑, margin ±0.05")
    assert table.rows[1][1] == "12/12"
    (ax,) = [ax for ax in whole.figures[0].figure.axes if ax.get_xlabel()]
    assert ax.get_xlabel() == "bf16 − float32, F1 (ring) ↑"
    assert exhibit(unfinished(twofold(), 40)).stamps[0].startswith("ring partial: 40 of ")
    assert exhibit(None).stamps == ("ring not run: `ganbench sweep ring`",)


def compared(summary: Summary, margin: float, **more: object) -> pd.DataFrame:
    metric = summary.results.metric("ring", "energy_ring")
    given = {"dataset": "ring", "axis": "precision", "pair": ("float32", "bf16"), **more}
    found = equivalences(summary.results, summary.outcomes, summary.ceilings, metric, margin=margin, **given)
    return found.set_index("model")


def test_ratios_are_differences_of_logarithms():
    summary = summarise(twofold(), allow_partial=True)
    by_hand = replace(
        summary,
        outcomes=summary.outcomes.assign(best=np.log(summary.outcomes["best"])),
        ceilings=summary.ceilings.assign(ceiling=np.log(summary.ceilings["ceiling"])),
    )
    logs, ratios = compared(by_hand, np.log(1.25)), compared(summary, 1.25, ratio=True)
    for name in ("difference", "lower", "upper"):
        np.testing.assert_allclose(ratios[name], np.exp(logs[name]))
    pd.testing.assert_frame_equal(ratios[["p", "verdict"]], logs[["p", "verdict"]])
    assert (ratios["mean_other"] == compared(summary, 0.1)["mean_other"]).all(), "means are of the scores"


def test_ratios_need_positive_scores():
    summary = summarise(twofold(), allow_partial=True)
    sunk = summary.outcomes.assign(best=0.0)
    with pytest.raises(ReportError, match="ratios are of positive scores"):
        compared(replace(summary, outcomes=sunk), 1.25, ratio=True)


def test_an_exhibit_of_ratios():
    whole = exhibit(twofold(), 1.25, ratio=True, metric="energy_ring")
    (table,) = whole.tables
    assert "margin 0.80 to 1.25" in table.rows[0][0]
    assert table.header[4] == "ratio [90 %]"
    (ax,) = [ax for ax in whole.figures[0].figure.axes if ax.get_xlabel()]
    assert ax.get_xlabel().startswith("bf16 / float32, ")
    edges = {round(float(line.get_xdata()[0]), 3) for line in ax.lines if len(line.get_xdata()) == 2}
    assert {0.8, 1.0, 1.25} <= edges


def test_a_sweep_without_the_axis_is_refused():
    with pytest.raises(ReportError, match="has no axis 'precision': choose one of model, dataset"):
        exhibit(ring())
