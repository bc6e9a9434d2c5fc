"""Samples on disk, and a cache for one test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Array = np.ndarray
RNG = np.random.Generator(np.random.Philox(7))
IMAGES = RNG.integers(0, 256, (40, 28, 28, 1), dtype=np.uint8)
Folder = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "statistics"


@pytest.fixture
def images() -> Array:
    return IMAGES.copy()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Writes images N×H×W×C as PNG files in their order."""

    def write(images: Array, name: str = "pictures") -> Path:
        (tmp_path / name).mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(
                tmp_path / name / f"{i:03}.png"
            )
        return tmp_path / name

    return write
