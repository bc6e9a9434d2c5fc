"""A whole sweep and the benchmark on a real GPU: `make test-gpu`."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from commands import sweep, train

pytestmark = pytest.mark.gpu
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots take the GPU that the launcher shows them."""
    monkeypatch.delenv("GANBENCH_DEVICE")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")


def devices(folder: Path) -> set[str]:
    return {json.loads(path.read_text())["device"] for path in folder.rglob("provenance.json")}


def test_two_slots_on_one_gpu_finish_a_sweep(tmp_path: Path) -> None:
    ran = sweep(tmp_path, "search.trials=4", "pack=1", "mode=vmap", "launcher.per_gpu=2", launcher="local")
    assert ran.code == 0, ran.err
    (name,) = {device.partition(" (cuda")[0] for device in devices(tmp_path)}
    assert name == torch.cuda.get_device_name(0)
    slots = [path for path in (tmp_path / "quickstart" / "slots").iterdir() if path.name.isdecimal()]
    assert len(slots) == 2


def test_a_trial_in_the_foreground_repeats_itself(tmp_path: Path) -> None:
    runs = [train(tmp_path / name, "model=ns_gan") for name in ("a", "b")]
    assert [ran.code for ran in runs] == [0, 0], runs[0].err
    first, second = (ran.json()["metrics"] for ran in runs)
    assert first == second


def test_the_benchmark_runs(tmp_path: Path) -> None:
    few = ["--pairs", "1", "--seconds", "0.1", "--packs", "1,8", "--processes", "1,2"]
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), "ring_ns", *few]
    subprocess.run([*command, "--out", str(tmp_path / "gpu.csv")], check=True, cwd=tmp_path)
    with (tmp_path / "gpu.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 2 * 2 * 2 * 2
    assert all(float(row["memory_mib_per_trial"]) > 0 for row in found)
