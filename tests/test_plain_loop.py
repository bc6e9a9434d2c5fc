"""The benchmark's plain loop trains the networks that packs train, and learns."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from ganbench.tree import leaves

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from plain_loop import LOOPS, plain_loop
from throughput import CASES, Case, pair_of

TRAINED = sorted({(case.model, case.network) for case in CASES.values()})


@pytest.mark.parametrize(("model", "network"), TRAINED)
def test_both_sides_of_the_benchmark_train_the_same_networks(model: str, network: str) -> None:
    pack, loop = pair_of(Case(model, network, width=8, pack=1, mode="vmap"))
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
