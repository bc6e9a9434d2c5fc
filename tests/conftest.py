"""Shared by all tests: the CPU, one torch thread, no network, a cache of their own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # as in the background of a shell: what tests start would inherit it, and never hear Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def _one_thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    import torch

    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        if "GANBENCH_DEVICE" not in os.environ:
            patch.setenv("GANBENCH_DEVICE", "cpu")  # also where there is a GPU: expected values are the CPU's
        if "GANBENCH_CACHE" not in os.environ:
            patch.setenv("GANBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Tests that draw their data with torch draw the same every time."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _unprepared() -> None:
    """No test trains by a step that another one prepared."""
    from ganbench.stepping import KEPT

    KEPT.clear()


@pytest.fixture
def root() -> Path:
    """The repository."""
    return ROOT
