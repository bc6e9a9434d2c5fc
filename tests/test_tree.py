"""What `@component` promises, and stacking."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from ganbench.tree import COMPONENTS, component, full_name, leaves, map_tree, stack, unstack


@component
class Inner:
    rate: float
    name: str


@component
class Outer:
    inner: Inner
    weight: float
    steps: int
    flag: bool


@component
class Checked:
    mode: str

    def __post_init__(self) -> None:
        if self.mode not in ("a", "b"):
            raise ValueError(self.mode)


@component(batched=False)
class Structure:
    sizes: tuple[int, ...]
    scale: float


@component
class Holder:
    network: Structure
    lr: float


def outer(rate: float = 0.1, weight: float = 2.0, steps: int = 5) -> Outer:
    return Outer(inner=Inner(rate=rate, name="x"), weight=weight, steps=steps, flag=True)


def test_components_are_frozen_keyword_only_and_registered() -> None:
    part = Inner(rate=0.5, name="x")
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.rate = 1.0  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        Inner(0.5, "x")  # type: ignore[misc]
    with pytest.raises(TypeError, match="missing"):
        Inner(rate=0.5)  # type: ignore[call-arg]
    assert COMPONENTS[full_name(Inner)] is Inner
    assert full_name(Inner).endswith("test_tree.Inner")
    assert full_name(Structure) in COMPONENTS


def test_integers_become_floats_and_lists_tuples_so_that_equal_settings_are_equal() -> None:
    part = Inner(rate=1, name="x")
    assert type(part.rate) is float
    assert part == Inner(rate=1.0, name="x")
    network = Structure(sizes=[1, 28, 28], scale=1)  # type: ignore[arg-type]
    assert network.sizes == (1, 28, 28)
    assert hash(network) == hash(Structure(sizes=(1, 28, 28), scale=1.0))


def test_a_parts_own_check_still_runs() -> None:
    assert Checked(mode="a").mode == "a"
    with pytest.raises(ValueError, match="c"):
        Checked(mode="c")


def test_only_declared_floats_are_leaves_through_nested_parts() -> None:
    assert leaves(outer()) == [0.1, 2.0]
    assert leaves(Holder(network=Structure(sizes=(2,), scale=3.0), lr=0.1)) == [0.1]


def test_mapping_rebuilds_the_part_without_touching_structure() -> None:
    doubled = map_tree(lambda x: 2 * x, outer())
    assert doubled == outer(rate=0.2, weight=4.0)
    assert map_tree(lambda x, y: x + y, outer(), outer()) == doubled


def test_stack_and_unstack_are_inverse() -> None:
    lanes = [{"p": torch.rand(3), "part": outer(rate=r)} for r in (0.25, 0.5)]
    stacked = stack(lanes)
    assert stacked["p"].shape == (2, 3)
    assert stacked["part"].inner.rate.tolist() == [0.25, 0.5]
    assert stacked["part"].inner.rate.dtype == torch.float32
    assert (stacked["part"].steps, stacked["part"].inner.name) == (5, "x")
    assert torch.equal(unstack(stacked, 1)["p"], lanes[1]["p"])
    assert unstack(stacked, 1)["part"].inner.rate.item() == 0.5


def test_floats_batch_under_vmap() -> None:
    def apply(part: Outer, x: torch.Tensor) -> torch.Tensor:
        return part.weight * x + part.inner.rate * part.steps

    packed = torch.vmap(apply)(
        stack([outer(weight=2.0), outer(rate=0.2, weight=3.0)]), torch.tensor([1.0, 10.0])
    )
    torch.testing.assert_close(packed, torch.tensor([2.5, 31.0]))


@pytest.mark.parametrize("other", [outer(steps=6), Inner(rate=0.1, name="x")])
def test_parts_of_other_structure_do_not_stack(other: Any) -> None:
    with pytest.raises(ValueError, match=r"[Mm]ismatch"):
        stack([outer(), other])
