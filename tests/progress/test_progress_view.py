from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import ganbench
from rich.console import Console
from stores import claimed, environment, finish, planned, score

from ganbench.progress.standing import Standing
from ganbench.progress.view import drawn, follow

COMMAND = [sys.executable, "-c", "from ganbench.cli import main; main()", "status", "toy"]


def text(found: dict[str, Any]) -> str:
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(drawn(found))
    return capture.get()


def test_a_person_sees_states_estimates_and_notes(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=4)
    finish(claimed(store, "p0"), score("t0"))
    claimed(store, "p1")
    claimed(store, "p2").fail("Traceback\nValueError: no")
    shown = text(Standing(store).look())
    assert shown.startswith("toy: running")
    assert "1 packs run" in shown
    assert "device-hours used" in shown
    assert "done in about" in shown
    assert "each variant's trials cost what its finished ones did" in shown
    assert "1 packs failed: see `ganbench failures toy --results" in shown
    assert "to come" not in shown  # nothing is
    (total,) = [line.split() for line in shown.splitlines() if line.strip().startswith("total")]
    assert total[1:] == ["1", "1", "1", "0", "0", "1"]


def test_following_ends_with_the_sweep(tmp_path: Path) -> None:
    store, seen = planned(tmp_path, packs=2), []
    finish(claimed(store, "p0"), score("t0"))
    standing = Standing(store)

    def draw(found: dict[str, Any]) -> None:
        seen.append(found["done"])
        if len(seen) == 2:
            finish(claimed(store, "p1"), score("t1"))

    follow(standing.look, draw, 0.01)
    assert seen == [1, 1, 2]


def test_status_watches_until_the_end_and_as_json_says_every_look(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    finish(claimed(store, "p0"), score("t0"))
    for words in (("--watch",), ("-w", "--every", "0.5")):
        assert "toy: complete" in ganbench("status", "toy", "--results", tmp_path, *words).out
    found = ganbench("status", "toy", "--results", tmp_path, "--watch", "--json").json()
    assert (found["state"], found["done"]) == ("complete", 1)


def test_ctrl_c_ends_watching_in_one_line(tmp_path: Path) -> None:
    planned(tmp_path, packs=1)
    words = [*COMMAND, "--results", str(tmp_path), "--watch", "--json", "--every", "0.2"]
    with subprocess.Popen(words, env=environment(), stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "{\n"  # it looks
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert said.startswith("ganbench: stopped; ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", [("--every", "0"), ("--every", "x")])
def test_nonsense_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    planned(tmp_path)
    assert ganbench("status", "toy", "--results", tmp_path, *words).code == 2


def test_json_is_what_was_seen(tmp_path: Path) -> None:
    store = planned(tmp_path)
    found = ganbench("status", "toy", "--results", tmp_path, "--json").json()
    seen = json.loads(json.dumps(Standing(store).look()))
    assert found.keys() == seen.keys()
    assert found["rows"] == seen["rows"]
