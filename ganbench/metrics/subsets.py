"""What metrics of sets share: sets without an order, subsets addressed by name, numbers of the real side kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor

from ganbench.metrics import cache
from ganbench.protocols import Samples
from ganbench.rng import Rng

VERSION = "1"  # of the numbers kept: part of their cache key, raised whenever they change


def finite(*sets: Tensor) -> bool:
    """Return whether no value is NaN or infinite."""
    return all(bool(few.isfinite().all()) for rows in sets for few in torch.split(rows, 1024))


def canonical(rows: Tensor) -> Tensor:
    """Return indices [n] that sort rows [n, ...] by a hash of their content: the same set, the same order.

    What is drawn from rows in this order does not depend on the order in which they came.
    """
    data = rows.detach().cpu().contiguous().flatten(1).numpy()
    hashes = [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in data]
    return torch.tensor(sorted(range(len(hashes)), key=hashes.__getitem__), device=rows.device)


def subset(rows: Tensor, n: int, rng: Rng) -> Tensor:
    """Return n of the rows [N, ...], all where there are fewer: the same for every order of the rows."""
    shuffled = rng.permutation("subset", len(rows)).to(rows.device)
    return rows[canonical(rows)[shuffled[:n]]]


def of_real(metric: object, real: Samples, n: int, compute: Callable[[], Tensor]) -> Tensor:
    """Return what a metric of certain fields computes from n of the real samples, cached if these have a key."""
    if real.cache_key is None:
        return compute()
    name = cache.key("of_real", VERSION, real.cache_key, repr(metric), str(n))
    return cache.cached(name, lambda: {"value": compute()})["value"]
