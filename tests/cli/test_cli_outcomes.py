"""How commands end: 0, 2 for what the user can mend, 3 with failures; and what failed trials leave."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from commands import contents, ganbench, plain_reports, refused, sweep, train

import ganbench as package
from ganbench.launch import Launched

FRAGILE = """
from pathlib import Path

from ganbench.tree import component


@component
class Fragile:
    marker: str

    def __call__(self, critic, real, fake, rng):
        if not Path(self.marker).exists():
            raise ZeroDivisionError("not yet")
        return real.new_zeros(())
"""


@pytest.fixture
def quick() -> Iterator[None]:
    with plain_reports():
        yield


@pytest.fixture
def fragile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A plug-in whose penalty raises until a file exists, and the config folder that names it."""
    home = tmp_path / "plugin"
    (home / "conf" / "penalty").mkdir(parents=True)
    (home / "fragile.py").write_text(FRAGILE)
    (home / "conf" / "penalty" / "fragile.yaml").write_text(
        f"_target_: fragile.Fragile\nmarker: {home / 'marker'}\n"
    )
    monkeypatch.syspath_prepend(home)
    yield home
    sys.modules.pop("fragile", None)


def test_a_failed_trial_ends_with_3_and_says_why(tmp_path: Path, fragile: Path, quick: None) -> None:
    ran = train(
        tmp_path / "r", "penalty=fragile", "--plugin", "fragile", "--config-dir", str(fragile / "conf")
    )
    assert ran.code == 3
    assert (ran.json()["status"], ran.json()["error"]) == ("failed", "ZeroDivisionError: not yet")
    (fragile / "marker").touch()
    ran = train(
        tmp_path / "r", "penalty=fragile", "--plugin", "fragile", "--config-dir", str(fragile / "conf")
    )
    assert (ran.code, ran.json()["status"]) == (0, "done")


def packs(results: Path) -> dict[str, bytes | None]:
    """Return what packs wrote, without the note that compaction keeps beside them."""
    found = contents(results / "quickstart" / "packs")
    return {name: content for name, content in found.items() if name != "compacted.json"}


def test_failed_packs_are_reported_and_run_again_only_on_request(
    tmp_path: Path, fragile: Path, quick: None
) -> None:
    results = tmp_path / "results"
    words = ("penalty=none,fragile", "--plugin", "fragile", "--config-dir", str(fragile / "conf"))
    ran = sweep(results, *words)
    assert ran.code == 3
    assert "2 trials (1 packs) failed: see `ganbench failures quickstart --results" in ran.err
    counts = ganbench("status", "quickstart", "--results", results, "--json").json()
    assert (counts["done"], counts["failed"], counts["total"]) == (2, 2, 4)
    (group,) = ganbench("failures", "quickstart", "--results", results, "--json").json()
    assert group["packs"] == 1
    assert group["signature"].startswith("ZeroDivisionError at ")
    assert group["signature"].endswith("in __call__")
    assert group["message"] == "ZeroDivisionError: not yet"
    assert "ZeroDivisionError: not yet" in ganbench("failures", "quickstart", "--results", results).out

    (fragile / "marker").touch()
    before = packs(results)
    assert sweep(results, *words).code == 3
    assert packs(results) == before
    assert sweep(results, *words, "--retry", "failed").code == 0
    after = packs(results)
    assert before.items() <= after.items()
    (again,) = {Path(name).parts[0] for name in after.keys() - before.keys()}
    assert again == group["pack_id"]
    assert ganbench("status", "quickstart", "--results", results, "--json").json()["done"] == 4
    assert "no failures" in ganbench("failures", "quickstart", "--results", results).out


def test_settings_that_are_equal_train_once_and_count_as_often_as_they_were_drawn(
    tmp_path: Path, quick: None
) -> None:
    ran = sweep(
        tmp_path, "search.space=fixed", "search.trials=3", "search.seed=0", "rerun={top: 2, seeds: 2}"
    )
    assert ran.code == 0, ran.err
    table = pd.read_parquet(tmp_path / "quickstart" / "scores.parquet")
    searched = table[(table["stage"] == "search") & (table["metric"] == "fd_pixels") & (table["step"] == 4)]
    assert searched["index"].tolist() == [0, 1, 2]
    assert searched["trial_id"].nunique() == searched["value"].nunique() == 1
    assert sweep(
        tmp_path, "search.space=fixed", "search.trials=3", "search.seed=0", "rerun={top: 2, seeds: 2}"
    ).err.startswith("quickstart: all trials are done")


def test_a_variant_that_always_diverges_has_no_rerun_and_the_sweep_is_done(
    tmp_path: Path, quick: None
) -> None:
    words = ("search.space=fixed", "model.lr=1.0e+38", "rerun={top: 1, seeds: 2}")
    assert sweep(tmp_path, *words).code == 0
    counts = ganbench("status", "quickstart", "--results", tmp_path, "--json").json()
    assert (counts["diverged"], counts["total"]) == (2, 2)
    table = package.load(tmp_path / "quickstart")
    assert set(table["status"]) == {"diverged"}
    assert table["value"].isna().all()
    before = contents(tmp_path)
    assert "nothing to train" in sweep(tmp_path, *words).err
    assert contents(tmp_path) == before


def test_misuse_of_the_command_line_names_the_help() -> None:
    assert refused(ganbench("status")).endswith("see `ganbench status -h`")
    assert "'--workers'" in refused(ganbench("sweep", "quickstart", "--workers", "0"))
    assert "--frob" in refused(ganbench("sweep", "--frob"))
    assert "frobnicate" in refused(ganbench("frobnicate"))
    for arguments in ((), ("-h",), ("sweep", "--help")):
        ran = ganbench(*arguments)
        assert ran.code == 0
        assert "Usage: " in ran.out


def test_debug_shows_where_an_error_comes_from() -> None:
    ran = ganbench("--debug", "list", "nothing")
    assert ran.code == 2
    assert "Traceback" in ran.err
    assert "Traceback" not in ganbench("list", "nothing").err


def test_work_that_dead_slots_left_ends_with_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    died = Launched(started=4, failures=("slot 0 was killed: see there",))
    with monkeypatch.context() as patch:
        patch.setattr("ganbench.sweep.launch", lambda *_, **__: died)
        ran = sweep(tmp_path)
    assert ran.code == 3
    assert "slot 0 was killed" in ran.err
    assert "2 trials are not done: the same command continues" in ran.err
    assert sweep(tmp_path).code == 0
