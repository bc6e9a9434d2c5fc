"""A sweep on the login node: plan, launch, select, rerun, compact, report. Torch-free.

The same command again continues; nothing here holds state that the store does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from ganbench.analysis.results import Results
from ganbench.choices import account, continued
from ganbench.errors import ConfigError, UserError
from ganbench.files import called, masked, read_json
from ganbench.gather import gather, gather_under
from ganbench.growth import added, extend
from ganbench.instantiation import load_frozen, load_plugins
from ganbench.launch import Launched, batch_script, launch
from ganbench.launch.jobs import leave_word, word
from ganbench.packing import Setting
from ganbench.pictures import collect_pictures, read_pictures
from ganbench.planning import definition_of, rerun_settings, search_settings
from ganbench.requests import Placement, Request
from ganbench.reruns import seeds_by_rank
from ganbench.store import Store
from ganbench.store.adopted import refuse_imported
from ganbench.store.asks import open_asks
from ganbench.store.causes import units_to_retry
from ganbench.store.definition import final_step
from ganbench.store.halts import HOURS, STOP, Halt
from ganbench.store.opening import open_store
from ganbench.store.plan import Plan
from ganbench.store.states import FAILED, LOST, PLANNED
from ganbench.sweepfile import load_sweep, variants
from ganbench.terminal import Console

THEN = "ganbench.sweep.continue_sweep"  # what a cluster calls when slots have ended


def define(request: Request) -> dict[str, Any]:
    """Compose every variant once and return the sweep's frozen definition.

    Mode and pack size that the sweep leaves open are those of its folder, where there is one.
    """
    store = Store(request.results, request.name)
    refuse_imported(store, "trained")
    plugins = load_plugins(list(request.plugins))
    spec = load_sweep(request.name, request.of_sweep, request.config_dir)
    definition = {**definition_of(spec, variants(spec, request.config_dir)), "plugins": plugins}
    return continued(definition, store.definition()) if store.exists() else definition


def preview(request: Request, place: Placement | None = None) -> tuple[dict[str, Any], str]:
    """Plan without writing: what `--dry-run` shows, and the batch script where a cluster would get one."""
    slots = (place or Placement()).settings(request)
    definition = define(request)
    settings = search_settings(definition)
    trials, packs = added(definition, settings, Plan([], {}))
    store = Store(request.results, request.name)
    asks = len(open_asks(definition, Plan([], {})))
    units = len(store.claimable()) if store.exists() else len(packs) + asks + len(definition["baselines"])
    plan = Plan(trials, {pack.pack_id: pack for pack in packs})
    return _summary(definition, settings, plan, new=len(trials)), batch_script(store, slots, units)


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
    return _summary(definition, settings, store.plan(), new=new)


def _summary(definition: dict[str, Any], drawn: list[Setting], plan: Plan, *, new: int) -> dict[str, Any]:
    rerun = definition["rerun"]
    settings, again = definition["search"]["trials"], sum(seeds_by_rank(rerun)) if rerun else 0
    steps = [final_step(definition, variant["choices"]) for variant in definition["variants"]]
    return {
        "name": definition["name"],
        "variants": len(definition["variants"]),
        "settings": settings,
        "adaptive": bool(definition.get("adaptive")),
        "planned": len(plan.trials),
        "new": new,
        "packs": len(plan.packs),
        "choices": account(definition, drawn, plan.trials, plan.packs),
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
    retry: str = "",
    watch: bool = False,
) -> dict[str, int]:
    """Bring a sweep to its end: search, rerun, compaction and report; returns the counts of states.

    On a cluster this returns when all is submitted, unless told to watch. `retry` is `failed` or
    `failed:<beginning of a signature>`. `failed_packs` counts the failed baselines too; `left` is what slots that
    died too often left undone. Raises `KeyboardInterrupt` where `ganbench stop` ended it.
    """
    slots = place.settings(request)
    definition = define(request)
    settings = search_settings(definition)  # before anything is written: a space may be wrong
    store = Store(request.results, request.name)
    again = units_to_retry(store, retry)
    if _is_finished(store, definition, settings) and not retry:
        console.say(f"{request.name}: all trials are done, nothing to train")
        behind = not store.is_compacted()  # whoever drove it died before that
        with masked(slots["umask"]), store.driver() if behind else nullcontext():
            return _finish(store, console, trained=behind)
    fresh = not store.exists()
    if not fresh:
        store.accept(definition)  # another one is refused before anything is touched
    with masked(slots["umask"]), store.driver():
        store.create(definition)
        _begin(store, console, again, breaker=slots["breaker"], device_hours=place.max_device_hours)
        try:
            over = _advance(store, definition, slots, console)
        except UserError:
            if fresh and not _may_go_on(store):
                store.withdraw()  # a slot found out what could not be seen from here, such as missing data
            raise
    if not over and not watch:  # whatever failed before, nothing has come to its end
        return {**store.counts(), "failed_packs": 0, "left": 0}
    if not over:
        _follow(store, console, lambda: _is_finished(store, definition, settings))
    if halt := _halted(store):
        console.say(f"{store.name}: {halt.text}") if halt.kind != STOP else _stopped(halt)
    counts = _counts(store)
    return {**counts, "left": 0} if halt else counts


def _may_go_on(store: Store) -> bool:
    """Return whether a cluster may still work on a sweep."""
    from ganbench.launch.slurm import may_go_on

    return may_go_on(store)


def _begin(
    store: Store, console: Console, again: list[str], *, breaker: int, device_hours: float | None
) -> None:
    """Take back what halted the sweep before, set this command's limits, and free what is to run again."""
    if asked := store.halts.withdraw():
        console.say(f"{store.name}: goes on, after `ganbench stop` of {asked.get('time', 'before')}")
    store.halts.limit(breaker=breaker, device_hours=device_hours)
    for unit in again:
        store.take_over(unit, retry_failed=True)


