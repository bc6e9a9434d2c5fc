"""The page's charts in a real browser: drawn, toggled, rescaled, readable on wide and narrow screens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pages import CURVES, NARROW, RUNS, WIDE, Browser, written
from selenium.webdriver.common.action_chains import ActionChains
from synthetic import sweep

from ganbench.analysis.results import Results
from ganbench.analysis.summary import Summary, summarise

MODELS = ["ns_gan", "vae", "wgan", "began"]
METRIC, KIND, AXIS, VIEW = (f"#curves [data-choice={name}]" for name in ("metric", "kind", "axis", "view"))


@pytest.fixture(scope="module")
def made() -> Results:
    """A sweep in which trials take different times."""
    made = sweep(MODELS, settings=25)
    seconds = made.scores["step"] * (1 + pd.factorize(made.scores["trial_id"])[0] % 5)
    return replace(made, scores=made.scores.assign(seconds=seconds.astype(float)))


@pytest.fixture(scope="module")
def summary(made: Results) -> Summary:
    return summarise(made, allow_partial=False)


@pytest.fixture(scope="module")
def path(made: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(made, tmp_path_factory.mktemp("page"))


@pytest.fixture
def opened(browser: Browser, path: Path) -> Browser:
    """The page at its metric to minimise."""
    browser.open(path)
    browser.choose(METRIC, "energy_toy")
    return browser


def models(browser: Browser, plot: str) -> list[str]:
    """Return whose curves or runs are drawn, in order."""
    return list(dict.fromkeys(browser.traces(plot, "trace.meta.model")))


def points(browser: Browser, model: str) -> np.ndarray:
    """Return what of a model's curve answers the pointer, [2, K]."""
    where = f"trace.meta.model === '{model}' && trace.meta.part === 'marks'"
    return np.array(browser.traces(CURVES, "[trace.x, trace.y]", where)[0])


def drawn_runs(browser: Browser, model: str) -> list[float]:
    where = f"trace.meta.model === '{model}' && trace.name"
    return sorted(browser.traces(RUNS, "trace.x", where)[0])


def test_curves_are_drawn_and_show_the_medians(opened: Browser, summary: Summary) -> None:
    assert models(opened, CURVES) == MODELS
    lines = opened.each(f"#{CURVES} .scatterlayer path.js-line", "node.getAttribute('d').length")
    assert len(lines) >= 2 * len(MODELS)  # solid and dotted
    assert min(lines) > 10
    curve = summary.curves.query("variant == 'wgan' and metric == 'energy_toy' and line != 'none'")
    np.testing.assert_allclose(points(opened, "wgan"), curve[["k", "median"]].T, rtol=1e-5)


def test_solid_to_a_quarter_dotted_to_half_and_the_band_as_in_the_figures(
    opened: Browser, summary: Summary
) -> None:
    said = "[trace.meta.part, trace.line?.dash ?? '', trace.fill ?? '', Math.max(...trace.x)]"
    parts = opened.traces(CURVES, said, "trace.meta.model === 'vae'")
    curve = summary.curves.query("variant == 'vae' and metric == 'energy_toy'")
    two = int(curve.loc[curve["band"] == "two-sided", "k"].max())
    assert ["line", "", "", 6] in parts
    assert ["line", "dot", "", 12] in parts
    assert ["band", "", "toself", two] in parts
    assert ["band", "dash", "", 12] in parts


def test_a_legend_hides_and_shows_a_model_in_both_charts(opened: Browser) -> None:
    second = ".legend button:nth-child(2)"
    opened.click(f"#curves {second}")
    left = [model for model in MODELS if model != "vae"]
    assert models(opened, CURVES) == left
    assert models(opened, RUNS) == left
    assert opened.each(second, "node.getAttribute('aria-pressed')") == ["false", "false"]
    opened.click(f"#runs {second}")
    assert models(opened, CURVES) == MODELS
    opened.click("#curves .legend .all")
    assert models(opened, CURVES) == []
    assert all("nothing to draw" in opened.one(f"#{plot}").text for plot in (CURVES, RUNS))
    opened.click("#curves .legend .all")
    assert models(opened, CURVES) == MODELS


def test_a_legend_works_from_the_keyboard(opened: Browser) -> None:
    opened.js("document.querySelector('#curves .legend button').focus()")
    opened.driver.switch_to.active_element.send_keys(" ")
    assert models(opened, CURVES) == MODELS[1:]
    opened.driver.switch_to.active_element.send_keys(" ")  # the focus has stayed
    assert models(opened, CURVES) == MODELS


def test_pointing_at_a_model_brings_its_band_forward(opened: Browser) -> None:
    def bands() -> dict[str, float]:
        return dict(opened.traces(CURVES, "[trace.meta.model, trace.opacity]", "trace.meta.part === 'band'"))

    def point(event: str) -> None:
        third = "document.querySelector('#curves .legend button:nth-child(3)')"
        opened.js(f"{third}.dispatchEvent(new Event('{event}'))")

    assert set(bands().values()) == {0}
    point("pointerenter")
    assert bands() == {"ns_gan": 0, "vae": 0, "wgan": 1, "began": 0}
    point("pointerleave")
    assert set(bands().values()) == {0}
    opened.click("[data-switch=bands]")
    assert set(bands().values()) == {1}


