"""Scores as other code writes them, in exactly its layout, and what becomes of each cell."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands import contents, ganbench, refused

import ganbench as package
from ganbench.files import NAME
from ganbench.importers.bring import form_names
from ganbench.importers.formats import __path__ as formats
from ganbench.store import Store

HEADER = [
    "checkpoint_path",
    "model",
    "dataset",
    "tf_seed",
    "sample_id",
    "inception_score",
    "fid_score",
    "ms_ssim",
    "fake_accuracy",
    "kid_score",
    "architecture",
    "beta1",
    "disc_iters",
    "discriminator_batchnorm",
    "gamma",
    "lambda",
    "learning_rate",
    "weight_clipping",
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def bring(*words: object) -> Any:
    return ganbench("import", *words, "--as", "x", "--results", "results")


def loaded() -> pd.DataFrame:
    return package.load("results/x")


def task(model: str, sample: int, fids: list[str], clip: float = -1.0) -> list[list[Any]]:
    """Return a task's rows of scores.csv as branch v1 writes them: unused parameters are −1, NaN is 31337."""
    rest = ["-1.000", "-1.000", "-1.000", "dcgan", 0.5, 1, True, -1.0, -1.0, 10.0 ** -(3 + sample), clip]
    return [
        [
            f"/w/{model}/{sample}/checkpoint/{model}.model-{500 * n}",
            model,
            "mnist",
            42,
            sample,
            "2.000",
            fid,
            *rest,
        ]
        for n, fid in enumerate(fids, start=1)
    ]


def scores_csv(rows: list[list[Any]]) -> Path:
    path = Path("scores.csv")
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


def jsonl(folder: str, metric: str, rows: list[tuple[str | None, dict[str, Any]]]) -> Path:
    """Write a metric-*.jsonl as StyleGAN2-ADA does."""
    path = Path(folder) / f"metric-{metric}.jsonl"
    path.parent.mkdir(exist_ok=True)
    facts = {"metric": metric, "total_time": 63.1, "total_time_str": "1m 03s", "num_gpus": 8}
    lines = [{"results": found, **facts, "snapshot_pkl": name, "timestamp": 1.6e9} for name, found in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def mimicry(folder: str, name: str, content: Any) -> Path:
    path = Path(folder) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=4))
    return path


def test_formats_are_the_modules_of_the_folder() -> None:
    assert form_names() == ["compare_gan", "csv", "mimicry", "stylegan"]
    assert {path.stem for path in Path(formats[0]).glob("[!_]*.py")} == set(form_names())


def test_compare_gan() -> None:
    path = scores_csv(
        task("GAN", 0, ["30.500", "4242.000"]) + task("WGAN", 3, ["31337.000", "20.250"], clip=0.01)
    )
    ran = bring(path, "--format", "compare_gan", "--json")
    assert ran.json()["ignored"] == ["fake_accuracy"]
    table = loaded()
    fid = table[table["metric"] == "fid_inception"]
    assert fid[["model", "index", "seed", "step", "status"]].to_numpy().tolist() == [
        ["GAN", 0, 42, 500, "ok"],  # 4242 says that the score's code failed: no score
        ["WGAN", 3, 42, 500, "diverged"],
        ["WGAN", 3, 42, 1000, "ok"],
    ]
    assert fid["value"].tolist()[::2] == [30.5, 20.25]
    assert math.isnan(fid["value"].iloc[1])
    first, last = fid.iloc[0], fid.iloc[-1]
    assert (first["model.lr"], first["model.d_steps"], last["model.clip"]) == (1e-3, 1, 0.01)
    assert math.isnan(first["model.clip"])
    assert "model.lambda" not in table  # −1 in every row: no model has one
    assert set(table["metric"]) == {"fid_inception", "is_inception"}  # −1: KID and MS-SSIM were not computed


def test_stylegan() -> None:
    names = ["network-snapshot-000000.pkl", "network-snapshot-000200.pkl"]
    fids = [(name, {"fid50k_full": value}) for name, value in zip(names, (300.0, float("nan")), strict=True)]
    shares = [(names[1], {"pr50k3_full_precision": 0.5, "pr50k3_full_recall": 0.25})]
    scores = [(names[1], {"is50k_mean": 9.0, "is50k_std": 0.1})]
    paths = [jsonl("00000-a", "fid50k_full", fids), jsonl("00000-a", "pr50k3_full", shares)]
    paths += [jsonl("00001-b", "fid50k_full", fids[:1]), jsonl("00001-b", "is50k", scores)]
    assert bring(*paths, "--format", "stylegan", "--stated", "model=sg2,dataset=ffhq").code == 0
    table = loaded().sort_values(["index", "metric", "step"])
    assert table[["index", "metric", "step", "images_seen", "status"]].to_numpy().tolist() == [
        [0, "fid50k_full", 0, 0, "ok"],
        [0, "fid50k_full", 200, 200_000, "diverged"],
        [0, "pr50k3_full_precision", 200, 200_000, "ok"],
        [0, "pr50k3_full_recall", 200, 200_000, "ok"],
        [1, "fid50k_full", 0, 0, "ok"],
        [1, "is50k_mean", 200, 200_000, "ok"],
    ]
    metrics = Store("results", "x").definition()["protocols"]["ffhq"]["metrics"]
    assert metrics["fid50k_full"]["directions"] == {"fid50k_full": "min"}
    assert metrics["pr50k3_full_recall"] == {
        "space": "vgg16", "directions": {"pr50k3_full_recall": "max"}, "at": "every",
    }  # fmt: skip


