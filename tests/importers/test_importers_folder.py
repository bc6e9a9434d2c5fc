"""An imported folder: reported, exported and imported again; refused by whatever trains."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands import contents, ganbench, plain_reports, refused, sweep

import ganbench as package
from ganbench.analysis.curves import sampler_name
from ganbench.analysis.draws import StatisticsError
from ganbench.analysis.summary import summarise
from ganbench.gather import gather
from ganbench.store import Store


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine settings of two models, of which one diverged, on two data sets; b was never run on the second."""
    path = tmp_path_factory.mktemp("table") / "t.csv"
    numbers = np.exp(np.random.Generator(np.random.Philox(5)).normal(size=(2, 9, 2)))
    rows = ["model,dataset,step,seed,model.lr,fid_inception"]
    for m, name in enumerate("ab"):
        for s in range(9):
            for c, value in enumerate(numbers[m, s]):
                shown = "nan" if (name, s) == ("b", 4) else f"{value:.4f}"
                rows += [f"{name},d,{10 * (c + 1)},{s},{s + 1},{shown}"]
    rows += [f"a,e,20,{s},{s + 1},3.5" for s in range(4)]
    path.write_text("\n".join(rows) + "\n")
    return path


def bring(table: Path, results: Path, name: str, *words: object) -> Any:
    return ganbench("import", table, "--format", "csv", "--as", name, "--results", results, *words)


def test_report_of_imported_runs(table: Path, tmp_path: Path) -> None:
    assert bring(table, tmp_path, "x", "--iid").code == 0
    ran = ganbench("report", "x", "--results", tmp_path)
    assert ran.code == 0, ran.err
    assert (tmp_path / "x" / "report" / "index.html").is_file()
    assert "imported from csv" in (tmp_path / "x" / "report" / "report.json").read_text()
    summary = summarise(gather(Store(tmp_path, "x")), allow_partial=False)
    counts = summary.counts.set_index(["dataset", "variant"])
    assert counts.loc[("d", "b"), ["planned", "done", "diverged"]].tolist() == [9, 8, 1]
    best = pd.read_csv(table).query("model == 'a' and dataset == 'd'").groupby("seed")["fid_inception"].min()
    curve = summary.curves.query("dataset == 'd' and variant == 'a' and k == 1")
    assert curve["median"].item() == pytest.approx(best.median())
    assert summary.costs["d_steps"].max() == 20


def test_draws_are_independent_only_where_the_user_says_so(table: Path, tmp_path: Path) -> None:
    assert "is not stated" in bring(table, tmp_path, "x").err
    results = gather(Store(tmp_path, "x"))
    assert sampler_name(results) == "unknown"
    summary = summarise(results, allow_partial=False)
    assert summary.curves["median"].isna().all()
    with pytest.raises(StatisticsError, match="'unknown'"):
        _ = summary.comparisons
    assert bring(table, tmp_path, "y", "--iid").code == 0
    said = summarise(gather(Store(tmp_path, "y")), allow_partial=False)
    assert said.curves["median"].notna().any()
    assert len(said.comparisons) > 0


def test_a_step_that_is_none_of_the_critic_is_no_cost(tmp_path: Path) -> None:
    path = tmp_path / "run" / "fid_5k_5k.json"
    path.parent.mkdir()
    path.write_text('{"500": [3.0], "1000": [2.0]}')
    facts = ("--format", "mimicry", "--stated", "model=a,dataset=d", "--iid")
    assert ganbench("import", path, "--as", "x", "--results", tmp_path, *facts).code == 0
    summary = summarise(gather(Store(tmp_path, "x")), allow_partial=False)
    assert summary.costs[["d_steps", "images", "passes", "seconds"]].isna().all(axis=None)


def test_export_and_import_again(table: Path, tmp_path: Path) -> None:
    assert bring(table, tmp_path, "x").code == 0
    out = tmp_path / "x.csv"
    assert ganbench("export", "x", "csv", "--results", tmp_path, "--to", out).code == 0
    assert bring(out, tmp_path, "y").code == 0
    first, again = (package.load(tmp_path / name).drop(columns="sweep") for name in "xy")
    pd.testing.assert_frame_equal(first, again)


def test_a_sweep_exported_and_imported_keeps_its_scores_and_not_its_protocol(tmp_path: Path) -> None:
    with plain_reports():
        assert sweep(tmp_path, "model=ns_gan,vae", "rerun={top: 1, seeds: 2}").code == 0
    out = tmp_path / "q.csv"
    assert ganbench("export", "quickstart", "csv", "--results", tmp_path, "--to", out).code == 0
    assert bring(out, tmp_path, "x", "--iid").code == 0
    ours, theirs = (package.load(tmp_path / name) for name in ("quickstart", "x"))
    lost = ["sweep", "protocol", "pack_id", "attempt", "score_seconds", "compile_seconds"]
    pd.testing.assert_frame_equal(ours.drop(columns=lost), theirs.drop(columns=lost[:4]), check_dtype=False)
    assert set(theirs["protocol"].str.split("-").str[0]) == {"imported"}
    message = refused(ganbench("report", "quickstart", "x", "--allow-partial", "--results", tmp_path))
    assert "come from several protocols, which no table may mix" in message
    assert bring(out, tmp_path, "y", "--stated", "n_fake=7").code == 0
    stated = package.load(tmp_path / "y")
    assert set(stated["protocol"]).isdisjoint(theirs["protocol"])


def test_what_trains_refuses(table: Path, tmp_path: Path) -> None:
    assert bring(table, tmp_path, "ring").code == 0
    before = contents(tmp_path)
    for words in (["sweep", "ring"], ["plan", "ring"], ["score", "ring", "--protocol", "ring"]):
        message = refused(ganbench(*words, "--results", tmp_path))
        assert "holds imported scores, with which nothing can be" in message
    assert "Optuna" in refused(
        ganbench("export", "ring", "optuna", "--results", tmp_path, "--to", tmp_path / "j")
    )
    assert "is there already" in refused(bring(table, tmp_path, "ring"))
    assert contents(tmp_path) == before


def test_no_torch() -> None:
    code = (
        "import sys, ganbench.importers.bring as b\n"
        "for name in b.form_names(): b.import_module(f'{b.formats.__name__}.{name}')\n"
        "assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
