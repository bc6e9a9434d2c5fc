"""Results of sweeps that never ran, for tests of analysis and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ganbench.analysis.results import Results


class Run(NamedTuple):
    """One planned trial; `values` are its scores per checkpoint, None where it diverged."""

    index: int
    values: Sequence[float | None]
    stage: str = "search"
    seed: int = 0
    state: str | None = None


def results(
    runs: Mapping[str, Sequence[Run]],
    *,
    metric: str = "fd_toy",
    direction: str = "min",
    default: int | None = 0,
    baselines: Mapping[str, float] | None = None,
    **definition: Any,
) -> Results:
    """Make a sweep of one metric on the dataset `toy` from the scores of its runs."""
    bare, _, space = metric.partition("@")[0].rpartition("_")
    trials = min(sum(run.stage == "search" for run in ours) for ours in runs.values())
    planned = [(model, run) for model, ours in runs.items() for run in ours]
    return Results(
        name="toy",
        definition={
            "axes": {"model": list(runs), "dataset": ["toy"]},
            "budget": {"name": "tiny", "steps": 100, "every": 10, "batch_size": 4},
            "protocols": {
                "toy": {
                    "name": "proto",
                    "headline": metric,
                    "curve": metric,
                    "select": metric,
                    "metrics": {"m": {"space": space, "directions": {bare: direction}}},
                }
            },
            "search": {"space": "wide", "sampler": "hashed", "trials": trials},
            "rerun": None,
            **definition,
        },
        trials=pd.DataFrame([_trial(model, run, default) for model, run in planned]),
        scores=pd.DataFrame([row for model, run in planned for row in _scores(model, run, metric)]),
        baselines=pd.DataFrame(
            [
                {"dataset": "toy", "protocol": "proto-1", "baseline": name, "metric": metric, "value": value}
                for name, value in (baselines or {}).items()
            ]
        ),
        samples={},
    )


def _id(model: str, run: Run) -> str:
    return f"{model}-{run.stage}-{run.index}-{run.seed}"


def _trial(model: str, run: Run, default: int | None) -> dict[str, Any]:
    return {
        "trial_id": _id(model, run),
        "stage": run.stage,
        "model": model,
        "dataset": "toy",
        "index": run.index,
        "seed": run.seed,
        "is_default": run.index == default,
        "state": run.state or ("diverged" if None in run.values else "done"),
    }


def _scores(model: str, run: Run, metric: str) -> list[dict[str, Any]]:
    return [
        {
            "trial_id": _id(model, run),
            "step": 10 * place,
            "metric": metric,
            "value": np.nan if value is None else value,
            "status": "diverged" if value is None else "ok",
            "protocol": "proto-1",
        }
        for place, value in enumerate(run.values, start=1)
    ]


RERUN = {"top": 1, "seeds": 3, "first_seed": 1, "select": {"metric": None, "at": "best"}}


def sweep(
    models: Sequence[str] = ("ns_gan", "vae"), *, settings: int = 9, seeds: int = 3, **definition: Any
) -> Results:
    """Make a whole sweep with random F1 and energy scores, some of them diverged, and samples."""
    rng = np.random.Generator(np.random.Philox(key=1))
    runs: dict[str, list[Run]] = {}
    for model in models:
        scores = np.exp(rng.normal(size=(settings, 3))).tolist()
        scores[-1][1:] = [None, None]
        best = min(range(settings), key=lambda i: min(v for v in scores[i] if v is not None))
        level = min(v for v in scores[best] if v is not None)
        again = (level * np.exp(0.3 * rng.normal(size=(seeds, 3)))).tolist()
        runs[model] = [Run(i, values, seed=i) for i, values in enumerate(scores)]
        runs[model] += [Run(best, values, "rerun", 100 + n) for n, values in enumerate(again)]
    base = {"real": 0.01, "untrained": 9.0, "blank": 12.0}
    made = results(
        runs, metric="energy_toy", baselines=base, **{"rerun": {**RERUN, "seeds": seeds}, **definition}
    )
    protocol = made.definition["protocols"]["toy"]
    protocol |= {"headline": "f1_toy", "n_real": 50, "n_fake": 50, "split": "test", "evaluation_seed": 42}
    protocol["metrics"]["m"]["directions"]["f1"] = "max"
    shares = made.scores.assign(metric="f1_toy", value=np.exp(-made.scores["value"]))
    base_shares = made.baselines.assign(metric="f1_toy", value=np.exp(-made.baselines["value"]))
    samples = {(name, "toy"): rng.normal(size=(40, 2)) for name in ("real", *models)}
    return Results(
        made.name,
        made.definition,
        made.trials,
        pd.concat([made.scores, shares], ignore_index=True),
        pd.concat([made.baselines, base_shares], ignore_index=True),
        samples,
    )
