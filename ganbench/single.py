"""One trial in the foreground: a sweep of one setting in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganbench.analysis.selection import outcomes
from ganbench.config import compose
from ganbench.errors import ConfigError
from ganbench.identity import training_config, trial_id
from ganbench.instantiation import load_plugins
from ganbench.nodes import resolve
from ganbench.packing import Setting
from ganbench.planning import definition_of, extend
from ganbench.records import Trial
from ganbench.store import Store
from ganbench.sweep import read_results
from ganbench.sweepfile import SweepSpec, Variant
from ganbench.terminal import Console
from ganbench.worker import run_slot


def train_trial(
    overrides: list[str], results: Path, config_dir: Path | None, plugins: tuple[str, ...], *, quiet: bool
) -> dict[str, Any]:
    """Train and score one trial, or read it if it is there; returns what `--json` prints."""
    loaded = load_plugins(list(plugins))
    composed = compose(overrides, config_dir)
    config = resolve(composed.config)
    if not isinstance(config["seed"], int) or config["seed"] < 0:
        raise ConfigError(f"seed must be a whole number from 0 up, not {config['seed']!r}")
    choices = {axis: composed.choices[axis] for axis in ("model", "dataset")}
    setting = Setting(choices, "search", 0, config["seed"], True, {}, config)  # noqa: FBT003
    identity = trial_id(training_config(config), config["seed"])
    store = Store(results / "train", identity)
    definition = {**_definition(identity, choices, composed.config), "plugins": loaded}
    store.create(definition)
    with store.driver():
        extend(store, definition, [setting])
        _run(store, definition, quiet=quiet)
    return _outcome(store, store.plan().trials[0])


def _definition(identity: str, choices: dict[str, str], config: dict[str, Any]) -> dict[str, Any]:
    spec = SweepSpec(name=identity, axes={axis: [choice] for axis, choice in choices.items()}, pack=1)
    return {**definition_of(spec, [Variant(choices, config)]), "baselines": []}


def _run(store: Store, definition: dict[str, Any], *, quiet: bool) -> None:
    steps = definition["budget"]["steps"]
    console = Console(quiet=quiet)
    if store.counts()["planned"] + store.counts()["lost"] + store.counts()["failed"] == 0:
        console.say("this trial is done: read from the store")
        return
    with console.bar("training", steps) as update:
        run_slot(str(store.folder.parent), store.name, 0, lambda: False, on_step=update, retry_failed=True)


def _outcome(store: Store, trial: Trial) -> dict[str, Any]:
    failures = store.failures(trial.pack_id)
    state = store.trial_states()["state"].iloc[0]
    if state == "failed":
        return {
            "trial_id": trial.trial_id,
            "status": state,
            "error": failures[-1]["message"],
            "folder": str(store.folder),
        }
    scores = store.scores()
    final = scores[scores["step"] == scores["step"].max()].iloc[0]
    table = outcomes(read_results(store))
    return {
        "trial_id": trial.trial_id,
        "status": state,
        "d_steps_done": int(final["step"]),
        "images_seen": int(final["images_seen"]),
        "seconds": round(float(final["seconds"]), 3),
        "metrics": {
            row["metric"]: {
                "best": row["best"] if row["best_finite"] else None,
                "last": row["last"] if row["last_finite"] else None,
                "best_step": int(row["best_step"]) if row["best_finite"] else None,
            }
            for row in table.to_dict("records")
        },
        "protocol": str(final["protocol"]),
        "folder": str(store.folder),
    }


def show_trial(outcome: dict[str, Any]) -> None:
    """Print a trial's scores for a person."""
    console = Console()
    console.say(f"trial {outcome['trial_id']}: {outcome['status']}, in {outcome['folder']}")
    if "error" in outcome:
        console.say(outcome["error"])
        return
    console.say(
        f"{outcome['d_steps_done']} D-steps, {outcome['images_seen']:,} images, {outcome['seconds']:.1f} s of training"
    )
    console.rows(
        ["metric", "best", "at step", "last"],
        [
            [key, *(("–" if m[k] is None else f"{m[k]:.4g}") for k in ("best", "best_step", "last"))]
            for key, m in outcome["metrics"].items()
        ],
    )
