"""A process of its own that answers, over and over, what it is told: one of several that are measured in turn."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

Answer = Callable[[Any], float]


class Aside:
    """A process in which ``make(*arguments)`` gives the function that answers; it ends with the `with` block."""

    def __init__(self, make: Callable[..., Answer], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        self._process.start()
        theirs.close()  # so that its end is heard, not waited for

    def __enter__(self) -> Aside:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()  # the end of its work
        self._process.join()

    def tell(self, what: Any) -> None:
        """Tell it something, and do not wait."""
        self._line.send(what)

    def heard(self) -> float:
        """Wait for the answer to what it was told."""
        answer: float = self._line.recv()
        return answer

    def ask(self, what: Any) -> float:
        """Tell it something and wait for the answer."""
        self.tell(what)
        return self.heard()


def _serve(line: Connection, make: Callable[..., Answer], arguments: tuple[Any, ...]) -> None:
    answer = make(*arguments)
    while True:
        try:
            told = line.recv()
        except EOFError:
            return
        line.send(answer(told))
