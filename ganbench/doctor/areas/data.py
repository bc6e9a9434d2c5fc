"""Datasets that read files, and extractors that read weights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ganbench.config import compose, options
from ganbench.doctor.check import HERE, Asked, Check, attempt
from ganbench.instantiation import instantiate
from ganbench.nodes import resolve

ORDER = 2


def checks(_: Asked = HERE) -> Iterator[Check]:
    """Try every dataset that reads files, and every extractor that a protocol names."""
    yield from _data()
    yield from _extractors()


def _data() -> Iterator[Check]:
    for name in options("dataset"):
        node = resolve(compose([f"dataset={name}"]).config)["dataset"]
        if "root" in node:
            yield attempt(f"dataset {name}", partial(_images_in, node))


def _extractors() -> Iterator[Check]:
    protocols = [resolve(compose([f"protocol={name}"]).config)["protocol"] for name in options("protocol")]
    nodes = {name: node for protocol in protocols for name, node in protocol["extractors"].items()}
    for name, node in sorted(nodes.items()):
        yield attempt(f"extractor {name}", partial(_weights_of, node))


def _images_in(node: dict[str, Any]) -> str:
    return f"{len(instantiate(node).load().train)} training images"


def _weights_of(node: dict[str, Any]) -> str:
    return f"weights {instantiate(node).weights_hash()[:12]}"
