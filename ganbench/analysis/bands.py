"""Bands that hold for a whole distribution function at once: opda's weights, kept on disk."""

from __future__ import annotations

import hashlib
import tempfile
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from opda.nonparametric import EmpiricalDistribution

from ganbench.places import computed

Array: TypeAlias = NDArray[np.float64]

METHOD = "ld_equal_tailed"
EXACT_UP_TO = 1000  # settings; beyond, simulating the exact band costs gigabytes and DKW's is nearly as tight


def philox(*address: object) -> np.random.Generator:
    """Return the generator of an address: equal names give equal numbers, whatever was drawn before."""
    key = hashlib.blake2b("\\n".join(map(str, address)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))


@cache
def band_weights(n: int, level: float) -> tuple[Array, Array]:
    """Return bounds on F, [n + 1] each: entry j bounds F from the j-th smallest of n draws up to the next.

    Both hold at every point at once with probability ``level``, for any continuous F (Learned-Miller and
    DeStefano 2008, through opda; Lourie et al. 2023, arXiv 2311.09480); above 1000 draws Dvoretzky, Kiefer
    and Wolfowitz'.
    """
    path = _cache_folder() / f"{METHOD}-n{n}-{level}.npy"
    stored = _read(path, n) if n <= EXACT_UP_TO else None
    if stored is None:
        stored = _simulate(n, level)
        if n <= EXACT_UP_TO:
            _write(path, stored)
    return stored[0], stored[1]


def _simulate(n: int, level: float) -> Array:
    lower, _, upper = EmpiricalDistribution.confidence_bands(
        np.arange(n, dtype=float),
        level,
        a=-1.0,
        b=float(n),
        generator=philox("band", METHOD, n, level),
        method=METHOD if n <= EXACT_UP_TO else "dkw",
        n_jobs=1,
    )
    return np.stack([np.cumsum(lower.ws)[:-1], np.cumsum(upper.ws)[:-1]])


def band_curves(
    scores: Array, ks: NDArray[np.int64], *, minimize: bool, bounds: tuple[float, float], level: float
) -> tuple[Array, Array]:
    """Return the lower and upper band of the median best of k settings, [K] each, in the score's unit.

    A bound on F is a bound on its quantiles: where F may be large, small scores are likely. Scores [N] may
    hold ∞; ``bounds`` are the least and the greatest score there can be, and a band that reaches them says
    nothing there.
    """
    extended = np.concatenate([[bounds[0]], np.sort(scores), [bounds[1]]])
    curves = []
    for cumulative in reversed(band_weights(len(scores), level)):
        weights = np.diff(cumulative, prepend=0.0, append=1.0)
        law = EmpiricalDistribution(extended, ws=weights, a=bounds[0], b=bounds[1])
        curves.append(law.quantile_tuning_curve(ks, minimize=minimize))
    return curves[0], curves[1]


def two_sided_until(n: int, level: float) -> int:
    """Return the largest k whose median best has a bound on both sides; 0 where none has.

    The best of k is below the q-quantile of F with probability 1/2 where q = 1 − 2^(−1/k); while the upper
    bound on F below the least draw exceeds q, nothing bounds the best from the good side.
    """
    if n < 1:
        return 0
    ks = np.arange(1, n + 1)
    below_all = band_weights(n, level)[1][0]
    return int(np.max(ks[1.0 - 0.5 ** (1.0 / ks) > below_all], initial=0))


def _cache_folder() -> Path:
    return computed("bands")


def _read(path: Path, n: int) -> Array | None:
    try:
        stored: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = (
        stored.shape == (2, n + 1)
        and bool(np.all(np.diff(stored) >= 0))
        and bool(np.all(stored[0] <= stored[1]))
    )
    return stored if whole else None


def _write(path: Path, weights: Array) -> None:
    """Keep the weights where that can be done: a read-only cache costs time, not the report."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            np.save(file, weights)
        Path(file.name).replace(path)
    except OSError:
        return
