"""Signals as a question: a handler that only raises a flag, in the process that installed it."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class StopFlag:
    """Answers `stop()` with whether one of the signals came; forked children ignore them.

    `requeue` says whether to come back: SIGUSR2 came (pre-emption, time limit), and no SIGTERM, which may be a cancel.
    A second SIGINT, where SIGINT is among the signals, raises `KeyboardInterrupt` at once: the user insists.
    """

    def __init__(self, *signals: signal.Signals) -> None:
        self.received: signal.Signals | None = None
        self._seen: set[int] = set()
        self._signals, self._pid = signals, os.getpid()
        self._previous: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        """Return whether to stop at the next safe point."""
        return self.received is not None

    @property
    def requeue(self) -> bool:
        """Return whether what was stopped is to run again on its own."""
        return signal.SIGUSR2 in self._seen and signal.SIGTERM not in self._seen

    def raise_received(self, message: str) -> None:
        """Raise what the received signal means to the caller of this process; nothing if none came."""
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt(message)
        if self.received is not None:
            raise SystemExit(128 + self.received)

    def __enter__(self) -> StopFlag:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python cannot install handlers
            self._previous = {s: signal.signal(s, self._flag) for s in self._signals}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _flag(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            return
        again = self.received == signal.SIGINT == number
        self.received = signal.Signals(number)
        self._seen.add(number)
        if again:
            raise KeyboardInterrupt
