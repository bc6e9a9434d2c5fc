"""What this machine can run, with the fix for everything it cannot."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ganbench.config import compose, options
from ganbench.errors import UserError
from ganbench.instantiation import instantiate
from ganbench.nodes import resolve
from ganbench.terminal import Console

PACKAGES = (
    "torch",
    "torchvision",
    "torch-fidelity",
    "hydra-core",
    "omegaconf",
    "optuna",
    "submitit",
    "pandas",
    "opda",
)
LOW_DISK_GIB = 5.0


@dataclass(frozen=True)
class Check:
    """One finding; `fix` is empty where all is well."""

    name: str
    ok: bool
    found: str
    fix: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict."""
        return asdict(self)


def examine() -> list[Check]:
    """Look at packages, devices, data, extractor weights and disk."""
    return [*_packages(), *_devices(), *_data(), *_extractors(), _disk()]


def _packages() -> Iterator[Check]:
    yield Check("python", ok=True, found=platform.python_version())
    for name in PACKAGES:
        try:
            yield Check(name, ok=True, found=version(name))
        except PackageNotFoundError:
            yield Check(
                name,
                ok=False,
                found="not installed",
                fix="install ganbench anew: make setup, or pip install ganbench",
            )


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


def _data() -> Iterator[Check]:
    """Try every dataset that reads files."""
    for name in options("dataset"):
        node = resolve(compose([f"dataset={name}"]).config)["dataset"]
        if "root" in node:
            yield _try(f"dataset {name}", partial(_images_in, node))


def _extractors() -> Iterator[Check]:
    protocols = [resolve(compose([f"protocol={name}"]).config)["protocol"] for name in options("protocol")]
    nodes = {name: node for protocol in protocols for name, node in protocol["extractors"].items()}
    for name, node in sorted(nodes.items()):
        yield _try(f"extractor {name}", partial(_weights_of, node))


def _images_in(node: dict[str, Any]) -> str:
    return f"{len(instantiate(node).load().train)} training images"


def _weights_of(node: dict[str, Any]) -> str:
    return f"weights {instantiate(node).weights_hash()[:12]}"


def _try(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, found=look())
    except UserError as error:
        return Check(name, ok=False, found="not available", fix=str(error))


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    enough = free > LOW_DISK_GIB
    return Check(
        "disk",
        ok=enough,
        found=f"{free:.0f} GiB free here",
        fix="" if enough else "free some, or use --results DIR elsewhere",
    )


def show(checks: list[Check]) -> None:
    """Print the findings for a person."""
    Console().rows(
        ["", "what", "found"],
        [["✓" if c.ok else "–", c.name, c.found if c.ok else f"{c.found}: {c.fix}"] for c in checks],
    )
