"""One attempt at a pack: a folder with one writer, the fence that keeps every process to its own results."""

from __future__ import annotations

import math
import os
import re
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ganbench import files
from ganbench.records import Score
from ganbench.store.provenance import now, software
from ganbench.store.summaries import summary

OUTCOMES = ("done", "stopped", "failed")
PREFIX = "attempt-"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)\.pt")
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)')


def attempts_in(folder: Path) -> list[Attempt]:
    """Return the attempts at a pack, given its folder; the newest first."""
    return [Attempt(folder / f"{PREFIX}{number}") for number in files.numbered(folder, PREFIX)]


def histories(packs: Path, names: Iterable[str]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield, of each pack that was attempted, its name and its newest attempt's provenance and outcome."""
    folder = str(packs)  # as text: making paths takes longer than reading, and packs may be ten thousand
    for name in names:
        for number in files.numbered(f"{folder}/{name}", PREFIX)[:1]:
            newest = f"{folder}/{name}/{PREFIX}{number}"
            facts, ended = (files.read_json(f"{newest}/{file}.json") for file in ("provenance", "outcome"))
            yield name, facts or {}, ended or {}


class Attempt:
    """A pack's folder `attempt-<number>`; only the process that claimed it may write, and only there."""

    def __init__(self, folder: Path, *, claimed: bool = False) -> None:
        self.folder = folder
        self.pack_id = folder.parent.name
        self.number = int(folder.name.removeprefix(PREFIX))
        self._owner = os.getpid() if claimed else None
        self._beats, self._since = 0, time.monotonic()

    def start(self, provenance: Mapping[str, Any]) -> None:
        """Write `provenance.json`: the claim, the software and what the caller adds (device, …)."""
        self.write_json(
            "provenance.json", {"start": now(), **(self.claim() or {}), **software(), **provenance}
        )

    def append_scores(self, scores: Sequence[Score]) -> None:
        """Append a checkpoint's scores in one write: a torn file then never shows half a final checkpoint.

        Raises `StoreError` where the disk refuses, `ValueError` for a value that is not finite.
        """
        files.append_lines(self._own("scores.jsonl"), [score.to_json() for score in scores])

    def append_logs(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append log rows in one write; numbers that are not finite become null."""
        files.append_lines(self._own("logs.jsonl"), [finite(row) for row in rows])

    def append_baselines(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append baseline rows in one write; numbers that are not finite become null."""
        files.append_lines(self._own("baselines.jsonl"), [finite(row) for row in rows])

    def write(self, name: str, writer: Callable[[Path], None]) -> None:
        """Write `file` or `folder/file` of this attempt atomically; `writer` gets a temporary path."""
        files.replace(self._own(name), writer)

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file of this attempt atomically."""
        files.replace_json(self._own(name), content)

    def heartbeat(self) -> None:
        """Advance the counter that others watch where they cannot see this process; beside it, the seconds so far."""
        self._beats += 1
        path = self._own("heartbeat")
        with files.mendable(self.folder):
            path.write_text(f"{self._beats} {self._held():.6f}\n", encoding="utf-8")

    def forget_checkpoints(self, *, keep: int) -> None:
        """Remove this attempt's checkpoints except the newest `keep`."""
        for path in self.checkpoints()[keep:]:
            self._own(path.name).unlink(missing_ok=True)

    def finish(self, outcome: str) -> None:
        """Write how the attempt ended (done, stopped or failed) and after how long; a done pack's says `summary`."""
        if outcome not in OUTCOMES:
            raise ValueError(f"an attempt ends {', '.join(OUTCOMES)}, not {outcome!r}")
        content: dict[str, Any] = {"outcome": outcome, "end": now(), "seconds": round(self._held(), 6)}
        if outcome == "done":
            content |= summary(self._rows_of_all())
        self.write_json("outcome.json", content)

    def fail(self, error: BaseException | str) -> None:
        """Write `failure.json` for an exception or a traceback's text, and finish as failed."""
        text = error if isinstance(error, str) else "".join(traceback.format_exception(error))
        facts = {"signature": signature(text), "message": _message(text), "traceback": text, "time": now()}
        self.write_json("failure.json", facts)
        self.finish("failed")

    def superseded(self) -> bool:
        """Return whether a newer attempt exists: this one was taken for dead and may as well stop."""
        return files.numbered(self.folder.parent, PREFIX)[0] > self.number

    def claim(self) -> dict[str, Any] | None:
        """Return who claimed the attempt."""
        return files.read_json(self.folder / "claim.json")

    def provenance(self) -> dict[str, Any] | None:
        """Return what `start` wrote."""
        return files.read_json(self.folder / "provenance.json")

    def outcome(self) -> dict[str, Any] | None:
        """Return how the attempt ended; None while it has not."""
        return files.read_json(self.folder / "outcome.json")

    def done(self) -> bool:
        """Return whether it took its trials to their end."""
        return (self.outcome() or {}).get("outcome") == "done"

    def failure(self) -> dict[str, Any] | None:
        """Return why the attempt failed."""
        return files.read_json(self.folder / "failure.json")

    def beat(self) -> str | None:
        """Return the heartbeat counter as it stands."""
        return next(iter(self._pulse()), None)

    def seconds(self) -> float:
        """Return for how long the attempt held its slot, as far as it has said: wall time from claim to end."""
        outcome, pulse = self.outcome() or {}, self._pulse()
        if "seconds" in outcome:
            return float(outcome["seconds"])
        if len(pulse) > 1:
            return float(pulse[1])
        start, end = (self.provenance() or {}).get("start"), outcome.get("end")
        return _between(start, end) if start and end else 0.0  # an attempt of an older version

    def scores(self) -> list[dict[str, Any]]:
        """Return the score rows so far, without a torn last line."""
        return files.read_lines(self.folder / "scores.jsonl")

    def logs(self) -> list[dict[str, Any]]:
        """Return the log rows so far, without a torn last line."""
        return files.read_lines(self.folder / "logs.jsonl")

    def baselines(self) -> list[dict[str, Any]]:
        """Return the baseline rows so far, without a torn last line."""
        return files.read_lines(self.folder / "baselines.jsonl")

    def checkpoints(self) -> list[Path]:
        """Return this attempt's checkpoints, newest first."""
        return sorted(
            (path for path in self.folder.glob("checkpoint-*.pt") if _CHECKPOINT.fullmatch(path.name)),
            key=checkpoint_step,
            reverse=True,
        )

    def _pulse(self) -> list[str]:
        """Return the words of the heartbeat: the counter, and the seconds that the attempt had lasted."""
        try:
            return (self.folder / "heartbeat").read_text(encoding="utf-8").split()
        except OSError:
            return []

    def _held(self) -> float:
        return time.monotonic() - self._since

    def _own(self, name: str) -> Path:
        """Return a path of this attempt: the fence."""
        if self._owner != os.getpid():
            raise RuntimeError(f"{self.pack_id}/{self.folder.name} belongs to the process that claimed it")
        path = Path(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise RuntimeError(f"{name!r} lies outside of {self.pack_id}/{self.folder.name}")
        return self.folder / path

    def _rows_of_all(self) -> Iterator[dict[str, Any]]:
        for number in files.numbered(self.folder.parent, PREFIX):
            yield from Attempt(self.folder.parent / f"{PREFIX}{number}").scores()


def _between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def checkpoint_step(path: Path) -> int:
    """Return the step in a checkpoint's name, `checkpoint-<step>.pt`."""
    match = _CHECKPOINT.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path.name} is not named checkpoint-<step>.pt")
    return int(match[1])


def signature(text: str) -> str:
    """Return what equal failures share, from a traceback's text: the error's type and the last frame."""
    kind = _message(text).partition(":")[0]
    frames = list(_FRAME.finditer(text))
    if not frames:
        return kind
    last = frames[-1]
    return f"{kind} at {'/'.join(Path(last['file']).parts[-2:])}:{last['line']} in {last['function']}"


def _message(text: str) -> str:
    """Return the line `Type: message`: the first one after the last frame that is not indented."""
    ends = [frame.end() for frame in _FRAME.finditer(text)]
    lines = [line for line in text[ends[-1] if ends else 0 :].splitlines() if line and not line[0].isspace()]
    return next((line for line in lines if not line.startswith("Traceback")), text.strip())


def finite(value: Any) -> Any:
    """Return a row with null for every number in it that is not finite, as JSON has none."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
