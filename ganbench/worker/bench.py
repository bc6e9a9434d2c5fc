"""What a process needs to train and score a trial: its resolved config, and a dataset bound to its protocol."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ganbench.devices import device, placed_images
from ganbench.errors import UserError
from ganbench.identity import protocol_id
from ganbench.instantiation import instantiate
from ganbench.nodes import resolve, set_values
from ganbench.protocols import Images
from ganbench.records import Pack, Trial
from ganbench.rng import Rng
from ganbench.scoring import Scorer, metric_key
from ganbench.training import PackTraining


def checkpoint_steps(budget: dict[str, Any]) -> list[int]:
    """Return the scored steps: every `every` steps and the last one."""
    return sorted({*range(budget["every"], budget["steps"] + 1, budget["every"]), budget["steps"]})


def trial_config(
    definition: dict[str, Any], variant: dict[str, str], params: dict[str, Any]
) -> dict[str, Any]:
    """Return a trial's resolved config from the sweep's frozen definition; nothing is composed."""
    base = next(v["config"] for v in definition["variants"] if v["choices"] == variant)
    return resolve(set_values(base, params))


@dataclass(frozen=True)
class Bench:
    """A dataset with its protocol, loaded once per process, on its device: what it gives trains and scores there."""

    images: Images
    scorer: Scorer
    protocol: str


@lru_cache(maxsize=1)
def _bench(dataset: str, protocol: str) -> Bench:
    source, rules = instantiate(json.loads(dataset)), json.loads(protocol)
    for extractor in instantiate(rules["extractors"]).values():
        extractor.weights_hash()  # missing weights are found out before anything is trained
    images = placed_images(source.load(), device())
    return Bench(images, Scorer(rules, source, images), protocol_id(rules))


def bench_of(config: dict[str, Any], protocol: dict[str, Any] | None = None) -> Bench:
    """Return the bench of a resolved config, under its own protocol or another."""
    return _bench(json.dumps(config["dataset"]), json.dumps(protocol or config["protocol"]))


def baseline_rows(config: dict[str, Any], bench: Bench, dataset: str) -> list[dict[str, Any]]:
    """Score what a dataset's tables are read against; the untrained generator is that of a resolved config."""
    procedure = instantiate(config["model"]["procedure"])
    scores = bench.scorer.baselines((procedure, procedure.init(Rng.of(0).fold("init"))))
    return [
        {"dataset": dataset, "protocol": bench.protocol, "baseline": baseline, "metric": key, "value": value}
        for baseline, values in scores.items()
        for key, value in values.items()
    ]


def pack_training(
    definition: dict[str, Any], pack: Pack, trials: list[Trial], images: Images
) -> PackTraining:
    """Build a pack as planned; lanes beyond its trials repeat the last one and are discarded."""
    configs = [trial_config(definition, t.variant, t.params) for t in trials]
    procedures = [instantiate(c["model"]["procedure"]) for c in configs]
    padding = pack.lanes - len(trials)
    return PackTraining(
        procedures + procedures[-1:] * padding,
        [t.seed for t in trials] + [trials[-1].seed] * padding,
        images,
        batch_size=configs[0]["budget"]["batch_size"],
        mode=pack.mode,
        precision=pack.precision,
    )


def direction_of(protocol: dict[str, Any], key: str) -> str:
    """Return `min` or `max` for a metric key of a protocol."""
    for metric in protocol["metrics"].values():
        for name, direction in metric["directions"].items():
            if metric_key(name, metric["space"]) == key.partition("@")[0]:
                return str(direction)
    raise UserError(f"protocol {protocol['name']!r} gives no metric {key!r}")
