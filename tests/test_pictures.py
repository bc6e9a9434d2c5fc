"""Samples kept for pictures: those of the best trial at its best checkpoint, and what survives without packs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import ganbench, plain_reports, sweep
from safetensors.numpy import load_file, save_file

from ganbench.pictures import collect_pictures, read_pictures
from ganbench.store import Store
from ganbench.sweep import read_results

PICTURES = "samples.safetensors"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A sweep with every snapshot kept."""
    results = tmp_path_factory.mktemp("finished")
    with plain_reports():
        assert sweep(results, "model=ns_gan,vae", "budget.keep=all").code == 0
        yield results


@pytest.fixture
def store(finished: Path, tmp_path: Path) -> Store:
    shutil.copytree(finished, tmp_path / "results")
    return Store(tmp_path / "results", "quickstart")


def best_of(store: Store, model: str) -> Path:
    """Find the snapshot of a model's best setting by hand."""
    scores = store.tidy()
    energy = scores[(scores["model"] == model) & (scores["metric"] == "energy_ring")]
    best = energy.loc[energy["value"].idxmin()]
    return store.snapshot(best["pack_id"], best["trial_id"], best["step"])


def test_the_best_trials_samples_at_its_best_checkpoint(store: Store) -> None:
    pictures = read_pictures(store)
    assert pictures.keys() == {("ns_gan", "ring"), ("vae", "ring"), ("real", "ring")}
    for model in ("ns_gan", "vae"):
        shown = load_file(best_of(store, model))["shown"]
        assert shown.shape == (100, 2)
        assert np.array_equal(pictures[model, "ring"], shown)
    others = [load_file(path)["shown"] for path in store.folder.rglob("snapshots/*.safetensors")]
    assert sum(np.array_equal(pictures["ns_gan", "ring"], other) for other in others) == 1


def test_the_real_samples_are_the_protocols(store: Store) -> None:
    real = read_pictures(store)["real", "ring"]
    assert real.shape == (100, 2)
    assert abs(np.linalg.norm(real, axis=1) - 2**0.5).max() < 0.3  # sd .05 about a circle of radius √2


def test_what_the_file_holds_stays_when_the_packs_are_gone(store: Store) -> None:
    before = (store.folder / PICTURES).read_bytes()
    shutil.rmtree(store.folder / "packs")
    collect_pictures(store, read_results(store))
    assert (store.folder / PICTURES).read_bytes() == before


def test_it_is_written_anew_from_the_packs(store: Store) -> None:
    before = (store.folder / PICTURES).read_bytes()
    for damage in (b"", before[: len(before) // 2]):
        (store.folder / PICTURES).write_bytes(damage)
        assert read_pictures(store) == {}
        collect_pictures(store, read_results(store))
        assert (store.folder / PICTURES).read_bytes() == before
    (store.folder / PICTURES).unlink()
    assert read_pictures(store) == {}


def test_a_damaged_snapshot_leaves_its_picture_out(store: Store) -> None:
    path = best_of(store, "vae")
    path.write_bytes(path.read_bytes()[:50])
    (store.folder / PICTURES).unlink()
    collect_pictures(store, read_results(store))
    assert read_pictures(store).keys() == {("ns_gan", "ring"), ("real", "ring")}


def test_compacting_gathers_them_too(store: Store) -> None:
    before = (store.folder / PICTURES).read_bytes()
    (store.folder / PICTURES).unlink()
    assert ganbench("compact", "quickstart", "--results", store.folder.parent).code == 0
    assert (store.folder / PICTURES).read_bytes() == before


def test_images_come_back_in_the_unit_interval(store: Store) -> None:
    levels = np.array([[0, 51, 255]], dtype=np.uint8)
    save_file({"ns_gan\nring": levels, "vae\nring": np.float32([[-2.0, 3.0]])}, store.folder / PICTURES)
    pictures = read_pictures(store)
    assert pictures["ns_gan", "ring"] == pytest.approx(np.array([[0.0, 0.2, 1.0]]))
    assert pictures["vae", "ring"].tolist() == [[-2.0, 3.0]]


def test_equal_settings_are_no_ambiguity(tmp_path: Path) -> None:
    with plain_reports():
        words = ("search.space=fixed", "search.trials=3", "search.seed=0")
        assert sweep(tmp_path, *words).code == 0
    assert ("ns_gan", "ring") in read_pictures(Store(tmp_path, "quickstart"))


def test_the_trials_in_the_corners_are_kept_by_their_ids_while_they_are_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = read_results(store)
    search = results.trials[results.trials["stage"] == "search"]
    first, second = search["trial_id"].astype(str).unique()[:2]

    def corner(trial: str) -> None:
        monkeypatch.setattr("ganbench.pictures.corners", lambda *_: search[search["trial_id"] == trial][:1])
        collect_pictures(store, results)

    corner(first)
    energy = store.tidy().query("trial_id == @first and metric == 'energy_ring'")
    best = energy.loc[energy["value"].idxmin()]
    shown = load_file(store.snapshot(best["pack_id"], first, best["step"]))["shown"]
    assert np.array_equal(read_pictures(store)[first, "ring"], shown)
    corner(second)
    names = {name for name, _ in read_pictures(store)}
    assert second in names
    assert first not in names
    for path in store.folder.rglob(f"snapshots/{second}-*.safetensors"):
        path.unlink()
    corner(second)
    assert second in {name for name, _ in read_pictures(store)}
