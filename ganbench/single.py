"""One trial in the foreground: a sweep of one setting in a folder of its own."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from ganbench.analysis.selection import outcomes
from ganbench.choices import continued
from ganbench.config import compose
from ganbench.files import replace_bytes
from ganbench.growth import extend
from ganbench.identity import digest, training_config, trial_id
from ganbench.instantiation import instantiate, load_plugins
from ganbench.launch import CONTINUE
from ganbench.launch.signals import StopFlag
from ganbench.nodes import resolve
from ganbench.packing import Setting
from ganbench.pictures import collect_pictures
from ganbench.planning import definition_of
from ganbench.records import Trial
from ganbench.store import Store
from ganbench.store.definition import plain
from ganbench.sweep import read_results
from ganbench.sweepfile import SweepSpec, Variant
from ganbench.terminal import Console
from ganbench.worker import run_slot
from ganbench.worker.bench import bench_of


def train_trial(
    overrides: list[str], results: Path, config_dir: Path | None, plugins: tuple[str, ...], *, quiet: bool
) -> dict[str, Any]:
    """Train and score one trial, or read it if it is there; returns what `--json` prints."""
    loaded = load_plugins(list(plugins))
    composed = compose(overrides, config_dir)
    config = resolve(composed.config)
    choices = {axis: composed.choices[axis] for axis in ("model", "dataset")}
    setting = Setting(choices, "search", 0, config["seed"], True, {}, config)  # noqa: FBT003
    identity = trial_id(training_config(config), config["seed"])
    definition = {**_definition(identity, choices, composed.config), "plugins": loaded}
    store = _store(results / "train", identity, definition)
    if store.exists():
        definition = continued(definition, store.definition())
    else:
        bench_of(config)  # missing data or weights are found out before anything is written
        instantiate(config["model"]["procedure"])  # and so is what is no part
    store.create(definition)
    if _is_done(store):
        Console(quiet=quiet).say("this trial is done: read from the store")
    else:
        with store.driver():
            extend(store, definition, [setting])
            _run(store, definition["budget"]["steps"], quiet=quiet)
    return _outcome(store, store.plan().trials[0])


def _store(results: Path, identity: str, definition: dict[str, Any]) -> Store:
    """Return the trial's folder; one scored by another protocol, from another data folder … lies beside it."""
    store = Store(results, identity)
    definition = continued(definition, store.definition()) if store.exists() else definition
    if store.exists() and store.difference(definition):
        return Store(results, f"{identity}-{digest(plain(definition), 8)}")
    return store


def _is_done(store: Store) -> bool:
    counts = store.counts()
    return 0 < counts["total"] == counts["done"] + counts["diverged"]


def _definition(identity: str, choices: dict[str, str], config: dict[str, Any]) -> dict[str, Any]:
    spec = SweepSpec(name=identity, axes={axis: [choice] for axis, choice in choices.items()}, pack=1)
    return {**definition_of(spec, [Variant(choices, config)]), "baselines": []}


def _run(store: Store, steps: int, *, quiet: bool) -> None:
    with (
        Console(quiet=quiet).bar("training", steps) as update,
        StopFlag(signal.SIGINT, signal.SIGTERM) as stop,
    ):
        run_slot(str(store.folder.parent), store.name, 0, stop, on_step=update, retry_failed=True)
    stop.raise_received(CONTINUE)


def _picture(store: Store) -> str | None:
    """Write a picture of a few samples of the best checkpoint; returns its path, None where there are none."""
    from ganbench.report.build import picture  # noqa: PLC0415  (matplotlib)

    path = store.folder / "samples.png"
    if not path.exists():
        collect_pictures(store, read_results(store))
        content = picture(read_results(store))
        if content is None:
            return None
        replace_bytes(path, content)
    return str(path)


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
    results = read_results(store)
    table, scores = outcomes(results), results.scores
    final = scores[scores["step"] == scores["step"].max()].iloc[0]
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
        "samples": _picture(store),
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
