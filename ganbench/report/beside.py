"""Work beside the work: in a copy of this process, which has all in memory already, on a core of its own."""

from __future__ import annotations

import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")


@contextmanager
def beside(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Begin ``work`` in a copy of this process; the function given waits for its end and returns what it returned.

    Warnings are repeated here. Where the copy fails, is killed or cannot be made, and where there is one core only,
    the function given does the work in this process: an error is then raised as if there were no copy.
    """
    if not _possible():
        yield work
        return
    answers, answer = multiprocessing.Pipe(duplex=False)
    copy = multiprocessing.get_context("fork").Process(target=_do, args=(work, answers, answer))
    try:
        with warnings.catch_warnings():
            # Python warns of other threads. Those here, a spinner and idle pools, hold nothing that the copy needs.
            warnings.simplefilter("ignore", DeprecationWarning)
            copy.start()
    except OSError:  # too many processes, or no memory
        answers.close()
        yield work
        return
    finally:
        answer.close()
    try:
        yield lambda: _answered(answers, work)
    finally:
        answers.close()
        copy.join()  # not killed: it would leave half a file


def _possible() -> bool:
    alone = sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2
    return not alone and not multiprocessing.current_process().daemon  # which may have no children


def _do(work: Callable[[], Any], answers: Connection, answer: Connection) -> None:
    answers.close()  # else it could not tell that nobody waits for its answer any more
    sys.stdout = sys.stderr = None  # another thread may have been printing when this process was copied
    with warnings.catch_warnings(record=True) as seen:
        value = work()
    answer.send((value, [(w.message, w.category, w.filename, w.lineno) for w in seen]))


def _answered(answers: Connection, work: Callable[[], T]) -> T:
    value: T
    try:
        value, seen = answers.recv()
    except EOFError:
        return work()
    for warning in seen:
        warnings.warn_explicit(*warning)
    return value
