"""What a trial and a protocol are: hashes of resolved configs, and the signature that decides who may share a pack."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ganbench.records import HASH_VERSION

# Where a result was made does not change what it is. Everything else under these nodes is identity.
EXCLUDED = frozenset(
    {
        "dataset.root",
        "dataset.download",
        "dataset.study_steps",  # a budget that uses them holds their values
        "dataset.study_every",
        "budget.name",
        "budget.keep",
        "budget.checkpoint_seconds",
    }
)
TRAINING = ("procedure", "dataset", "budget", "precision")

# What a protocol's name and choice of headline scores do not change: the scores.
PRESENTATION = frozenset({"name", "headline", "curve", "select"})

# Where an extractor's weights lie; which they are, their hash says.
PLACED = frozenset({"weights", "url", "download"})

# (hash version it came with, `_target_`, field, neutral value): a field added later leaves old ids as they were.
NEUTRAL: tuple[tuple[int, str, str, Any], ...] = (
    (1, "ganbench.datasets.image_folder.ImageFolder", "name", ""),
)

# Floats of these families vary over the lanes of a pack; all else is structure.
BATCHED = tuple(
    f"ganbench.{family}."
    for family in ("losses", "penalties", "transforms", "optimizers", "procedures", "priors")
)


def training_config(resolved: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved config that training reads, without placement."""
    nodes = {**{name: resolved[name] for name in TRAINING[1:]}, "procedure": resolved["model"]["procedure"]}
    return {name: _without_placement(name, nodes[name]) for name in TRAINING}


def _without_placement(name: str, node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    return {key: value for key, value in node.items() if f"{name}.{key}" not in EXCLUDED}


def digest(value: Any, length: int = 16) -> str:
    """Hash a plain value by its canonical JSON; hex digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=length // 2).hexdigest()


def _without_neutral(node: Any) -> Any:
    if isinstance(node, dict):
        target = node.get("_target_")
        dropped = {
            field for _, owner, field, value in NEUTRAL if owner == target and node.get(field) == value
        }
        return {key: _without_neutral(value) for key, value in node.items() if key not in dropped}
    return [_without_neutral(item) for item in node] if isinstance(node, list) else node


def trial_id(training: dict[str, Any], seed: int) -> str:
    """Hash a training config and its seed."""
    return digest({"version": HASH_VERSION, "training": _without_neutral(training), "seed": seed})


def protocol_id(protocol: dict[str, Any]) -> str:
    """Name a protocol: its name and a hash of all that gives its scores their meaning."""
    meaning = {key: value for key, value in protocol.items() if key not in PRESENTATION}
    if "extractors" in meaning:
        meaning["extractors"] = {name: _without_path(node) for name, node in meaning["extractors"].items()}
    return f"{protocol['name']}-{digest(meaning, 8)}"


def _without_path(extractor: dict[str, Any]) -> dict[str, Any]:
    """Drop where the weights lie; their hash is a field of its own."""
    return {key: value for key, value in extractor.items() if key not in PLACED}


def signature(training: dict[str, Any]) -> str:
    """Hash a training config without the floats that batch: equal signatures may share a pack."""
    return digest(_structure(training))


def _structure(node: Any, *, batched: bool = False) -> Any:
    if isinstance(node, dict):
        inside = str(node.get("_target_", "")).startswith(BATCHED)
        return {key: _structure(value, batched=inside) for key, value in node.items()}
    if isinstance(node, list):
        return [_structure(item, batched=False) for item in node]
    return "*" if batched and isinstance(node, float) else node
