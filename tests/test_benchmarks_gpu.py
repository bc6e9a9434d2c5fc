"""The benchmark for GPUs, as far as a machine without one can run it."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import gpu
import throughput

from ganbench import stepping


def called(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setenv("GANBENCH_DEVICE", "cpu")
    monkeypatch.setattr(stepping, "TRACE_AFTER", stepping.TRACE_AFTER)
    monkeypatch.setattr(sys, "argv", ["gpu.py", *map(str, arguments)])
    gpu.main()


def test_without_a_gpu_it_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as end:
        called(monkeypatch)
    assert end.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "no GPU here" in said.err


def test_it_measures_packs_beside_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "gpu.csv"
    few = ("--pairs", 1, "--packs", "1,2", "--modes", "vmap", "--precisions", "float32", "--processes", 1)
    called(monkeypatch, "ring_ns", "--device", "cpu", "--seconds", 0.01, *few, "--out", out)
    found = read(out)
    assert set(found[0]) == {*throughput.COLUMNS, "memory_mib_per_trial", "gpu", "machine"}
    assert [(r["pack"], r["peer"]) for r in found] == [(n, f"{throughput.PLAIN}, 1 process") for n in "12"]
    for r in found:
        assert float(r["ours_per_s"]) > 0
        assert float(r["peer_per_s"]) > 0
        assert (r["case"], r["gpu"], r["memory_mib_per_trial"]) == ("ring_ns", "cpu", "")
        assert r["command"] == "python benchmarks/gpu.py ring_ns --pairs 1 --seconds 0.01"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_replaces_the_one_that_was_measured_alike(tmp_path: Path) -> None:
    out, blank = tmp_path / "gpu.csv", dict.fromkeys((*gpu.KEY, "ours_per_s"), "")
    for pack, found in ((1, "1.0"), (8, "2.0"), (1, "3.0")):
        gpu.keep(out, {**blank, "case": "a", "pack": pack, "ours_per_s": found}, key=gpu.KEY)
    assert [(r["pack"], r["ours_per_s"]) for r in read(out)] == [("1", "3.0"), ("8", "2.0")]
