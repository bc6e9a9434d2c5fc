"""What failures come from: which ones there are, whether memory ran out, and which a `--retry` means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ganbench.errors import StoreError
from ganbench.store.states import FAILED

if TYPE_CHECKING:
    from ganbench.store.folder import Store

OUT_OF_MEMORY = "out of memory"
MORE_MEMORY = (
    "give each slot more memory (launcher.mem on a cluster, fewer --workers here), or plan a smaller pack"
)
RETRY_FAILED = "failed"
_SHOWN = 8
_KINDS = ("OutOfMemoryError", "MemoryError")  # torch's, Python's, numpy's _ArrayMemoryError
_SAYS = re.compile(r"DefaultCPUAllocator: .*(can't|not enough)|CUDA out of memory|std::bad_alloc")


def is_out_of_memory(message: str) -> bool:
    """Return whether an error, `Type: text`, itself says that memory ran out."""
    return message.partition(":")[0].endswith(_KINDS) or bool(_SAYS.search(message))


def failures(store: Store) -> dict[str, dict[str, Any]]:
    """Return why each failed pack or baseline failed: failure.json of its newest attempt, by unit."""
    failed = [unit for unit, state in store.work().items() if state == FAILED]
    return {unit: found[-1] for unit in failed if (found := store.failures(unit))}


def units_to_retry(store: Store, retry: str) -> list[str]:
    """Return the failed units that `failed`, or `failed:<beginning of a signature>`, means; none for an empty text.

    Raises `StoreError` for anything else, and for a signature that no failure has.
    """
    word, colon, wanted = retry.partition(":")
    if not retry:
        return []
    if word != RETRY_FAILED or (colon and not wanted.strip()):
        raise StoreError(
            f"--retry {retry!r} is not known: give `failed`, or `failed:` and how a signature begins"
        )
    found = failures(store) if store.exists() else {}
    chosen = [unit for unit, failure in found.items() if failure["signature"].startswith(wanted.strip())]
    if colon and not chosen:
        known = list(dict.fromkeys(failure["signature"] for failure in found.values()))
        listed = "; ".join(known[:_SHOWN]) + (
            f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        )
        raise StoreError(
            f"no failure of {store.name} has a signature that begins with {wanted.strip()!r}: "
            + (f"there are {listed}" if known else "nothing has failed")
        )
    return chosen
