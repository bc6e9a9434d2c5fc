"""Every model on a device that is not the CPU: everything lives there, nothing else meets it, and the bits stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from elsewhere import FAR, Far, near
from packs import identical, pack, train
from torch._subclasses.fake_tensor import FakeTensorMode

from ganbench.devices import placed
from ganbench.rng import Rng
from ganbench.stepping import Way
from ganbench.tracing import operations
from ganbench.training import PackTraining
from ganbench.tree import leaves, map_tree

MODELS = sorted(p.stem for p in (Path(__file__).parents[2] / "conf" / "model").glob("*.yaml"))
LANES = ({"model.lr": 1e-3}, {"model.lr": 3e-4})
SEEDS = (3, 4)
HERE = torch.device("cpu")


@pytest.fixture
def _far() -> Iterator[None]:
    with Far():
        yield


def packs(model: str, family: str = "ring", **options: Any) -> tuple[PackTraining, PackTraining]:
    """The same pack here and far away."""
    here, there = (pack(model, family, lanes=LANES, seeds=SEEDS, device=d, **options) for d in (HERE, FAR))
    return here, there


def lies_far(tree: Any) -> bool:
    return all(leaf.device == FAR for leaf in leaves(tree) if isinstance(leaf, torch.Tensor))


def turns(training: PackTraining) -> dict[str, int]:
    """Return a step of every turn."""
    return {training._first.turn(step): step for step in range(12)}


def each_turn(training: PackTraining) -> list[Any]:
    logs = []
    for step in turns(training).values():
        training.progress.step = step
        logs += train(training, 1)
    return logs


def drawn(training: PackTraining) -> torch.Tensor:
    """Return samples of a lane with standing statistics."""
    procedure, state = training.lane(0)
    rng = placed(Rng.of(1), training.progress.finite.device)
    settled = procedure.settle(state, procedure.draw_latents(rng, 2 * 8).unflatten(0, (2, 8)))
    return procedure.sample(settled, procedure.clamp_latents(procedure.draw_latents(rng.fold("fake"), 4)))


@pytest.mark.usefixtures("_far")
@pytest.mark.parametrize("family", ["ring", "gray28"])
@pytest.mark.parametrize("model", MODELS)
def test_a_pack_lives_where_its_images_lie_and_trains_alike(model: str, family: str) -> None:
    """One step of every turn; what is made on the CPU on the way is refused by the device."""
    here, there = packs(model, family)
    assert lies_far(there.state)
    made = [(each_turn(p), p.state, p.lane(1), drawn(p)) for p in (here, there)]
    assert lies_far(made[1])
    assert identical(near(made[1]), made[0])
    assert there.finite().tolist() == [True, True]


@pytest.mark.usefixtures("_far")
@pytest.mark.parametrize("mode", ["unbatched", "bf16"])
def test_other_ways_to_step_live_there_too(mode: str) -> None:
    options = {"precision": "bf16"} if mode == "bf16" else {"mode": mode}
    for model in ("wgan_gp", "vae"):
        here, there = packs(model, **options)
        train(here, 2), train(there, 2)
        assert lies_far(there.state)
        assert identical(near(there.state), here.state)


@pytest.mark.usefixtures("_far")
@pytest.mark.parametrize("there_first", [False, True])
def test_a_checkpoint_is_of_no_device(there_first: bool, tmp_path: Path) -> None:
    """Written on one, it is continued on the other, with the bits of a pack that never moved."""
    first, second = packs("ns_gan")[:: -1 if there_first else 1]
    train(first, 2)
    first.save(tmp_path / "checkpoint-2.pt", {"best": {"a": (1, 0.5)}})
    saved = torch.load(tmp_path / "checkpoint-2.pt", weights_only=True)
    assert {leaf.device.type for leaf in (*saved["leaves"], saved["finite"])} == {"cpu"}
    assert second.restore(tmp_path / "checkpoint-2.pt") == {"best": {"a": (1, 0.5)}}
    assert lies_far(second.state) != there_first
    train(first, 2), train(second, 2)
    assert identical(near(second.state), near(first.state))
    assert second.progress.finite.device == second.state.generator["0.weight"].device


@pytest.mark.parametrize("model", MODELS)
def test_a_traced_step_makes_nothing_on_another_device(model: str) -> None:
    """What is written down holds no tensors and no places of the CPU: a captured GPU step could not read them."""
    training = pack(model, lanes=LANES, seeds=SEEDS)
    batch = torch.zeros(len(LANES), 16, 2)
    inputs = (training._procedures, training.state, batch, training._rngs.key, torch.tensor(0))
    with FakeTensorMode(allow_non_fake_inputs=False):
        far = map_tree(lambda x: torch.empty(x.shape, dtype=x.dtype, device=FAR), inputs)
        traced = operations(Way("dg", "float32", together=True).step, *far)
        nodes = list(traced.module.graph.nodes)
        assert not [n for n in nodes if n.op == "get_attr"]
        assert {n.kwargs["device"] for n in nodes if n.kwargs.get("device") is not None} == {FAR}
        assert lies_far(traced.module(*traced.example))
