"""One slot in this process."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ganbench.launch import base
from ganbench.launch.base import CONTINUE, Launched, Orders, Progress, Sight
from ganbench.launch.heeding import Heed
from ganbench.launch.signals import StopFlag
from ganbench.launch.slots import resolve
from ganbench.store import Store


def run(store: Store, _: Mapping[str, Any], orders: Orders) -> Launched:
    """Be the slot until nothing is left to claim; Ctrl-C saves a checkpoint at the next step and stops."""
    sight = Sight(store)
    if not (sight.look() or sight.blocked or store.claimable()):
        return Launched()
    free = True
    with (
        StopFlag(signal.SIGINT, signal.SIGTERM, signal.SIGUSR2) as stop,
        _watched(store, orders.on_progress),
    ):
        heed = Heed(stop, store)
        while (free or sight.blocked) and not heed() and not store.halts.why():
            if free:
                resolve(orders.target)(str(store.results), store.name, 0, stop=heed)
            else:
                time.sleep(base.POLL_S)
            free = sight.look()
    orders.on_progress(store.counts())
    stop.raise_received(CONTINUE)
    return Launched(started=1)


@contextmanager
def _watched(store: Store, on_progress: Progress) -> Iterator[None]:
    """Report progress from a thread, through eyes of its own, while this process is the slot."""
    over, eyes = threading.Event(), Store(store.results, store.name)

    def watch() -> None:
        while not over.wait(2 * base.POLL_S):
            on_progress(eyes.counts())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
