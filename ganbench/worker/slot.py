"""A slot: claims packs until none is left or it is told to stop, trains and scores them, survives anything."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ganbench.allocator import keep_freed_memory
from ganbench.controller import ask_more
from ganbench.devices import describe, device
from ganbench.errors import UserError
from ganbench.instantiation import load_frozen
from ganbench.records import Pack
from ganbench.scoring import shown
from ganbench.store import Store
from ganbench.store.attempts import Attempt
from ganbench.worker.bench import baseline_rows, bench_of, trial_config
from ganbench.worker.packrun import OnStep, PackRun, Stop

# Seconds from which packs are taken from all variants in turn: preparing another structure's step takes about two.
# Shorter ones follow the plan, where equal structures are neighbours and share what was prepared (decision 44).
LONG_S = 120.0


def run_slot(
    results: str,
    name: str,
    slot: int,
    stop: Stop,
    *,
    retry_failed: bool = False,
    on_step: OnStep = lambda _: None,
) -> None:
    """Claim and run packs of a sweep until none is left, `stop()` or a halt; every outcome is in the store.

    A pack that raises is recorded as failed and the slot goes on; a full disk or an unreadable store ends the slot.
    """
    keep_freed_memory()
    store = Store(Path(results), name)
    load_frozen(store.definition().get("plugins", {}))
    in_turn = False
    while not stop() and store.halts.why() is None:
        claimed = _claim(store, slot, in_turn=in_turn, retry_failed=retry_failed)
        if claimed is not None:
            began = time.monotonic()
            _attempt(store, *claimed, stop, on_step)
            in_turn |= isinstance(claimed[1], Pack) and time.monotonic() - began >= LONG_S
        elif not ask_more(store, stop):
            return


def _claim(
    store: Store, slot: int, *, in_turn: bool, retry_failed: bool
) -> tuple[Attempt, Pack | dict[str, Any]] | None:
    """Return the first unit of work nobody holds: baselines first, since every table reads them."""
    for unit, work in _units(store, slot, in_turn=in_turn):
        attempt = store.claim(unit, retry_failed=retry_failed)
        if attempt is not None:
            return attempt, work
    return None


def _units(store: Store, slot: int, *, in_turn: bool) -> Iterator[tuple[str, Pack | dict[str, Any]]]:
    for baseline in store.definition()["baselines"]:
        yield baseline["id"], baseline
    packs = list(store.plan().packs.items())
    packs = _one_of_each_variant(packs) if in_turn else packs
    yield from packs[slot % max(1, len(packs)) :]  # slots start apart, so that claims rarely collide
    yield from packs[: slot % max(1, len(packs))]


def _one_of_each_variant(packs: list[tuple[str, Pack]]) -> list[tuple[str, Pack]]:
    """Return packs with the first of each variant before the second of any: what is cut short is cut evenly.

    Datasets stay apart, one after the other: a process holds one of them.
    """
    groups: dict[str, dict[tuple[tuple[str, str], ...], list[tuple[str, Pack]]]] = {}
    for unit in packs:
        variant = unit[1].variant
        of_dataset = groups.setdefault(variant.get("dataset", ""), {})
        of_dataset.setdefault(tuple(sorted(variant.items())), []).append(unit)
    rows = (row for variants in groups.values() for row in zip_longest(*variants.values()))
    return [unit for row in rows for unit in row if unit is not None]


def _attempt(
    store: Store, attempt: Attempt, work: Pack | dict[str, Any], stop: Stop, on_step: OnStep
) -> None:
    try:
        if isinstance(work, Pack):
            _run_pack(store, attempt, work, stop, on_step)
        else:
            _run_baselines(store, attempt, work)
    except UserError:
        raise
    except Exception:
        attempt.fail(traceback.format_exc())


def _run_pack(store: Store, attempt: Attempt, pack: Pack, stop: Stop, on_step: OnStep) -> None:
    torch.set_num_threads(pack.threads)
    by_id = {t.trial_id: t for t in store.plan().trials}
    run = PackRun(store, attempt, pack, [by_id[i] for i in pack.trial_ids])
    attempt.start({**_software(), "dataset": run.bench.images.content_hash})
    run.resume()
    attempt.finish(run.run(stop, on_step))


def _software() -> dict[str, str]:
    return {"torch": torch.__version__, "device": describe(device())}


def _run_baselines(store: Store, attempt: Attempt, work: dict[str, Any]) -> None:
    attempt.start(_software())
    config = trial_config(store.definition(), work["variant"], {})
    bench = bench_of(config)
    attempt.append_baselines(baseline_rows(config, bench, work["dataset"]))
    real = {"shown": shown(bench.scorer.real_images)}
    attempt.write("real.safetensors", lambda path: save_file(real, path))
    attempt.finish("done")
