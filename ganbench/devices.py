"""Where a process trains and scores: on the first GPU it sees, else on the CPU.

That is placement, no part of what a trial is. Orders, uniform draws and initial weights are the same bits on every
device; what is computed from them agrees up to rounding. `provenance.json` says where an attempt ran.
"""

from __future__ import annotations

import os
from dataclasses import fields, replace

import torch
from torch import Tensor
from torch.backends import cudnn

from ganbench.errors import ConfigError
from ganbench.protocols import Images
from ganbench.tree import T, map_tree

VARIABLE = "GANBENCH_DEVICE"
CPU = torch.device("cpu")


def device() -> torch.device:
    """Return the device that `GANBENCH_DEVICE` names (`cpu`, `cuda:1` …), else the first visible GPU, else the CPU.

    Raises `ConfigError` for one that is not there.
    """
    name = os.environ.get(VARIABLE) or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # AssertionError: torch without CUDA
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"{VARIABLE}={name}: {reason}; leave it out for the first GPU, or the CPU"
        ) from error
    if found.type == "cuda":
        _repeatable(found)
    return found


def _repeatable(gpu: torch.device) -> None:
    """Make a GPU give the same bits on every run, and products the digits that their format has."""
    torch.cuda.set_device(gpu)  # where compiled steps run
    cudnn.benchmark = False  # a stopwatch would choose how to sum, and a resumed pack end with other bits
    cudnn.deterministic = True
    cudnn.allow_tf32 = False  # it rounds factors to 11 bits: `precision` says what is rounded, not the GPU
    torch.backends.cuda.matmul.allow_tf32 = False
    # bf16's products sum in float32
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False


def describe(place: torch.device) -> str:
    """Return `cpu`, or a GPU's name and compute capability."""
    if place.type != "cuda":
        return place.type
    major, minor = torch.cuda.get_device_capability(place)
    return f"{torch.cuda.get_device_name(place)} (cuda {major}.{minor})"


def placed(tree: T, place: torch.device) -> T:
    """Return a tree with its tensors on a device; those that are there are not copied."""
    return map_tree(lambda leaf: leaf.to(place) if isinstance(leaf, Tensor) else leaf, tree)


def placed_images(images: Images, place: torch.device) -> Images:
    """Return a dataset that lies on a device."""
    found = {field.name: getattr(images, field.name) for field in fields(images)}
    return replace(images, **placed(found, place))


def synchronize(place: torch.device) -> None:
    """Wait until a GPU has done what it was given; a CPU does it at once."""
    if place.type == "cuda":
        torch.cuda.synchronize(place)
