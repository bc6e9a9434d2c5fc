"""The table of trials in a real browser: sorted, filtered, paged, saved."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from pages import Browser, written
from synthetic import sweep

from ganbench.analysis.results import Results
from ganbench.analysis.summary import summarise

NEVER, FAILED = "vae-search-3-3", "vae-search-5-5"
ENERGY, SHARE = "best energy (toy)", "best F1 (toy)"


@pytest.fixture(scope="module")
def made() -> Results:
    """Sixty settings and six reruns; of one trial no checkpoint was finite, another has failed."""
    made = sweep(settings=30)
    ids, index = made.trials["trial_id"], made.trials["index"]
    states = made.trials["state"].mask(ids == FAILED, "failed").mask(ids == NEVER, "diverged")
    drawn = {"model.lr": 10.0 ** -(index % 5 + 1), "model.d_batch_norm": index % 2 == 0}
    scores = made.scores[made.scores["trial_id"] != FAILED]
    bad = scores["trial_id"] == NEVER
    scores = scores.assign(value=scores["value"].mask(bad), status=scores["status"].mask(bad, "diverged"))
    return replace(made, trials=made.trials.assign(state=states, **drawn), scores=scores)


@pytest.fixture(scope="module")
def path(made: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(made, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def best(made: Results) -> pd.Series:
    """The best energy of every trial that has one, by trial, sorted."""
    outcomes = summarise(made, allow_partial=True).outcomes
    ours = outcomes[(outcomes["metric"] == "energy_toy") & outcomes["best_finite"]]
    return ours.set_index("trial_id")["best"].sort_values(kind="stable")


@pytest.fixture
def opened(browser: Browser, path: Path) -> Browser:
    browser.open(path)
    return browser


def head(browser: Browser, title: str) -> str:
    """Return the selector of a column's heading."""
    heads = [text.strip(" ▲▼") for text in browser.each("#trial-table th")]
    return f"#trial-table th:nth-child({heads.index(title) + 1})"


def column(browser: Browser, title: str) -> list[str]:
    """Return a column's cells on this page of the table."""
    return browser.each(head(browser, title).replace("th:", "tbody td:"))


def filtered(browser: Browser, text: str) -> str:
    """Filter, and return what the count then says."""
    browser.js("document.getElementById('filter').value = arguments[0]; filter()", text)
    return browser.one("#count").text


def test_sorting_puts_numbers_first_then_diverged_then_missing(opened: Browser, best: pd.Series) -> None:
    assert opened.one("#count").text == "66 of 66 trials"
    opened.choose("#rows", "100")
    for direction, expected in (("ascending", best.index), ("descending", best.index[::-1])):
        opened.click(f"{head(opened, ENERGY)} button")
        assert opened.one(head(opened, ENERGY)).get_attribute("aria-sort") == direction
        assert column(opened, "trial")[:64] == expected.tolist()
        assert column(opened, ENERGY)[64:] == ["diverged", "—"]


def test_scores_to_maximise_are_sorted_from_the_best_down(opened: Browser) -> None:
    opened.click(f"{head(opened, SHARE)} button")
    found = [float(text) for text in column(opened, SHARE)]
    assert found == sorted(found, reverse=True)
    opened.click(f"{head(opened, 'stage')} button")
    assert column(opened, "stage")[:7] == ["rerun"] * 6 + ["search"]


@pytest.fixture(scope="module")
def frame(made: Results, best: pd.Series) -> pd.DataFrame:
    """The trials as the filter's words name them."""
    trials = made.trials.rename(columns={"model.lr": "lr", "model.d_batch_norm": "bn", "index": "setting"})
    return trials.assign(energy=trials["trial_id"].map(best))


def test_filters_agree_with_pandas(opened: Browser, frame: pd.DataFrame) -> None:
    cases = {
        "vae": "model == 'vae'",
        "VAE stage=rerun": "model == 'vae' and stage == 'rerun'",
        "state=failed": "state == 'failed'",
        "best=diverged": f"trial_id == '{NEVER}'",
        "best.energy_toy<0.5 ns_gan": "energy < 0.5 and model == 'ns_gan'",
        '"best energy (toy)">=1': "energy >= 1",
        "lr<0.01": "lr < 0.01",
        "lr<=0.01 lr>1e-3": "0.001 < lr <= 0.01",
        "model!=vae default=default stage=search": "model != 'vae' and is_default and stage == 'search'",
        "d_batch_norm=True setting<4": "bn and setting < 4",
        "ns_gan-search-7-7": "trial_id == 'ns_gan-search-7-7'",
        "nothing-like-it": "setting < 0",
        "": "setting >= 0",
    }
    found = {text: filtered(opened, text) for text in cases}
    assert found == {text: f"{len(frame.query(said))} of 66 trials" for text, said in cases.items()}


def test_a_filter_that_cannot_be_understood_says_so(opened: Browser) -> None:
    cases = {
        "depth<3": "there is no column “depth”",
        "lr<fast": "“fast” is no number",
        "state>done": "compare it with = or !=",
    }
    for text, said in cases.items():
        assert said in filtered(opened, text)
        assert opened.one("#filter").get_attribute("aria-invalid") == "true"
    assert filtered(opened, "vae") == "33 of 66 trials"
    assert opened.one("#filter").get_attribute("aria-invalid") == "false"


def test_typing_filters_and_choices_filter_too(opened: Browser) -> None:
    opened.one("#filter").send_keys("vae")
    opened.wait(lambda: opened.one("#count").text == "33 of 66 trials")
    assert set(column(opened, "model")) == {"vae"}
    options = dict(opened.each("[data-filter=state] option", "[node.textContent, node.value]"))
    assert set(options) == {"all", "done", "diverged later", "never finite", "failed"}
    opened.choose("[data-filter=state]", options["never finite"])
    assert column(opened, "trial") == [NEVER]


def test_pages(opened: Browser) -> None:
    seen = column(opened, "trial")
    for expected in (25, 16):
        opened.click("[data-page=next]")
        assert len(column(opened, "trial")) == expected
        seen += column(opened, "trial")
    assert len(set(seen)) == 66
    assert opened.one("#page").text == "page 3 of 3"
    assert not opened.one("[data-page=next]").is_enabled()
    opened.click("[data-page=first]")
    assert column(opened, "trial") == seen[:25]


def test_the_rows_shown_can_be_saved_as_csv(opened: Browser, best: pd.Series) -> None:
    filtered(opened, "vae stage=search")
    saved = pd.read_csv(io.StringIO(opened.js("return toCsv(table(), state.rows)"))).set_index("trial")
    assert len(saved) == 30
    scores = saved["best.energy_toy"]
    assert scores[NEVER] == "diverged"
    assert pd.isna(scores[FAILED])
    found = scores.drop([NEVER, FAILED]).astype(float)
    pd.testing.assert_series_equal(found, best[found.index], check_names=False, rtol=1e-5)
