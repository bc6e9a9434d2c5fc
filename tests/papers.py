"""Paper files and sweeps that never ran, for tests of papers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from boards import RERUN, board
from synthetic import sweep

from ganbench.analysis.results import Results
from ganbench.report.paper.plan import Paper, parse_paper
from ganbench.report.paper.shelf import Shelf

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("ns_gan", "vae", "wgan")
PRF = {"f1_ring": "max", "energy_ring": "min", "precision_ring": "max", "recall_ring": "max"}


def shelf(sweeps: Mapping[str, Results] | None = None, probes: Path = Path("nowhere")) -> Shelf:
    """Return a shelf that holds these sweeps, and the published numbers of the repository."""
    return Shelf(dict(sweeps or {}).get, probes, ROOT / "results" / "reference")


def paper(*exhibits: dict[str, Any]) -> Paper:
    """Return a paper of one section."""
    return parse_paper("p", {"title": "A paper", "sections": [{"title": "All", "exhibits": list(exhibits)}]})


def toy(models: tuple[str, ...] = ("ns_gan", "vae"), **given: Any) -> Results:
    """Return a complete small sweep, its trials with hyperparameters."""
    made = sweep(models, **given)
    places = made.trials["index"]
    return replace(
        made, trials=made.trials.assign(**{"model.lr": 1e-4 * (places + 1), "model.d_steps": places % 2})
    )


def ring(settings: int = 24, datasets: tuple[str, ...] = ("ring",), **definition: Any) -> Results:
    """Return a sweep with F1, precision and recall, reruns, settings and costs; the first setting is the default."""
    rng = np.random.Generator(np.random.Philox(key=3))
    scores = {
        dataset: {model: rng.random((settings, 3)).round(4).tolist() for model in MODELS}
        for dataset in datasets
    }
    again = {
        dataset: {model: [(i, rng.random()) for i in (2, 2, 2, 5, 5, 5)] for model in MODELS}
        for dataset in datasets
    }
    params = {
        m: {"model.lr": np.geomspace(1e-5, 1e-2, settings), "model.clip": [True, False] * settings}
        for m in MODELS
    }
    made = board(
        scores,
        metrics=PRF,
        reruns=again,
        params=params,
        seconds={model: np.linspace(1, 2, settings).tolist() for model in MODELS},
        baselines=dict.fromkeys(PRF, 0.5),
        default=0,
        **{"rerun": {**RERUN, "top": 0}, **definition},  # those above are of no setting's rank
    )
    positive = made.scores["value"].abs()
    return replace(made, scores=made.scores.assign(value=positive))


def unfinished(results: Results, done: int) -> Results:
    """Return a sweep of which only the first trials are done."""
    states = np.where(np.arange(len(results.trials)) < done, results.trials["state"], "planned")
    kept = results.trials["trial_id"][:done]
    scores = results.scores[results.scores["trial_id"].isin(kept)]
    return replace(results, trials=results.trials.assign(state=states), scores=scores)


def finding(
    folder: Path, probe: str, subject: str, rows: list[dict[str, Any]], verdict: dict[str, Any]
) -> None:
    """Write a probe's finding."""
    path = folder / probe / subject
    path.mkdir(parents=True)
    content = {"probe": probe, "rows": rows, "verdict": verdict, "notes": ["A note."], "extractors": []}
    (path / "finding.json").write_text(json.dumps(content))


def csv(folder: Path, name: str) -> pd.DataFrame:
    """Read a table that was written."""
    return pd.read_csv(folder / "tables" / f"{name}.csv")
