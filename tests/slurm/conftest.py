"""Tests on a real SLURM: `make test-slurm` starts one, runs them and says what it found."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from slurmwork import cancel
from stores import environment, planned

from ganbench import scheduler
from ganbench.store import Store


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark these tests; those that wait longest start first, since the others can run beside them."""
    mine = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.slurm)
    if len(mine) == len(items):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session", autouse=True)
def _cluster() -> None:
    """The virtual cluster of `make slurm-up`, no other one: these tests kill and drain."""
    if (scheduler.site() or {}).get("ClusterName") != "virtual":
        pytest.exit("these tests need the virtual cluster: make test-slurm starts it and sets SLURM_CONF", 2)


@pytest.fixture(autouse=True)
def _jobs_import_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    monkeypatch.setenv("GANBENCH_TEST_TARGET", "stores.run_slot")
    monkeypatch.setattr(scheduler, "FRESH_S", 0.2)


@pytest.fixture
def watched() -> Iterator[Callable[[Store], Store]]:
    """Remember a sweep, whose jobs then go with the test however it ends."""
    stores: list[Store] = []

    def remember(store: Store) -> Store:
        stores.append(store)
        return store

    yield remember
    for store in stores:
        cancel(store)


@pytest.fixture
def toy(tmp_path: Path, watched: Callable[[Store], Store]) -> Callable[..., Store]:
    """Plan a sweep of so many packs p0, p1, … of 20 steps each; `step` says how many seconds one lasts."""

    def plan(packs: int = 2, *, step: float = 0.005, **more: Any) -> Store:
        os.environ["GANBENCH_TEST_STEP"] = str(step)  # jobs inherit it
        return watched(planned(tmp_path, packs, **more))

    return plan


@pytest.fixture
def last_node() -> Iterator[None]:
    """The node of `low` and `high`, for one test at a time: one pre-empts there, one kills its daemon."""
    path = Path(os.environ["SLURM_CONF"]).parents[1] / "run" / "last-node.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture
def small() -> list[str]:
    """What two small slots on the cluster are asked for with."""
    return ["launcher.mem=500M", "launcher.signal_s=30", "--workers", "2"]
