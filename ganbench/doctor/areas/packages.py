"""What is installed."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from ganbench.doctor.check import HERE, Asked, Check

ORDER = 0
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


def checks(_: Asked = HERE) -> Iterator[Check]:
    """Name the versions that matter."""
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
