"""Datasets built from their own YAML, with a place of their own for downloads."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where downloads go when no root is given."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "datasets"


@pytest.fixture
def node(root: Path) -> Callable[[str], dict[str, Any]]:
    """Return the `dataset:` node of conf/dataset/<name>.yaml."""
    return lambda name: yaml.safe_load((root / f"conf/dataset/{name}.yaml").read_text())["dataset"]


@pytest.fixture
def build(node: Callable[[str], dict[str, Any]]) -> Callable[..., Any]:
    """Return the dataset that a YAML describes, with some fields changed."""

    def make(name: str, **changes: Any) -> Any:
        fields = node(name) | changes
        module, _, cls = fields.pop("_target_").rpartition(".")
        return getattr(importlib.import_module(module), cls)(**fields)

    return make
