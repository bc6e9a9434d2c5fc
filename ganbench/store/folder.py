"""The file store of a sweep: files are the truth, states are derived, and nobody else knows the paths."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from ganbench import files
from ganbench.errors import StoreError
from ganbench.records import Pack, Score, Trial
from ganbench.store import frames, pruning, rows
from ganbench.store.asks import open_asks
from ganbench.store.attempts import PREFIX, Attempt, attempts_in, checkpoint_step, histories
from ganbench.store.contents import begun, read_contents
from ganbench.store.definition import differences, final_step, is_growth, read_definition, to_yaml
from ganbench.store.driver import only_driver
from ganbench.store.halts import Halts
from ganbench.store.liveness import PATIENCE_S, Observer, identity
from ganbench.store.plan import Plan, read_plan, write_plan
from ganbench.store.states import DONE, FAILED, LOST, PLANNED, TRIAL_STATES, Judge, PackState, trial_state

T = TypeVar("T")


class Store:
    """A sweep's folder `<results>/<name>`; making a store touches no file.

    Raises `StoreError` for a name that is not one folder below `results`.
    """

    def __init__(self, results: Path | str, name: str, *, patience_s: float = PATIENCE_S) -> None:
        self.results, self.name = Path(results), files.bare_name(name)
        self.folder = self.results / self.name
        self.patience_s = patience_s
        self._judge = Judge(Observer(patience_s))
        self._cache = files.Cache()
        self._retried: set[str] = set()
        self.halts = Halts(self.folder, self.slots, self.states)

    # The definition and the plan

    def exists(self) -> bool:
        """Return whether a sweep is defined here."""
        return (self.folder / "sweep.yaml").is_file()

    def create(self, definition: Mapping[str, Any]) -> None:
        """Freeze the definition; a no-op if it is here already. Raises `StoreError` if another one is."""
        self.accept(definition)
        if not self.exists() or self.difference(definition):
            files.replace_text(self.folder / "sweep.yaml", to_yaml(definition))

    def accept(self, definition: Mapping[str, Any]) -> None:
        """Raise `StoreError` where another definition is frozen here; one that only asks for more trials is not."""
        difference = self.difference(definition) if self.exists() else ""
        if difference and not is_growth(self._definition(), definition):
            raise StoreError(
                f"{self.folder} holds another definition of {self.name} ({difference}): "
                "give the sweep another name, or choose another folder with --results"
            )

    def difference(self, definition: Mapping[str, Any]) -> str:
        """Return how a definition differs from the frozen one, `key: old → new; …`; empty if it does not."""
        return differences(self._definition(), definition)

    def definition(self) -> dict[str, Any]:
        """Return the frozen definition. Raises `StoreError` where there is none or it cannot be read."""
        return copy.deepcopy(self._definition())

    def plan(self) -> Plan:
        """Return the plan; empty where nothing is planned yet."""
        return self._read("trials.jsonl", read_plan)

    def extend_plan(self, trials: list[Trial], packs: list[Pack]) -> None:
        """Add lines to trials.jsonl by replacing the whole file; none twice."""
        for pack in packs:
            files.bare_name(pack.pack_id)
        write_plan(self.plan().extended(trials, packs), self.folder / "trials.jsonl")

    # Packs and attempts

    def claim(self, pack_id: str, *, retry_failed: bool = False) -> Attempt | None:
        """Claim a pack or another unit of work for this process; None: it is done, failed or live elsewhere.

        Nothing is given out where `halts` says why. A failed one is claimed with `retry_failed`, once by each
        store object. Of several processes exactly one gets the attempt. Raises `StoreError` where the folder
        cannot be written.
        """
        return self._claim(pack_id, retry_failed=retry_failed)

    def _claim(self, pack_id: str, *, retry_failed: bool, heed: bool = True) -> Attempt | None:
        if self._judge.remembers(pack_id):  # a slot asks for every pack each time it needs work
            return None
        folder = self._pack_folder(pack_id)
        # looked up before judging: an attempt that comes between is newer than what is judged, and wins
        newest = max(files.numbered(folder, PREFIX), default=0)
        if not self._may_claim(pack_id, self._states([pack_id])[pack_id].state, retry_failed=retry_failed):
            return None
        if heed and self.halts.why():
            return None
        attempt = folder / f"{PREFIX}{newest + 1}"
        if not files.claim_folder(attempt, identity()):
            return None
        self._retried.add(pack_id)
        return Attempt(attempt, claimed=True)

    def claimable(self, *, retry_failed: bool = False) -> list[str]:
        """Return the packs and baselines that `claim` would give out now, in the plan's order."""
        states = () if self.halts.why() else self.work().items()
        return [name for name, state in states if self._may_claim(name, state, retry_failed=retry_failed)]

    def take_over(self, pack_id: str, *, retry_failed: bool = False) -> None:
        """Put an ended attempt after a failed one, or one whose heartbeat stopped: then anybody may claim."""
        attempt = self._claim(pack_id, retry_failed=retry_failed, heed=False)
        if attempt is not None:
            attempt.finish("stopped")

    def attempts(self, pack_id: str) -> list[Attempt]:
        """Return a pack's attempts, oldest first; they can be read, not written."""
        folder = self._pack_folder(pack_id)
        return attempts_in(folder)[::-1]

    def checkpoints(self, pack_id: str) -> list[Path]:
        """Return a pack's checkpoints over all attempts, the furthest first and of those the newest."""
        paths = [path for attempt in reversed(self.attempts(pack_id)) for path in attempt.checkpoints()]
        return sorted(paths, key=checkpoint_step, reverse=True)

    def snapshots(self, pack_id: str) -> dict[tuple[str, int], Path]:
        """Return a pack's kept snapshots by (trial, step)."""
        paths = [
            path for a in self.attempts(pack_id) for path in sorted(a.folder.glob("snapshots/*.safetensors"))
        ]
        return {key: path for path in paths if (key := pruning.snapshot_key(path))}

    def snapshot(self, pack_id: str, trial_id: str, step: int) -> Path:
        """Return one kept snapshot. Raises `StoreError` where it is not kept."""
        try:
            return self.snapshots(pack_id)[trial_id, step]
        except KeyError:
            raise StoreError(f"{self.name} keeps no snapshot of trial {trial_id} at step {step}") from None

    def failures(self, pack_id: str) -> list[dict[str, Any]]:
        """Return why a failed pack failed: failure.json of its newest attempt; empty if that did not fail."""
        newest = [(attempt, attempt.failure()) for attempt in self.attempts(pack_id)[-1:]]
        return [{"pack_id": pack_id, "attempt": a.number, **failure} for a, failure in newest if failure]

    def histories(self, names: Iterable[str]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        """Yield, of each pack that was attempted, its name and its newest attempt's provenance and outcome."""
        return histories(self.folder / "packs", map(files.bare_name, names))

    # States

    def states(self) -> dict[str, str]:
        """Return each pack's state: planned, running, running (unverified), done, lost or failed."""
        return {pack_id: pack.state for pack_id, pack in self._states(self.plan().packs).items()}

    def work(self) -> dict[str, str]:
        """Return the states of packs and baselines: everything that slots claim, or may yet ask for."""
        units = self._states([*self.plan().packs, *self._units()])
        return {name: unit.state for name, unit in units.items()} | dict.fromkeys(self._open(), PLANNED)

    def trial_states(self) -> pd.DataFrame:
        """Return the plan's lines with their `state`: planned, running, done, lost, diverged or failed."""
        plan = self.plan()
        states = self._states(plan.packs)
        of_trials = [trial_state(states[trial.pack_id], trial.trial_id) for trial in plan.trials]
        return frames.states_frame(plan.trials, of_trials)

    def counts(self) -> dict[str, int]:
        """Return the number of lines in each state, and their `total`; `planned` are those not yet begun."""
        plan, counts = self.plan(), dict.fromkeys(TRIAL_STATES, 0)
        states = self._states(plan.packs)
        for trial in plan.trials:
            counts[trial_state(states[trial.pack_id], trial.trial_id)] += 1
        counts[PLANNED] += len(self._open())
        return counts | {"total": len(plan.trials) + len(self._open())}

    # Rows

    def scores(self) -> pd.DataFrame:
        """Return every score once, with its pack's axes; the newest attempt's row where two have the same.

        Raises `StoreError` where two rows of one trial, step, metric and protocol disagree.
        """
        return frames.with_axes(self._merged(), self.plan().packs)

    def add_scores(self, scores: list[Score]) -> None:
        """Append scores of kept snapshots (another protocol); only for the folder's one driver."""
        files.append_lines(self.folder / "rescored.jsonl", [score.to_json() for score in scores])

    def tidy(self) -> pd.DataFrame:
        """Return the table that `compact` writes, as things stand."""
        frame: pd.DataFrame = frames.tidy(self.plan().trials, self.name, self._merged()).to_pandas()
        return frame

    def compact(self) -> Path:
        """Write scores.parquet, one row per planned line × step × metric in a fixed order; return its path.

        What attempts know of baselines goes to baselines.jsonl likewise.
        """
        path = rows.compact(self.folder, self.name, self.plan(), self.attempts)
        rows.write_baselines(self.baselines(), self.folder)
        return path

    def is_compacted(self) -> bool:
        """Return whether what `compact` writes holds all that attempts have scored; True where there are none."""
        held, units = read_contents(self.folder), begun(self.folder, self._units())
        rows_held = all(
            held.get(name) == there for name, there in begun(self.folder, self.plan().packs).items()
        )
        return rows_held and (not units or self._holds_baselines())

    def baselines(self) -> pd.DataFrame:
        """Return the baselines (untrained generators, real against real), each once; `unit` scored it."""
        return rows.baselines(self.folder, [a for unit in self._units() for a in self.attempts(unit)])

    # The rest of the folder

    def report_path(self, name: str) -> Path:
        """Return the path of a file under report/."""
        path = Path(name)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{name!r} lies outside of the report's folder")
        return self.folder / "report" / path

    def write_report(self, name: str, writer: Callable[[Path], None]) -> Path:
        """Write a file under report/ atomically and return its path."""
        files.replace(self.report_path(name), writer)
        return self.report_path(name)

    def gc(self, keep: str, best: Mapping[str, int] | None = None) -> int:
        """Remove checkpoints and snapshots that finished packs no longer need; return the bytes that went.

        `best` keeps each trial's snapshot at its best step (all of those it does not name), `none` none.
        """
        done = [pack_id for pack_id, state in self.states().items() if state == DONE]
        return pruning.prune([a.folder for pack_id in done for a in self.attempts(pack_id)], keep, best or {})

    def withdraw(self) -> None:
        """Take back the definition and the plan of a sweep that has trained and scored nothing; else do nothing."""
        if not pruning.is_begun(self.folder):
            pruning.withdraw(self.folder)

    def driver(self) -> AbstractContextManager[None]:
        """Be the folder's one driver, after a dead one; entering raises `StoreError` while another lives."""
        return only_driver(self.slots)

    @property
    def slots(self) -> Path:
        """Return the folder of what launching leaves behind: claims of drivers, slots and their output."""
        return self.folder / "slots"

    def _may_claim(self, pack_id: str, state: str, *, retry_failed: bool) -> bool:
        return state in (PLANNED, LOST) or (state == FAILED and retry_failed and pack_id not in self._retried)

    def _states(self, names: Iterable[str]) -> dict[str, PackState]:
        packs, definition = self.plan().packs, self._definition()
        reached = cache(lambda: self._read("scores.parquet", frames.read_reached))  # many never ask
        scored = self._read("baselines.jsonl", frames.units_of)

        def state(name: str, pack: Pack | None) -> PackState:
            final = final_step(definition, pack.variant) if pack else 0
            trials = pack.trial_ids if pack else ()
            return self._judge.judge(self._pack_folder(name), trials, final, reached())

        folder, settled = str(self.folder / "packs"), self._judge.settled
        return {
            name: PackState(DONE) if name in scored else settled(folder, name) or state(name, packs.get(name))
            for name in names
        }

    def _merged(self) -> pd.DataFrame:
        return rows.merged(self.folder, self.plan(), self.attempts)

    def _units(self) -> list[str]:
        """Return the names of the units of work that are not packs: the baselines."""
        return [unit["id"] for unit in self._definition().get("baselines", [])]

    def _holds_baselines(self) -> bool:
        lines = files.encode_lines(frames.records(self.baselines()))
        path = self.folder / "baselines.jsonl"
        return lines == (path.read_bytes() if path.exists() else b"")

    def _open(self) -> list[str]:
        """Return the names of settings that are chosen while the sweep runs, and are still to come."""
        return open_asks(self._definition(), self.plan())

    def _definition(self) -> dict[str, Any]:
        return self._read("sweep.yaml", read_definition)

    def _pack_folder(self, pack_id: str) -> Path:
        return self.folder / "packs" / files.bare_name(pack_id)

    def _read(self, name: str, reader: Callable[[Path], T]) -> T:
        return self._cache.read(self.folder / name, reader)


def load(path: Path | str, name: str | None = None) -> pd.DataFrame:
    """Return the tidy scores of a sweep: one row per planned line × step × metric.

    `path` is a sweep's folder, its scores.parquet, or, with `name`, the results folder. Raises `StoreError`.
    """
    place = Path(path) / name if name else Path(path)
    if (place / "trials.jsonl").is_file():
        place = place.absolute()
        return Store(place.parent, place.name).tidy()
    if place.is_dir():
        place /= "scores.parquet"
    frame: pd.DataFrame = frames.read_parquet(place).to_pandas()
    return frame
