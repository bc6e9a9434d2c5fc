"""A sweep as Optuna studies: every trial, with what is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from commands import ganbench, plain_reports, refused, sweep
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

import ganbench as package
from ganbench.config import compose
from ganbench.search import StudyRecord, TrialRecord, write_journal
from ganbench.store import Store


def opened(path: Path) -> list[optuna.Study]:
    storage = JournalStorage(JournalFileBackend(str(path)))
    names = optuna.get_all_study_names(storage=storage)
    return [optuna.load_study(study_name=name, storage=storage) for name in names]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("finished")
    with plain_reports():
        assert sweep(results, "model=ns_gan,vae", "search.trials=3", "rerun={top: 1, seeds: 2}").code == 0
    return results


def export(results: Path, path: Path, *words: str) -> Any:
    return ganbench("export", "quickstart", "optuna", "--results", results, "--to", path, *words)


def test_every_trial_with_its_score(finished: Path, tmp_path: Path) -> None:
    said = export(finished, tmp_path / "q.journal").out
    assert said.startswith(f"{tmp_path / 'q.journal'}: 2 studies, 10 trials; optuna-dashboard ")
    assert [path.name for path in tmp_path.iterdir()] == ["q.journal"]
    first, second = opened(tmp_path / "q.journal")
    assert [first.study_name, second.study_name] == [
        "quickstart: model=ns_gan, dataset=ring",
        "quickstart: model=vae, dataset=ring",
    ]
    assert first.direction == optuna.study.StudyDirection.MINIMIZE
    assert first.user_attrs["metric"] == "energy_ring"
    assert (
        first.user_attrs["protocol"] == Store(finished, "quickstart").definition()["protocols"]["ring"]["id"]
    )
    table = package.load(finished / "quickstart").query("metric == 'energy_ring' and model == 'ns_gan'")
    assert len(first.trials) == 5
    for trial in first.trials:
        rows = table[table["trial_id"] == trial.user_attrs["trial_id"]]
        assert trial.state == TrialState.COMPLETE
        assert trial.value == rows["value"].min()
        assert trial.intermediate_values == dict(zip(rows["step"], rows["value"], strict=True))
        assert trial.params == {name: rows[name].iloc[0] for name in ("model.lr", "model.beta1")}
        assert trial.distributions["model.lr"] == FloatDistribution(1e-4, 1e-2, log=True)
        assert trial.user_attrs["seed"] == rows["seed"].iloc[0]
    assert [t.user_attrs["stage"] for t in first.trials] == ["search"] * 3 + ["rerun"] * 2
    assert [t.user_attrs["is_default"] for t in first.trials][:3] == [True, False, False]


def test_unfinished_trials_keep_their_state(finished: Path, tmp_path: Path) -> None:
    assert ganbench("plan", "quickstart", "model=ns_gan", "search.trials=3", "--results", tmp_path).code == 0
    store = Store(tmp_path, "quickstart")
    names = list(store.plan().packs)
    claimed = store.claim(names[0])
    assert claimed is not None
    assert export(tmp_path, tmp_path / "a.journal").code == 0
    assert {t.state for t in opened(tmp_path / "a.journal")[0].trials} == {TrialState.RUNNING}
    claimed.fail("Traceback\nValueError: broken")
    assert export(tmp_path, tmp_path / "b.journal").code == 0
    (study,) = opened(tmp_path / "b.journal")
    assert [t.state for t in study.trials] == [TrialState.FAIL] * 3
    assert {t.user_attrs["state"] for t in study.trials} == {"failed"}


def test_a_file_is_not_replaced_unasked(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_text("precious")
    assert "is there already: choose another file with --to, or add --force" in refused(
        export(finished, path)
    )
    assert path.read_text() == "precious"
    assert export(finished, path, "--force").code == 0
    assert len(opened(path)) == 2
    assert "a folder that is there" in refused(export(finished, tmp_path / "no" / "q.journal"))
    assert "a folder that is there" in refused(export(finished, tmp_path))


def test_csv_goes_to_a_file_too(finished: Path, tmp_path: Path) -> None:
    words = ("export", "quickstart", "csv", "--results", finished)
    assert ganbench(*words, "--to", tmp_path / "q.csv").out == ""
    assert (tmp_path / "q.csv").read_text() == ganbench(*words).out
    assert len(pd.read_csv(tmp_path / "q.csv")) > 100
    assert "already" in refused(ganbench(*words, "--to", tmp_path / "q.csv"))


def test_values_that_no_distribution_holds(tmp_path: Path) -> None:
    config = compose(["model=ns_gan", "dataset=ring", "space=wide"]).config
    given = {"model.lr": 5.0, "model.beta1": -0.5, "model.d_steps": 3, "model.d_batch_norm": True}
    trials = [
        TrialRecord(given, "done", 1.0, {}, {}, None, None),
        TrialRecord({"model.lr": -1.0}, "diverged", 477.0, {}, {}, None, None),
        TrialRecord({"model.lr": 1e-3}, "diverged", None, {}, {}, None, None),
        TrialRecord({"model.lr": 1e-3}, "lost", None, {}, {}, None, None),
    ]
    write_journal(tmp_path / "j", [StudyRecord("s", "max", config, {}, trials)])
    first, second, third, last = opened(tmp_path / "j")[0].trials
    assert first.params == {"model.lr": 5.0, "model.beta1": -0.5, "model.d_batch_norm": True}
    assert first.distributions["model.lr"] == FloatDistribution(1e-5, 5.0, log=True)
    assert first.distributions["model.d_batch_norm"] == CategoricalDistribution((True, False))
    assert first.user_attrs == {"model.d_steps": 3}
    assert (second.state, second.value, second.params) == (TrialState.COMPLETE, 477.0, {})
    assert (third.state, third.value) == (TrialState.FAIL, None)
    assert last.state == TrialState.WAITING
