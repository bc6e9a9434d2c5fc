"""What the mouse is told: over a curve's mark its model and k, over a run's point its trial, with the value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pages import CURVES, RUNS, Browser, written
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from synthetic import sweep

from ganbench.analysis.summary import Summary, summarise

MODELS = ["ns_gan", "vae", "wgan", "began"]
METRIC = "energy_toy"
PIXEL = """
const plot = document.getElementById(arguments[0]), box = plot.getBoundingClientRect();
const { xaxis, yaxis } = plot._fullLayout, [x, y] = arguments[1];
return [xaxis._offset + xaxis.d2p(x) - box.width / 2, yaxis._offset + yaxis.d2p(y) - box.height / 2];
"""


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarise(sweep(MODELS, settings=25), allow_partial=False)


@pytest.fixture(scope="module")
def path(summary: Summary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(summary.results, tmp_path_factory.mktemp("page"))


@pytest.fixture
def opened(browser: Browser, path: Path) -> Iterator[Browser]:
    """The page at its metric to minimise; the mouse does not stay on it."""
    browser.open(path)
    browser.choose("#curves [data-choice=metric]", METRIC)
    yield browser
    leave(browser)


def hover(browser: Browser, plot: str, x: float, y: float) -> None:
    """Move the mouse to a point of a chart, in the units of its axes."""
    node = browser.one(f"#{plot}")
    browser.js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", node)
    right, down = browser.js(PIXEL, plot, [float(x), float(y)])
    ActionChains(browser.driver).move_to_element_with_offset(node, round(right), round(down)).perform()


def leave(browser: Browser) -> None:
    mouse = ActionBuilder(browser.driver)
    mouse.pointer_action.move_to_location(0, 0)
    mouse.perform()


def told(browser: Browser, plot: str, model: str) -> list[str]:
    """Wait until a chart tells of a model; return its lines."""
    lines = f"#{plot} .hoverlayer .hovertext tspan.line"
    browser.wait(lambda: browser.each(lines)[:1] == [model])
    return browser.each(lines)


@pytest.mark.parametrize("model", MODELS)
def test_a_mark_of_a_curve_tells_its_model_k_and_median(
    opened: Browser, summary: Summary, model: str
) -> None:
    curve = summary.curves.query(f"variant == '{model}' and metric == '{METRIC}' and line != 'none'")
    last = curve.iloc[-1]
    hover(opened, CURVES, last["k"], last["median"])
    _, k, value, band = told(opened, CURVES, model)
    assert k == f"k = {last['k']} of 24 random settings"
    name, number = value.rsplit(" ", 1)
    assert name == "energy (toy)"
    assert float(number) == pytest.approx(last["median"], rel=1e-3)
    assert band.startswith("95 % band: below ")
    assert float(band.rsplit(" ", 1)[1]) == pytest.approx(last["upper"], rel=1e-3)


def test_a_curve_answers_between_its_marks_too(opened: Browser, summary: Summary) -> None:
    curve = summary.curves.query(f"variant == 'vae' and metric == '{METRIC}'").set_index("k")
    sizes = opened.traces(CURVES, "trace.marker.size", "trace.name === 'vae'")[0]
    k = 1 + int(np.argmin(sizes))
    hover(opened, CURVES, k, curve["median"][k])
    assert told(opened, CURVES, "vae")[1] == f"k = {k} of 24 random settings"


def test_a_mark_pointed_at_brings_its_band_forward_until_the_mouse_leaves(
    opened: Browser, summary: Summary
) -> None:
    def bands() -> set[str]:
        return set(opened.traces(CURVES, "trace.meta.model", "trace.meta.part === 'band' && trace.opacity"))

    first = summary.curves.query(f"variant == 'began' and metric == '{METRIC}'").iloc[0]
    assert bands() == set()
    hover(opened, CURVES, first["k"], first["median"])
    opened.wait(lambda: bands() == {"began"})
    assert told(opened, CURVES, "began")[1] == "k = 1 of 24 random settings"
    leave(opened)
    opened.wait(lambda: bands() == set())
    assert opened.each(f"#{CURVES} .hovertext") == []


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stage", ["search", "rerun"])
def test_a_point_of_a_run_tells_its_trial_and_score(
    opened: Browser, summary: Summary, model: str, stage: str
) -> None:
    opened.choose("#runs [data-choice=stage]", stage)
    runs = summary.outcomes.query(f"variant == '{model}' and metric == '{METRIC}' and stage == '{stage}'")
    best = runs[~runs["is_default"] | (stage == "rerun")].sort_values("best").iloc[0]
    points = np.array(opened.traces(RUNS, "[trace.x, trace.y]", f"trace.name === '{model}'")[0])
    hover(opened, RUNS, *points[:, points[0].argmin()])
    _, trial, score, step = told(opened, RUNS, model)
    assert trial == f"setting {best['index']}, seed {best['seed']}"
    assert score.startswith("best energy (toy) ")
    assert float(score.rsplit(" ", 1)[1]) == pytest.approx(best["best"], rel=1e-3)
    assert step == f"at step {best['best_step']:.0f}"
