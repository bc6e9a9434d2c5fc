"""A sweep on the login node: plan, launch, select, rerun, compact, report. Torch-free.

The same command again continues; nothing here holds state that the store does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.analysis.results import Results
from ganbench.errors import ConfigError, StoreError, UserError
from ganbench.instantiation import load_plugins
from ganbench.launch import Launched, batch_script, launch, launcher_settings
from ganbench.packing import Setting
from ganbench.pictures import collect_pictures, read_pictures
from ganbench.planning import added, definition_of, extend, rerun_settings, search_settings, seeds_by_rank
from ganbench.store import Store
from ganbench.store.definition import final_step
from ganbench.sweepfile import load_sweep, variants
from ganbench.terminal import Console

THEN = "ganbench.sweep.continue_sweep"  # what a cluster calls when slots have ended
_LAUNCHER = "launcher."


@dataclass(frozen=True)
class Request:
    """What the command line asked for."""

    name: str
    overrides: list[str]
    results: Path
    config_dir: Path | None = None
    plugins: tuple[str, ...] = ()

    @property
    def of_launcher(self) -> list[str]:
        """Return the overrides that say where to run, `launcher.<setting>=<value>`."""
        return [text for text in self.overrides if text.startswith(_LAUNCHER)]

    @property
    def of_sweep(self) -> list[str]:
        """Return the overrides that say what to run."""
        return [text for text in self.overrides if not text.startswith(_LAUNCHER)]


@dataclass(frozen=True)
class Placement:
    """Where slots run: a launcher, and how many slots altogether."""

    launcher: str = "local"
    workers: int | None = None

    def settings(self, request: Request) -> dict[str, Any]:
        """Return the launcher's settings as asked for."""
        return launcher_settings(
            self.launcher,
            workers=self.workers,
            overrides=request.of_launcher,
            config_dir=request.config_dir,
        )


def define(request: Request) -> dict[str, Any]:
    """Compose every variant once and return the sweep's frozen definition."""
    plugins = load_plugins(list(request.plugins))
    spec = load_sweep(request.name, request.of_sweep, request.config_dir)
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


def preview(request: Request, place: Placement | None = None) -> tuple[dict[str, Any], str]:
    """Plan without writing: what `--dry-run` shows, and the batch script where a cluster would get one."""
    slots = (place or Placement()).settings(request)
    definition = define(request)
    trials, packs = added(definition, search_settings(definition), [])
    store = Store(request.results, request.name)
    units = len(store.claimable()) if store.exists() else len(packs) + len(definition["baselines"])
    return _summary(definition, len(trials), len(packs), new=len(trials)), batch_script(store, slots, units)


def plan_sweep(request: Request) -> dict[str, Any]:
    """Freeze a sweep's definition, write the plan of its search stage and summarise both."""
    if request.of_launcher:
        raise ConfigError(
            f"`{request.of_launcher[0]}`: a plan does not say where to run; `ganbench sweep` does"
        )
    definition = define(request)
    settings = search_settings(definition)  # before anything is written: a space may be wrong
    store = Store(request.results, request.name)
    store.create(definition)
    new = extend(store, definition, settings)
    plan = store.plan()
    return _summary(definition, len(plan.trials), len(plan.packs), new=new)


def _summary(definition: dict[str, Any], trials: int, packs: int, *, new: int) -> dict[str, Any]:
    rerun = definition["rerun"]
    settings, again = definition["search"]["trials"], sum(seeds_by_rank(rerun)) if rerun else 0
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
    place: Placement,
    *,
    retry_failed: bool = False,
    watch: bool = False,
) -> dict[str, int]:
    """Bring a sweep to its end: search, rerun, compaction and report; returns the counts of states.

    On a cluster this returns when all is submitted, unless told to watch. `failed_packs` counts the failed
    baselines too.
    """
    slots = place.settings(request)
    definition = define(request)
    settings = search_settings(definition)  # before anything is written: a space may be wrong
    store = Store(request.results, request.name)
    if _is_finished(store, definition, settings) and not retry_failed:
        console.say(f"{request.name}: all trials are done, nothing to train")
        return _finish(store, console, trained=False)
    fresh = not store.exists()
    if not fresh:
        store.accept(definition)  # another one is refused before anything is touched
    with store.driver():
        store.create(definition)
        try:
            over = _advance(store, definition, slots, console, retry_failed=retry_failed)
        except UserError:
            if fresh:  # a slot found out what could not be seen from here, such as missing data
                store.withdraw()
            raise
    if not over and not watch:
        return {**store.counts(), "failed_packs": 0}  # whatever failed before, nothing has come to its end
    if not over:
        _follow(store, console)
    return _counts(store)


def continue_sweep(results: Path, name: str, settings: dict[str, Any]) -> None:
    """Go on where slots of a cluster have ended: their continuation calls this, with the settings they had."""
    store = Store(results, name)
    with store.driver():
        definition = store.definition()
        load_plugins(list(definition.get("plugins", {})))
        _advance(store, definition, settings, Console())


def _advance(
    store: Store,
    definition: dict[str, Any],
    slots: dict[str, Any],
    console: Console,
    *,
    retry_failed: bool = False,
) -> bool:
    """Plan and run what can be run now; return whether that was all, or a cluster works on it and will call."""
    extend(store, definition, search_settings(definition))
    done = _stage(store, "search", slots, console, retry_failed=retry_failed)
    if not done.detached and definition["rerun"] and _stage_complete(store, "search"):
        extend(store, definition, _reruns(store, definition))
        first = {key: value for key, value in slots.items() if key != "round"}  # of this stage
        done = _stage(store, "rerun", first, console, retry_failed=retry_failed)
    if done.detached:
        console.say(f"{store.name}: {done.detached}; `ganbench status {store.name}` says how far it is")
        return False
    _finish(store, console, trained=True)
    return True


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
    return rerun_settings(definition, read_results(store), store.plan().trials)


def _stage(
    store: Store, stage: str, slots: dict[str, Any], console: Console, *, retry_failed: bool
) -> Launched:
    """Run one stage's packs; says at once how much of it is there already."""
    with console.watch(store, stage) as on_progress:
        return launch(store, slots, on_progress=on_progress, retry_failed=retry_failed, then=THEN)


def _counts(store: Store) -> dict[str, int]:
    """Return the counts of states, and how many packs and baselines failed."""
    failed = sum(state == "failed" for state in store.work().values())
    return {**store.counts(), "failed_packs": failed}


def _follow(store: Store, console: Console) -> None:
    """Show a cluster's progress until nothing of the sweep waits or runs there; Ctrl-C ends only the watching."""
    from ganbench.launch.slurm import follow

    try:
        going = True
        while going:  # a new stage brings a new bar
            with console.watch(store, "on SLURM") as on_progress:
                going = follow(store, on_progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the sweep goes on without being watched") from None
    console.table(store)


def _finish(store: Store, console: Console, *, trained: bool) -> dict[str, int]:
    counts = _counts(store)
    if trained:
        store.compact()
        collect_pictures(store, read_results(store))
    missing = counts["planned"] + counts["running"] + counts["lost"]
    if failed := counts["failed_packs"]:
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
    return counts


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
