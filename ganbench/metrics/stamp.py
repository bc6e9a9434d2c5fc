"""What must stand beside every score: which network saw what."""

from __future__ import annotations

from ganbench.protocols import Extractor


def stamp(extractor: Extractor) -> dict[str, str]:
    """Return `name`, `weights_hash`, `preprocessing` and `dtype`; scores whose stamps differ do not compare.

    Raises `DataError` where the weights are missing or others than named.
    """
    return {
        "name": extractor.name,
        "weights_hash": extractor.weights_hash(),
        "preprocessing": extractor.preprocessing,
        "dtype": extractor.dtype,
    }
