"""What scripts may rely on: names, keys, columns, exit codes, and that the same command again changes nothing."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from commands import SHORT, TINY, contents, ganbench, plain_reports, refused, sweep, train

import ganbench as package

MODELS = ["began", "dragan", "lsgan", "mm_gan", "ns_gan", "vae", "wgan", "wgan_gp"]
COUNTS = {"planned", "running", "done", "lost", "diverged", "failed"}
COLUMNS = {
    *("trial_id", "sweep", "stage", "model", "dataset", "seed", "index", "is_default", "step", "images_seen"),
    *("seconds", "metric", "value", "status", "protocol", "pack_id"),
}
KEYS = {"f1_ring", "precision_ring", "recall_ring", "modes_ring", "tv_ring", "energy_ring", "fd_pixels"}
# the one sweep here with a full report
WHOLE = ("model=ns_gan,vae", "search.trials=3", "rerun={top: 1, seeds: 2}", "budget.keep=all")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a finished sweep and its report; not to be changed."""
    results = tmp_path_factory.mktemp("finished")
    ran = sweep(results, *WHOLE)
    assert ran.code == 0, ran.err
    return results


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of it for tests that write."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


@pytest.fixture
def quick() -> Iterator[None]:
    with plain_reports():
        yield


def test_list_prints_names_as_json() -> None:
    ran = ganbench("list", "models", "--json")
    assert ran.json() == MODELS
    assert (ran.code, ran.err) == (0, "")
    assert ganbench("list", "model").out.split() == MODELS
    assert "quickstart" in ganbench("list", "sweeps", "--json").json()


def test_train_prints_one_object_and_again_from_the_store(tmp_path: Path) -> None:
    first = train(tmp_path, "model=ns_gan", "seed=0")
    found = first.json()  # a second object, or a word beside it, would not parse
    assert (first.code, first.err) == (0, "")
    assert {"trial_id", "status", "d_steps_done", "images_seen", "seconds", "metrics"} <= found.keys()
    assert (found["status"], found["d_steps_done"], found["images_seen"]) == ("done", 4, 64)
    assert set(found["metrics"]) == KEYS
    for scores in found["metrics"].values():
        assert {type(scores["best"]), type(scores["last"])} == {float}
        assert scores["best_step"] in {2, 4}
    energy = found["metrics"]["energy_ring"]
    stored = package.load(found["folder"])
    rows = stored[stored["metric"] == "energy_ring"].set_index("step")["value"]
    assert (energy["best"], energy["last"]) == (rows.min(), rows[4])
    before = contents(tmp_path)
    assert train(tmp_path, "model=ns_gan", "seed=0") == first
    assert contents(tmp_path) == before


def test_a_trial_under_another_protocol_lies_beside_the_first(tmp_path: Path, quick: None) -> None:
    first, other = train(tmp_path).json(), train(tmp_path, "protocol.evaluation_seed=7").json()
    assert first["trial_id"] == other["trial_id"]
    assert first["folder"] != other["folder"]
    assert first["protocol"] != other["protocol"]
    again = train(tmp_path, "protocol.evaluation_seed=7")
    assert again.json() == other


def test_train_shows_a_person_a_table(tmp_path: Path, quick: None) -> None:
    ran = ganbench("train", "dataset=ring", *TINY, *SHORT, "--results", tmp_path)
    assert ran.code == 0
    assert "f1_ring" in ran.out
    assert "4 D-steps, 64 images" in ran.err
    assert "\n\n" not in ran.err


def test_scores_are_tidy_and_keyed_by_metric_and_extractor(finished: Path) -> None:
    table = pd.read_parquet(finished / "quickstart" / "scores.parquet")
    assert set(table.columns) >= COLUMNS
    assert set(table["metric"]) == KEYS
    assert set(table["step"]) == {2, 4}
    assert (table["images_seen"] == 16 * table["step"]).all()
    assert set(table["sweep"]) == {"quickstart"}
    assert set(table["status"]) == {"ok"}
    assert table["value"].notna().all()
    assert not table.duplicated(["model", "stage", "index", "seed", "step", "metric", "protocol"]).any()
    # 2 models × (3 settings + 2 seeds of the best) × 2 checkpoints × 7 metrics
    assert len(table) == 2 * (3 + 2) * 2 * 7
    defaults = table[table["is_default"] & (table["stage"] == "search")]
    assert set(defaults["index"]) == {0}
    params = [name for name in table if name.startswith("model.")]
    assert {"model.lr", "model.beta1"} <= set(params)


