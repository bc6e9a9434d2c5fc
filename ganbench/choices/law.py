"""What packs cost, by a law that `benchmarks/cost_model.py` fitted to measurements of one core."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ganbench.analysis.passes import D_STEPS, TARGET, counted, recipe

UNBATCHED = "unbatched"  # lane after lane
PATH = Path(__file__).with_name("law.json")
_SHAPE = "image_shape"  # the field that tells a network from the other parts


class Work(NamedTuple):
    """What trials of one signature ask for."""

    family: str  # of networks
    steps: int
    passes: float  # of a step, generator turns averaged in
    each: float  # of one lane's pass: batch · pixels · width², in millions
    graphs: int  # as many as there are turns


class Cost(NamedTuple):
    """Predicted seconds of one core."""

    training: float
    compiling: float

    @property
    def total(self) -> float:
        """Return both together."""
        return self.training + self.compiling


@cache
def law() -> Mapping[str, Any]:
    """Return the committed law."""
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def work_of(resolved: Mapping[str, Any], widths: Mapping[str, str] | None = None) -> Work | None:
    """Return what a resolved config asks for; None where its networks or its passes are not known.

    `widths` names the field that gives a family its width; by default the law's.
    """
    procedure = resolved["model"]["procedure"]
    network = next((part for part in procedure.values() if isinstance(part, dict) and _SHAPE in part), None)
    if network is None:
        return None
    family = str(network[TARGET]).split(".")[-2]
    width = network.get((widths or law()["width"]).get(family))
    turns = counted().get(recipe({"network": {"generator": network}, "model": resolved["model"]}))
    if width is None or turns is None:
        return None
    d_steps = procedure.get(D_STEPS, 1)
    pixels = 1 if len(network[_SHAPE]) == 1 else math.prod(network[_SHAPE][1:])
    return Work(
        family,
        resolved["budget"]["steps"],
        ((d_steps - 1) * turns["d"] + turns["dg"]) / d_steps,
        resolved["budget"]["batch_size"] * pixels * width**2 / 1e6,
        2 if d_steps > 1 else 1,
    )


def kind(lanes: int) -> str:
    """Return which law holds: kernels of one lane are others than those of several."""
    return "alone" if lanes == 1 else "together"


def known(work: Work, mode: str) -> bool:
    """Say whether a mode was measured on such networks."""
    return mode in law()["laws"].get(work.family, {})


def cost(work: Work, mode: str, packs: Iterable[int], *, graphs: int) -> Cost:
    """Predict packs of so many lanes each, with so many graphs still to compile. The mode must be `known`.

    They start once: a slot keeps the step that it has prepared for a signature.
    """
    laws, family = law(), work.family
    training = laws["start_seconds"][family][mode] + sum(
        work.steps * times * _step(laws["laws"][family][mode], work, lanes)
        for times, lanes in (((n, 1) if mode == UNBATCHED else (1, n)) for n in packs)
    )
    return Cost(training, graphs * laws["compile_seconds"][family] if graphs else 0.0)


def _step(laws: Mapping[str, Mapping[str, float]], work: Work, lanes: int) -> float:
    found = laws[kind(lanes)]
    return work.passes * (found["overhead"] + lanes * work.each * found["each"])
