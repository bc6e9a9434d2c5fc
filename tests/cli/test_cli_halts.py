"""Sweeps that fail, are stopped or have used their hours, and what `failures`, `logs`, `stop` and `--retry` do."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from commands import contents, ganbench, plain_reports, refused, sweep, values

from ganbench.launch import heeding
from ganbench.store import Store
from ganbench.store.liveness import identity
from ganbench.training import PackTraining

EIGHT = ("pack=1", "search.trials=8", "budget.steps=2", "budget.every=1")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(heeding, "LOOK_S", 0.0)
    with plain_reports():
        yield


def raise_where(
    monkeypatch: pytest.MonkeyPatch, rate: float, kind: type[Exception] = ZeroDivisionError
) -> None:
    """Let every training with a learning rate of at least so much raise."""
    real = PackTraining.advance

    def advance(self: PackTraining) -> Any:
        if float(self._procedures.d_optimizer.lr.max()) >= rate:
            raise kind("too fast")
        return real(self)

    monkeypatch.setattr(PackTraining, "advance", advance)


def of(results: Path, *words: object) -> Any:
    return ganbench(words[0], "quickstart", *words[1:], "--results", results, "--json").json()


def test_a_sweep_in_which_everything_fails_halts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        raise_where(patch, 0.0)
        ran = sweep(tmp_path, *EIGHT, "launcher.breaker=3")
        assert ran.code == 3
        assert re.search(
            r"quickstart: all 3 packs that ended failed alike \(ZeroDivisionError at \S+:\d+ in advance\)",
            ran.err,
        )
        assert "`ganbench failures quickstart --results" in ran.err
        assert "the same command and --retry failed" in ran.err
        assert of(tmp_path, "status")["failed"] == 3
        before = contents(tmp_path / "quickstart" / "packs")
        assert sweep(tmp_path, *EIGHT, "launcher.breaker=3").code == 3, (
            "the same command alone does not go on"
        )
        assert contents(tmp_path / "quickstart" / "packs") == before
    assert sweep(tmp_path, *EIGHT, "launcher.breaker=3", "--retry", "failed").code == 0
    assert of(tmp_path, "status")["done"] == 8


def test_five_failures_alike_are_enough_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raise_where(monkeypatch, 0.0)
    assert sweep(tmp_path, *EIGHT).code == 3
    assert of(tmp_path, "status")["failed"] == 5
    assert sweep(tmp_path, *EIGHT, "launcher.breaker=0").code == 3
    assert of(tmp_path, "status")["failed"] == 8
    assert "`launcher.breaker` must be at least 0" in refused(sweep(tmp_path, "launcher.breaker=-1"))


def test_failures_are_crossed_with_parameters_and_retried_by_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = [trial["model.lr"] for trial in plan(tmp_path)]
    high = sorted(rates)[-3:]
    with monkeypatch.context() as patch:
        raise_where(patch, high[0] * 0.999)
        assert sweep(tmp_path, *EIGHT, "launcher.breaker=0").code == 3
    (group,) = of(tmp_path, "failures")
    assert (group["packs"], group["trials"], group["cause"]) == (3, 3, "error")
    best = group["parameters"][0]
    assert (best["name"], best["within"]) == ("model.lr", {"failed": 3, "planned": 3})
    assert best["failed"] == pytest.approx({"min": high[0], "median": high[1], "max": high[2]})
    assert best["planned"]["max"] == pytest.approx(max(rates))
    text = ganbench("failures", "quickstart", "--results", tmp_path).out
    assert "ZeroDivisionError: too fast" in text
    assert "3 of 3" in text

    before = contents(tmp_path)
    line = refused(sweep(tmp_path, *EIGHT, "--retry", "failed:KeyError"))
    assert line.endswith(f"begins with 'KeyError': there are {group['signature']}")
    assert contents(tmp_path) == before
    assert sweep(tmp_path, *EIGHT, "--retry", "failed:ZeroDiv").code == 0
    assert of(tmp_path, "failures") == []


def plan(results: Path) -> list[dict[str, Any]]:
    """Return the parameters of all planned trials."""
    raised = sweep(results / "elsewhere", *EIGHT, "budget.steps=1")
    assert raised.code == 0, raised.err
    return [trial.params for trial in Store(results / "elsewhere", "quickstart").plan().trials]


def test_memory_that_ran_out_is_told_with_its_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raise_where(monkeypatch, 0.0, MemoryError)
    assert sweep(tmp_path).code == 3
    (group,) = of(tmp_path, "failures")
    assert (group["cause"], group["packs"], group["trials"]) == ("out of memory", 1, 2)
    text = ganbench("failures", "quickstart", "--results", tmp_path).out
    assert "out of memory: give each slot more memory (launcher.mem" in text
    assert "A pack fails as a whole" in text
    log = ganbench("logs", "quickstart", group["pack_id"], "--results", tmp_path).out
    assert "attempt 1: failed, out of memory" in log


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    results = tmp_path_factory.mktemp("undisturbed")
    with plain_reports():
        assert sweep(results, *EIGHT).code == 0
    return values(results / "quickstart")


def test_a_stopped_sweep_goes_on_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: pd.DataFrame
) -> None:
    real, steps = PackTraining.advance, []

    def advance(self: PackTraining) -> Any:
        steps.append(self.progress.step)
        if len(steps) == 3:  # the first of the second pack's two steps
            assert "asked" in ganbench("stop", "quickstart", "--results", tmp_path).err
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(PackTraining, "advance", advance)
        ran = sweep(tmp_path, *EIGHT)
    assert ran.code == 130
    assert ran.err.splitlines()[-1].startswith("ganbench: stopped; `ganbench stop quickstart` was given by ")
    assert len(steps) == 3, "the step under way is finished, no other begun"
    counts = of(tmp_path, "status")
    assert (counts["running"], counts["done"], counts["lost"]) == (0, 1, 1)
    ran = sweep(tmp_path, *EIGHT)
    assert ran.code == 0
    assert "quickstart: goes on, after `ganbench stop` of " in ran.err
    assert values(tmp_path / "quickstart").equals(undisturbed)


def test_a_stop_in_the_middle_of_a_pack_saves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = ("budget.steps=12", "budget.every=6")
    assert sweep(tmp_path / "undisturbed", *long).code == 0
    real = PackTraining.advance

    def advance(self: PackTraining) -> Any:
        if self.progress.step == 2:
            ganbench("stop", "quickstart", "--results", tmp_path)
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(PackTraining, "advance", advance)
        assert sweep(tmp_path, *long).code == 130
    store = Store(tmp_path, "quickstart")
    (pack,) = store.plan().packs
    assert [path.name for path in store.checkpoints(pack)] == ["checkpoint-3.pt"]
    assert sweep(tmp_path, *long).code == 0
    assert values(tmp_path / "quickstart").equals(values(tmp_path / "undisturbed" / "quickstart"))


def test_a_stop_of_what_does_not_run_says_so_and_asks_nothing(tmp_path: Path) -> None:
    assert "no sweep 'quickstart'" in refused(ganbench("stop", "quickstart", "--results", tmp_path))
    assert sweep(tmp_path).code == 0
    before = contents(tmp_path)
    ran = ganbench("stop", "quickstart", "--now", "--results", tmp_path)
    assert (ran.code, ran.out, ran.err) == (0, "", "quickstart is not running: nothing to stop\n")
    assert of(tmp_path, "stop")["running"] is False
    assert contents(tmp_path) == before


def test_hours_that_are_used_end_a_sweep_and_more_of_them_continue_it(
    tmp_path: Path, undisturbed: pd.DataFrame
) -> None:
    ran = sweep(tmp_path, *EIGHT, "--max-device-hours", "1e-6")
    assert ran.code == 0
    said = ran.err.splitlines()[-1]
    assert re.match(
        r"quickstart: \S+ of 1e-06 device-hours are used: the same command with a larger --max", said
    )
    assert of(tmp_path, "status")["planned"] == 8, "the baselines alone took longer"
    ran = sweep(tmp_path, *EIGHT, "--max-device-hours", "5")
    assert (ran.code, "device-hours" in ran.err) == (0, False)
    assert values(tmp_path / "quickstart").equals(undisturbed)
    for hours in ("0", "-1", "nan", "inf"):
        assert "--max-device-hours must be a number above 0" in refused(
            sweep(tmp_path, *EIGHT, f"--max-device-hours={hours}")
        )


def test_neither_limits_nor_stops_are_part_of_what_a_sweep_is(tmp_path: Path) -> None:
    assert sweep(tmp_path / "a", "--max-device-hours", "5", "launcher.breaker=1").code == 0
    assert sweep(tmp_path / "b").code == 0
    for name in ("sweep.yaml", "trials.jsonl"):
        texts = [(tmp_path / folder / "quickstart" / name).read_text() for folder in "ab"]
        assert texts[0] == texts[1]


def test_logs_find_a_trial_by_how_its_id_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raise_where(monkeypatch, 0.0)
    assert sweep(tmp_path, *EIGHT, "launcher.breaker=2").code == 3
    store = Store(tmp_path, "quickstart")
    failed, waiting = (
        [t for t in store.plan().trials if store.states()[t.pack_id] == state]
        for state in ("failed", "planned")
    )
    found = of(tmp_path, "logs", failed[0].trial_id)
    assert (found["unit"], found["state"]) == (failed[0].pack_id, "failed")
    (attempt,) = found["attempts"]
    assert (attempt["ended"], attempt["output"]) == ("failed", [])
    assert attempt["traceback"].endswith("ZeroDivisionError: too fast\n")
    assert any(path.endswith("failure.json") for path in attempt["files"])
    text = ganbench("logs", "quickstart", failed[0].trial_id[:12], "--results", tmp_path).out
    assert "ZeroDivisionError: too fast" in text
    assert f"process {identity()['pid']} on " in text
    never = ganbench("logs", "quickstart", waiting[0].trial_id, "--results", tmp_path)
    assert (never.code, "not run yet: there is no output" in never.out) == (0, True)
    assert "no trial or pack of quickstart begins with 'zz'" in refused(
        ganbench("logs", "quickstart", "zz", "--results", tmp_path)
    )
    several = refused(ganbench("logs", "quickstart", "baseline"[:0] or shared(store), "--results", tmp_path))
    assert re.search(r"\d+ trials and packs of quickstart begin with ", several)


def shared(store: Store) -> str:
    """Return a beginning that several ids have in common: of sixteen and more, two begin alike."""
    ids = [*store.plan().packs, *store.plan().pack_of()]
    firsts = [identity[0] for identity in ids]
    return max(firsts, key=firsts.count)


def test_a_local_slots_output_is_found(tmp_path: Path) -> None:
    assert sweep(tmp_path, "--workers", "1", launcher="local").code == 0
    store = Store(tmp_path, "quickstart")
    (pack,) = store.plan().packs
    found = of(tmp_path, "logs", pack)
    (attempt,) = found["attempts"]
    (path,) = attempt["output"]
    assert Path(path).parent.parent == store.slots
    assert attempt["where"].startswith("a local slot, process ")
    Path(path).write_text("".join(f"line {n}\n" for n in range(100)))
    short = ganbench("logs", "quickstart", pack, "--results", tmp_path).out
    assert ("line 99\n" in short, "line 60\n" in short, "line 59\n" in short) == (True, True, False)
    assert "the last 40 lines; --all" in short
    assert "line 0\n" in ganbench("logs", "quickstart", pack, "--all", "--results", tmp_path).out
    assert sys.modules["ganbench.outputs"].TAIL == 40
