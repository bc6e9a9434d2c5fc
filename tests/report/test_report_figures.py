"""Figures draw what the frames say, and survive what sweeps can hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib import rcParams
from synthetic import RERUN, Run, results, sweep

from ganbench.analysis.results import Results
from ganbench.analysis.summary import Summary, summarise
from ganbench.report import samples
from ganbench.report.distribution import MOST_CROSSES, distribution_figure
from ganbench.report.figures import bands_figure, budget_figure, figures, study_figure
from ganbench.report.style import COLOURS, CROWD, looks, panels, styled, to_bytes


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarise(sweep(settings=25), allow_partial=False)


def lines(ax, style: str) -> list[tuple[list[float], list[float]]]:
    found = [line for line in ax.get_lines() if line.get_linestyle() == style]
    return [(np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()) for line in found]


def curve_of(summary: Summary, variant: str, metric: str):
    curves = summary.curves
    return curves[(curves["variant"] == variant) & (curves["metric"] == metric)]


def test_the_budget_curve_is_solid_to_a_quarter_and_dotted_to_half(summary: Summary):
    with styled():
        ax = budget_figure(summary, "toy").axes[0]
    curve = curve_of(summary, "ns_gan", "f1_toy")
    solid, dotted = lines(ax, "-")[0], lines(ax, ":")[0]
    assert solid == (list(range(1, 7)), curve["median"].tolist()[:6])
    assert dotted == (list(range(6, 13)), curve["median"].tolist()[5:12])


def test_the_band_has_two_sides_then_one(summary: Summary):
    metric = summary.results.metric("toy", "energy_toy")
    with styled():
        ax = bands_figure(summary, "toy", metric).axes[0]
    curve = curve_of(summary, "ns_gan", "energy_toy")
    assert lines(ax, "--")[0] == (list(range(2, 13)), curve["upper"].tolist()[1:12])
    filled = ax.collections[0].get_paths()[0].vertices
    assert filled[:, 0].max() == 2.0
    assert filled[:, 1].min() == pytest.approx(curve["lower"].iloc[:2].min())


@pytest.mark.parametrize(("marks", "crowded"), [(CROWD, False), (CROWD + 1, True)])
def test_a_pdf_draws_a_crowd_of_marks_as_one_picture(marks: int, *, crowded: bool):
    with styled():
        figure, (ax,) = panels(1, 1, size=(2.0, 2.0))
        ax.plot(np.linspace(0.0, 1.0, marks), np.linspace(0.0, 1.0, marks), marker="o", linestyle="none")
        ax.plot(np.linspace(0.0, 1.0, 2 * CROWD), np.zeros(2 * CROWD))  # a line is no crowd
        made = to_bytes(figure)
    assert (b"/Subtype /Image" in made["pdf"]) is crowded


def test_the_study_s_bars_are_one_sd(summary: Summary):
    with styled():
        ax = study_figure(summary, "toy").axes[1]
    curve = curve_of(summary, "ns_gan", "energy_toy")
    bar = ax.collections[0].get_segments()[0]
    assert (bar[1][1] - bar[0][1]) / 2 == pytest.approx(curve["study_sd"].iloc[0])


@pytest.mark.parametrize("settings", [5, 12, 16])
def test_no_mark_of_the_study_s_form_is_cut(settings: int):
    with styled():
        ax = study_figure(summarise(sweep(settings=settings), allow_partial=False), "toy").axes[1]
    low, high = ax.get_xlim()
    marks = [x for line in ax.get_lines() for x in np.asarray(line.get_xdata()).tolist()]
    assert low < min(marks)
    assert max(marks) < high


def test_every_finished_run_has_its_mark(summary: Summary):
    with styled():
        ax = distribution_figure(summary, "toy", "search").axes[1]
    runs = summary.outcomes.query("metric == 'energy_toy' and stage == 'search' and not is_default")
    dots = [
        x
        for line in ax.get_lines()
        if line.get_marker() == "o"
        for x in np.asarray(line.get_xdata()).tolist()
    ]
    assert sorted(dots) == sorted(runs["best"])


def test_a_run_without_a_score_is_a_cross_and_no_dot():
    runs = [Run(i, [v]) for i, v in enumerate([0.5, None, 0.2, None])]
    made = results({"a": runs}, metric="f1_toy", direction="max", default=None)
    with styled():
        ax = distribution_figure(summarise(made, allow_partial=False), "toy", "search").axes[0]
    marks = {line.get_marker(): np.asarray(line.get_xdata()).tolist() for line in ax.get_lines()}
    assert sorted(marks["o"]) == [0.2, 0.5]
    assert len(marks["x"]) == 2


@pytest.mark.parametrize("direction", ["min", "max"])
def test_many_lost_runs_are_one_cross_and_their_number(direction: str):
    lost = {"few": MOST_CROSSES, "many": MOST_CROSSES + 1, "hundreds": 300}
    runs = {m: [Run(0, [0.5]), *(Run(i, [None]) for i in range(1, n + 1))] for m, n in lost.items()}
    made = results(runs, metric="f1_toy", direction=direction, default=None)
    with styled():
        ax = distribution_figure(summarise(made, allow_partial=False), "toy", "search").axes[0]
    crosses = [line for line in ax.get_lines() if line.get_marker() == "x"]
    assert [len(np.asarray(line.get_xdata())) for line in crosses] == [MOST_CROSSES, 1, 1]
    assert {"11", "300"} == {text.get_text() for text in ax.texts}


def test_looks_differ_in_colour_and_in_grey():
    found = looks([str(i) for i in range(88)])
    assert len({(look.colour, look.marker) for look in found.values()}) == 88
    eight = list(found.values())[:8]
    assert len({look.marker for look in eight}) == len({look.colour for look in eight}) == len(COLOURS) == 8


def test_the_reader_s_settings_are_left_alone():
    before = dict(rcParams)
    with styled():
        assert rcParams["pdf.fonttype"] == 42
    assert dict(rcParams) == before


def drawn(made: Results, *, allow_partial: bool = False) -> list[str]:
    names = []
    with styled():
        for name, draw in figures(summarise(made, allow_partial=allow_partial)):
            names.append(name)
            draw().draw_without_rendering()
    return names


def test_a_partial_sweep_is_stamped_on_its_figures():
    made = sweep()
    states = made.trials["state"].mask(made.trials.index == 0, "lost")
    partial = summarise(replace(made, trials=made.trials.assign(state=states)), allow_partial=True)
    with styled():
        stamped = [text.get_text() for text in next(figures(partial))[1]().texts]
        whole = [text.get_text() for text in next(figures(summarise(made, allow_partial=False)))[1]().texts]
    assert "partial" in stamped
    assert "partial" not in whole


def test_dependent_draws_have_no_band_figure():
    names = drawn(sweep(search={"sampler": "tpe"}))
    assert "budget_toy" in names
    assert not any(name.startswith("bands") for name in names)


def test_all_diverged_can_be_drawn():
    made = results({"a": [Run(i, [None]) for i in range(3)]}, rerun=RERUN)
    assert drawn(made) == ["budget_toy", "study_toy", "bands_toy_fd_toy", "settings_toy"]


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [-1.0, 2.0, 0.5], [1e-9, 1.0, 1e6], [5.0, 5.0, 5.0]])
def test_any_scale_can_be_drawn(values: list[float]):
    assert drawn(results({"a": [Run(i, [v]) for i, v in enumerate(values)]}))


def test_one_trial_of_a_strange_name_can_be_drawn():
    assert drawn(results({"n%s_{g}$&#~^\\<|`*é $x$": [Run(0, [1.0])]}))


@pytest.mark.parametrize("shape", [(40, 2), (40, 1, 8, 8), (3, 3, 8, 8), (1, 1, 28, 28)])
def test_samples_of_any_shape_even_broken_ones(shape: tuple[int, ...]):
    made = sweep()
    broken = np.full(shape, np.nan)
    whole = np.random.Generator(np.random.Philox(key=0)).random(shape)
    made = replace(made, samples={("real", "toy"): whole, ("ns_gan", "toy"): broken, ("vae", "toy"): whole})
    with styled():
        figure = samples.figure(made, "toy")
        assert to_bytes(figure)["png"].startswith(b"\x89PNG")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["real", "ns_gan", "vae"]


def test_a_mosaic_keeps_images_upright_and_in_order():
    made = sweep()
    images = np.zeros((4, 1, 2, 2))
    images[1, 0, 0, 1] = 1.0  # the second image, its upper right pixel
    made = replace(made, samples={("vae", "toy"): images})
    with styled():
        shown = np.asarray(samples.figure(made, "toy").axes[0].get_images()[0].get_array())
    assert shown.shape == (6, 6)
    assert shown[0, 4] == 1.0
    assert shown[0:2, 0:2].sum() == 0.0
    assert shown[3:5, 0:2].sum() == 0.0


def test_what_lies_outside_is_said():
    made = sweep()
    far = np.concatenate([np.zeros((30, 2)), np.full((10, 2), 99.0)])
    made = replace(made, samples={**made.samples, ("vae", "toy"): far})
    with styled():
        ax = samples.figure(made, "toy").axes[-1]
    assert [text.get_text() for text in ax.texts] == ["25 % outside"]
