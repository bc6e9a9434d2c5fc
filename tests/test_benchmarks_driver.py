from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ganbench.store import Store
from ganbench.store.census import Census

DRIVER = Path(__file__).parents[1] / "benchmarks" / "driver.py"
CASES = ("plan", "simulate_local", "compact", "status")


def measured(folder: Path, n: int, *cases: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    words = [
        "--n",
        str(n),
        "--work",
        folder / "work",
        "--out",
        folder / "out",
        "--repeats",
        "1",
        "--cases",
        *cases,
    ]
    subprocess.run([sys.executable, DRIVER, *map(str, words)], check=True, capture_output=True)
    driver, scale = (pd.read_csv(folder / "out" / f"{name}.csv") for name in ("driver", "scale"))
    return driver, scale


def test_the_simulated_sweep_is_a_real_one_without_training(tmp_path: Path) -> None:
    driver, scale = measured(tmp_path, 80, "plan", "simulate_local")
    assert driver.columns.tolist() == ["case", "n", "seconds", "peak_mib", "command", "machine"]
    assert driver["case"].tolist() == ["plan", "simulate_local"]
    assert (
        driver.loc[0, "command"] == "ganbench plan quickstart search.trials=10 rerun=null --results RESULTS"
    )
    assert (driver[["seconds", "peak_mib"]] > 0).all(axis=None)
    assert {"inodes", "driver_peak_mib", "processor_seconds"} <= set(scale["measure"])
    store = Store(tmp_path / "work", "quickstart")
    counts = store.counts()
    assert counts["total"] == 80 == counts["done"] + counts["diverged"]
    table = store.tidy()
    assert len(table) == 80 * 10
    count = Census(store.folder).take(store.definition())
    assert (count.packs["done"], count.baselines["done"]) == (16, 1)


@pytest.mark.slow
def test_all_cases_at_a_thousand_trials(tmp_path: Path) -> None:
    driver, _ = measured(
        tmp_path, 1000, "help", "plan", "status_planned", "simulate_local", "status", "compact"
    )
    assert set(driver["n"]) == {1000}
    again, _ = measured(tmp_path, 1000, "status")  # the other cases' rows stay
    assert again["case"].tolist() == driver["case"].tolist()
