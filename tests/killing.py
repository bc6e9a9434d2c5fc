"""Processes that are killed: forked from one that has imported everything, so that a hundred deaths take seconds.

    python -c "import killing; killing.main()" HOW RESULTS SEED KILLS

is such a process: it prints how many it killed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from chains import assert_whole, one_slot
from stores import planned

from ganbench.store import Store

CHANGES = ("write", "fsync", "rename", "replace", "mkdir", "unlink")  # of os: what a worker does to a disk


def fork(life: Callable[[], object]) -> int:
    """Run something in a child of this process; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        life()
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def die_at(number: int) -> None:
    """Let this process be killed at its n-th change of the disk, half of it made where it can be halved."""
    left = iter(range(number - 1, -1, -1))

    def fatal(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if next(left, -1) != 0:
                return real(*arguments, **options)
            if name == "write":
                real(arguments[0], arguments[1][: len(arguments[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

        return call

    for name in CHANGES:
        setattr(os, name, fatal(name, getattr(os, name)))


def at_each_change(results: Path, chance: random.Random, most: int) -> int:
    """Kill one life at its n-th change of the disk, for every n, a second one at some other, and let a third end."""
    number, kills, died = 0, 0, True
    while died:
        number, before = number + 1, kills
        store = planned(results / str(number), packs=1, lanes=2)
        for at in (number, chance.randint(1, number)):
            kills += not _ends(fork(partial(_life, store, at)))
        died = kills > before
        assert _ends(fork(partial(one_slot, store.results)))
        assert_whole(store, f"killed at change {number} of the disk", compacting=number % 8 == 0)
    assert kills >= most
    return kills


def _life(store: Store, at: int) -> None:
    die_at(at)
    one_slot(store.results)


def _ends(pid: int) -> bool:
    """Wait for a child; return whether it came to its end, rather than being killed."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code == 0


def at_any_moment(results: Path, chance: random.Random, most: int) -> int:
    """Let two slots work on a sweep until it is done, both killed at random moments of the clock; then on another."""
    kills, sweep, span = 0, 0, 0.05
    while kills < most:
        sweep += 1
        store = planned(results / str(sweep), packs=3, lanes=2)
        while set(store.states().values()) != {"done"}:
            slots = [fork(partial(one_slot, store.results, pause=0.001)) for _ in range(2)]
            for pid in chance.sample(slots, 2):
                time.sleep(chance.uniform(0, span))
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                kills += not _ends(pid)
            span *= 1.02  # however slow the machine, some life is long enough
        assert_whole(store, f"sweep {sweep}")
    return kills


def main() -> None:
    """Kill as the arguments say."""
    how, results, seed, most = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    print({"change": at_each_change, "moment": at_any_moment}[how](results, random.Random(seed), most))
