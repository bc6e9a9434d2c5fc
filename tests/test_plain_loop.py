"""The benchmark's plain loop trains the networks that packs train, and learns."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from ganbench.tree import leaves

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from one_trial import RADIUS, SD, centers, drawn_loop, score
from plain_loop import LOOPS, plain_loop
from throughput import CASES, Case, images_of, loop_of, pack_of

TRAINED = sorted({(case.model, case.network) for case in CASES.values()})


@pytest.mark.parametrize(("model", "network"), TRAINED)
def test_both_sides_of_the_benchmark_train_the_same_networks(model: str, network: str) -> None:
    case = Case(model, network, width=8, pack=1, mode="vmap")
    pack, loop = pack_of(case, *images_of(case)), loop_of(case)
    _, state = pack.lane(0)
    critic = state.autoencoder if model == "began" else state.critic
    for ours, plain in ((state.generator, loop.generator), (critic, loop.critic)):
        assert sorted(v.shape for v in leaves(ours)) == sorted(p.shape for p in plain.parameters())


@pytest.mark.parametrize("model", LOOPS)
def test_a_step_moves_the_critic_and_every_so_often_the_generator(model: str) -> None:
    loop = plain_loop(model, "mlp", 8, torch.rand(128, 2))
    moved = []
    for _ in range(loop.d_steps + 1):
        before = [next(n.parameters()).clone() for n in (loop.generator, loop.critic)]
        loop.step()
        after = [next(n.parameters()) for n in (loop.generator, loop.critic)]
        moved.append(tuple(not torch.equal(a, b) for a, b in zip(before, after, strict=True)))
    assert moved == [(step % loop.d_steps == 0, True) for step in range(loop.d_steps + 1)]


def test_a_sweeps_trials_are_with_and_without_batch_norm_and_of_one_and_five_critic_steps() -> None:
    loops = [drawn_loop(number) for number in range(4)]
    norms = [any(isinstance(layer, torch.nn.BatchNorm1d) for layer in loop.critic) for loop in loops]
    assert sorted(zip(norms, (loop.d_steps for loop in loops), strict=True)) == [
        (False, 1), (False, 5), (True, 1), (True, 5)
    ]  # fmt: skip


def test_a_trial_of_its_own_is_of_the_ring_and_its_scores() -> None:
    """Each of the eight real points on its mode, and the generator at the first one: P = 1, R = 1 / 8, F1 = 2 / 9."""
    case = Case("ns_gan", "mlp", width=8, pack=1, mode="vmap")
    config, images = images_of(case)
    assert (config["dataset"]["radius"], config["dataset"]["sd"]) == (RADIUS, SD)
    assert torch.cdist(images.train[:500], centers()).min(1).values.max() < 6 * SD
    loop = drawn_loop(0)
    loop.generator = torch.nn.Linear(64, 2)
    torch.nn.init.zeros_(loop.generator.weight)
    loop.generator.bias.data = centers()[0]
    f1, energy = score(loop, centers())
    assert f1 == pytest.approx(2 / 9)
    assert energy > 0