def _halted(store: Store) -> Halt | None:
    """Return why the sweep does not go on although work is left; None if it may, or nothing is left."""
    halt = store.halts.why()
    return halt if halt and {PLANNED, LOST} & set(store.work().values()) else None


def _stopped(halt: Halt) -> NoReturn:
    raise KeyboardInterrupt(halt.text)


def continue_sweep(results: Path, name: str, settings: dict[str, Any]) -> None:
    """Go on where slots of a cluster have ended: their continuation calls this, with the settings they had."""
    store = Store(results, name)
    with masked(settings["umask"]), store.driver():
        definition = store.definition()
        load_frozen(definition.get("plugins", {}))
        _advance(store, definition, settings, Console())


def _advance(
    store: Store,
    definition: dict[str, Any],
    slots: dict[str, Any],
    console: Console,
) -> bool:
    """Plan and run what can be run now; return whether that was all, or a cluster works on it and will call."""
    extend(store, definition, search_settings(definition))
    done = _stage(store, "search", slots, console)
    if not done.detached and definition["rerun"] and _stage_complete(store, "search"):
        extend(store, definition, _reruns(store, definition))
        first = {key: value for key, value in slots.items() if key != "round"}  # of this stage
        done = _stage(store, "rerun", first, console)
    if done.detached:
        console.say(
            f"{store.name}: {done.detached}; `ganbench status {called(store.folder)}` says how far it is"
        )
        return False
    halt = _halted(store)
    if halt is None or halt.kind == HOURS:
        _finish(store, console, trained=True)
    return True


def _stage_complete(store: Store, stage: str) -> bool:
    table = store.trial_states()
    if open_asks(store.definition(), store.plan()):
        return False
    return bool(table.loc[table["stage"] == stage, "state"].isin(["done", "diverged"]).all())


def _is_finished(store: Store, definition: dict[str, Any], settings: list[Setting]) -> bool:
    """Return whether nothing of this very definition is left to plan, train or select."""
    if not store.exists() or store.definition() != definition:
        return False
    plan = store.plan()
    if added(definition, settings, plan)[0]:
        return False
    if any(state != "done" for state in store.work().values()):
        return False
    return not definition["rerun"] or not added(definition, _reruns(store, definition), plan)[0]


