"""Counted network passes: what a step costs, penalties included, whatever the machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from ganbench.analysis.results import Results
from ganbench.nodes import has, value_at

TARGET = "_target_"
FREE = (
    "networks",
    "priors",
    "optimizers",
    "transforms.identity",
)  # families that make no passes of their own
D_STEPS = "d_steps"


@cache
def counted() -> Mapping[str, Mapping[str, float]]:
    """Return the passes of a step by recipe and turn (`d`, `dg`), as `tools/count_passes.py` counted them."""
    text = files("ganbench.analysis").joinpath("passes.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, float]] = json.loads(text)
    return found


def recipe(config: Mapping[str, Any]) -> str:
    """Name what makes a variant's network passes: `study: Adversarial(GradientPenalty, Wasserstein)`.

    First the family of networks, which weighs generator against critic, then the procedure with its parts;
    priors and optimizers make no passes.
    """
    family = str(config["network"]["generator"][TARGET]).split(".")[-2]
    return f"{family}: {_named(config, config['model']['procedure'])}"


def _named(config: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    members = []
    for value in node.values():
        part = _followed(config, value)
        if isinstance(part, dict) and TARGET in part and not _free(part[TARGET]):
            members.append(_named(config, part))
    name = str(node[TARGET]).rpartition(".")[2]
    return f"{name}({', '.join(sorted(members))})" if members else name


def _followed(config: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, str) and value.startswith("${") and has(config, value[2:-1]):
        return value_at(config, value[2:-1])
    return value


def _free(target: str) -> bool:
    return any(target.startswith(f"ganbench.{family}.") for family in FREE)


def g_turns(steps: np.ndarray, d_steps: np.ndarray) -> np.ndarray:
    """Return how many of the first S steps update G: s = 0 and every s with (s − 1) mod d_steps = 0."""
    return np.where(steps > 0, 2 + (steps - 2) // d_steps, 0)


def passes(results: Results, plan: pd.DataFrame, steps: pd.Series) -> pd.Series:
    """Return the network passes of planned trials after so many steps each, NaN where none were counted.

    passes = (S − g) · d + g · dg, with g = `g_turns` for procedures that have `d_steps`, else S. One pass
    is a forward pass of a batch through one network, generator and critic averaged; a backward pass counts
    as what it computes, about two.
    """
    found = pd.Series(np.nan, index=plan.index)
    for variant in results.definition.get("variants", []):
        mine = plan.index[
            (plan["variant"] == results.label(variant["choices"]))
            & (plan["dataset"] == variant["choices"]["dataset"])
        ]
        cost = counted().get(recipe(variant["config"])) if "network" in variant["config"] else None
        if cost is not None and len(mine):
            s = steps.loc[mine].to_numpy(dtype=float)
            g = _g_turns(variant["config"], plan.loc[mine], s)
            found.loc[mine] = (s - g) * cost["d"] + g * cost["dg"]
    return found


def _g_turns(config: Mapping[str, Any], plan: pd.DataFrame, steps: np.ndarray) -> np.ndarray:
    node = config["model"]["procedure"].get(D_STEPS)
    if node is None:
        return steps
    d_steps = np.full(len(plan), float(_followed(config, node)))
    name = node[2:-1] if isinstance(node, str) else ""
    if name in plan:
        drawn = pd.to_numeric(plan[name], errors="coerce").to_numpy(dtype=float)
        d_steps = np.where(np.isnan(drawn), d_steps, drawn)
    return g_turns(steps, d_steps)
