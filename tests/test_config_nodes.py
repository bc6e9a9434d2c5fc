"""Plain config dicts: lookups, typed changes and references."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ganbench.errors import ConfigError
from ganbench.nodes import closest, has, resolve, set_values, value_at

CONFIG: dict[str, Any] = {
    "model": {"lr": 0.1, "steps": 1, "norm": True, "note": None, "spaces": {"wide": {"model.lr": 1}}},
    "part": {"lr": "${model.lr}", "inner": {"rate": "${part.lr}", "sizes": [1, "${model.steps}"]}},
    "copy": "${part}",
    "path": "???",
    "weights": {},
}


def complete(**more: Any) -> dict[str, Any]:
    return {**CONFIG, "path": "here", **more}


def test_value_at_follows_references_on_the_way_and_at_the_end() -> None:
    assert value_at(CONFIG, "model.lr") == 0.1
    assert value_at(CONFIG, "part.inner.rate") == 0.1
    assert value_at(CONFIG, "copy.inner.rate") == 0.1
    assert value_at(CONFIG, "copy") is CONFIG["part"]


def test_has_looks_at_names_alone() -> None:
    assert has(CONFIG, "model.note")
    assert not has(CONFIG, "model.d_steps")
    assert not has(CONFIG, "model.lr.x")


def test_resolve_replaces_every_reference() -> None:
    resolved = resolve(complete())
    inner = {"rate": 0.1, "sizes": [1, 1]}
    assert resolved["part"] == {"lr": 0.1, "inner": inner}
    assert resolved["copy"] == resolved["part"]
    assert resolved["model"]["spaces"] == {"wide": {"model.lr": 1}}
    assert CONFIG["copy"] == "${part}"


def test_resolve_copies_what_is_not_referred_to() -> None:
    config = complete()
    resolve(config)["model"]["spaces"]["wide"]["model.lr"] = 2
    assert config["model"]["spaces"]["wide"]["model.lr"] == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"a": "${b}", "b": "${a}"}, "circle"),
        ({"a": {"b": "${a}"}}, "circle"),
        ({"a": "${a.b}"}, "circle"),
        ({"a": "${model.lrr}"}, "no setting `model.lrr`; did you mean `model.lr`"),
        ({"a": "x${model.lr}"}, "only whole references"),
        ({"a": "${oc.env:HOME}"}, "only whole references"),
        ({"path": "???"}, "`path` has no value yet: give path=…"),
        ({"path": ["???"]}, "has no value yet"),
    ],
)
def test_resolve_refuses(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve(complete(**more))


def test_a_circle_is_told_by_lookups_too() -> None:
    with pytest.raises(ConfigError, match="circle: a → b → a"):
        value_at({"a": "${b}", "b": "${a}"}, "a")


def test_set_values_changes_a_deep_copy() -> None:
    changed = set_values(CONFIG, {"model.lr": 2, "part.inner.sizes": (3,), "path": "p", "model.note": "n"})
    assert changed["model"]["lr"] == 2.0
    assert type(changed["model"]["lr"]) is float
    assert changed["part"]["inner"]["sizes"] == [3]
    assert changed["path"] == "p"
    assert CONFIG["model"]["lr"] == 0.1
    changed["model"]["spaces"]["wide"]["model.lr"] = 7
    assert CONFIG["model"]["spaces"]["wide"]["model.lr"] == 1


def test_a_drawn_value_flows_through_the_references() -> None:
    assert resolve(set_values(complete(), {"model.lr": 0.5}))["copy"]["inner"]["rate"] == 0.5


def test_mappings_merge_and_an_empty_one_takes_anything() -> None:
    changed = set_values(CONFIG, {"part.inner": {"rate": 3}, "weights": {"any": 1}})
    assert changed["part"]["inner"] == {"rate": 3.0, "sizes": [1, "${model.steps}"]}
    assert changed["weights"] == {"any": 1}
    with pytest.raises(ConfigError, match=r"`part.inner` has no member `rates`; did you mean `rate`"):
        set_values(CONFIG, {"part.inner": {"rates": 3}})
    with pytest.raises(ConfigError, match=r"`part.inner` is a mapping"):
        set_values(CONFIG, {"part.inner": 3})


def test_one_part_may_take_anothers_place() -> None:
    assert set_values(CONFIG, {"copy": "${model}"})["copy"] == "${model}"
    with pytest.raises(ConfigError, match="no setting `modell`"):
        set_values(CONFIG, {"copy": "${modell}"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.steps", 1.0),
        ("model.steps", True),
        ("model.lr", "1"),
        ("model.norm", 0),
        ("model.lr", float("inf")),
    ],
)
def test_set_values_refuses_another_type(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"`{key}`"):
        set_values(CONFIG, {key: value})


def test_closest() -> None:
    assert closest("model.beta", {"model.beta1", "x"}) == "; did you mean `model.beta1`?"
    assert closest("lr", {"optimizer.beta", "model.lr"}) == "; did you mean `model.lr`?"
    assert closest("qqq", {"model.lr"}) == ""


def test_resolving_is_fast_enough_for_every_trial() -> None:
    config = {f"group{i}": {f"key{j}": f"${{base.key{j}}}" for j in range(10)} for i in range(20)}
    config["base"] = {f"key{j}": 0.5 for j in range(10)}  # type: ignore[misc]
    times = []
    for _ in range(20):
        start = time.perf_counter()
        resolve(config)
        times.append(time.perf_counter() - start)
    assert min(times) < 1e-3