def test_mimicry() -> None:
    paths = [mimicry("run", "fid_50k_10k.json", {"500": [20.0, 21.0, 25.0], "1000": [float("nan"), 1.0]})]
    paths += [mimicry("run", "kid_50k.json", {"500": 0.5})]
    assert bring(*paths, "--format", "mimicry", "--stated", "model=sngan,dataset=cifar10").code == 0
    table = loaded().sort_values(["metric", "step"])
    assert table[["metric", "step", "status"]].to_numpy().tolist() == [
        ["fid_inception", 500, "ok"], ["fid_inception", 1000, "diverged"], ["kid_inception", 500, "ok"],
    ]  # fmt: skip
    assert table["value"].tolist()[::2] == [22.0, 0.5]
    assert table["trial_id"].nunique() == 1
    stated = Store("results", "x").definition()["protocols"]["cifar10"]["stated"]
    assert (stated["n_real"], stated["n_fake"], stated["n_kid"]) == (50_000, 10_000, 50_000)


def test_csv_with_a_map() -> None:
    Path("t.csv").write_text(
        "arch,data,iter,rate,FD,psnr,note\na,d,1,0.1,5,,x\na,d,2,0.1,-inf,30,y\nb,d,1,1e-2,3,31,z\n"
    )
    columns = "model=arch,dataset=data,step=iter,model.lr=rate,fd_lite0=FD,psnr_pixels=psnr"
    ran = bring("t.csv", "--format", "csv", "--columns", columns, "--better", "psnr_pixels=max")
    assert ran.code == 0
    assert "left out: note" in ran.err
    table = loaded().sort_values(["model", "step", "metric"])
    assert table[["model", "step", "metric", "status"]].to_numpy().tolist() == [
        ["a", 1, "fd_lite0", "ok"],  # an empty cell is a score that was not computed
        ["a", 2, "fd_lite0", "diverged"],
        ["a", 2, "psnr_pixels", "ok"],
        ["b", 1, "fd_lite0", "ok"],
        ["b", 1, "psnr_pixels", "ok"],
    ]
    assert table["model.lr"].tolist() == [0.1] * 3 + [0.01] * 2
    metrics = Store("results", "x").definition()["protocols"]["d"]["metrics"]
    assert metrics["fd_lite0"] == {"space": "lite0", "directions": {"fd": "min"}, "at": "every"}
    assert metrics["psnr_pixels"]["directions"] == {"psnr_pixels": "max"}


def test_settings_and_reruns_of_them() -> None:
    rows = ["model,dataset,step,stage,seed,model.lr,fid_inception"]
    rows += [f"a,d,9,search,0,{rate},{fid}" for rate, fid in ((0.1, 5), (0.2, 4))]
    rows += [f"a,d,9,rerun,{seed},0.2,{4 + seed}" for seed in (1, 2)] + ["a,d,9,rerun,7,0.3,1"]
    Path("t.csv").write_text("\n".join(rows) + "\n")
    assert bring("t.csv", "--format", "csv").code == 0
    table = loaded()
    assert table[["stage", "index", "seed"]].to_numpy().tolist() == [
        ["search", 0, 0], ["search", 1, 0], ["rerun", 1, 1], ["rerun", 1, 2], ["rerun", 4, 7],
    ]  # fmt: skip


