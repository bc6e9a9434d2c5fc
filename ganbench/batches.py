"""Which examples a training sees, and in what form."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.rng import Rng


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
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)


def picked(data: Tensor, rows: Tensor) -> Tensor:
    """Return examples by their indices [lanes, B]."""
    return data.index_select(0, rows.reshape(-1)).view(*rows.shape, *data.shape[1:])
