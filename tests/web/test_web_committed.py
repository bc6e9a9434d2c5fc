"""The pages of committed sweeps in a real browser: their own lengths, names and gaps, on wide and narrow screens."""

from __future__ import annotations

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from commands import ganbench
from pages import CURVES, NARROW, RUNS, WIDE, Browser

ROOT = Path(__file__).resolve().parents[2]
MODELS = ["mm_gan", "ns_gan", "lsgan", "wgan", "wgan_gp", "dragan", "began", "vae"]
UNFOLD = "document.querySelectorAll('details').forEach((node) => { node.open = true; })"
both_widths = pytest.mark.parametrize("width", [WIDE, NARROW])


@pytest.fixture(scope="session", params=["ring", "polygons"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that `ganbench report` makes of a copy of the sweep."""
    results = tmp_path_factory.mktemp("results")
    ignored = shutil.ignore_patterns("packs", "slots", "tables", "figures", "index.html")
    shutil.copytree(ROOT / "results" / request.param, results / request.param, ignore=ignored)
    assert ganbench("report", request.param, "--results", results).code == 0
    return results / request.param / "report" / "index.html"


def drawn(browser: Browser, plot: str) -> list[str]:
    """Return whose curves or runs are drawn, in order."""
    return list(dict.fromkeys(browser.traces(plot, "trace.meta.model", "trace.x.length")))


@both_widths
def test_every_model_is_drawn_and_nothing_sticks_out(browser: Browser, path: Path, width: int) -> None:
    browser.open(path, width=width)
    assert drawn(browser, CURVES) == drawn(browser, RUNS) == MODELS
    lengths = browser.each(f"#{CURVES} .scatterlayer path.js-line", "node.getTotalLength()")
    assert sum(length > 50 for length in lengths) >= len(MODELS)
    for _ in ("folded", "unfolded"):
        root = "const { scrollWidth, clientWidth } = document.documentElement"
        needed, there = browser.js(f"{root}; return [scrollWidth, clientWidth]")
        assert needed == there > width - 20  # but for a scroll bar
        browser.js(UNFOLD)


def test_whatever_is_chosen_a_model_has_a_curve_or_the_caption_says_that_it_has_none(
    browser: Browser, path: Path
) -> None:
    def options(choice: str) -> list[str]:
        return browser.each(f"#curves [data-choice={choice}] option", "node.value")

    browser.open(path)
    for metric in options("metric"):
        browser.choose("#curves [data-choice=metric]", metric)
        for axis in options("axis"):
            browser.choose("#curves [data-choice=axis]", axis)
            for kind in options("kind"):
                browser.choose("#curves [data-choice=kind]", kind)
                said = re.findall(r"No curve of ([\w, ]+)", browser.one("#curves-caption").text)
                missing = said[0].split(", ") if said else []
                assert drawn(browser, CURVES) == [model for model in MODELS if model not in missing]
                assert len(missing) <= 1


def test_marks_are_as_dark_as_in_the_legend_and_whole_where_they_touch_an_axis(
    browser: Browser, path: Path
) -> None:
    browser.open(path)
    looks = "[getComputedStyle(node).opacity, node.closest('[clip-path]')]"
    marks = browser.each(f"#{CURVES} .scatterlayer path.point", looks)
    assert len(marks) >= 4 * len(MODELS)
    assert all(mark == ["1", None] for mark in marks)


def test_samples_of_the_data_and_of_every_model_are_shown(browser: Browser, path: Path) -> None:
    browser.open(path)
    assert browser.each("#samples figcaption b") == ["real", *MODELS]
    sizes = browser.each("#samples figure img", "[node.naturalWidth, node.naturalHeight, node.width]")
    assert len(sizes) == 1 + len(MODELS)
    assert all(min(size) > 100 for size in sizes)
    assert len(set(browser.each("#samples figure img", "node.src"))) == len(sizes)


def test_the_table_has_a_row_for_every_trial(browser: Browser, path: Path) -> None:
    browser.open(path)
    lines = (path.parent.parent / "trials.jsonl").read_text(encoding="utf-8").splitlines()
    assert browser.one("#count").text == f"{len(lines)} of {len(lines)} trials"
    browser.choose("#rows", "500")
    rows = browser.each("#trial-table tbody td:last-child")
    while browser.one("[data-page=next]").is_enabled():
        browser.click("[data-page=next]")
        rows += browser.each("#trial-table tbody td:last-child")
    assert sorted(rows) == sorted(json.loads(line)["trial_id"] for line in lines)


def test_every_download_lies_beside_the_page(browser: Browser, path: Path) -> None:
    browser.open(path)
    links = browser.each("#downloads a", "node.getAttribute('href')")
    assert len(links) > 30
    assert [link for link in links if not (path.parent / link).is_file()] == []


@both_widths
def test_titles_of_panels_leave_room_for_each_other(browser: Browser, path: Path, width: int) -> None:
    browser.open(path, width=width)
    browser.choose("#curves [data-choice=view]", "panels")
    sides = "(({ top, bottom }) => [top, bottom])(node.getBoundingClientRect())"
    boxes = sorted(browser.each(f"#{CURVES} [class^='g-y'] text", sides))
    assert len(boxes) == (2 if width == WIDE else 4)
    assert all(below[0] - above[1] > 10 for above, below in pairwise(boxes))


def test_a_first_column_leaves_room_for_the_others_on_a_narrow_screen(browser: Browser, path: Path) -> None:
    browser.open(path, width=NARROW)
    browser.js(UNFOLD)
    widths = browser.each(".scroll", "[node.querySelector('th').offsetWidth, node.clientWidth]")
    assert len(widths) > 8
    assert max(first / whole for first, whole in widths) < 0.5
