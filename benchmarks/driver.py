"""What driving a large sweep costs: commands as a user types them, each in a process of its own.

    python benchmarks/driver.py [--n 100000] [--work DIR] [--out DIR] [--repeats 3] [--cases help plan …] [--slurm]

A sweep of n trials is planned, run by slots that train nothing (`benchmarks/simulate.py`), looked at, compacted and
reported. Writes driver.csv (wall seconds, the fewest of all repeats, and peak memory) and scale.csv (processor time,
which says more on a busy machine; submission, the driver's memory, files and bytes).
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kept import keep

HERE = Path(__file__).parent
MODELS = 8  # of the sweep `quickstart`
ROWS_PER_TRIAL = 10  # as simulate.py makes them up
SWEEP = "quickstart"
CASES = ("help", "plan", "status_planned", "simulate_local", "status", "compact", "status_clone", "report")
MIB = 2**20
DRIVER = ("case", "n", "seconds", "peak_mib", "command")
SCALE = ("case", "n", "measure", "value", "command")


class Cost(NamedTuple):
    """What one command took, and what it printed."""

    seconds: float
    processor: float
    peak_mib: float
    out: str


def ganbench(*words: str) -> list[str]:
    return [str(Path(sys.executable).parent / "ganbench"), *words]


def command(case: str, trials: int, results: Path) -> list[str]:
    """Return what a user types; `trials` are those of each model."""
    where = ("--results", str(results))
    simulate = [sys.executable, str(HERE / "simulate.py"), SWEEP, *where]
    return {
        "help": ganbench("--help"),
        "plan": ganbench("plan", SWEEP, f"search.trials={trials}", "rerun=null", *where),
        "status_planned": ganbench("status", SWEEP, *where),
        "simulate_local": [*simulate, "--launcher", "local"],
        "simulate_slurm": [*simulate, "--launcher", "slurm", "--workers", "4"],
        "status": ganbench("status", SWEEP, *where),
        "compact": ganbench("compact", SWEEP, *where),
        "status_clone": ganbench("status", SWEEP, "--results", str(results / "clone")),
        "report": ganbench("report", SWEEP, *where),
    }[case]


def run(words: list[str]) -> Cost:
    """Run a command to its end. Raises where it fails."""
    with tempfile.TemporaryFile() as out:
        started = time.perf_counter()
        pid = os.posix_spawn(
            words[0], words, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)]
        )
        _, status, usage = os.wait4(pid, 0)
        seconds = time.perf_counter() - started
        out.seek(0)
        said = out.read().decode()
    if status:
        raise SystemExit(f"{shlex.join(words)} ended with status {status}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said)


def prepare(case: str, results: Path) -> None:
    """Bring the folder into the state in which a case begins."""
    folder = results / SWEEP
    if case == "plan":
        shutil.rmtree(folder, ignore_errors=True)
    elif case == "status_clone":  # what is committed of a finished sweep
        clone = results / "clone" / SWEEP
        clone.mkdir(parents=True, exist_ok=True)
        for name in ("sweep.yaml", "trials.jsonl", "scores.parquet", "baselines.jsonl"):
            shutil.copy(folder / name, clone)
    elif case == "compact":
        for name in ("scores.parquet", "baselines.jsonl"):
            (folder / name).unlink(missing_ok=True)
    elif case == "simulate_slurm":  # the same plan again
        for part in ("packs", "slots"):
            shutil.rmtree(folder / part, ignore_errors=True)
        for name in ("scores.parquet", "baselines.jsonl"):
            (folder / name).unlink(missing_ok=True)


def measure(case: str, n: int, results: Path, repeats: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a case's row of driver.csv and its rows of scale.csv."""
    words = command(case, n // MODELS, results)
    found = []
    for _ in range(1 if case.startswith("simulate") else repeats):
        prepare(case, results)
        found.append(run(words))
    best = min(found)
    shown = shlex.join(words).replace(str(results), "RESULTS").replace(f"{Path(sys.executable).parent}/", "")
    shown = shown.replace(f"{HERE}/", "benchmarks/")
    facts = {"case": case, "n": n * ROWS_PER_TRIAL if case == "report" else n, "command": shown}
    row = {"seconds": round(best.seconds, 3), "peak_mib": round(best.peak_mib, 1)}
    measures = {"processor_seconds": round(min(c.processor for c in found), 3)}
    if case.startswith("simulate"):
        told = json.loads(best.out)
        measures |= {
            "submit_seconds": told["submit_seconds"],
            "driver_peak_mib": told["peak_mib"],
            **size(results),
        }
    scale = [
        {**facts, "measure": name, "value": value} for name, value in measures.items() if value is not None
    ]
    return {**facts, **row}, scale


def size(results: Path) -> dict[str, int]:
    """Return the files and folders of a sweep, and their bytes."""
    stats = [path.lstat() for path in (results / SWEEP).rglob("*")]
    return {"inodes": len(stats), "mib": sum(stat.st_size for stat in stats) // MIB}


def measure_all(cases: list[str], n: int, results: Path, repeats: int) -> Iterator[tuple[Any, Any]]:
    for case in cases:
        row, scale = measure(case, n, results, repeats)
        print(*(row[name] for name in ("case", "n", "seconds", "peak_mib", "command")), sep="\t", flush=True)
        yield row, scale


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=100_000, help=f"trials; a multiple of {MODELS}")
    parser.add_argument("--work", type=Path, help="where results go; removed at the end unless given")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cases", nargs="+", choices=[*CASES, "simulate_slurm"], default=list(CASES))
    parser.add_argument("--slurm", action="store_true", help="the simulation on SLURM too (make slurm-up)")
    given = parser.parse_args()
    cases = [*given.cases, *(["simulate_slurm"] if given.slurm else [])]
    results = given.work or Path(tempfile.mkdtemp(prefix="ganbench-driver-"))
    try:
        found = list(measure_all(cases, given.n, results, given.repeats))
    finally:
        if given.work is None:
            shutil.rmtree(results, ignore_errors=True)
    given.out.mkdir(parents=True, exist_ok=True)
    for row, scale in found:
        keep(given.out / "driver.csv", {name: row[name] for name in DRIVER})
        for entry in scale:
            keep(given.out / "scale.csv", {name: entry[name] for name in SCALE}, key=("case", "measure"))


if __name__ == "__main__":
    main()
