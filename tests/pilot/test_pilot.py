from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import SHORT, TINY, contents, ganbench, refused

from ganbench.errors import ConfigError
from ganbench.pilot import run
from ganbench.pilot.findings import write_choices
from ganbench.pilot.pilot import Trip, run_pilot
from ganbench.requests import Request
from ganbench.store import Store
from ganbench.terminal import Console

FEW = ("model=wgan", "dataset=ring", "search.trials=6", "rerun={top: 1, seeds: 2}", *TINY, *SHORT)
STEPS = ("budget.steps=40", "budget.every=20")


def pilot(results: Path, *words: str) -> Any:
    return ganbench("pilot", "quickstart", *FEW, *STEPS, "--seconds", "0.05", "--results", results, *words)


def test_a_pilot_times_packs_and_leaves_nothing_behind(tmp_path: Path) -> None:
    found = pilot(tmp_path, "-k", "2", "--workers", "3", "--json").json()
    (variant,) = found["variants"]
    assert variant["choices"] == {"model": "wgan", "dataset": "ring"}
    assert set(variant["packs"]) == {"1", "2"}
    for size, cost in variant["packs"].items():
        first, last = cost["steps"]
        assert 0 < first < last <= 40 + 5  # timed between two step counts
        assert (last - first) % 5 == 0  # whole rounds of one generator and five critic updates
        assert cost["trial_step_seconds"] == pytest.approx(cost["step_seconds"] / int(size))
        assert cost["peak_mib"] >= variant["start_mib"] > 50
    assert variant["scoring"]["score_seconds"] > 0
    assert variant["scoring"]["snapshot_bytes"] > 100
    assert found["projection"]["pack"] == 2
    assert found["proposal"]["pack"] in (1, 2)
    assert found["proposal"]["launcher.time_min"] == 10
    assert found["proposal"]["device_hours"] > 0
    assert contents(tmp_path) == {}


def timed(monkeypatch: pytest.MonkeyPatch, *said: dict[str, Any]) -> None:
    """Let the measuring process say this."""
    code = (
        f"import sys, json; json.load(sys.stdin); [print(line) for line in {[json.dumps(s) for s in said]!r}]"
    )
    popen = subprocess.Popen
    monkeypatch.setattr(
        run.subprocess, "Popen", lambda _, **more: popen([sys.executable, "-c", code], **more)
    )


PACK = {"kind": "pack", "step_seconds": 0.01, "steps": [1, 9], "warm_seconds": 0.1, "compile_seconds": 0.0}
PACK |= {"prepared": True, "peak_mib": 200.0}
SAID = (
    {"kind": "start", "peak_mib": 100.0, "alike": 2},
    {**PACK, "size": 1},
    {**PACK, "size": 2},
    {
        "kind": "scoring",
        "score_seconds": 0.1,
        "final_seconds": 0.0,
        "snapshot_bytes": 9,
        "row_bytes": 9,
        "peak_mib": 1.0,
    },
)


def test_what_was_found_goes_into_the_users_sweep_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed(monkeypatch, *SAID)
    path = tmp_path / "mine.yaml"
    path.write_text("# mine\naxes: {model: [wgan], dataset: [ring]}\npack: 16  # a guess\nbudget: smoke\n")
    ran = pilot(tmp_path / "results", "-k", "2", "--write", str(path), "--workers", "1")
    assert ran.code == 0
    assert f"written into {path}: pack: 2, mode: vmap" in ran.err.replace("\n", " ")
    text = path.read_text()
    assert text.startswith(
        "# mine\naxes: {model: [wgan], dataset: [ring]}\npack: 2  # measured: ganbench pilot\n"
    )
    assert yaml.safe_load(text)["mode"] == "vmap"
    assert yaml.safe_load(text)["budget"] == "smoke"


def test_an_error_the_user_can_mend_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timed(monkeypatch, {"kind": "error", "text": "the data are not there: fetch them"})
    assert refused(pilot(tmp_path, "-k", "1")) == "the data are not there: fetch them"


