"""The page as a whole in a real browser: hostile names, several datasets, odd sweeps, 100 000 trials."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pages import CURVES, Browser, written
from synthetic import Run, results, sweep

from ganbench.analysis.results import Results

HOSTILE = [
    "</script><script>alert(1)</script>",
    "a\"b'<img src=x onerror=alert(2)>&amp;{{7*7}}",
    "<b>bold</b> `${x}` \\ é",
]


def test_names_with_html_characters_are_shown_as_they_are(browser: Browser, tmp_path: Path) -> None:
    browser.open(written(replace(sweep(HOSTILE), name="<i>sweep</i> & more"), tmp_path))
    assert browser.one("h1").text == "<i>sweep</i> & more"
    assert browser.each("#curves .legend button:not(.all)") == HOSTILE
    assert browser.each("#runs-plot .ytick") == HOSTILE
    assert browser.each("#trial-table tbody td:first-child")[0] == HOSTILE[0]
    assert browser.each("img[src=x], main i, main script") == []
    browser.choose("#curves [data-choice=view]", "panels")
    assert browser.each(f"#{CURVES} .annotation")[: len(HOSTILE)] == HOSTILE


def test_a_dataset_is_chosen_for_the_whole_page(browser: Browser, tmp_path: Path) -> None:
    browser.open(written(two_datasets(), tmp_path))
    for name in ("toy", "ring"):
        browser.choose("#dataset", name)
        shown = browser.each("[data-dataset]", "node.offsetParent && node.dataset.dataset")
        assert set(shown) - {None} == {name}
        assert browser.one("#count").text == "24 of 24 trials"
    assert browser.each("#trial-table tbody td:last-child")[0].startswith("ring-")


def two_datasets() -> Results:
    made = sweep()
    moved = {"dataset": "ring", "trial_id": "ring-" + made.trials["trial_id"]}
    ring = made.scores.assign(trial_id="ring-" + made.scores["trial_id"], value=made.scores["value"] * 0.5)
    definition = {
        **made.definition,
        "axes": {**made.definition["axes"], "dataset": ["toy", "ring"]},
        "protocols": dict.fromkeys(("toy", "ring"), made.definition["protocols"]["toy"]),
    }
    return replace(
        made,
        definition=definition,
        trials=pd.concat([made.trials, made.trials.assign(**moved)], ignore_index=True),
        scores=pd.concat([made.scores, ring], ignore_index=True),
    )


def test_a_search_that_is_not_random_shows_its_best_so_far(browser: Browser, tmp_path: Path) -> None:
    runs = {"a": [Run(i, [1.0 / (i + 1)]) for i in range(6)], "b": [Run(i, [2.0]) for i in range(6)]}
    made = results(runs, search={"space": "wide", "sampler": "tpe", "trials": 6})
    browser.open(written(made, tmp_path))
    drawn = browser.traces(CURVES, "trace.y", "trace.meta.part === 'marks'")
    np.testing.assert_allclose(drawn, [1 / np.arange(1, 7), [2] * 6], rtol=1e-5)
    assert "tpe does not draw independently" in browser.one("#curves-caption").text


@pytest.mark.parametrize(
    "runs",
    [{"a": [Run(0, [1.0])]}, {name: [Run(i, [None]) for i in range(5)] for name in ("a", "b")}],
    ids=["one", "diverged"],
)
def test_sweeps_with_little_to_draw_still_open(browser: Browser, tmp_path: Path, runs: dict) -> None:
    browser.open(written(results(runs), tmp_path))
    n = sum(map(len, runs.values()))
    assert browser.one("#count").text == f"{n} of {n} trials"


def test_a_hundred_thousand_trials(browser: Browser, tmp_path: Path) -> None:
    """Small enough to open, sorted and filtered within seconds; the bounds leave room for a busy machine."""
    made = many(settings=12_500)
    path = written(made, tmp_path)
    assert path.stat().st_size < 15e6
    start = time.perf_counter()
    browser.open(path)
    assert time.perf_counter() - start < 30
    assert browser.one("#count").text == "100000 of 100000 trials"
    assert browser.seconds("sortBy('best.energy_toy')") < 5
    shown = [float(text) for text in browser.each("#trial-table tbody td:nth-child(2)")]
    np.testing.assert_allclose(shown, np.sort(made.scores["value"])[:25], rtol=1e-3)
    assert browser.seconds("document.getElementById('filter').value = 'm3 lr<1e-3'; filter()") < 5
    few = made.trials.query("model == 'm3' and `model.lr` < 1e-3")
    assert browser.one("#count").text == f"{len(few)} of 100000 trials"
    assert browser.seconds("toggle('m1', false)") < 5


def many(settings: int, models: int = 8) -> Results:
    """A sweep of one metric with one checkpoint a trial, made at once."""
    names = [f"m{i}" for i in range(models)]
    small = results({name: [Run(0, [1.0])] for name in names}, metric="energy_toy")
    rng, n = np.random.Generator(np.random.Philox(key=7)), models * settings
    index = np.tile(np.arange(settings), models)
    ids = [f"{i:016x}" for i in rng.integers(0, 2**62, n)]
    fixed = {"stage": "search", "dataset": "toy", "state": "done"}
    drawn = {"model.lr": 10.0 ** rng.uniform(-5, -1, n), "model.beta1": rng.uniform(0, 1, n)}
    plan = {"index": index, "seed": index, "is_default": index == 0}
    trials = pd.DataFrame({"trial_id": ids, "model": np.repeat(names, settings), **plan, **drawn}).assign(
        **fixed
    )
    fixed = {"step": 100, "metric": "energy_toy", "status": "ok", "protocol": "proto-1"}
    scores = pd.DataFrame({"trial_id": ids, "value": np.exp(rng.normal(size=n))}).assign(**fixed)
    return replace(small, trials=trials, scores=scores)
