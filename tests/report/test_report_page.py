"""The web report as a file: what it holds, that it is one, and that it is the same each time."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from synthetic import RERUN, Run, results, sweep

from ganbench.analysis.results import Results
from ganbench.analysis.summary import Summary, summarise
from ganbench.report.page import Record, links_of, page
from ganbench.report.page.budgets import against_cost
from ganbench.report.page.data import packed, payload
from ganbench.report.page.page import tiles
from ganbench.report.page.trials import columns, shorten
from ganbench.report.style import styled
from ganbench.report.tables import tables


def html(made: Results, record: Record | None = None, folder: Path = Path("nowhere/report")) -> str:
    summary = summarise(made, allow_partial=True)
    shown = list(tables(summary))
    with styled():
        return page(
            summary, shown, links_of(folder, shown, ["budget_toy"], ("csv", "md")), record or Record()
        )


def embedded(text: str) -> dict[str, Any]:
    """Return the data that the page's scripts read."""
    (found,) = re.findall(r'id="payload">([^<]*)<', text)
    return json.loads(gzip.decompress(base64.b64decode(found)))


class Parts(HTMLParser):
    """Collects what a page refers to, its words and its pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.sources: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.sources += [value or "" for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["script"], ["style"]):
            self.words.append(data)


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarise(sweep(settings=25), allow_partial=False)


@pytest.fixture(scope="module")
def text() -> str:
    return html(sweep(settings=25))


@pytest.fixture(scope="module")
def parts(text: str) -> Parts:
    return Parts(text)


def test_the_page_is_one_file_that_fetches_nothing(parts: Parts):
    assert all(source.startswith("data:image/png;base64,") for source in parts.sources)
    outside = [link for link in parts.links if not link.startswith(("#", "data:,"))]
    assert outside
    assert not [link for link in outside if ":" in link or link.startswith("/")]


def test_the_same_sweep_gives_the_same_bytes_whatever_the_order_of_scores(text: str):
    made = sweep(settings=25)
    assert html(replace(made, scores=made.scores.sample(frac=1.0, random_state=3))) == text


def test_every_table_stands_in_it_with_its_notes(summary: Summary, parts: Parts):
    words = " ".join(" ".join(parts.words).split())
    for table in tables(summary):
        assert table.title in words
        assert all(cell in words for row in table.rows for cell in row)
        assert all(" ".join(note.split()) in words for note in table.notes)
        assert f"tables/{table.name}.csv" in parts.links


def test_pictures_of_the_data_and_of_every_model(parts: Parts):
    assert len(parts.sources) == 3
    for source in parts.sources:
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("L"))
        assert min(pixels.shape) > 200
        assert 0.002 < (pixels < 230).mean() < 0.6


@pytest.mark.parametrize(
    ("seconds", "shown"), [([36.0, 72.0], True), ([0.0, 0.0], False), ([np.nan, np.nan], False)]
)
def test_hours_are_shown_where_times_are_known(seconds: list[float], *, shown: bool):
    made = results({"a": [Run(0, [1.0]), Run(1, [2.0])]})
    timed = replace(made, scores=made.scores.assign(seconds=seconds))
    labels = {label: value for label, value, _ in tiles(summarise(timed, allow_partial=True))}
    assert labels.get("training") == ("0.0 h" if shown else None)


def test_images_are_tiled_without_a_pixel_between_them_lost():
    images = np.zeros((9, 1, 4, 4), dtype=np.float32)
    images[4] = 1.0
    made = replace(sweep(), samples={("ns_gan", "toy"): images, ("vae", "toy"): images[:, [0, 0, 0]]})
    gray, colour = (
        Image.open(io.BytesIO(base64.b64decode(s.partition(",")[2]))) for s in Parts(html(made)).sources
    )
    assert (gray.mode, colour.mode) == ("L", "RGB")
    assert gray.size == colour.size == (15, 15)  # three tiles of four and a gap each
    pixels = np.asarray(gray)
    assert np.all(pixels[5:9, 5:9] == 255)
    assert np.all(pixels[0:4, 0:4] == 0)
    assert np.all(pixels[4] == 255)


def test_a_best_trial_is_named_under_its_samples(summary: Summary, parts: Parts):
    rows = summary.outcomes.query("metric == 'energy_toy' and variant == 'vae' and stage == 'search'")
    best = rows.loc[rows["best"].idxmin()]
    said = f"setting {best['index']}, seed {best['seed']}, step {best['best_step']:.0f}: energy (toy)"
    assert any(said in word for word in parts.words)


def test_the_data_are_those_of_the_summary(summary: Summary, text: str):
    data = embedded(text)
    assert data == json.loads(json.dumps(payload(summary)))
    assert [v["name"] for v in data["variants"]] == ["ns_gan", "vae"]
    curve = summary.curves.query("metric == 'energy_toy' and variant == 'vae' and line != 'none'")
    found = data["datasets"][0]["curves"]["energy_toy"][1]["axes"]["k"]["median"]
    np.testing.assert_allclose(found["y"], curve["median"], rtol=1e-5)
    np.testing.assert_allclose(np.array(found["upper"], dtype=float), curve["upper"], rtol=1e-5)
    assert found["two"] == (curve["band"] == "two-sided").sum()
    boxes = data["datasets"][0]["boxes"]["energy_toy"]["rerun"]["last"]
    rows = summary.seeds.query("metric == 'energy_toy' and at == 'last'")
    np.testing.assert_allclose([box["q50"] for box in boxes], rows["q50"], rtol=1e-5)


def by_title(found: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {
        c["title"]: [c["levels"][v] for v in c["values"]] if c["kind"] == "word" else c["values"]
        for c in found
    }


def test_trials_are_columns_in_the_order_of_the_plan():
    runs = {"a": [Run(0, [2.0, 1.0]), Run(1, [None, None]), Run(2, [3.0, None])], "b": [Run(0, [0.5, 0.75])]}
    made = results(runs)
    drawn = {"model.lr": [1e-3, 2e-3, 1 / 3, np.nan], "model.bn": [True, False, True, None], "none": None}
    trials = made.trials.assign(**drawn)
    trials.loc[2, "state"] = "diverged"
    found = by_title(columns(summarise(replace(made, trials=trials), allow_partial=False), "toy"))
    assert found["model"] == ["a", "a", "a", "b"]
    assert found["best FD (toy)"] == [1, "x", 3, 0.5]
    assert found["last FD (toy)"] == [1, "x", "x", 0.75]
    assert found["step of best FD (toy)"] == [20, None, 10, 10]
    assert found["state"] == ["done", "never finite", "diverged later", "done"]
    assert found["lr"] == [0.001, 0.002, 0.333333, None]
    assert found["bn"] == ["True", "False", "True", ""]
    assert found["default"] == ["default", "", "", "default"]
    assert "none" not in found
    assert found["trial"] == trials["trial_id"].tolist()


def test_a_failed_trial_has_no_score():
    made = results({"a": [Run(0, [1.0]), Run(1, [], state="failed")]})
    found = by_title(columns(summarise(made, allow_partial=True), "toy"))
    assert found["best FD (toy)"] == [1, None]
    assert found["state"] == ["done", "failed"]


def test_numbers_keep_six_digits():
    assert shorten([1.23456789, 2.0, 1e-9 / 3, np.inf, np.nan, -0.5]) == [
        1.23457,
        2,
        3.33333e-10,
        None,
        None,
        -0.5,
    ]


def test_packed_data_hold_nothing_that_html_knows():
    assert re.fullmatch(r"[A-Za-z0-9+/=]*", packed({"</script>": "<!--&"}))


def test_costs_of_large_searches_are_averages(monkeypatch: pytest.MonkeyPatch, summary: Summary):
    monkeypatch.setattr("ganbench.report.page.budgets.PERMUTED_UP_TO", 3)
    rows = against_cost(summary).query("metric == 'energy_toy' and variant == 'vae' and axis == 'd_steps'")
    assert set(rows["method"]) == {"average"}
    assert rows["k"].max() == 6
    curve = summary.curves.query("metric == 'energy_toy' and variant == 'vae'").set_index("k")
    np.testing.assert_allclose(rows["median"], curve["median"].loc[rows["k"]])
    np.testing.assert_allclose(rows["cost"], 30.0 * rows["k"])  # every trial took 30 steps


def test_special_characters_are_escaped_everywhere():
    name, hostile = (
        '<script>alert("1")</script>&',
        {"signature": "<i>E</i>", "message": "<u>", "traceback": "<s>"},
    )
    failure = {"packs": 1, "trials": 2, "pack_id": "p", "attempt": 1, **hostile}
    text = html(replace(sweep([name, "b"]), name="<img>"), Record(failures=(failure,)))
    assert name not in text
    assert "&lt;script&gt;alert" in text
    before_scripts = text.partition("<script")[0]
    assert not [tag for tag in ("<img>", *hostile.values()) if tag in before_scripts]


def test_links_lead_to_files_that_are_there(tmp_path: Path):
    report = tmp_path / "a sweep" / "report"
    report.mkdir(parents=True)
    (report.parent / "trials.jsonl").write_text("")
    links = Parts(html(sweep(), folder=report)).links
    assert "../trials.jsonl" in links
    assert "../scores.parquet" not in links
    assert "figures/budget_toy.pdf" in links


def test_a_partial_sweep_and_a_sweep_without_reruns_say_so():
    made = sweep()
    states = made.trials["state"].mask(made.trials.index == 0, "lost")
    text = html(replace(made, trials=made.trials.assign(state=states)))
    assert "1 lost of 24 trials" in text
    assert 'class="stamp"' in text
    assert 'class="stamp"' not in html(results({"a": [Run(0, [1.0])]}))


def test_protocol_and_budget_stand_in_words(parts: Parts):
    words = " ".join(parts.words)
    assert "Protocol proto [proto-1]: 50 generated against 50 real samples" in words
    assert "Budget tiny: 100 D steps" in words
    assert f"re-trained with {RERUN['seeds']} seeds" in words
    assert '"evaluation_seed": 42' in words


def test_a_dataset_without_scores_is_no_chart():
    made = sweep()
    definition = {**made.definition, "axes": {**made.definition["axes"], "dataset": ["toy", "ring"]}}
    definition["protocols"] = {**definition["protocols"], "ring": definition["protocols"]["toy"]}
    waiting = made.trials.iloc[:1].assign(dataset="ring", trial_id="w", state="planned")
    trials = pd.concat([made.trials, waiting], ignore_index=True)
    text = html(replace(made, definition=definition, trials=trials))
    assert [dataset["name"] for dataset in embedded(text)["datasets"]] == ["toy"]
