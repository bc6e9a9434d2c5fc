"""Intervals of a paper's curves: in tables what the frame holds, in figures bars, and none where nothing is known."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from boards import board
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ganbench.analysis.bands import two_sided_until
from ganbench.analysis.curves import LEVEL
from ganbench.analysis.results import Results
from ganbench.report.figures import shifts
from ganbench.report.paper.drawing import LETTERS
from ganbench.report.paper.exhibit import Exhibit
from ganbench.report.style import styled, to_bytes
from papers import MODELS, paper, ring, shelf

CELL = re.compile(r"(?P<centre>[\d.]+) \[(?P<lower>[\d.]+), (?P<upper>[\d.]+|∞)\]")
KINDS = {
    "joint": {"by": "precision"},
    "budget": {},
    "compute": {"axis": "seconds"},
    "anytime": {},
}


def made(kind: str, results: Results, **settings: object) -> Exhibit:
    """Make one exhibit of one sweep."""
    ((entry,),) = paper({"kind": kind, "name": "x", "sweeps": ["a"], **settings}).entries
    with styled():
        return entry.module.make(entry.name, entry.settings, shelf({"a": results}))


def uneven() -> Results:
    """Return a sweep whose F1, precision and recall differ."""
    found = ring(25)
    powers = found.scores["metric"].map({"precision_ring": 2.0, "recall_ring": 0.5}).fillna(1.0)
    return replace(found, scores=found.scores.assign(value=found.scores["value"] ** powers))


def bars(ax: Axes) -> list[tuple[float, float, float]]:
    """Return the place and both ends of every bar of a panel, in the data's units."""
    found = [path for c in ax.collections if isinstance(c, LineCollection) for path in c.get_segments()]
    return sorted((float(low[0]), float(low[1]), float(high[1])) for low, high in found)


def rows_of(frame: pd.DataFrame, *names: str) -> list[tuple[float, ...]]:
    return sorted(tuple(map(float, row)) for row in frame[list(names)].to_numpy())


def scattered(n: int, *, diverged: int = 0, checkpoints: int = 1, seconds: bool = False) -> Results:
    """Return a sweep of two models by a distance, of which some runs of the first diverged."""
    rng = np.random.Generator(np.random.Philox(key=8))
    scores = {model: np.exp(rng.normal(size=(n, checkpoints))).tolist() for model in ("a", "b")}
    scores["a"][:diverged] = [[None] * checkpoints] * diverged
    cost = {"a": np.linspace(1, 2, n).tolist()} if seconds else None
    return board({"toy": scores}, seconds=cost, baselines={"fd_toy": 9.0})


@pytest.mark.parametrize("by", ["f1", "recall"])
def test_joint_cells_hold_the_interval_of_what_chooses_up_to_a_quarter(by: str):
    (table,) = made("joint", uneven(), by=by).tables
    row = next(row for row in table.rows if row[0] == "vae")
    known = table.frame[table.frame["variant"] == "vae"].set_index("k")
    for k, cell in zip(table.header[1:], row[1:], strict=True):
        at, found = known.loc[int(k.removeprefix("k = "))], CELL.findall(cell)
        expected = tuple(f"{at[name]:.2f}" for name in (by, f"{by}_lower", f"{by}_upper"))
        assert found == ([expected] if at.name <= 24 / 4 else [])
        assert cell.startswith(f"{at['f1']:.2f} ")
    assert {"k = 5", "k = 10"} <= set(table.header)


def test_joint_bars_are_the_table_s_intervals():
    exhibit = made("joint", uneven(), by="precision")
    frame = exhibit.tables[0].frame
    marked = frame[frame["k"].isin([1, 2, 5])]
    for part, ax in zip(("f1", "precision", "recall"), exhibit.figures[0].figure.axes, strict=True):
        expected = rows_of(marked, "k", f"{part}_lower", f"{part}_upper")
        np.testing.assert_allclose(bars(ax), expected, atol=1e-12)


@pytest.mark.parametrize("n", [11, 60])
def test_median_bars_stand_where_the_band_has_two_sides(n: int):
    exhibit = made("budget", scattered(n))
    frame, (ax,) = exhibit.tables[0].frame, exhibit.figures[0].figure.axes
    until = two_sided_until(n, LEVEL)
    expected = [k for k in (1, 5, 10) if k <= until for _ in range(2)]
    assert 0 < until < 10
    assert [bar[0] for bar in bars(ax)] == expected
    barred = frame[frame["k"].isin(expected)]
    np.testing.assert_allclose(bars(ax), rows_of(barred, "k", "lower", "upper"))
    low, high = ax.get_ylim()
    assert low < barred["lower"].min()
    assert barred["upper"].max() < high


def test_an_open_side_ends_with_the_panel():
    ax = made("budget", scattered(40, diverged=15)).figures[0].figure.axes[0]
    frame = made("budget", scattered(40, diverged=15)).tables[0].frame
    assert np.isinf(frame.loc[(frame["variant"] == "a") & (frame["k"] == 1), "upper"].item())
    assert ax.get_ylim()[1] in [bar[2] for bar in bars(ax)]


def test_the_study_s_form_has_its_sd_and_no_band():
    assert "band" not in made("budget", scattered(20), form="study").figures[0].caption


