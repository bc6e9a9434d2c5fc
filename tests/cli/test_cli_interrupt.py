"""Interrupted anywhere and continued by the same command, a sweep ends with the values of an undisturbed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from commands import SHORT, TINY, Ran, ganbench, plain_reports, refused, sweep, train, values
from stores import environment, wait_until

import ganbench as package
from ganbench.files import read_json
from ganbench.launch.slots import Slots
from ganbench.store import Store
from ganbench.training import PackTraining

# checkpoints on the way, and more steps than are taken before they are traced
LONG = ("budget.steps=160", "budget.every=80", "budget.checkpoint_seconds=0.1", "rerun=null")
CONTINUES = "ganbench: stopped; the same command continues where this one ended\n"
MAIN = "from ganbench.cli import main; main()"


@pytest.fixture(scope="module", autouse=True)
def _plain_reports() -> Iterator[None]:
    with plain_reports():
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The scores of a sweep that nothing disturbs."""
    results = tmp_path_factory.mktemp("undisturbed")
    assert sweep(results, *LONG).code == 0
    return values(results / "quickstart")


@contextmanager
def started(results: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the sweep as a process of its own, with one slot of its own; a failing test leaves neither."""
    few = ["model=ns_gan", "dataset=ring", "search.trials=2", *TINY, *SHORT, *LONG]
    command = [
        sys.executable,
        "-c",
        MAIN,
        "sweep",
        "quickstart",
        *few,
        "--workers",
        "1",
        "--results",
        str(results),
    ]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, env=environment(), stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )
    try:
        yield process
    except BaseException:
        for claim in map(read_json, results.glob("quickstart/packs/*/attempt-*/claim.json")):
            if claim and claim["pid"] != os.getpid():
                with suppress(ProcessLookupError):
                    os.kill(claim["pid"], signal.SIGKILL)
        raise
    finally:
        process.kill()


def checkpoints(results: Path) -> list[Path]:
    return sorted(results.glob("quickstart/packs/*/attempt-*/checkpoint-*.pt"))


def frozen_slot(results: Path) -> int:
    """Wait until the slot has saved a checkpoint, halt it there and return its process id."""
    wait_until(lambda: checkpoints(results), 120)
    claim = read_json(checkpoints(results)[0].parent / "claim.json")
    assert claim is not None
    os.kill(claim["pid"], signal.SIGSTOP)
    return int(claim["pid"])


def is_told_to_stop(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    pending = next(line.split()[1] for line in status.splitlines() if line.startswith("ShdPnd:"))
    return bool(int(pending, 16) & 1 << (signal.SIGTERM - 1))


def status(results: Path) -> dict[str, int]:
    found: dict[str, int] = ganbench("status", "quickstart", "--results", results, "--json").json()
    return found


def test_ctrl_c_and_a_second_sweep_on_the_folder(tmp_path: Path, undisturbed: pd.DataFrame) -> None:
    with started(tmp_path) as first:
        slot = frozen_slot(tmp_path)
        message = refused(sweep(tmp_path, *LONG))
        assert f"is driven by process {first.pid} on " in message
        assert message.endswith("wait for it, or stop it first")
        assert status(tmp_path)["running"] == 2
        first.send_signal(signal.SIGINT)
        wait_until(lambda: is_told_to_stop(slot))
        os.kill(slot, signal.SIGCONT)
        out, err = first.communicate(timeout=60)
    assert (first.returncode, out, err) == (130, "", CONTINUES)
    assert Slots(Store(tmp_path, "quickstart").slots).live() == []
    (attempt,) = {path.parent for path in checkpoints(tmp_path)}
    assert (read_json(attempt / "outcome.json") or {})["outcome"] == "stopped"
    assert status(tmp_path)["lost"] == 2
    assert sweep(tmp_path, *LONG).code == 0
    assert values(tmp_path / "quickstart").equals(undisturbed)


def test_kill_9_of_the_driver_and_its_slot(tmp_path: Path, undisturbed: pd.DataFrame) -> None:
    with started(tmp_path) as first:
        slot = frozen_slot(tmp_path)
        first.kill()
        os.kill(slot, signal.SIGKILL)
        first.communicate(timeout=60)
    wait_until(lambda: status(tmp_path)["lost"] == 2)
    reached = max(int(path.stem.partition("-")[2]) for path in checkpoints(tmp_path))
    steps = sweep_counting_steps(tmp_path)
    assert steps[0] == reached > 0
    assert values(tmp_path / "quickstart").equals(undisturbed)


def sweep_counting_steps(results: Path) -> list[int]:
    """Continue here; return the steps that were taken."""
    steps: list[int] = []
    real = PackTraining.advance

    def advance(self: PackTraining) -> Any:
        steps.append(self.progress.step)
        return real(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PackTraining, "advance", advance)
        assert sweep(results, *LONG).code == 0
    return steps


def interrupt(monkeypatch: pytest.MonkeyPatch, step: int, number: signal.Signals) -> None:
    """Let the signal come while this step is being taken."""
    real = PackTraining.advance

    def advance(self: PackTraining) -> Any:
        if self.progress.step == step - 1:
            signal.raise_signal(number)
        return real(self)

    monkeypatch.setattr(PackTraining, "advance", advance)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_this_process_saves_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        interrupt(patch, 3, number)
        ran = sweep(tmp_path)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err == (CONTINUES if number == signal.SIGINT else "")
    assert signal.getsignal(number) is before
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-3.pt"]
    assert sweep(tmp_path).code == 0


def test_ctrl_c_during_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt(patch, 3, signal.SIGINT)
        assert train(tmp_path / "cut") == Ran(130, "", CONTINUES)
    (checkpoint,) = (tmp_path / "cut").rglob("checkpoint-*.pt")
    assert checkpoint.name == "checkpoint-3.pt"
    again = train(tmp_path / "cut")
    assert again.code == 0
    assert again.json()["metrics"] == whole.json()["metrics"]
    assert again.json()["trial_id"] == whole.json()["trial_id"]


def interrupted_between_the_stages(results: Path, *words: str) -> None:
    import ganbench.sweep

    def stop(*_: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ganbench.sweep, "rerun_settings", stop)
        assert sweep(results, *words) == Ran(130, "", CONTINUES)


TWO, THREE = "rerun={top: 1, seeds: 2}", "rerun={top: 1, seeds: 3}"


def test_ctrl_c_between_the_stages(tmp_path: Path) -> None:
    assert sweep(tmp_path / "whole", TWO).code == 0
    interrupted_between_the_stages(tmp_path / "cut", TWO)
    assert {t.stage for t in Store(tmp_path / "cut", "quickstart").plan().trials} == {"search"}
    assert sweep(tmp_path / "cut", TWO).code == 0
    assert values(tmp_path / "cut" / "quickstart").equals(values(tmp_path / "whole" / "quickstart"))
    assert set(package.load(tmp_path / "cut", "quickstart")["stage"]) == {"search", "rerun"}


def test_ctrl_c_while_a_sweep_grows(tmp_path: Path) -> None:
    assert sweep(tmp_path, TWO).code == 0
    interrupted_between_the_stages(tmp_path, THREE)
    assert sweep(tmp_path, THREE).code == 0
    table = package.load(tmp_path, "quickstart")
    assert set(table.loc[table["stage"] == "rerun", "seed"]) == {2, 3, 4}
    assert "nothing to train" in sweep(tmp_path, THREE).err
