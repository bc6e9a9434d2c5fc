"""Kept snapshots scored under another protocol: rows are added, nothing is trained."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from commands import contents, ganbench, plain_reports, refused, sweep

import ganbench as package
from ganbench.scoring import Scorer
from ganbench.training import PackTraining

OTHER = """
defaults:
  - ring
  - _self_
name: other
n_real: 150
n_fake: 150
standing_passes: 2
standing_batch: 16
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished sweep, and a config folder with another protocol."""
    results = tmp_path_factory.mktemp("finished")
    (results / "conf" / "protocol").mkdir(parents=True)
    (results / "conf" / "protocol" / "other.yaml").write_text(OTHER)
    with plain_reports():
        assert sweep(results / "results").code == 0
        yield results


@pytest.fixture
def results(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the results, where training is an error."""
    monkeypatch.setattr(PackTraining, "advance", None)
    shutil.copytree(finished / "conf", tmp_path / "conf")
    return Path(shutil.copytree(finished / "results", tmp_path / "results"))


def rescored(results: Path) -> str:
    config = results.parent / "conf"
    ran = ganbench("score", "quickstart", "--protocol", "other", "--results", results, "--config-dir", config)
    assert ran.code == 0, ran.err
    assert ran.err == ""
    return ran.out


def test_rows_are_added_and_none_changed(results: Path) -> None:
    before = package.load(results, "quickstart")
    snapshots = {path.stem for path in results.rglob("snapshots/*.safetensors")}
    assert rescored(results).startswith(f"quickstart: {len(snapshots)} snapshots scored under other-")
    after = pd.read_parquet(results / "quickstart" / "scores.parquet")
    old = after[after["protocol"].str.startswith("ring-")].reset_index(drop=True)
    assert old[before.columns].equals(before)
    new = after[after["protocol"].str.startswith("other-")]
    assert {f"{t}-{s}" for t, s in zip(new["trial_id"], new["step"], strict=True)} == snapshots
    assert set(new["metric"]) == set(before["metric"])
    assert len(new) == len(snapshots) * before["metric"].nunique()
    keys = ["trial_id", "step"]
    facts = before.drop_duplicates(keys).set_index(keys)["images_seen"]
    assert all(
        facts[t, s] == n for t, s, n in zip(new["trial_id"], new["step"], new["images_seen"], strict=True)
    )
    assert set(new["status"]) == {"ok"}


def test_again_it_has_nothing_to_do(results: Path) -> None:
    rescored(results)
    before = contents(results / "quickstart")
    assert "0 snapshots scored under other-" in rescored(results)
    after = contents(results / "quickstart")
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert all(name.startswith("slots/") for name in changed)  # who drives, and nothing else


def test_the_sweeps_own_protocol_gives_the_stored_scores(results: Path) -> None:
    stored = package.load(results, "quickstart").set_index(["trial_id", "step", "metric"])["value"]
    own = (results.parent / "conf" / "protocol" / "other.yaml").read_text().replace("150", "100")
    (results.parent / "conf" / "protocol" / "other.yaml").write_text(own)
    rescored(results)
    table = package.load(results, "quickstart")
    # the name is no part of a protocol's identity but of its id, so rows are stored twice: they agree to the bit
    again = table[table["protocol"].str.startswith("other-")].set_index(["trial_id", "step", "metric"])[
        "value"
    ]
    assert len(again)
    assert again.equals(stored.loc[again.index])


def test_reports_and_the_choice_of_settings_read_the_sweeps_own_protocol(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganbench.report import build
    from ganbench.sweep import open_store, read_results

    before = read_results(open_store("quickstart", results)).scores
    rescored(results)
    after = read_results(open_store("quickstart", results)).scores
    assert len(after) == len(before)
    assert set(after["protocol"]) == set(before["protocol"])
    seen: list[Any] = []
    monkeypatch.setattr(
        build, "build", lambda found, out, **_: seen.append(set(found.scores["protocol"])) or out
    )
    assert ganbench("report", "quickstart", "--results", results).code == 0
    assert seen == [set(before["protocol"])]
    assert "nothing to train" in sweep(results).err


def test_scores_that_are_not_finite_are_diverged(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Scorer.score

    def overflowing(self: Scorer, *arguments: Any, **options: Any) -> dict[str, float]:
        return real(self, *arguments, **options) | {"fd_pixels": float("inf")}

    monkeypatch.setattr(Scorer, "score", overflowing)
    rescored(results)
    table = package.load(results, "quickstart")
    new = table[table["protocol"].str.startswith("other-")]
    assert set(new["status"]) == {"diverged"}
    assert new["value"].isna().all()


def test_no_snapshots_is_named(results: Path) -> None:
    assert ganbench("gc", "quickstart", "--keep", "none", "--results", results).code == 0
    message = refused(ganbench("score", "quickstart", "--protocol", "grid", "--results", results))
    assert "kept no snapshots" in message
    assert "budget.keep=best_last" in message


def test_a_damaged_snapshot_is_named_and_the_others_are_scored_without_it(results: Path) -> None:
    first, *others = sorted(results.rglob("snapshots/*.safetensors"))
    first.write_bytes(first.read_bytes()[:100])
    words = (
        "score",
        "quickstart",
        "--protocol",
        "other",
        "--results",
        results,
        "--config-dir",
        results.parent / "conf",
    )
    assert f"{first} is damaged" in refused(ganbench(*words))
    first.unlink()
    assert f"quickstart: {len(others)} snapshots" in rescored(results)


def test_a_protocol_that_does_not_fit_the_data_is_named(results: Path) -> None:
    message = refused(ganbench("score", "quickstart", "--protocol", "grid", "--results", results))
    assert "the protocol asks for 2000 images of the test split, which holds 200" in message
    assert "no protocol `rong`" in refused(
        ganbench("score", "quickstart", "--protocol", "rong", "--results", results)
    )
