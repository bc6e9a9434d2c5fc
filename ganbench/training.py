"""The training of one pack: a pure step over stacked lanes, data by keyed permutation, exact resume.

A single trial is a pack of one: there is no other path.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from ganbench.batches import Order, as_float, picked
from ganbench.devices import CPU, placed, synchronize
from ganbench.errors import ConfigError
from ganbench.protocols import Images, Procedure, State
from ganbench.rng import Rng
from ganbench.stepping import MODES, Logs, Way, untraced
from ganbench.tree import leaves, stack, unstack

_UNCHECKED = 512  # logs that wait to be looked at together


@dataclass
class Progress:
    """What a pack has done so far besides its state."""

    step: int
    seconds: float  # training only, summed over attempts
    compile_seconds: float  # tracing and compiling, summed over attempts
    finite: Tensor  # bool [lanes]: were all logs since the last checkpoint finite?


class PackTraining:
    """A pack in training: stacked procedures, their state, and the data they see; it lives where its images lie."""

    def __init__(
        self,
        procedures: Sequence[Procedure],
        seeds: Sequence[int],
        images: Images,
        *,
        batch_size: int,
        mode: str,
        precision: str = "float32",
    ) -> None:
        if mode not in MODES:
            raise ConfigError(f"unknown pack mode {mode!r}: choose one of {', '.join(MODES)}")
        if mode != "unbatched" and not procedures[0].batched:
            raise ConfigError(
                f"{type(procedures[0]).__name__} cannot be batched: set mode=unbatched in the sweep"
            )
        self._first, self._precision = procedures[0], precision
        self._together = mode != "unbatched"
        self._prepare = MODES[mode]() if procedures[0].batched else untraced
        self._data, self._device = images.train, images.train.device
        self._procedures = placed(stack(procedures), self._device)
        self._rngs = placed(Rng.stack([Rng.of(seed) for seed in seeds]), self._device)
        self._order = Order(self._rngs, len(images.train), batch_size)
        self.batch_size = batch_size
        self.lanes = len(seeds)
        # drawn on the CPU, for the same bits on every device
        first = [p.init(Rng.of(s).fold("init")) for p, s in zip(procedures, seeds, strict=True)]
        self._tree = pytree.tree_flatten(first[0])[1]
        self._hold(leaves(placed(stack(first), self._device)))
        self._given = self._parts(leaves(self._procedures))
        self._keys = [self._rngs.key] if self._together else list(self._rngs.key)
        self._arguments = pytree.tree_flatten((self._procedures, self.state, 0, 0, 0))[1]
        self.progress = Progress(0, 0.0, 0.0, self._all_finite())
        self._unchecked: list[Tensor] = []

    @property
    def images_seen(self) -> int:
        """Return the number of real images each lane has seen."""
        return self.progress.step * self.batch_size

    @property
    def state(self) -> State:
        """Return the state, stacked."""
        return pytree.tree_unflatten(self._stacked(), self._tree)

    def _stacked(self) -> list[Tensor]:
        """Return the leaves of the state, stacked."""
        if self._together:
            return self._held[0]
        return [torch.stack(lanes) for lanes in zip(*self._held, strict=True)]

    def _hold(self, stacked: list[Tensor]) -> None:
        self._held = self._parts(stacked)

    def _parts(self, stacked: list[Tensor]) -> list[list[Tensor]]:
        """Return leaves as steps take them: of all lanes together, or lane by lane (with memory of its own)."""
        if self._together:
            return [stacked]
        return [[leaf[i].clone() for leaf in stacked] for i in range(self.lanes)]

    def _all_finite(self) -> Tensor:
        return torch.ones(self.lanes, dtype=torch.bool, device=self._device)

    def advance(self) -> Logs:
        """Take one step with every lane; returns the logs, each [lanes].

        A GPU may still be at it: see `wait`.
        """
        progress, started = self.progress, time.perf_counter()
        inputs = self._inputs(progress.step)
        ready = time.perf_counter()
        way = Way(self._first.turn(progress.step), self._precision, self._together)
        step = self._prepare(way, self._arguments, inputs[0])
        prepared = time.perf_counter()
        logs = self._keep([step(given) for given in inputs])
        self.progress = Progress(
            progress.step + 1,
            progress.seconds + time.perf_counter() - prepared + ready - started,
            progress.compile_seconds + prepared - ready,
            self.progress.finite,
        )
        return logs

    def _inputs(self, step: int) -> list[list[Tensor]]:
        """Return the leaves of a step's arguments, of all lanes together or lane by lane."""
        batch = as_float(picked(self._data, self._order.batch(step)))
        number = torch.full((), step, device=self._device)
        return [
            [*given, *held, part, key, number]
            for given, held, part, key in zip(
                self._given, self._held, [batch] if self._together else batch, self._keys, strict=True
            )
        ]

    def _keep(self, results: list[tuple[list[Tensor], Logs]]) -> Logs:
        """Hold the new state; returns the logs, each [lanes]."""
        if self._together:
            ((state, logs),) = results
            self._held = [state]
        else:  # laid out as lanes of a checkpoint are, so that one does not change what follows it
            self._held = [[leaf.contiguous() for leaf in state] for state, _ in results]
            logs = {name: torch.stack([logs[name] for _, logs in results]) for name in results[0][1]}
        self._unchecked.extend(logs.values())
        if len(self._unchecked) >= _UNCHECKED:
            self._check()
        return logs

    def _check(self) -> None:
        """Look at the logs of the steps since the last look; one by one this would take a tenth of a small step."""
        if self._unchecked:
            self.progress.finite = self.progress.finite & torch.stack(self._unchecked).isfinite().all(dim=0)
            self._unchecked = []

    def wait(self) -> None:
        """Let the device finish the steps it was given, so that `seconds` is the time they took.

        Waiting after every step would leave a GPU idle while the next one is prepared: it is enough to wait before what
        is not training, or before `seconds` is read.
        """
        if self._device != CPU:
            started = time.perf_counter()
            synchronize(self._device)
            self.progress.seconds += time.perf_counter() - started

    def finite(self) -> Tensor:
        """Return which lanes' logs since the last call, and whose state now, are finite; bool [lanes] on the CPU."""
        self.wait()
        self._check()
        flat = [leaf.reshape(self.lanes, -1) for leaf in self._stacked() if leaf.is_floating_point()]
        healthy = torch.stack([leaf.isfinite().all(dim=1) for leaf in flat]).all(dim=0) & self.progress.finite
        self.progress.finite = self._all_finite()
        return healthy.cpu()

    def lane(self, index: int) -> tuple[Procedure, State]:
        """Return one lane's procedure and state."""
        return unstack(self._procedures, index), unstack(self.state, index)

    def save(self, path: Path, notes: dict[str, Any]) -> None:
        """Write everything a resume needs on any device, with the caller's notes (plain values)."""
        self.wait()
        self._check()
        whole = {**vars(self.progress), "leaves": self._stacked(), "notes": notes}
        torch.save(placed(whole, CPU), path)  # tensors and numbers only

    def restore(self, path: Path) -> dict[str, Any]:
        """Continue from a file of `save` and return its notes.

        Raises ValueError, with nothing changed, if the file is cut, foreign or does not fit this pack.
        """
        try:
            saved = placed(torch.load(path, map_location=CPU, weights_only=True), self._device)
            progress = Progress(*(saved[field.name] for field in fields(Progress)))
            notes, shapes = dict(saved["notes"]), [leaf.shape for leaf in saved["leaves"]]
        except Exception as error:  # a broken file breaks its reader in ways nobody can list
            raise ValueError(f"{path.name} is not a whole checkpoint") from error
        if shapes != [leaf.shape for leaf in self._stacked()]:
            raise ValueError(f"{path.name} belongs to another pack")
        self._hold(saved["leaves"])
        self.progress, self._unchecked = progress, []
        return notes
