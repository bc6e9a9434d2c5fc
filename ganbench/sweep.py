"""A sweep on the login node: plan, launch, select, rerun, compact, report. Torch-free.

The same command again continues; nothing here holds state that the store does not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.analysis.results import Results
from ganbench.analysis.selection import outcomes
from ganbench.config import groups, options
from ganbench.errors import ConfigError, StoreError
from ganbench.instantiation import load_plugins
from ganbench.launch import launch, launcher_settings
from ganbench.packing import Setting
from ganbench.pictures import collect_pictures, read_pictures
from ganbench.planning import added, definition_of, extend, rerun_settings, search_settings
from ganbench.store import Store
from ganbench.store.definition import final_step
from ganbench.sweepfile import load_sweep, sweep_names, variants
from ganbench.terminal import Console


@dataclass(frozen=True)
class Request:
    """What the command line asked for."""

    name: str
    overrides: list[str]
    results: Path
    config_dir: Path | None = None
    plugins: tuple[str, ...] = ()


def define(request: Request) -> dict[str, Any]:
    """Compose every variant once and return the sweep's frozen definition."""
    plugins = load_plugins(list(request.plugins))
    spec = load_sweep(request.name, request.overrides, request.config_dir)
    return {**definition_of(spec, variants(spec, request.config_dir)), "plugins": plugins}


def open_store(name: str, results: Path) -> Store:
    """Open a sweep that exists; raises `StoreError` naming those that do."""
    store = Store(results, name)
    if not store.exists():
        there = ", ".join(sorted(p.parent.name for p in results.glob("*/sweep.yaml"))) or "none"
        raise StoreError(
            f"no sweep {name!r} under {results} (there: {there}); start it with `ganbench sweep {name}`"
        )
    return store


def preview(request: Request) -> dict[str, Any]:
    """Plan without writing: what `--dry-run` shows."""
    definition = define(request)
    trials, packs = added(definition, search_settings(definition), [])
    return _summary(definition, len(trials), len(packs), new=len(trials))


def plan_sweep(request: Request) -> dict[str, Any]:
    """Freeze a sweep's definition, write the plan of its search stage and summarise both."""
    definition = define(request)
    settings = search_settings(definition)  # before anything is written: a space may be wrong
    store = Store(request.results, request.name)
    store.create(definition)
    new = extend(store, definition, settings)
    plan = store.plan()
    return _summary(definition, len(plan.trials), len(plan.packs), new=new)


def _summary(definition: dict[str, Any], trials: int, packs: int, *, new: int) -> dict[str, Any]:
    rerun = definition["rerun"]
    settings, again = definition["search"]["trials"], rerun["top"] * rerun["seeds"] if rerun else 0
    steps = [final_step(definition, variant["choices"]) for variant in definition["variants"]]
    return {
        "name": definition["name"],
        "variants": len(definition["variants"]),
        "settings": settings,
        "planned": trials,
        "new": new,
        "packs": packs,
        "reruns": again * len(steps),
        "steps": max(steps),
        "trial_steps": sum(steps) * (settings + again),
        "protocols": sorted({p["id"] for p in definition["protocols"].values()}),
    }


def run_sweep(
    request: Request,
    console: Console,
    *,
    launcher: str,
    workers: int | None = None,
    retry_failed: bool = False,
) -> dict[str, int]:
    """Bring a sweep to its end: search, rerun, compaction and report; returns the counts of states.

    `failed_packs` counts the failed baselines too.
    """
    slots = launcher_settings(launcher, workers=workers)
    definition = define(request)
    settings = search_settings(definition)  # before anything is written: a space may be wrong
    store = Store(request.results, request.name)
    if _is_finished(store, definition, settings) and not retry_failed:
        console.say(f"{request.name}: all trials are done, nothing to train")
        return _finish(store, console, trained=False)
    if store.exists():
        store.accept(definition)  # another one is refused before anything is touched
    with store.driver():
        store.create(definition)
        extend(store, definition, settings)
        _stage(store, "search", slots, console, retry_failed=retry_failed)
        if definition["rerun"] and _stage_complete(store, "search"):
            extend(store, definition, _reruns(store, definition))
            _stage(store, "rerun", slots, console, retry_failed=retry_failed)
        return _finish(store, console, trained=True)


def _stage_complete(store: Store, stage: str) -> bool:
    table = store.trial_states()
    return bool(table.loc[table["stage"] == stage, "state"].isin(["done", "diverged"]).all())


def _is_finished(store: Store, definition: dict[str, Any], settings: list[Setting]) -> bool:
    """Return whether nothing of this very definition is left to plan, train or select."""
    if not store.exists() or store.definition() != definition:
        return False
    plan = store.plan().trials
    if added(definition, settings, plan)[0]:
        return False
    if any(state != "done" for state in store.work().values()):
        return False
    return not definition["rerun"] or not added(definition, _reruns(store, definition), plan)[0]


