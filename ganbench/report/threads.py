"""Sums by one thread: several add up in an order that depends on how many there are, and last bits with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep linear algebra, here or in the function this decorates, to one thread: a report's bytes know no machine."""
    with threadpool_limits(1, user_api="blas"):
        yield