def test_the_public_reader_reads_what_the_sweep_wrote(finished: Path) -> None:
    table = pd.read_parquet(finished / "quickstart" / "scores.parquet")
    pd.testing.assert_frame_equal(package.load(finished / "quickstart"), table, check_dtype=False)
    pd.testing.assert_frame_equal(package.load(finished, "quickstart"), table, check_dtype=False)


def test_status_counts_every_planned_trial_once(finished: Path) -> None:
    counts = ganbench("status", "quickstart", "--results", finished, "--json").json()
    assert counts.keys() >= COUNTS
    planned = len((finished / "quickstart" / "trials.jsonl").read_text().splitlines())
    assert sum(counts[name] for name in COUNTS) == counts["total"] == planned == 10
    assert counts["done"] == 10
    shown = ganbench("status", "quickstart", "--results", finished).out
    assert "diverged" in shown
    assert shown.count("rerun") == 2


def test_status_only_reads(finished: Path) -> None:
    before = contents(finished)
    for verb in ("status", "failures", "export"):
        assert ganbench(verb, "quickstart", "--results", finished).code == 0
    assert contents(finished) == before


def test_the_same_sweep_again_says_so_and_changes_nothing(finished: Path) -> None:
    before = contents(finished)
    ran = sweep(finished, *WHOLE)
    assert ran.code == 0
    assert ran.err.startswith("quickstart: all trials are done, nothing to train\n")
    assert "ns_gan" in ran.out  # the table is shown again
    assert contents(finished) == before


def test_another_definition_in_the_folder_is_refused_with_the_difference(finished: Path) -> None:
    before = contents(finished)
    message = refused(sweep(finished, *WHOLE[:1], "search.trials=2", *WHOLE[2:]))
    assert "search.trials: 3 → 2" in message
    assert "--results" in message
    assert contents(finished) == before
    message = refused(ganbench("plan", "quickstart", "--results", finished))
    assert "holds another definition" in message
    assert contents(finished) == before


def test_more_settings_add_their_trials_and_keep_the_others(finished: Path, tmp_path: Path) -> None:
    """Raising search.trials is growth: what was trained stays, bit for bit."""
    grown = tmp_path / "grown"
    shutil.copytree(finished, grown)
    before = package.load(finished / "quickstart")
    assert sweep(grown, *WHOLE[:1], "search.trials=4", *WHOLE[2:]).code == 0
    after = package.load(grown / "quickstart")
    assert set(after.loc[after["stage"] == "search", "index"]) == {0, 1, 2, 3}
    kept = after.merge(
        before, on=["trial_id", "stage", "index", "seed", "step", "metric"], suffixes=("", "_before")
    )
    assert len(kept) == len(before)
    assert (kept["value"].eq(kept["value_before"]) | kept["value"].isna()).all()


def test_the_report_carries_the_numbers_of_the_tables(finished: Path) -> None:
    folder = finished / "quickstart" / "report"
    report = json.loads((folder / "report.json").read_text())
    assert report["tables"].keys() == {path.stem for path in (folder / "tables").glob("*.csv")}
    assert {f"{path.stem}" for path in (folder / "figures").glob("*.pdf")} == set(report["figures"])
    for name, table in report["tables"].items():
        written = pd.read_csv(folder / "tables" / f"{name}.csv")
        numbers = pd.DataFrame(table["numbers"])
        for column in numbers.select_dtypes("number"):
            assert written[column].astype(float).to_numpy() == pytest.approx(
                numbers[column].astype(float).to_numpy(), rel=1e-9, nan_ok=True
            )
        for row in table["rows"]:
            assert str(row[0]) in (folder / "tables" / f"{name}.md").read_text()


def test_the_report_agrees_with_the_scores(finished: Path) -> None:
    table = pd.read_parquet(finished / "quickstart" / "scores.parquet")
    report = json.loads((finished / "quickstart" / "report" / "report.json").read_text())
    searched = table[(table["stage"] == "search") & (table["metric"] == "energy_ring")]
    best = searched.groupby(["model", "index"])["value"].min()
    runs = {
        (r["variant"], r["index"]): r["best"]
        for r in report["runs"]
        if r["stage"] == "search" and r["metric"] == "energy_ring"
    }
    assert runs == pytest.approx(best.to_dict(), rel=1e-11)
    again = table[(table["stage"] == "rerun") & (table["metric"] == "energy_ring")]
    means = again.groupby(["model", "seed"])["value"].min().groupby("model").mean()
    seeds = {
        r["variant"]: r["mean"] for r in report["seeds"] if r["metric"] == "energy_ring" and r["at"] == "best"
    }
    assert seeds == pytest.approx(means.to_dict(), rel=1e-11)


