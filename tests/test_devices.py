"""Where a process trains: what decides it, and a whole slot on a device that is not the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from elsewhere import FAR, Far
from packs import pack
from slotwork import planned
from slotwork import run as run_slot
from torch.backends import cudnn

from ganbench import compiling, devices, training
from ganbench.devices import CPU, describe, device, placed
from ganbench.errors import ConfigError
from ganbench.rescore import _score
from ganbench.rng import Rng
from ganbench.scoring import Scorer
from ganbench.tree import leaves
from ganbench.worker import bench

MATMUL = torch.backends.cuda.matmul
FLAGS = {
    cudnn: ("benchmark", "deterministic", "allow_tf32"),
    MATMUL: ("allow_tf32", "allow_bf16_reduced_precision_reduction"),
}


def test_a_process_without_a_gpu_is_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANBENCH_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device() == CPU
    assert describe(device()) == "cpu"


@pytest.mark.parametrize("name", ["cuda:99", "toaster"])
def test_a_device_that_is_not_there_is_one_line_that_names_the_fix(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANBENCH_DEVICE", name)
    with pytest.raises(ConfigError, match=rf"GANBENCH_DEVICE={name}: .*leave it out") as caught:
        device()
    assert "\n" not in str(caught.value)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """A GPU as far as names go."""
    place = torch.device("cuda:0")
    monkeypatch.setattr(torch.cuda, "set_device", lambda _: None)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA Toy")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    before = [(owner, flag, getattr(owner, flag)) for owner, flags in FLAGS.items() for flag in flags]
    yield place
    for owner, flag, value in before:
        setattr(owner, flag, value)


def test_a_gpu_is_the_choice_where_there_is_one_and_repeats_itself(
    gpu: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    class Empty:
        device = gpu

    monkeypatch.delenv("GANBENCH_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(devices.torch, "empty", lambda _, device: asked.append(device) or Empty())
    cudnn.benchmark = cudnn.allow_tf32 = True
    assert device() == gpu
    assert asked == ["cuda"]
    assert (cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == (False, True, False)
    assert not MATMUL.allow_tf32
    assert not MATMUL.allow_bf16_reduced_precision_reduction


def test_a_compiled_step_is_named_after_the_gpu_it_was_made_for(
    gpu: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = compiling._processor({CPU})
    there = compiling._processor({CPU, gpu})
    assert there == f"{here} NVIDIA Toy (cuda 9.0)"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    assert compiling._processor({gpu}) != there


def test_random_numbers_are_those_of_the_cpu() -> None:
    """Words, uniform draws and orders are integer arithmetic; normal draws are equal where sine and logarithm are."""
    with Far():
        for draw in (
            lambda rng: rng.bits("a", 9),
            lambda rng: rng.uniform("a", (3, 2)),
            lambda rng: rng.fold(torch.tensor(3)).permutation("a", 50),
            lambda rng: rng.normal("a", (4,)),
            lambda rng: rng.truncated_normal("a", (4,)),
        ):
            near, far = draw(Rng.of(7)), draw(placed(Rng.of(7), FAR))
            assert far.device == FAR
            assert torch.equal(far.cpu(), near)


def test_time_is_taken_when_the_device_has_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never after a step; always before what is not training."""
    waits: list[torch.device] = []
    clock = iter(range(100))
    with Far():
        far = pack("vae", device=FAR)
        monkeypatch.setattr(training, "synchronize", waits.append)
        far.advance()
        assert waits == []
        monkeypatch.setattr(training.time, "perf_counter", lambda: float(next(clock)))
        before = far.progress.seconds
        far.finite()
        assert (waits, far.progress.seconds) == ([FAR], before + 1.0)
        far.save(tmp_path / "checkpoint-1.pt", {})
        assert len(waits) == 2
        here = pack("vae")
        here.finite()
        assert (len(waits), here.progress.seconds) == (2, 0.0)


def test_all_that_a_step_is_given_lies_there() -> None:
    """Its number too: numbers without axes meet any device, but not in a compiled step."""
    given: list[Any] = []
    with Far():
        far = pack("vae", device=FAR)
        prepare = far._prepare
        far._prepare = lambda *asked: given.append(asked[-1]) or prepare(*asked)
        far.advance()
    assert {leaf.device for leaf in leaves(given)} == {FAR}


@pytest.fixture
def _far(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let what follows run on `FAR`."""
    monkeypatch.setenv("GANBENCH_DEVICE", str(FAR))
    bench._bench.cache_clear()
    with Far():
        yield
    bench._bench.cache_clear()


def facts(scores: pd.DataFrame) -> pd.DataFrame:
    columns = ["trial_id", "step", "metric", "value", "status", "protocol"]
    return scores[columns].sort_values(columns[:3]).reset_index(drop=True)


@pytest.fixture
def here(tmp_path: Path) -> pd.DataFrame:
    """The scores of a small sweep on the CPU."""
    return facts(run_slot(planned(tmp_path / "here")))


@pytest.mark.usefixtures("here", "_far")
def test_a_slot_trains_scores_and_keeps_what_any_machine_can_read(
    here: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = planned(tmp_path / "far")
    monkeypatch.setattr(Scorer, "_elsewhere", lambda self: ["far"])  # statistics of its own, not the CPU's
    pd.testing.assert_frame_equal(facts(run_slot(store)), here)
    packs = list(store.plan().packs)
    units = [*packs, *(b["id"] for b in store.definition()["baselines"])]
    found = [attempt.provenance()["device"] for unit in units for attempt in store.attempts(unit)]
    assert found
    assert set(found) == {"lazy"}
    (trial, step), path = next(iter(sorted(store.snapshots(packs[0]).items())))
    rules = store.definition()["variants"][0]["config"]["protocol"]
    again = _score(store, store.plan().trials[0], (step, 0, 0.0), path, rules)
    kept = here[(here["trial_id"] == trial) & (here["step"] == step)].set_index("metric")["value"]
    assert {score.metric: score.value for score in again} == kept.to_dict()
