from __future__ import annotations

import json
import os
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from stores import claimed, finish, planned, score

from ganbench.store import Store, attempts, provenance
from ganbench.store.attempts import Attempt, signature
from ganbench.store.liveness import identity


def test_the_claim_names_this_process_and_start_adds_the_rest(tmp_path: Path) -> None:
    attempt = claimed(planned(tmp_path), "p0")
    claim = attempt.claim()
    assert claim is not None
    assert {key: claim[key] for key in identity()} == identity()
    assert claim["pid"] == os.getpid()
    attempt.start({"device": "cpu", "threads": 1})
    found = attempt.provenance()
    assert found is not None
    assert (found["device"], found["pid"], found["host"]) == ("cpu", os.getpid(), claim["host"])
    assert found["versions"]["numpy"] == metadata.version("numpy")
    assert {"start", "git", "python", "boot_id", "pid_start", "slurm"} <= set(found)


def test_only_the_claimer_writes_and_only_inside(tmp_path: Path) -> None:
    store = planned(tmp_path)
    attempt = claimed(store, "p0")
    for name in ("../x", "/tmp/x", "a/../../x", "."):
        with pytest.raises(RuntimeError, match="outside"):
            attempt.write(name, lambda path: path.write_text(""))
    reader = store.attempts("p0")[0]
    for act in (
        lambda: reader.append_scores([score("t0")]),
        lambda: reader.append_logs([{}]),
        lambda: reader.write("a", lambda path: path.write_text("")),
        lambda: reader.finish("done"),
        reader.heartbeat,
    ):
        with pytest.raises(RuntimeError, match="p0/attempt-1 belongs to the process that claimed it"):
            act()
    assert sorted(p.name for p in attempt.folder.iterdir()) == ["claim.json"]


def test_a_forked_child_may_not_write(tmp_path: Path) -> None:
    attempt = claimed(planned(tmp_path), "p0")
    child = os.fork()
    if child == 0:
        try:
            attempt.heartbeat()
        except RuntimeError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_rows_are_appended_in_one_write_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt, real, sizes = claimed(planned(tmp_path), "p0"), os.write, []
    monkeypatch.setattr(os, "write", lambda fd, data: sizes.append(len(data)) or real(fd, data))
    attempt.append_scores([score("t0", 5), score("t0", 10)])
    attempt.append_scores([])
    attempt.append_scores([score("t0")])
    assert len(sizes) == 2
    assert [row["step"] for row in attempt.scores()] == [5, 10, 20]


def test_a_score_must_be_finite_and_a_log_need_not(tmp_path: Path) -> None:
    attempt = claimed(planned(tmp_path), "p0")
    with pytest.raises(ValueError, match="not JSON compliant"):
        attempt.append_scores([score("t0", 5, 0.5), score("t0", 10, float("nan"))])
    assert attempt.scores() == []
    attempt.append_logs([{"step": 1, "loss": float("inf"), "per": {"a": [1.0, float("nan")]}}])
    assert attempt.logs() == [{"step": 1, "loss": None, "per": {"a": [1.0, None]}}]


def test_heartbeats_count(tmp_path: Path) -> None:
    attempt = claimed(planned(tmp_path), "p0")
    assert attempt.beat() is None
    attempt.heartbeat()
    attempt.heartbeat()
    assert attempt.beat() == "2"


def test_a_done_attempt_names_the_diverged_trials_of_all_attempts(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1, lanes=3)
    first = claimed(store, "p0")
    first.append_scores([score("t0", 5, None), score("t1", 5), score("t2", 5)])
    first.finish("stopped")
    finish(claimed(store, "p0"), score("t0", 20), score("t1", 20), score("t2", 20, None))
    outcome = store.attempts("p0")[-1].outcome()
    assert outcome is not None
    assert (outcome["outcome"], outcome["diverged"]) == ("done", ["t0", "t2"])
    assert Store(tmp_path, "toy").counts()["diverged"] == 2


