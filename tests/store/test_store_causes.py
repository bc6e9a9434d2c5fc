"""Which errors say that memory ran out, and which failures a `--retry` means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from stores import claimed, planned

from ganbench.errors import StoreError
from ganbench.store import Store
from ganbench.store.causes import failures, is_out_of_memory, units_to_retry

FAR_TOO_MUCH = 10**16


@pytest.mark.parametrize("ask", [torch.empty, np.empty, bytearray])
def test_what_libraries_raise_is_recognised(ask: object, tmp_path: Path) -> None:
    attempt = claimed(planned(tmp_path), "p0")
    try:
        ask(FAR_TOO_MUCH)  # type: ignore[operator]
    except (RuntimeError, MemoryError) as error:
        attempt.fail(error)
    failure = attempt.failure()
    assert failure is not None
    assert is_out_of_memory(failure["message"])


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", True),
        ("RuntimeError: shape '[2]' is invalid", False),
        ("KilledError: 3 attempts were killed; give slots more memory", False),
        ("ValueError: out of memory is a word", False),
    ],
)
def test_other_errors_are_not(message: str, expected: bool) -> None:
    assert is_out_of_memory(message) is expected


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = planned(tmp_path, packs=4)
    for pack, kind in (("p0", "ValueError"), ("p1", "TypeError"), ("p2", "ValueError")):
        claimed(store, pack).fail(f'File "a.py", line 3, in f\n{kind}: {pack}')
    return store


def test_a_retry_means_all_or_those_whose_signature_begins_so(store: Store) -> None:
    assert list(failures(store)) == ["p0", "p1", "p2"]
    assert units_to_retry(store, "") == []
    assert units_to_retry(store, "failed") == ["p0", "p1", "p2"]
    assert units_to_retry(store, "failed:Val") == ["p0", "p2"]
    assert units_to_retry(store, "failed: TypeError at a.py:3 in f") == ["p1"]


def test_an_unknown_signature_lists_the_known_ones(store: Store, tmp_path: Path) -> None:
    expected = (
        r"^no failure of toy has a signature that begins with 'Key': "
        r"there are ValueError at a.py:3 in f; TypeError at a.py:3 in f$"
    )
    with pytest.raises(StoreError, match=expected):
        units_to_retry(store, "failed:Key")
    with pytest.raises(StoreError, match="nothing has failed"):
        units_to_retry(Store(tmp_path, "absent"), "failed:Key")
    assert units_to_retry(Store(tmp_path, "absent"), "failed") == []


@pytest.mark.parametrize("retry", ["all", "failed:", "failed: ", "fail:x"])
def test_other_words_are_refused(store: Store, retry: str) -> None:
    with pytest.raises(StoreError, match="is not known: give `failed`, or `failed:`"):
        units_to_retry(store, retry)
