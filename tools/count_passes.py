"""Count the network passes that a step of each model makes, for budget curves whose axis is compute.

    python tools/count_passes.py [--config-dir FOLDER] [--out ganbench/analysis/passes.json]

Counts the floating-point operations of matrix products and convolutions in one real step of each turn, on each
family of networks, and divides by those of one forward pass, generator and critic averaged. Models whose procedure
updates G on another schedule than `g_turns` says are named and left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ganbench.analysis.passes import g_turns, recipe
from ganbench.config import compose, options
from ganbench.functional import functional
from ganbench.instantiation import instantiate
from ganbench.nodes import resolve
from ganbench.rng import Rng

OUT = Path(__file__).resolve().parents[1] / "ganbench" / "analysis" / "passes.json"
BATCH, STEPS = 8, 23
FAMILIES = (
    ["dataset=fashion_mnist", "network.channels=16"],
    ["dataset=ring"],
)  # a data set that chooses each


def count(config: dict[str, Any]) -> dict[str, float] | None:
    """Return the passes of a step by turn, None for a schedule that `g_turns` does not describe."""
    procedure = instantiate(config["model"]["procedure"])
    turns = [procedure.turn(step) for step in range(STEPS)]
    d_steps = getattr(procedure, "d_steps", None)
    expected = g_turns(np.array([STEPS]), np.array([d_steps]))[0] if d_steps else STEPS
    if turns.count("dg") != expected or set(turns) - {"d", "dg"}:
        return None
    state = procedure.init(Rng.of(0))
    batch = torch.rand(BATCH, *config["dataset"]["image_shape"])
    unit = forward(config["network"]["generator"]) / 2 + forward(config["network"]["critic"]) / 2
    return {
        turn: round(operations(lambda t=turn: procedure.step(state, batch, Rng.of(1), t)) / unit, 2)
        for turn in ("d", "dg")
    }


def forward(node: dict[str, Any]) -> float:
    """Return the operations of a network's forward pass of a batch."""
    spec = instantiate(node)
    network = functional(spec)
    shape = (spec.latent_dim,) if hasattr(spec, "latent_dim") else spec.image_shape
    params, given = network.init(Rng.of(0)), torch.rand(BATCH, *shape)
    return operations(lambda: network(params, given))


class _Counter(TorchDispatchMode):
    """Adds up torch's own count of every operation that comes by; its ready-made mode cannot see torch.func's."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        price = flop_registry.get(func.overloadpacket)
        self.total += price(*args, **(kwargs or {}), out_val=out) if price else 0
        return out


def operations(run: Any) -> float:
    """Return the floating-point operations of what is run."""
    with _Counter() as counter:
        run()
    return float(counter.total)


def composed(model: str, family: list[str], config_dir: Path | None = None) -> dict[str, Any]:
    """Compose a model on a family of networks."""
    return resolve(compose([f"model={model}", *family], config_dir).config)


def main() -> None:
    """Count every model of the configuration and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config-dir", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, dict[str, float]] = {}
    for model, family in product(options("model", given.config_dir), FAMILIES):
        config = composed(model, family, given.config_dir)
        passes = count(config)
        said = passes or "updates G on a schedule of its own: left out"
        sys.stdout.write(f"{model}: {recipe(config)}: {said}\n")
        if passes:
            found[recipe(config)] = passes
    lines = [f" {json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found)]
    given.out.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
