"""A sweep may grow; anything else is another sweep."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest

from ganbench.errors import StoreError
from ganbench.store import Store
from ganbench.store.definition import is_growth

SWEEP = {
    "name": "s",
    "budget": {"steps": 4},
    "search": {"trials": 8, "space": "wide"},
    "rerun": {"seeds": 3, "top": 1},
}


def changed(**changes: object) -> dict[str, object]:
    definition = deepcopy(SWEEP)
    for dotted, value in changes.items():
        node, _, field = dotted.partition("__")
        definition[node][field] = value
    return definition


@pytest.mark.parametrize(
    "more", [{"search__trials": 12}, {"rerun__seeds": 4}, {"rerun__top": 2, "search__trials": 9}]
)
def test_more_trials_are_growth(more: dict[str, object], tmp_path: Path) -> None:
    store = Store(tmp_path, "s")
    store.create(SWEEP)
    store.create(changed(**more))
    assert store.definition() == changed(**more)


@pytest.mark.parametrize(
    "other",
    [
        {"search__trials": 7},
        {"search__space": "narrow"},
        {"budget__steps": 5},
        {"search__trials": 9, "budget__steps": 5},
    ],
)
def test_anything_else_is_refused_and_changes_nothing(other: dict[str, object], tmp_path: Path) -> None:
    store = Store(tmp_path, "s")
    store.create(SWEEP)
    before = (tmp_path / "s" / "sweep.yaml").read_bytes()
    with pytest.raises(StoreError, match=r"another definition"):
        store.create(changed(**other))
    assert (tmp_path / "s" / "sweep.yaml").read_bytes() == before


def test_a_stage_that_appears_is_not_growth() -> None:
    assert not is_growth({**SWEEP, "rerun": None}, SWEEP)
    assert is_growth(SWEEP, SWEEP)


def test_a_list_of_seeds_grows_where_no_number_shrinks() -> None:
    few = changed(rerun__top=2, rerun__seeds=[5, 2])
    assert is_growth(few, changed(rerun__top=3, rerun__seeds=[5, 3, 1]))
    assert not is_growth(few, changed(rerun__top=2, rerun__seeds=[4, 3]))
    assert not is_growth(few, changed(rerun__top=2, rerun__seeds=5))


def placed(root: str) -> dict[str, object]:
    dataset = {"root": root, "download": False, "image_shape": [1, 28, 28]}
    return {
        **SWEEP,
        "overrides": [f"dataset.root={root}", "a=1"],
        "variants": [{"config": {"dataset": dataset}}],
    }


def test_data_that_lie_elsewhere_are_the_same_sweep(tmp_path: Path) -> None:
    """A wrong folder can be corrected, and a partial sweep continued on another machine; workers read the new place."""
    store = Store(tmp_path, "s")
    store.create(placed("wrong"))
    store.create(placed("right"))
    assert store.definition() == placed("right")
    store.create({**placed("right"), "overrides": ["a=1", "dataset.root=right"]})
    with pytest.raises(StoreError, match=r"another definition"):
        store.create({**placed("right"), "overrides": ["a=2", "dataset.root=right"]})
