"""Kept snapshots scored under another protocol: rows are added, nothing is trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from commands import SHORT, TINY, Ran, contents, ganbench, plain_reports, refused, sweep

import ganbench as package
from ganbench.analysis.selection import outcomes, ranked_settings, rerun_order
from ganbench.report import words
from ganbench.scoring import Scorer
from ganbench.store import Store
from ganbench.store.later import named, protocols
from ganbench.sweep import read_results
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
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep, and a config folder with another protocol."""
    results = tmp_path_factory.mktemp("finished")
    (results / "conf" / "protocol").mkdir(parents=True)
    (results / "conf" / "protocol" / "other.yaml").write_text(OTHER)
    with plain_reports():
        assert sweep(results / "results").code == 0
    return results


@pytest.fixture
def results(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the results, where training is an error."""
    monkeypatch.setattr(PackTraining, "advance", None)
    shutil.copytree(finished / "conf", tmp_path / "conf")
    return Path(shutil.copytree(finished / "results", tmp_path / "results"))


def rescored(results: Path, name: str = "quickstart") -> str:
    config = results.parent / "conf"
    ran = ganbench("score", name, "--protocol", "other", "--results", results, "--config-dir", config)
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


def test_baselines_are_scored_once_and_as_the_sweep_scores_its_own(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Store(results, "quickstart").baselines()
    own = (results.parent / "conf" / "protocol" / "other.yaml").read_text().replace("150", "100")
    (results.parent / "conf" / "protocol" / "other.yaml").write_text(own)
    rescored(results)
    found = Store(results, "quickstart").baselines()
    new = found[found["protocol"].str.startswith("other-")]
    keys = ["dataset", "baseline", "metric"]
    pd.testing.assert_series_equal(new.set_index(keys)["value"], stored.set_index(keys)["value"])
    monkeypatch.setattr(Scorer, "baselines", None)
    rescored(results)
    assert len(Store(results, "quickstart").baselines()) == len(found) == 2 * len(stored)


def reported(results: Path, *words: str) -> Ran:
    return ganbench("report", "quickstart", *words, "--results", results)


def test_a_report_of_later_scores_stands_beside_the_sweeps_own(results: Path) -> None:
    before = contents(results / "quickstart" / "report")
    rescored(results)
    ran = reported(results, "--protocol", "other")
    assert contents(results / "quickstart" / "report") == before
    (folder,) = (results / "quickstart").glob("report-other-*")
    assert ran.err == f"report: {folder}\n"
    numbers = json.loads((folder / "report.json").read_text())
    assert numbers["tables"]["best_ring"]["rows"][0][-1] in ran.out
    table = package.load(results, "quickstart")
    new = table[(table["protocol"] == folder.name.removeprefix("report-")) & (table["metric"] == "f1_ring")]
    best = [run["best"] for run in numbers["runs"] if run["metric"] == "f1_ring"]
    assert sorted(best) == pytest.approx(sorted(new.groupby("trial_id")["value"].max()), rel=1e-11)
    assert {row["protocol"] for row in numbers["baselines"]} == {new["protocol"].iloc[0]}
    text = (folder / "tables" / "best_ring.md").read_text()
    assert "Protocol other [other-" in text
    assert "150 generated against 150 real samples" in text
    assert "Scored after training, at the checkpoints whose snapshots were kept." in text
    assert "scored every" not in text
    assert "Baselines, F1 (ring): real against real (floor) 0." in text
    page = (folder / "index.html").read_text()
    assert 'href="../scores.parquet"' in page
    assert "<h1>quickstart under other</h1>" in page
    assert not numbers["partial"]


def test_settings_stay_those_that_the_sweeps_own_protocol_chose(tmp_path: Path) -> None:
    (tmp_path / "conf" / "protocol").mkdir(parents=True)
    turned = OTHER + "select: f1_ring\n"
    (tmp_path / "conf" / "protocol" / "other.yaml").write_text(turned)
    results = tmp_path / "results"
    rerun = ("search.trials=4", "rerun.top=2", "rerun.seeds=1")
    few = ("model=ns_gan", "dataset=ring", *rerun, *TINY, *SHORT)
    with plain_reports():
        assert ganbench("sweep", "quickstart", *few, "--launcher", "inline", "--results", results).code == 0
    rescored(results)
    own, later = (read_results(Store(results, "quickstart"), name) for name in ("", "other"))
    (dataset, variant), table = ("ring", "ns_gan"), outcomes(own)
    ranking = ranked_settings(own, table, dataset, variant)
    pd.testing.assert_frame_equal(ranked_settings(later, outcomes(later), dataset, variant), ranking)
    assert rerun_order(later, outcomes(later), dataset, variant) == ranking["index"].tolist()[:2]
    assert later.choosing(dataset).key == own.protocol(dataset)["select"] != "f1_ring"
    assert "the 2 settings with the best energy (ring) at its best checkpoint under ring" in words.rerun_note(
        later, dataset
    )


def test_what_was_not_scored_keeps_a_report_partial(results: Path) -> None:
    rescored(results)
    lines = (results / "quickstart" / "rescored.jsonl").read_text().splitlines(keepends=True)
    (results / "quickstart" / "rescored.jsonl").write_text(
        "".join(lines[:1])
    )  # as if it had been interrupted
    (results / "quickstart" / "scores.parquet").unlink()
    message = refused(reported(results, "--protocol", "other"))
    assert (
        "1 of 2 finished trials are not scored at their last checkpoint; finish it with `ganbench score"
        in message
    )
    assert reported(results, "--protocol", "other", "--allow-partial").code == 0


def test_sweeps_are_compared_under_a_protocol_that_both_have(finished: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(finished, tmp_path / "all") / "results")
    few = ("model=ns_gan", "search.trials=2", "rerun=null", "pack=2", "mode=vmap", *TINY, *SHORT)
    with plain_reports():
        ran = ganbench(
            "sweep", "ring", *few, "protocol.evaluation_seed=7", "--launcher", "inline", "--results", results
        )
        assert ran.code == 0, ran.err
    both = ("ring", "--out", str(results / "both"))
    message = refused(reported(results, *both))
    assert "`ganbench score NAME --protocol PROTOCOL`" in message
    assert "quickstart has no scores under 'other'" in refused(
        reported(results, *both, "--protocol", "other")
    )
    rescored(results)
    rescored(results, "ring")
    assert reported(results, *both, "--protocol", "other").code == 0
    written = results / "both" / "tables" / "compare_best_ring.md"
    assert "Protocol other [other-" in written.read_text()
    assert written.read_text().count(words.LATER) == 1


def test_a_sweeps_own_scores_beside_later_ones_are_told_apart(finished: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(finished, tmp_path / "all") / "results")
    few = ("model=ns_gan", "search.trials=2", "rerun=null", "pack=2", "mode=vmap", "protocol=other")
    other = tuple(word for word in (*TINY, *SHORT) if not word.startswith("protocol."))
    config = ("--config-dir", results.parent / "conf")
    with plain_reports():
        words_ = ("sweep", "ring", *few, *other, "--launcher", "inline", "--results", results, *config)
        ran = ganbench(*words_)
        assert ran.code == 0, ran.err
    rescored(results)
    ran = reported(results, "ring", "--protocol", "other", "--out", str(results / "both"))
    assert ran.code == 0, ran.err
    notes = (results / "both" / "tables" / "compare_best_ring.md").read_text().splitlines()
    said = {line.split(":")[0]: words.LATER in line for line in notes if "Protocol other [other-" in line}
    assert said == {"- quickstart": True, "- ring": False}


def test_a_snapshot_whose_pack_was_killed_before_it_had_rows_is_passed_over(results: Path) -> None:
    one, *others = sorted(results.rglob("snapshots/*.safetensors"))
    shutil.copy(one, one.with_name(f"{one.stem.partition('-')[0]}-3.safetensors"))
    assert rescored(results).startswith(f"quickstart: {1 + len(others)} snapshots scored")


def test_protocols_are_named_by_name_or_id(results: Path) -> None:
    rescored(results)
    store = Store(results, "quickstart")
    own = store.definition()["protocols"]["ring"]["id"]
    (ours,) = protocols(store).keys() - {own}
    assert named(store, "other") == named(store, ours) == ours
    assert named(store, "ring") == own
    assert read_results(store, "ring").own is None
    path = results.parent / "conf" / "protocol" / "other.yaml"
    path.write_text(path.read_text().replace("150", "120"))
    rescored(results)
    message = refused(reported(results, "--protocol", "other"))
    assert f"quickstart has scores under {ours} and other-" in message
    assert reported(results, "--protocol", ours).code == 0
    message = refused(reported(results, "--protocol", "rong"))
    assert f"quickstart has no scores under 'rong' (there: {own}, {ours}, " in message


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