def test_compute_bars_and_cells_are_the_percentiles():
    results = scattered(24, seconds=True)
    exhibit = made("compute", results, axis="seconds")
    frame, (ax,) = exhibit.tables[0].frame, exhibit.figures[0].figure.axes
    ours = frame[frame["variant"] == "a"]
    assert set(ours["method"]) == {"permutation"}
    cost = ours["cost"].to_numpy()
    four = int(np.flatnonzero(cost <= 4 * cost[0])[-1]) if cost[-1] >= 4 * cost[0] else None
    stated = ours.iloc[[place for place in (0, four, -1) if place is not None]]
    drawn = [bar for bar in bars(ax) if bar[0] in set(stated["cost"])]
    np.testing.assert_allclose(drawn, rows_of(stated, "cost", "lower", "upper"))
    row = next(row for row in exhibit.tables[0].rows if row[0] == "a")
    cells = [cell for cell in row[2:] if cell != "—"]
    for cell, (_, at) in zip(cells, stated.iterrows(), strict=True):
        found = CELL.search(cell)
        assert found
        places = len(found["centre"].partition(".")[2])
        assert [found[name] for name in ("centre", "lower", "upper")] == [
            f"{at[name]:.{places}f}" for name in ("median", "lower", "upper")
        ]


def test_of_equal_costs_compute_shows_the_band_only_where_it_has_two_sides():
    exhibit = made("compute", scattered(20), axis="d_steps")
    frame, (ax,) = exhibit.tables[0].frame, exhibit.figures[0].figure.axes
    until = two_sided_until(20, LEVEL)
    assert set(frame["method"]) == {"exact"}
    assert until < 4 <= frame["finished"].max()
    row = next(row for row in exhibit.tables[0].rows if row[0] == "b")
    assert [bool(CELL.search(cell)) for cell in row[2:]] == [True, False, False]
    assert len(bars(ax)) == 2


def test_a_bar_is_left_out_where_the_median_is_infinite_and_none_takes_its_place():
    exhibit = made("compute", scattered(40, diverged=24), axis="d_steps")
    frame, (ax,) = exhibit.tables[0].frame, exhibit.figures[0].figure.axes
    ours = frame[frame["variant"] == "a"]
    assert np.isinf(ours["median"].iloc[0])
    first, four = 1.0 * ours["cost"].iloc[0], 4.0 * ours["cost"].iloc[0]
    assert [bar[0] for bar in bars(ax)] == [first, four, four]


def test_the_axis_of_compute_is_wrapped():
    (ax,) = made("compute", scattered(20), axis="seconds").figures[0].figure.axes
    lines = ax.get_xlabel().split("\n")
    assert len(lines) > 1
    assert all(len(line) <= LETTERS for line in lines)


def test_bars_along_training_stand_at_the_first_the_middle_and_the_last_checkpoint():
    exhibit = made("anytime", scattered(50, checkpoints=5))
    frame, (ax,) = exhibit.tables[0].frame, exhibit.figures[0].figure.axes
    assert set(frame["k"]) == {5}
    stated = frame[frame["step"].isin([10, 30, 50])]
    np.testing.assert_allclose(bars(ax), rows_of(stated, "step", "lower", "upper"))
    for name, row in zip("ab", exhibit.tables[0].rows[1:3], strict=True):
        ours = stated[stated["variant"] == name]
        places = len(row[1].partition(" ")[0].partition(".")[2])
        assert list(row[1:]) == [
            f"{r.median:.{places}f} [{r.lower:.{places}f}, {r.upper:.{places}f}] @ {r.step}"
            for r in ours.itertuples()
        ]


def test_along_training_a_band_of_one_side_is_not_shown():
    assert two_sided_until(20, LEVEL) < 5
    exhibit = made("anytime", scattered(20, checkpoints=2))
    assert bars(exhibit.figures[0].figure.axes[0]) == []
    assert not any("[" in cell for row in exhibit.tables[0].rows[1:3] for cell in row)


@pytest.mark.parametrize("kind", KINDS)
def test_bars_stand_beside_each_other_with_their_curve(kind: str):
    figure = made(kind, ring(25), **KINDS[kind]).figures[0].figure
    figure.draw_without_rendering()
    ax = figure.axes[0]
    lines = {style: [line for line in ax.lines if line.get_color() == style] for style in _colours(ax)}
    places = [{float(line.get_transform().transform((1, 1))[0]) for line in ours} for ours in lines.values()]
    assert [len(place) for place in places] == [1] * len(MODELS)
    assert len(set.union(*places)) == len(MODELS)


def _colours(ax: Axes) -> list[str]:
    return list(dict.fromkeys(str(line.get_color()) for line in ax.lines))


def test_models_stand_apart_about_their_place():
    assert shifts(["a"]) == {"a": 0.0}
    assert list(shifts("abcde").values()) == [-0.5, -0.25, 0.0, 0.25, 0.5]
    assert list(shifts("ab").values()) == [-1 / 6, 1 / 6]


@pytest.mark.parametrize("kind", KINDS)
def test_curves_with_bars_are_the_same_bytes_again(kind: str):
    once, again = (
        [to_bytes(drawing.figure) for drawing in made(kind, ring(25), **KINDS[kind]).figures]
        for _ in range(2)
    )
    assert once == again
