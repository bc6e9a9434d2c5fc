"""The training of one pack: a pure step over stacked lanes, data by keyed permutation, exact resume.

A single trial is a pack of one: there is no other path.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from ganbench.compiling import compile_step
from ganbench.devices import CPU, placed, synchronize
from ganbench.errors import ConfigError
from ganbench.precision import products_in
from ganbench.protocols import Images, Procedure, State
from ganbench.rng import Rng
from ganbench.tracing import trace
from ganbench.tree import leaves, map_tree, stack, unstack

TRACE_AFTER = 100  # steps of a turn; a trace costs as much as about a hundred
Step = Callable[[Any, State, Tensor, Tensor, Tensor], tuple[State, dict[str, Tensor]]]
Prepare = Callable[["_Way", tuple[Any, ...]], Step]  # (way, arguments like those to come) → a step


def as_float(images: Tensor) -> Tensor:
    """Return float32 images in [0, 1]; float data pass unchanged."""
    return images.to(torch.float32) / 255.0 if images.dtype == torch.uint8 else images


class Order:
    """Which training examples a lane sees: a new keyed permutation per epoch, no partial batches.

    Batch `s` holds positions s·B … s·B + B − 1 of the endless sequence perm₀, perm₁, …; epochs blur as in the study's
    pipeline, and any step's batch follows from the step alone.
    """

    def __init__(self, rngs: Rng, n: int, batch_size: int) -> None:
        self._rngs, self._n, self._batch_size = rngs.fold("order"), n, batch_size
        self._epochs: dict[int, Tensor] = {}

    def _epoch(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            stream = self._rngs.fold(torch.tensor(epoch))
            kept = {e: p for e, p in self._epochs.items() if e >= epoch - 1}
            self._epochs = {**kept, epoch: stream.permutation("epoch", self._n)}
        return self._epochs[epoch]

    def batch(self, step: int) -> Tensor:
        """Return the indices of batch number `step`, int64 [lanes, B]."""
        start, stop = step * self._batch_size, (step + 1) * self._batch_size
        pieces = []
        while start < stop:
            epoch, offset = divmod(start, self._n)
            take = min(stop - start, self._n - offset)
            pieces.append(self._epoch(epoch)[:, offset : offset + take])
            start += take
        return torch.cat(pieces, dim=1)


@dataclass(frozen=True)
class _Way:
    """How a step is taken: which networks it updates and in which precision."""

    turn: str
    precision: str

    def step(
        self, procedure: Any, state: State, batch: Tensor, key: Tensor, step: Tensor
    ) -> tuple[State, dict[str, Tensor]]:
        with products_in(self.precision):
            return procedure.step(state, batch, Rng(key).fold("step").fold(step), self.turn)  # type: ignore[no-any-return]

    def vmapped(
        self, procedures: Any, state: State, batch: Tensor, keys: Tensor, step: Tensor
    ) -> tuple[State, dict[str, Tensor]]:
        return vmap(lambda p, s, b, k: self.step(p, s, b, k, step))(procedures, state, batch, keys)

    def unbatched(
        self, procedures: Any, state: State, batch: Tensor, keys: Tensor, step: Tensor
    ) -> tuple[State, dict[str, Tensor]]:
        """Run the lanes one by one, for procedures that cannot be batched and as the reference in tests."""
        lanes = range(len(keys))
        return stack(
            [self.step(unstack(procedures, i), unstack(state, i), batch[i], keys[i], step) for i in lanes]
        )


class _Unbatched:
    """The step, lane after lane."""

    def __call__(self, way: _Way, arguments: tuple[Any, ...]) -> Step:  # noqa: ARG002  (nothing to prepare)
        return way.unbatched


class _Vmapped:
    """The vmapped step; a turn that comes often is traced, which changes its speed and not one bit."""

    def __init__(self) -> None:
        self._calls: Counter[_Way] = Counter()
        self._traced: dict[_Way, Step] = {}

    def __call__(self, way: _Way, arguments: tuple[Any, ...]) -> Step:
        self._calls[way] += 1
        if self._calls[way] > TRACE_AFTER and way not in self._traced:
            self._traced[way] = trace(way.vmapped, *arguments)
        return self._traced.get(way, way.vmapped)


class _Compiled:
    """The vmapped step as machine code, from the first step of each turn on."""

    def __init__(self) -> None:
        self._compiled: dict[_Way, Step] = {}

    def __call__(self, way: _Way, arguments: tuple[Any, ...]) -> Step:
        if way not in self._compiled:
            self._compiled[way] = compile_step(way.vmapped, *arguments)
        return self._compiled[way]


MODES: Mapping[str, Callable[[], Prepare]] = {
    "vmap": _Vmapped,
    "unbatched": _Unbatched,
    "compiled": _Compiled,
}


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
        self._prepare, self._first, self._precision = MODES[mode](), procedures[0], precision
        self._data, self._device = images.train, images.train.device
        self._procedures = placed(stack(procedures), self._device)
        self._rngs = placed(Rng.stack([Rng.of(seed) for seed in seeds]), self._device)
        self._order = Order(self._rngs, len(images.train), batch_size)
        self.batch_size = batch_size
        self.lanes = len(seeds)
        # drawn on the CPU, for the same bits on every device
        first = [p.init(Rng.of(s).fold("init")) for p, s in zip(procedures, seeds, strict=True)]
        self.state: State = placed(stack(first), self._device)
        self.progress = Progress(0, 0.0, 0.0, self._all_finite())

    @property
    def images_seen(self) -> int:
        """Return the number of real images each lane has seen."""
        return self.progress.step * self.batch_size

    def _all_finite(self) -> Tensor:
        return torch.ones(self.lanes, dtype=torch.bool, device=self._device)

    def advance(self) -> dict[str, Tensor]:
        """Take one step with every lane; returns the logs, each [lanes].

        A GPU may still be at it: see `wait`.
        """
        progress, started = self.progress, time.perf_counter()
        batch = as_float(self._data[self._order.batch(progress.step)])
        number = torch.full((), progress.step, device=self._device)
        inputs = (self._procedures, self.state, batch, self._rngs.key, number)
        ready = time.perf_counter()
        step = self._prepare(_Way(self._first.turn(progress.step), self._precision), inputs)
        prepared = time.perf_counter()
        self.state, logs = step(*inputs)
        finite = torch.stack(list(logs.values())).isfinite().all(dim=0)
        self.progress = Progress(
            progress.step + 1,
            progress.seconds + time.perf_counter() - prepared + ready - started,
            progress.compile_seconds + prepared - ready,
            progress.finite & finite,
        )
        return logs

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
        flat = [leaf.reshape(self.lanes, -1) for leaf in leaves(self.state) if leaf.is_floating_point()]
        healthy = torch.stack([leaf.isfinite().all(dim=1) for leaf in flat]).all(dim=0) & self.progress.finite
        self.progress.finite = self._all_finite()
        return healthy.cpu()

    def lane(self, index: int) -> tuple[Procedure, State]:
        """Return one lane's procedure and state."""
        return unstack(self._procedures, index), unstack(self.state, index)

    def save(self, path: Path, notes: dict[str, Any]) -> None:
        """Write everything a resume needs on any device, with the caller's notes (plain values)."""
        self.wait()
        whole = {**vars(self.progress), "leaves": leaves(self.state), "notes": notes}
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
        if shapes != [leaf.shape for leaf in leaves(self.state)]:
            raise ValueError(f"{path.name} belongs to another pack")
        remaining: Iterator[Tensor] = iter(saved["leaves"])
        self.state = map_tree(lambda _: next(remaining), self.state)
        self.progress = progress
        return notes
