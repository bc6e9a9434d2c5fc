"""Snapshots on disk: what sampling needs, as safetensors."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ganbench.protocols import Snapshot


def save_snapshot(path: Path, snapshot: Snapshot, shown: torch.Tensor) -> None:
    """Write a snapshot with a few of its samples."""
    save_file({**_flat(snapshot), "shown": shown}, path)


def _flat(snapshot: Snapshot) -> dict[str, torch.Tensor]:
    parts = (("generator", snapshot.generator), ("standing", snapshot.standing))
    return {
        f"{part}/{name}": value.cpu().contiguous() for part, tree in parts for name, value in tree.items()
    }


def load_snapshot(path: Path) -> Snapshot:
    """Read a snapshot onto the CPU; raises SafetensorError on a file that is not one."""
    tensors = load_file(path)

    def part(name: str) -> dict[str, torch.Tensor]:
        return {k.partition("/")[2]: v for k, v in tensors.items() if k.startswith(f"{name}/")}

    return Snapshot(part("generator"), part("standing"))
