"""Processors, GPUs and room on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ganbench.doctor.check import HERE, Asked, Check

ORDER = 1
LOW_DISK_GIB = 5.0


def checks(_: Asked = HERE) -> Iterator[Check]:
    """Look at this machine."""
    yield from _devices()
    yield _compiler()
    yield _disk()


def _devices() -> Iterator[Check]:
    import torch  # noqa: PLC0415  (slow to import)

    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    yield Check(
        "processors",
        ok=True,
        found=f"{os.cpu_count()} (OMP_NUM_THREADS {threads}; slots set one thread themselves)",
    )
    count = torch.cuda.device_count()
    yield Check(
        "GPUs",
        ok=True,
        found=f"{count}: {torch.cuda.get_device_name(0)}" if count else "none; training runs on the CPU",
    )


def _compiler() -> Check:
    from ganbench.compiling import compiler  # noqa: PLC0415  (torch, slow to import)

    name, found = os.environ.get("CXX", "g++"), compiler()
    fix = f"install {name} (Debian: g++), name another in CXX, or train with mode=vmap"
    return Check("C++ compiler", ok=found is not None, found=found or f"no {name}", fix="" if found else fix)


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    enough = free > LOW_DISK_GIB
    return Check(
        "disk",
        ok=enough,
        found=f"{free:.0f} GiB free here",
        fix="" if enough else "free some, or use --results DIR elsewhere",
    )
