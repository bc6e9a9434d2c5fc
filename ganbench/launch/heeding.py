"""What a slot asks at every step: did a signal come, or do the files say that it is to save and end?"""

from __future__ import annotations

import time
from collections.abc import Callable

from ganbench.store import Store

LOOK_S = 2.0
_SHARE = 0.05  # of the time, at most, that looking may take


class Heed:
    """Answers `stop()`: `signalled()` at every call, the results folder every `LOOK_S` seconds."""

    def __init__(self, signalled: Callable[[], bool], store: Store) -> None:
        self._signalled, self._halts = signalled, store.halts
        self._next, self._halted = 0.0, False

    def __call__(self) -> bool:
        """Return whether to save at the next safe point and end."""
        if self._signalled() or self._halted:
            return True
        if time.monotonic() >= self._next:
            self._look()
        return self._halted

    def _look(self) -> None:
        began = time.monotonic()
        self._halted = self._halts.why_not_go_on() is not None
        ended = time.monotonic()
        self._next = ended + max(LOOK_S, (ended - began) / _SHARE)