def test_a_variant_that_dies_is_named_and_does_not_end_the_pilot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    popen = subprocess.Popen
    dying = "import os, sys; sys.stdin.read(); os.kill(os.getpid(), 9)"
    monkeypatch.setattr(
        run.subprocess, "Popen", lambda _, **more: popen([sys.executable, "-c", dying], **more)
    )
    found = pilot(tmp_path, "-k", "1", "--json").json()
    assert found["variants"][0]["error"] == "killed by signal 9"
    assert found["proposal"] is None
    assert "wgan ring could not be timed: killed by signal 9" in pilot(tmp_path, "-k", "1").err


def test_a_person_sees_times_projection_and_proposal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timed(monkeypatch, *(SAID[0], {**SAID[1], "prepared": False}, *SAID[2:]))
    ran = pilot(tmp_path, "-k", "2")
    assert "wgan ring" in ran.out
    assert "10 *" in ran.out  # milliseconds
    assert "an upper bound" in ran.err
    for words in ("as it stands, pack=2:", "proposed, pack=", "device-hours", "launcher.time_min=10"):
        assert words in ran.err


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "there is no"), ("- 3\n", "is not a sweep file"), ("axes: {model: [wgan]}\npakc: 3\n", "pakc")],
)
def test_a_file_that_cannot_take_it_is_refused_before_anything_is_timed(
    tmp_path: Path, text: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run.subprocess, "Popen", None)
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_text(text)
    assert words in refused(pilot(tmp_path, "--write", str(path)))
    assert not path.exists() or path.read_text() == text


def test_a_pilot_does_not_say_where_to_run(tmp_path: Path) -> None:
    assert "a pilot proposes where to run" in refused(pilot(tmp_path, "launcher.mem=1G"))


def test_a_planned_sweep_keeps_its_packs_and_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ganbench("plan", "quickstart", *FEW, "--results", tmp_path).code == 0
    before = contents(tmp_path)
    timed(monkeypatch, *SAID)
    path = tmp_path.with_suffix(".yaml")
    path.write_text("axes: {model: [wgan], dataset: [ring]}\n")
    assert "is planned already" in pilot(tmp_path, "-k", "2", "--write", str(path)).err
    assert contents(tmp_path) == before
    assert "pack: " in path.read_text()


def test_nothing_to_write_leaves_a_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("axes: {model: [wgan], dataset: [ring]}\n")
    write_choices(path, {})
    assert path.read_text() == "axes: {model: [wgan], dataset: [ring]}\n"
    with pytest.raises(ConfigError, match="pack"):
        write_choices(path, {"pack": 0})


def test_a_search_that_learns_is_timed_by_random_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed(monkeypatch, *SAID[:2], SAID[3])
    words = [*FEW, *STEPS, "search.sampler=tpe"]
    found = run_pilot(Request("quickstart", words, tmp_path), Trip(1, 0.05, 1), None, Console(quiet=True))
    assert found["proposal"]["pack"] == 1


def test_modes_are_compared_and_the_one_that_ends_first_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def told(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
        mode = Store(order["results"], order["name"]).definition()["mode"]
        asked.append((mode, order["sizes"]))
        for said in (SAID[0], *({**PACK, "size": size} for size in order["sizes"]), SAID[3]):
            yield {**said, "step_seconds": 0.001 if mode == "compiled" else 0.01}

    monkeypatch.setattr(run, "_told", told)
    path = tmp_path / "mine.yaml"
    path.write_text("axes: {model: [wgan], dataset: [ring]}\n")
    ran = pilot(tmp_path / "results", "-k", "4", "--modes", "vmap,compiled", "--write", str(path))
    assert asked == [("vmap", [1, 2, 4]), ("compiled", [4])]  # each size would be compiled anew
    assert yaml.safe_load(path.read_text())["mode"] == "compiled"
    assert "vmap, pack=" in ran.err
    assert "mode=compiled" in ran.err
    refusal = refused(pilot(tmp_path, "--modes", "vmap,fast"))
    assert refusal == "--modes takes vmap, unbatched, compiled, with commas between them, not 'fast'"
