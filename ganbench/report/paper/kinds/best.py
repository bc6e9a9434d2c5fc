"""The best score of each model on each dataset beside the published one, and what keeps the two from being compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganbench.analysis.best import best_scores
from ganbench.report import cells, words
from ganbench.report.paper.exhibit import Exhibit, stamps_of, title
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.references import Source, differences, shown
from ganbench.report.render import MISSING, Table, decimals, number
from ganbench.report.tables import BASELINES, marked

MARK = "‡"
SEARCHED = "Where no rerun has been made yet, the best of the search stands in brackets."


@dataclass(frozen=True)
class Settings:
    """Our sweeps, and the published table with the datasets of it that are shown."""

    sweeps: list[str]
    published: str
    datasets: list[str]
    metric: str = "curve"


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return one table: a row a model, a column for each dataset of ours and each published one."""
    boards = shelf.boards(settings.sweeps)
    source, numbers = shelf.references.table(settings.published)
    ours = [_ours(board, settings) for board in boards if board.summary]
    published = cells.keyed(numbers, "model", "dataset")
    models = list(dict.fromkeys([*(m for o in ours for m in o.cells), *numbers["model"].astype(str)]))
    rows = [
        (
            model,
            *(_cell(board, ours, model) for board in boards),
            *_published(published, model, settings.datasets),
        )
        for model in models
    ]
    below = _baselines(boards, ours, settings)
    facts = [(b, differences_said(source, numbers, b, settings)) for b in boards if b.summary]
    apart = [f"{b.label}: {'; '.join(said)}" for b, said in facts if said]
    mark = MARK if apart or not facts else ""
    header = (
        "model",
        *(f"{b.label}\n{title(b.metric(settings.metric))}" if b.summary else b.label for b in boards),
        *(f"published\nFID{mark}\n{dataset}" for dataset in settings.datasets),
    )
    table = Table(
        name,
        "Best score of each model: mean ± sd over seeds of the chosen setting, ours beside the published",
        header,
        (*rows, *below),
        tuple(_notes(boards, settings, source, apart, mark)),
        _frame(ours, numbers),
        partial=bool(stamps_of(boards)),
        stamp="; ".join(stamps_of(boards)),
        rules=frozenset({len(rows)}) if below else frozenset(),
    )
    return Exhibit(tables=[table], stamps=stamps_of(boards))


@dataclass(frozen=True)
class Ours:
    """What one board says of each model."""

    board: Board
    cells: dict[str, str]
    places: int
    frame: pd.DataFrame


def _ours(board: Board, settings: Settings) -> Ours:
    metric = board.metric(settings.metric)
    frame = best_scores(board.ready, board.dataset, metric)
    places = decimals(frame["best"])
    rerun, mean = "mean" in frame, marked(cells.mean_sd("", places, "stars"))
    found = {}
    for _, row in frame.iterrows():
        done = rerun and not np.isnan(float(row["mean"]))
        best = number(float(row["best"]), places)
        found[str(row["variant"])] = mean(row) if done else (f"({best})" if best != MISSING else MISSING)
    return Ours(board, found, places, frame)


def _cell(board: Board, ours: list[Ours], model: str) -> str:
    found = next((o for o in ours if o.board is board), None)
    if found is None:
        return board.stamp.partition(":")[0] if board.stamp.startswith("not run") else "none yet"
    return found.cells.get(model, MISSING)


def _published(published: dict[tuple[Any, ...], cells.Row], model: str, datasets: list[str]) -> list[str]:
    keys = [(model, dataset) for dataset in datasets]
    return [shown(published[key]) if key in published else MISSING for key in keys]


def _baselines(boards: list[Board], ours: list[Ours], settings: Settings) -> list[tuple[str, ...]]:
    rows = []
    for name, said in BASELINES.items():
        values = []
        for board in boards:
            found = next((o for o in ours if o.board is board), None)
            metric = board.metric(settings.metric) if found else None
            score = board.results.baseline(board.dataset, name, metric.key) if metric else np.nan
            values.append(number(score, found.places) if found else MISSING)
        if any(value != MISSING for value in values):
            rows.append((said, *values, *[MISSING] * len(settings.datasets)))
    return rows


def differences_said(source: Source, numbers: pd.DataFrame, board: Board, settings: Settings) -> list[str]:
    """Return why a board's scores cannot be compared with a published table on the same or the nearest dataset."""
    dataset = board.dataset if board.dataset in settings.datasets else settings.datasets[0]
    extractor = str(numbers["extractor"].iloc[0]) if len(numbers) else ""
    found = differences(source, extractor, dataset, board.results, board.metric(settings.metric))
    if board.dataset not in settings.datasets:  # of no published dataset: the data alone say enough
        return [f"no published number on {board.dataset}", *[f for f in found if not f.startswith("data ")]]
    return found


def _notes(boards: list[Board], settings: Settings, source: Source, apart: list[str], mark: str) -> list[str]:
    notes = [note for board in boards for note in board.notes()]
    notes += [
        f"{b.label}: {words.chosen_note(b.results, b.dataset, b.metric(settings.metric))}"
        for b in boards
        if b.summary and b.results.definition.get("rerun")
    ]
    if mark:
        notes.append(f"{MARK} Not comparable with ours, and shown for orientation only. {'. '.join(apart)}.")
    notes += [f"Published: {source.cite}: {source.says}. [memory]: from recollection, not retrieved."]
    return [*notes, words.MEANS, words.OUTLIERS, words.OPTIMISM, SEARCHED]


def _frame(ours: list[Ours], numbers: pd.DataFrame) -> pd.DataFrame:
    mine = [o.frame.assign(sweep=o.board.sweep, stamp=o.board.stamp, published=False) for o in ours]
    theirs = numbers.rename(columns={"model": "variant", "value": "mean"}).assign(published=True)
    return pd.concat([*mine, theirs], ignore_index=True)