def _reruns(store: Store, definition: dict[str, Any]) -> list[Setting]:
    return rerun_settings(definition, read_results(store), store.plan().trials)


def _stage(store: Store, stage: str, slots: dict[str, Any], console: Console) -> Launched:
    """Run one stage's packs; says at once how much of it is there already, and then which slots ended badly."""
    with console.watch(store, stage) as on_progress:
        done = launch(store, slots, on_progress=on_progress, then=THEN)
    for line in done.failures:
        console.say(line)
    return done


def _counts(store: Store) -> dict[str, int]:
    """Return the counts of states, how many packs and baselines failed, and how many are left to be claimed."""
    work = Counter(store.work().values())
    return {**store.counts(), "failed_packs": work[FAILED], "left": work[PLANNED] + work[LOST]}


def _follow(store: Store, console: Console, is_finished: Callable[[], bool]) -> None:
    """Show a cluster's progress until nothing of the sweep waits or runs there; Ctrl-C ends only the watching.

    Raises `StoreError` where its continuation died before reruns or report, and nothing says why.
    """
    from ganbench.launch.slurm import follow, halfway

    try:
        going = True
        while going:  # a new stage brings a new bar
            with console.watch(store, "on SLURM") as on_progress:
                going = follow(store, on_progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the sweep goes on without being watched") from None
    excused = _halted(store) or _counts(store)["failed_packs"]
    if not excused and not (is_finished() and _is_reported(store)):
        raise halfway(store)
    console.table(store.folder / "report")


def _finish(store: Store, console: Console, *, trained: bool) -> dict[str, int]:
    counts, scored = _counts(store), True
    if trained:
        store.compact()
        results = read_results(store)
        scored = len(results.scores) > 0
        collect_pictures(store, results)
    missing = counts["planned"] + counts["running"] + counts["lost"]
    if failed := counts["failed_packs"]:
        console.say(
            f"{counts['failed']} trials ({failed} packs) failed: see `ganbench failures {called(store.folder)}`"
        )
    if missing:
        console.say(f"{missing} trials are not done: the same command continues")
    if not scored:
        return counts  # all failed, or it ended before any score: there is nothing to report
    report = store.folder / "report"
    if trained or not _is_reported(store):
        write_report(store, console, allow_partial=True)
    if not missing and word(store):  # what kept a continuation from this is past
        leave_word(store, "")
    console.table(report)
    console.say(f"report: {report}")
    return counts


def _is_reported(store: Store) -> bool:
    """Return whether there is a report, not stamped partial, of as many trials as are planned."""
    found = read_json(store.report_path("report.json"))
    if found is None or found.get("partial"):
        return False
    planned = len(store.plan().trials)
    return planned <= sum(int(row["planned"]) for row in found.get("counts", [{"planned": planned}]))


def read_results(store: Store, protocol: str = "") -> Results:
    """Return everything an analysis reads, under the sweep's own protocol or one it was scored by later.

    Scores under any other, which no table may mix in, stay out.
    """
    found = gather_under(store, protocol) if protocol else gather(store)
    return replace(found, samples=read_pictures(store))


def write_report(store: Store, console: Console, *, allow_partial: bool, protocol: str = "") -> Path:
    """Write tables, figures and report.json: into `report`, or `report-<protocol id>` for one of later scores."""
    from ganbench.report.build import build

    found = read_results(store, protocol)
    identity = found.protocol(found.datasets[0])["id"]
    folder = store.folder / (f"report-{identity}" if found.own else "report")
    with console.working("report") as progress:
        return build(found, folder, allow_partial=allow_partial, progress=progress)


def report_sweep(
    name: str, results: Path, console: Console, *, allow_partial: bool, protocol: str = ""
) -> None:
    """Write a sweep's report and say where it lies."""
    store = open_store(name, results)
    folder = write_report(store, console, allow_partial=allow_partial, protocol=protocol)
    console.table(folder)
    console.say(f"report: {folder}")
