"""A traced step as machine code: one shared library per list of operations, kept in the cache and shared by processes.

The library is named by what it was made from (operations, shapes, versions, processor), so that a sweep compiles each
step once and a change of the code never meets an old library.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor

from ganbench.devices import describe
from ganbench.errors import ConfigError
from ganbench.places import computed
from ganbench.replacing import replacements
from ganbench.tracing import Flat, Traced, operations

VERSION = "2"  # of the way libraries are made
# Inductor would work out 2 · 0x9E37… on paper, where int64 does not wrap, and then cannot print it.
# What reads four values, as the scalars of Adam do, it would work out anew for each element that needs it.
SETTINGS = {"constant_and_index_propagation": False, "realize_reads_threshold": 3}
# Inductor would hold images channels last and copy them back and forth: a tenth slower here (benchmarks/throughput.py).
IMAGE_SETTINGS = {"layout_optimization": False}
_CONVOLUTIONS = {torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default}


def compile_step(function: Callable[..., Any], *arguments: Any) -> Flat:
    """Return a function that does what `function` does to arguments of these shapes, as machine code.

    The last bits differ from the uncompiled function's. Raises `ConfigError` where there is no C++ compiler.
    """
    with torch.no_grad():
        traced = operations(function, *arguments)
        library = _load(traced)

    def run(leaves: list[Tensor]) -> list[Tensor]:
        return library.loader.boxed_run(leaves)  # type: ignore[no-any-return]

    return Flat(run, traced.result)


def _load(traced: Traced) -> Any:
    """Load the library of these operations, made where the cache lacks it; one that was torn is made anew."""
    path = folder() / f"{_key(traced)}.pt2"
    try:
        return _open(path)
    except (OSError, RuntimeError):
        path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):  # of several processes one makes it
        try:
            return _open(path)
        except (OSError, RuntimeError):
            return _make(traced, path)


def _open(path: Path) -> Any:
    if not path.exists():
        raise FileNotFoundError(path)
    return torch._inductor.aoti_load_package(str(path))  # noqa: SLF001  (its public name)


def compiler() -> str | None:
    """Return the C++ compiler that steps are made with, None where there is none."""
    return shutil.which(os.environ.get("CXX", "g++"))


def folder() -> Path:
    """Return where compiled steps lie."""
    return computed("compiled")


def _make(traced: Traced, path: Path) -> Any:
    if compiler() is None:
        raise ConfigError(
            "mode=compiled needs a C++ compiler: install g++ (or name one in CXX), or set mode=vmap"
        )
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch, _quiet():
        draft = Path(scratch) / path.name
        exported = torch.export.export(traced.module, tuple(traced.example))
        if instead := replacements(exported.graph):
            exported = exported.run_decompositions(instead)
        torch._inductor.aoti_compile_and_package(  # noqa: SLF001
            exported, package_path=str(draft), inductor_configs={**SETTINGS, **_image_settings(traced)}
        )
        library = _open(draft)  # before it can be cleared away
        draft.replace(path)
    return library


def _image_settings(traced: Traced) -> dict[str, bool]:
    convolves = any(node.target in _CONVOLUTIONS for node in traced.module.graph.nodes)
    return IMAGE_SETTINGS if convolves else {}


def _key(traced: Traced) -> str:
    """Hash everything that decides the library's numbers."""
    parts = hashlib.sha256()
    processor = _processor({tensor.device for tensor in traced.example})
    settings = [f"{name}={value}" for name, value in _image_settings(traced).items()]
    for text in (
        VERSION,
        torch.__version__,
        processor,
        str(torch.get_num_threads()),
        traced.module.code,
        *settings,
    ):
        parts.update(f"{text}\0".encode())
    for tensor in (*traced.example, *_constants(traced)):
        parts.update(f"{tensor.dtype} {tuple(tensor.shape)} {tensor.stride()} {tensor.device}\0".encode())
    for constant in _constants(traced):
        parts.update(constant.detach().cpu().contiguous().numpy().tobytes())
    return parts.hexdigest()


def _constants(traced: Traced) -> list[Tensor]:
    names = [str(node.target) for node in traced.module.graph.nodes if node.op == "get_attr"]
    return [getattr(traced.module, name) for name in sorted(set(names))]


def _processor(places: set[torch.device]) -> str:
    """Name the instruction sets of processor and GPUs: a library made for one may not run on another."""
    gpus = sorted(describe(place) for place in places if place.type == "cuda")
    return " ".join([platform.machine(), torch.backends.cpu.get_cpu_capability(), *gpus])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the compiler's remarks about devices that nobody asked for off the terminal."""
    logger = logging.getLogger("torch.utils.cpp_extension")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