@pytest.mark.parametrize(("switch", "axis"), [("logX", "xaxis"), ("logY", "yaxis")])
def test_an_axis_switches_between_linear_and_logarithmic(opened: Browser, switch: str, axis: str) -> None:
    kinds = []
    for _ in range(3):
        kinds.append(opened.js(f"return document.getElementById('{CURVES}').layout.{axis}.type"))
        opened.click(f"[data-switch={switch}]")
    assert sorted(kinds[:2]) == ["linear", "log"]
    assert kinds[2] == kinds[0]


def test_a_zoomed_logarithmic_axis_still_has_ticks(opened: Browser) -> None:
    opened.js(
        f"Plotly.relayout('{CURVES}', {{'yaxis.range[0]': Math.log10(0.32), 'yaxis.range[1]': Math.log10(0.44)}})"
    )
    assert {"0.35", "0.4"} & set(opened.each(f"#{CURVES} .ytick"))
    opened.js(f"Plotly.relayout('{CURVES}', {{'yaxis.autorange': true}})")
    assert "0.4" not in opened.each(f"#{CURVES} .ytick")
    assert len(opened.each(f"#{CURVES} .ytick")) >= 4


def test_a_double_click_leaves_one_model(opened: Browser) -> None:
    opened.js("document.getElementById('curves').scrollIntoView({behavior: 'instant'})")
    ActionChains(opened.driver).double_click(opened.one("#curves .legend button:nth-child(3)")).perform()
    assert models(opened, CURVES) == ["wgan"]


def test_the_x_axis_counts_settings_or_what_they_cost(opened: Browser, summary: Summary) -> None:
    assert {"k", "d_steps", "seconds"} <= set(opened.each(f"{AXIS} option", "node.value"))
    opened.choose(AXIS, "seconds")
    curve = summary.compute_curves.query(
        "variant == 'ns_gan' and metric == 'energy_toy' and axis == 'seconds'"
    )
    np.testing.assert_allclose(points(opened, "ns_gan"), curve[["cost", "median"]].T, rtol=1e-5)
    assert "seconds" in opened.one(f"#{CURVES} .xtitle").text
    assert "random orders" in opened.one("#curves-caption").text


def test_other_kinds_of_curve(opened: Browser, summary: Summary) -> None:
    curve = summary.curves.query("variant == 'vae' and metric == 'energy_toy'")
    opened.choose(KIND, "study")
    np.testing.assert_allclose(
        points(opened, "vae")[1], curve["study_mean"].iloc[:17], rtol=1e-5
    )  # 0.7 of 25
    assert "5000 resamples" in opened.one("#curves-caption").text
    opened.choose(KIND, "mean")
    np.testing.assert_allclose(points(opened, "vae")[1], curve["u_mean"].iloc[:12], rtol=1e-5)


def test_one_panel_a_model_with_the_others_pale_behind(opened: Browser) -> None:
    opened.choose(VIEW, "panels")
    assert len(opened.each(f"#{CURVES} .cartesianlayer .subplot")) == len(MODELS)
    pale = opened.traces(CURVES, "trace.meta.model", "trace.meta.part === 'pale' && trace.xaxis === 'x'")
    assert set(pale) == set(MODELS[1:])


def test_every_run_is_a_mark_of_its_model(opened: Browser, summary: Summary) -> None:
    runs = summary.outcomes.query("variant == 'began' and metric == 'energy_toy'")
    search, rerun = runs.query("stage == 'search' and not is_default"), runs.query("stage == 'rerun'")
    np.testing.assert_allclose(drawn_runs(opened, "began"), sorted(search["best"]), rtol=1e-5)
    opened.choose("#runs [data-choice=stage]", "rerun")
    np.testing.assert_allclose(drawn_runs(opened, "began"), sorted(rerun["best"]), rtol=1e-5)
    opened.choose("#runs [data-choice=at]", "last")
    np.testing.assert_allclose(drawn_runs(opened, "began"), sorted(rerun["last"]), rtol=1e-5)


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (NARROW, True)])
def test_nothing_sticks_out_and_charts_fill_the_page(
    browser: Browser, path: Path, width: int, dark: bool
) -> None:
    browser.open(path, width=width, dark=dark)
    root = browser.js(
        "const {scrollWidth, clientWidth} = document.documentElement; return [scrollWidth, clientWidth]"
    )
    assert root[0] == root[1] > width - 20  # but for a scroll bar
    for plot in (CURVES, RUNS):
        box = browser.js(
            f"return document.querySelector('#{plot} .main-svg').getBoundingClientRect().toJSON()"
        )
        assert min(0.8 * width, 1000) < box["width"] < width
        assert box["height"] >= 200
    ground = browser.js("return getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(17, 20, 23)" if dark else "rgb(246, 246, 243)")


def test_nothing_is_fetched_and_no_button_uploads(opened: Browser) -> None:
    fetched = opened.js("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []
    buttons = opened.each(f"#{CURVES} .modebar-btn", "node.dataset.title")
    assert len(buttons) == 6
    assert not [title for title in buttons if "cloud" in title.lower() or "edit" in title.lower()]
