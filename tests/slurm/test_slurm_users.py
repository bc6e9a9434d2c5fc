"""Two users of one group in one results folder at once, and what a group may do with what a cluster's slots write."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chains import assert_whole
from commands import sweep
from slurmwork import logs, wait_for, wait_for_end
from stores import python

from ganbench.store import Store
from ganbench.store.liveness import alive

GROUP, USERS = 54321, (54322, 54323)

TWO = """
import os, sys, time
from pathlib import Path
from chains import one_slot
from killing import _ends, fork
from stores import planned
from ganbench.files import masked
from ganbench.store import Store
from ganbench.store.driver import DrivenError
results, group, users = Path(sys.argv[1]), int(sys.argv[2]), [int(uid) for uid in sys.argv[3:]]
planned(results.parent / "warm", packs=1)
one_slot(results.parent / "warm")  # all is imported: the users need not be able to read this Python
start = time.monotonic() + 0.5

def user(uid):
    os.setgroups([group]); os.setgid(group); os.setuid(uid)
    while time.monotonic() < start:
        time.sleep(0.001)
    with masked("007"):
        while True:
            try:
                with Store(results, "toy").driver():
                    planned(results, packs=8, lanes=2)
                break
            except DrivenError as error:
                assert "is driven by process" in str(error)
                time.sleep(0.01)
        one_slot(results, pause=0.01)

assert all([_ends(pid) for pid in [fork(lambda uid=uid: user(uid)) for uid in users]])
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that a group may write, reachable by everybody, as on a cluster."""
    assert os.geteuid() == 0, "this test runs processes of two other users, for which it must be root"
    folder = Path(tempfile.mkdtemp(prefix="ganbench-shared-"))
    folder.chmod(0o755)
    results = folder / "results"
    results.mkdir()
    os.chown(results, 0, GROUP)
    results.chmod(0o2770)
    yield results
    shutil.rmtree(folder)


def test_two_users_launch_and_train_one_sweep_at_once(shared: Path) -> None:
    child = python(TWO, shared, GROUP, *USERS)
    out, err = child.communicate(timeout=120)
    assert (child.returncode, out, err) == (0, "", "")
    store = Store(shared, "toy")
    owners = {attempt.folder.stat().st_uid for pack in store.plan().packs for attempt in store.attempts(pack)}
    assert owners == set(USERS)
    assert all(len(store.attempts(pack)) == 1 for pack in store.plan().packs), (
        "the other's work is seen to live"
    )
    assert not any(
        alive(attempt.claim() or {}) for pack in store.plan().packs for attempt in store.attempts(pack)
    )
    assert_whole(store)


def test_jobs_write_with_the_rights_asked_for(
    tmp_path: Path, watched: Callable[[Store], Store], small: list[str]
) -> None:
    """The submitter's shell lets nobody else read; the sweep lets its group."""
    store = watched(Store(tmp_path / "results", "quickstart"))
    before = os.umask(0o077)
    try:
        ran = sweep(tmp_path / "results", "search.trials=1", *small, "launcher.umask=027", launcher="slurm")
        assert ran.code == 0, ran.err
    finally:
        os.umask(before)
    wait_for((store.folder / "report" / "report.json").exists)
    wait_for_end(store)
    paths = [store.results, *store.results.rglob("*")]
    odd = {
        str(path): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in paths
        if not path.is_symlink()
        and stat.S_IMODE(path.stat().st_mode) & 0o777 not in ((0o750,) if path.is_dir() else (0o640, 0o750))
    }
    assert odd == {}, logs(store)
    assert len(paths) > 20