def _reruns(store: Store, definition: dict[str, Any]) -> list[Setting]:
    searched = [t for t in store.plan().trials if t.stage == "search"]
    return rerun_settings(definition, read_results(store), searched)


def _stage(store: Store, stage: str, slots: dict[str, Any], console: Console, *, retry_failed: bool) -> None:
    """Run one stage's packs; says at once how much of it is there already."""
    with console.watch(store, stage) as on_progress:
        launch(store, slots, on_progress=on_progress, retry_failed=retry_failed)


def _finish(store: Store, console: Console, *, trained: bool) -> dict[str, int]:
    counts = store.counts()
    if trained:
        store.compact()
        collect_pictures(store, read_results(store))
    missing = counts["planned"] + counts["running"] + counts["lost"]
    failed = sum(state == "failed" for state in store.work().values())
    if failed:
        console.say(
            f"{counts['failed']} trials ({failed} packs) failed: see `ganbench failures {store.name}`"
        )
    if missing:
        console.say(f"{missing} trials are not done: the same command continues")
    report = store.folder / "report" / "report.json"
    if trained or not report.exists():
        write_report(store, console, allow_partial=True)
    console.table(store)
    console.say(f"report: {report.parent}")
    return counts | {"failed_packs": failed}


def read_results(store: Store) -> Results:
    """Return everything an analysis reads; scores under other protocols, which no table may mix in, stay out."""
    definition, scores = store.definition(), store.scores()
    own = {protocol["id"] for protocol in definition["protocols"].values()}
    return Results(
        name=store.name,
        definition=definition,
        trials=store.trial_states(),
        scores=scores[scores["protocol"].isin(own)],
        baselines=store.baselines(),
        samples=read_pictures(store),
    )


def write_report(store: Store, console: Console, *, allow_partial: bool) -> Path:
    """Write tables, figures and report.json."""
    from ganbench.report.build import build

    with console.working("report") as progress:
        return build(
            read_results(store), store.folder / "report", allow_partial=allow_partial, progress=progress
        )


def report_sweep(name: str, results: Path, console: Console, *, allow_partial: bool) -> None:
    """Write a sweep's report and say where it lies."""
    store = open_store(name, results)
    folder = write_report(store, console, allow_partial=allow_partial)
    console.table(store)
    console.say(f"report: {folder}")


def status_of(name: str, results: Path) -> dict[str, Any]:
    """Return the counts of a sweep's states, altogether and per variant and stage; reads only."""
    store = open_store(name, results)
    table = store.trial_states()
    axes = [c for c in store.definition()["axes"] if c in table.columns]
    rows = table.groupby([*axes, "stage", "state"], sort=False).size().reset_index(name="trials")
    return {"name": name, "counts": store.counts(), "rows": rows.to_dict("records")}


def failures_of(name: str, results: Path) -> list[dict[str, Any]]:
    """Return failed packs and baselines grouped by signature, the commonest first."""
    store = open_store(name, results)
    failed = [unit for unit, state in store.work().items() if state == "failed"]
    found = [store.failures(pack)[-1] for pack in failed]
    tally = Counter(f["signature"] for f in found)
    examples = {f["signature"]: f for f in reversed(found)}
    return [{"signature": s, "packs": n, **examples[s]} for s, n in tally.most_common()]


def collect_garbage(name: str, results: Path, keep: str) -> str:
    """Remove what finished packs no longer need; returns a line that says how much."""
    if keep not in ("best", "none"):
        raise ConfigError(f"--keep {keep!r} is not known: choose best or none")
    store = open_store(name, results)
    freed = store.gc(keep=keep, best=_best_steps(read_results(store)) if keep == "best" else {})
    return f"{name}: freed {freed / 2**20:.1f} MiB"


def _best_steps(results: Results) -> dict[str, int]:
    """Return each trial's best finite checkpoint, by the metric that its protocol selects with."""
    table = outcomes(results)
    selects = {dataset: results.protocol(dataset)["select"] for dataset in results.datasets}
    rows = table[(table["metric"] == table["dataset"].map(selects)) & table["best_finite"]]
    return {trial: int(step) for trial, step in zip(rows["trial_id"], rows["best_step"], strict=True)}


def names(group: str, config_dir: Path | None) -> list[str]:
    """Return what a config group (`model` or `models`, …) or the sweeps folder holds."""
    known = {form: g for g in groups(config_dir) for form in (g, _plural(g))}
    if group in ("sweep", "sweeps"):
        return sweep_names(config_dir)
    if group not in known:
        raise ConfigError(
            f"nothing to list under {group!r}: choose sweeps, {', '.join(sorted(map(_plural, groups(config_dir))))}"
        )
    return options(known[group], config_dir)


def _plural(group: str) -> str:
    if group.endswith("y"):
        return f"{group[:-1]}ies"
    return f"{group}es" if group.endswith("s") else f"{group}s"