def test_reruns_repeat_the_selected_setting_with_seeds_of_their_own(finished: Path) -> None:
    table = pd.read_parquet(finished / "quickstart" / "scores.parquet")
    energy = table[table["metric"] == "energy_ring"]
    for model in ("ns_gan", "vae"):
        searched = energy[(energy["model"] == model) & (energy["stage"] == "search")]
        again = energy[(energy["model"] == model) & (energy["stage"] == "rerun")]
        chosen = searched.loc[searched["value"].idxmin()]
        assert set(again["index"]) == {chosen["index"]}
        assert set(again["model.lr"]) == {chosen["model.lr"]}
        assert set(again["seed"]) == {3, 4}  # the search used 0, 1 and 2


def test_compact_rewrites_the_same_bytes(copy: Path) -> None:
    path = copy / "quickstart" / "scores.parquet"
    before = path.read_bytes()
    path.unlink()
    ran = ganbench("compact", "quickstart", "--results", copy)
    assert ran.out.strip() == str(path)
    assert path.read_bytes() == before


def test_a_clone_without_packs_is_done(copy: Path) -> None:
    shutil.rmtree(copy / "quickstart" / "packs")
    shutil.rmtree(copy / "quickstart" / "slots")
    before = contents(copy)
    assert sweep(copy, *WHOLE).err.startswith("quickstart: all trials are done")
    assert ganbench("status", "quickstart", "--results", copy, "--json").json()["done"] == 10
    assert contents(copy) == before


def test_export_prints_every_score_as_csv(finished: Path) -> None:
    table = pd.read_csv(io.StringIO(ganbench("export", "quickstart", "csv", "--results", finished).out))
    stored = pd.read_parquet(finished / "quickstart" / "scores.parquet")
    assert list(table.columns) == list(stored.columns)
    assert table["value"].tolist() == pytest.approx(stored["value"].tolist(), rel=1e-12)


def test_gc_keeps_the_best_snapshots_and_then_none(copy: Path) -> None:
    table = pd.read_parquet(copy / "quickstart" / "scores.parquet")
    energy = table[table["metric"] == "energy_ring"]
    best = energy.loc[energy.groupby("trial_id")["value"].idxmin()]
    wanted = {f"{t}-{s}.safetensors" for t, s in zip(best["trial_id"], best["step"], strict=True)}
    kept = {path.name for path in copy.rglob("snapshots/*.safetensors")}
    assert wanted < kept
    assert len(kept) == 2 * len(wanted)
    assert ganbench("gc", "quickstart", "--results", copy).code == 0
    assert {path.name for path in copy.rglob("snapshots/*.safetensors")} == wanted
    assert ganbench("gc", "quickstart", "--keep", "none", "--results", copy).code == 0
    assert not list(copy.rglob("snapshots/*.safetensors"))
    assert sweep(copy, *WHOLE).code == 0
    assert package.load(copy / "quickstart").equals(table)


def test_plan_writes_the_plan_and_trains_nothing(tmp_path: Path) -> None:
    words = (
        "quickstart",
        "model=ns_gan,vae",
        "dataset=ring",
        *TINY,
        *SHORT,
        "search.trials=3",
        "--results",
        tmp_path,
    )
    summary = ganbench("plan", *words, "--json").json()
    assert (summary["variants"], summary["settings"], summary["planned"], summary["new"]) == (2, 3, 6, 6)
    assert (summary["reruns"], summary["steps"], summary["trial_steps"]) == (8, 4, 4 * (6 + 8))
    assert ganbench("plan", *words, "--json").json() == {**summary, "new": 0}
    assert not list(tmp_path.rglob("attempt-*"))
    counts = ganbench("status", "quickstart", "--results", tmp_path, "--json").json()
    assert (counts["planned"], counts["total"]) == (6, 6)


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    ran = sweep(tmp_path / "results", "--dry-run")
    assert ran.code == 0
    assert "1 variants × 2 settings" in ran.out
    assert contents(tmp_path) == {}


def test_each_variant_is_planned_with_the_steps_of_its_own_budget(tmp_path: Path) -> None:
    words = ("quickstart", "model=vae", "dataset=fashion_mnist,cifar10", "budget=study", "protocol=gray28_1k")
    summary = ganbench(
        "plan", *words, "search.trials=2", "rerun=null", "--results", tmp_path, "--json"
    ).json()
    assert summary["trial_steps"] == 2 * (15625 + 78125)