def test_an_attempt_ends_in_a_known_way(tmp_path: Path) -> None:
    attempt = claimed(planned(tmp_path), "p0")
    with pytest.raises(ValueError, match="done, stopped, failed, not 'ok'"):
        attempt.finish("ok")
    assert attempt.outcome() is None


def test_a_failure_keeps_its_traceback_and_a_signature(tmp_path: Path) -> None:
    attempt = claimed(planned(tmp_path), "p0")
    try:
        _deep()
    except ValueError as error:
        attempt.fail(error)
    failure = attempt.failure()
    assert failure is not None
    assert failure["message"] == "ValueError: bad shape"
    assert "second line" in failure["traceback"]
    line = _deep.__code__.co_firstlineno + 1
    assert failure["signature"] == f"ValueError at store/test_store_attempts.py:{line} in _deep"
    outcome = attempt.outcome()
    assert outcome is not None
    assert outcome["outcome"] == "failed"


def _deep() -> None:
    raise ValueError("bad shape\nsecond line: with a colon")


def test_a_signature_is_that_of_the_last_error_of_a_chain() -> None:
    text = """Traceback (most recent call last):
  File "/x/y/first.py", line 3, in load
    return read()
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/x/ganbench/worker.py", line 12, in run
    load()
  File "/x/ganbench/tree.py", line 7, in stack
    raise torch.OutOfMemoryError("big")
    ^^^^^
torch.OutOfMemoryError: big
"""
    assert signature(text) == "torch.OutOfMemoryError at ganbench/tree.py:7 in stack"
    assert signature(text.replace("/x/ganbench/", "/elsewhere/ganbench/")) == signature(text)
    assert signature("KeyboardInterrupt") == "KeyboardInterrupt"


def test_old_checkpoints_are_forgotten(tmp_path: Path) -> None:
    attempt = claimed(planned(tmp_path), "p0")
    for step in (5, 100, 20):
        attempt.write(f"checkpoint-{step}.pt", lambda path: path.write_bytes(b"x"))
    attempt.forget_checkpoints(keep=1)
    assert [path.name for path in attempt.checkpoints()] == ["checkpoint-100.pt"]
    attempt.forget_checkpoints(keep=0)
    assert attempt.checkpoints() == []


def test_a_checkpoint_has_a_step() -> None:
    assert attempts.checkpoint_step(Path("checkpoint-12.pt")) == 12
    with pytest.raises(ValueError, match="not named"):
        attempts.checkpoint_step(Path("checkpoint-last.pt"))


def test_an_attempt_knows_when_it_was_taken_over(tmp_path: Path) -> None:
    store = planned(tmp_path)
    first = claimed(store, "p0")
    assert not first.superseded()
    first.finish("stopped")
    second = claimed(store, "p0")
    assert first.superseded()
    assert not second.superseded()


def test_one_that_wakes_up_after_a_takeover_harms_nothing(tmp_path: Path) -> None:
    store = planned(tmp_path, packs=1)
    asleep = claimed(store, "p0")
    asleep.finish("stopped")
    finish(claimed(store, "p0"), score("t0", 10), score("t0", 20))
    asleep.append_scores([score("t0", 10)])
    asleep.write("checkpoint-10.pt", lambda path: path.write_text("old"))
    asleep.finish("failed")
    assert store.counts()["done"] == 1
    assert Store(tmp_path, "toy").counts()["done"] == 1
    assert store.scores()["attempt"].tolist() == [2, 2]


def test_git_is_that_of_the_sources_or_nothing(tmp_path: Path) -> None:
    package = tmp_path / "repository" / "site-packages"
    package.mkdir(parents=True)
    git = ["git", "-C", str(tmp_path / "repository"), "-c", "user.name=n", "-c", "user.email=e@x"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    commit = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert provenance._git(tmp_path / "repository") == {"commit": commit, "dirty": False}
    assert provenance._git(package) is None, "an installed copy has no commit, wherever it lies"


def test_provenance_is_json(tmp_path: Path) -> None:
    assert json.loads(json.dumps(provenance.software())) == provenance.software()
    assert Attempt(tmp_path / "p0" / "attempt-12").number == 12