GOOD = "model,dataset,step,fid_inception\na,d,1,5\n"
REFUSED = {
    "no column": ("arch\na\n", ("--columns", "model=model"), "has no column 'model' (it has arch)"),
    "no model": ("dataset,step,fid_inception\nd,1,5\n", (), "do not say the model of every score"),
    "no step": ("model,dataset,fid_inception\na,d,5\n", (), "--stated step=N"),
    "twice": (GOOD + "a,d,1,6\n", (), "line 2 and t.csv, line 3 both give fid_inception of one run of a at step 1"),
    "text": (GOOD.replace("5", "five"), (), "line 2: fid_inception is 'five', which is no number"),
    "step": (GOOD.replace(",1,", ",x,"), (), "t.csv, line 2: step is 'x'"),
    "no end": (GOOD.replace(",1,", ",inf,"), (), "line 2: step is 'inf'"),
    "flag": ("is_default," + GOOD.replace("\na,", "\nyes,a,"), (), "line 2: is_default is 'yes', which it cannot be"),
    "stage": (GOOD, ("--stated", "stage=final"), "stage is 'final'"),
    "no metric": ("model,dataset,step,loss\na,d,1,5\n", (), "names no metric"),
    "direction": (GOOD, ("--columns", "model=model,dataset=dataset,step=step,q=fid_inception"), "--better q=min"),
    "empty": ("model,dataset,step\n", (), "holds no row"),
    "no csv": ("", (), "is not a CSV file"),
    "said": (GOOD, ("--stated", "model=b"), "the file says the model"),
    "pairs": (GOOD, ("--stated", "model"), "not of the form name=value"),
    "nothing ranks": ("model,dataset,step,ms_ssim_pixels\na,d,1,0.2\n", (), "add --better ms_ssim_pixels=min"),
    "describes": (
        GOOD.replace("inception", "inception,ms_ssim_pixels").replace("5", "5,0.2"), ("--headline", "ms_ssim_pixels"),
        "no such metric, only fid_inception",
    ),
    "headline": (GOOD, ("--headline", "kid_inception"), "no such metric, only fid_inception"),
    "two columns": ("model,model\na,b\n", (), "two columns 'model'"),
    "protocols": (
        "model,dataset,step,fid_inception,protocol\na,d,1,5,p\na,d,2,5,q\n", (), "several protocols (p, q)",
    ),
    "index": (
        "model,dataset,step,fid_inception,index,model.lr\na,d,1,5,0,1\na,d,1,5,0,2\n", (), "two runs of setting 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_csv_is_refused_in_one_line(case: str, here: Path) -> None:
    text, words, says = REFUSED[case]
    Path("t.csv").write_text(text)
    assert says in refused(bring("t.csv", "--format", "csv", *words))
    assert list(contents(here)) == ["t.csv"]


def test_ids_that_cannot_name_a_folder_are_hashed(here: Path) -> None:
    ids = ["run 1", "2024-05-01_12:30", "../x", "x" * 125, "fine-1"]
    rows = [f"{name},a,d,{i},1,5" for i, name in enumerate(ids)]
    Path("t.csv").write_text("\n".join(["trial_id,model,dataset,index,step,fid_inception", *rows, ""]))
    assert bring("t.csv", "--format", "csv").code == 0
    assert ganbench("report", "x", "--results", "results").code == 0
    kept = [trial.trial_id for trial in Store(Path("results"), "x").plan().trials]
    assert kept[-1] == "fine-1"
    assert len({*kept}) == 5
    assert all(re.fullmatch(NAME, f"imported-{name}") for name in kept)


def test_other_files_are_refused_in_one_line(here: Path) -> None:
    stylegan = ("--format", "stylegan", "--stated", "model=a,dataset=d")
    assert "no format 'styelgan'; did you mean `stylegan`?" in refused(bring("t", "--format", "styelgan"))
    assert "there is no file t" in refused(bring("t", *stylegan))
    path = jsonl("r", "fid50k", [("https://x/ffhq.pkl", {"fid50k": 1.0})])
    assert "line 1: snapshot 'https://x/ffhq.pkl' has no number" in refused(bring(path, *stylegan))
    path.write_text('{"results": {}\n')
    assert "line 1, is not JSON" in refused(bring(path, *stylegan))
    assert "is not JSON" in refused(bring(path, "--format", "mimicry"))
    path = mimicry("r", "lpips_5k.json", {"500": [1.0]})
    assert "the name says no metric" in refused(bring(path, "--format", "mimicry"))
    path = mimicry("r", "fid_5k_5k.json", {"500": ["x"]})
    assert "step 500: ['x'] is no list of scores" in refused(bring(path, "--format", "mimicry"))
    Path("t.csv").write_text(GOOD)
    assert "no column 'fid_score'" in refused(bring("t.csv", "--format", "compare_gan"))
    assert not (here / "results").exists()


def test_values_of_a_table_are_those_of_the_file() -> None:
    numbers = np.random.Generator(np.random.Philox(3)).random(20).tolist()
    Path("t.csv").write_text(
        "model,dataset,step,seed,fid_inception\n"
        + "".join(f"a,d,7,{n},{value!r}\n" for n, value in enumerate(numbers))
    )
    assert bring("t.csv", "--format", "csv").code == 0
    assert loaded()["value"].tolist() == numbers
