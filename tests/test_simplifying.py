"""What is not done again and not done in vain, and that results keep their bits."""

from __future__ import annotations

from collections import Counter

import torch
import torch.nn.functional as F  # noqa: N812
from packs import pack, train
from torch import Tensor
from torch.func import grad, vmap
from torch.utils import _pytree as pytree

from ganbench.stepping import Way
from ganbench.tracing import operations, trace

LANES, BATCH, WIDTH = 2, 8, 5


def slope(w: Tensor, v: Tensor, x: Tensor) -> Tensor:
    """Return a gradient penalty of a critic with one hidden layer."""

    def critic(point: Tensor) -> Tensor:
        return F.leaky_relu(point @ w, 0.2) @ v

    return grad(lambda x: critic(x).sum())(x).square().sum()


def penalty(w: Tensor, v: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return vmap(grad(slope, argnums=(0, 1)))(w, v, x)


def weights() -> tuple[Tensor, Tensor, Tensor]:
    return torch.randn(LANES, 2, WIDTH), torch.randn(LANES, WIDTH, 1), torch.randn(LANES, BATCH, 2)


def done(graph: torch.fx.Graph) -> Counter[str]:
    return Counter(str(node.target) for node in graph.nodes)


def test_products_with_zeros_are_not_done() -> None:
    """Two forward, two backward, of the square one forward and one for each weight: the other two would be zero."""
    found = done(operations(penalty, *weights()).module.graph)
    assert found["aten.bmm.default"] == 7
    assert not any("zeros" in name for name in found)


def test_they_change_no_bit() -> None:
    arguments = weights()
    replayed = trace(penalty, *arguments)
    for _ in range(3):
        arguments = weights()
        for found, expected in zip(replayed(*arguments), penalty(*arguments), strict=True):
            assert torch.equal(found, expected)


def test_a_sum_with_zeros_keeps_its_layout_and_its_shape() -> None:
    def summed(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        zeros = torch.zeros_like(x)
        return zeros + x.t(), x[0] + zeros, torch.zeros(4, 1) * 3.0 + x[:1]

    x = torch.randn(4, 4)
    for found, expected in zip(trace(summed, x)(x), summed(x), strict=True):
        assert torch.equal(found, expected)
        assert found.stride() == expected.stride()


def test_zeros_that_are_a_result_stay() -> None:
    def step(x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(x) @ x, torch.zeros_like(x) - x

    x = torch.randn(3, 3)
    for found, expected in zip(trace(step, x)(x), step(x), strict=True):
        assert torch.equal(found, expected)


def test_no_zeros_are_left_of_the_penalty_of_a_whole_step() -> None:
    trained = pack("wgan_gp", "ring", lanes=({"model.lr": 1e-3}, {"model.lr": 1e-4}), seeds=(3, 4))
    train(trained, 1)
    arguments = pytree.tree_unflatten(trained._inputs(1)[0], trained._arguments)
    found = done(operations(Way("d", "float32", True).step, *arguments).module.graph)
    assert not any("zeros_like" in name for name in found)
