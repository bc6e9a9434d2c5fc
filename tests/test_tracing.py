"""A traced step performs the same operations, fewer times."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.func import grad, vmap

from ganbench.tracing import _does, trace


def test_trees_go_in_and_come_out() -> None:
    def step(state: dict[str, Tensor], x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        gradient = vmap(grad(lambda w, v: (w * v).square().sum()))(state["w"], x)
        return {"w": state["w"] - 0.1 * gradient}, gradient.sum()

    state, x = {"w": torch.rand(3, 4)}, torch.rand(3, 4)
    replayed = trace(step, state, x)
    for _ in range(3):
        x = torch.rand(3, 4)
        expected, value = step(state, x)
        new, traced_value = replayed(state, x)
        assert torch.equal(new["w"], expected["w"])
        assert torch.equal(traced_value, value)
        state = new


def test_numbers_of_another_type_are_not_the_same_operation() -> None:
    """1 + x and 1.0 + x differ for integers; merging them would change a dtype."""
    x = torch.arange(4)
    whole, real = trace(lambda t: (t + 1, t + 1.0), x)(x)
    assert whole.dtype == torch.int64
    assert real.dtype == torch.float32


def test_repeated_operations_are_done_once(monkeypatch: object) -> None:
    calls = []

    class Counting(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            calls.append(str(func))
            return func(*args, **(kwargs or {}))

    x = torch.rand(5)
    replayed = trace(lambda t: torch.exp(t) + torch.exp(t.view(5)), x)
    with Counting():
        result = replayed(x)
    assert torch.equal(result, 2 * torch.exp(x))
    assert calls.count("aten.exp.default") == 1
    assert not any("view" in call for call in calls)


def test_a_transposed_view_is_kept() -> None:
    x = torch.rand(3, 3)
    replayed = trace(lambda t: t.t().reshape(9), x)
    assert torch.equal(replayed(x), x.t().reshape(9))


def test_a_function_stands_for_an_operation_only_if_it_does_that_very_one() -> None:
    x, aten = torch.rand(4), torch.ops.aten
    assert _does(torch.mul, aten.mul.Tensor, (x, x), {})
    assert _does(torch.mul, aten.mul.Tensor, (x, 2.0), {})
    assert not _does(torch.mul, aten.mul.Scalar, (x, 2.0), {})  # mul.Tensor
    assert not _does(torch.square, aten.square.default, (x,), {})  # pow
    assert not _does(torch.add, aten.exp.default, (x,), {})  # takes two
    assert not _does(lambda a, b: torch.mul(b, a), aten.mul.Tensor, (x, torch.rand(4)), {})
    assert not _does(lambda a, b: torch.mul(a, float(b)), aten.mul.Tensor, (x, 2), {})


def test_what_is_replayed_calls_functions_and_where_there_are_none_operations() -> None:
    x = torch.rand(4)
    replayed = trace(lambda t: F.softplus(t.exp().mul(2.0).view(2, 2)), x)
    (module,) = (c.cell_contents for c in replayed.run.__closure__ or ())
    assert [n.target for n in module.graph.nodes if n.op == "call_function"] == [
        *(torch.exp, torch.mul, torch.Tensor.view, torch.ops.aten.softplus.default)
    ]
    assert torch.equal(replayed(x), F.softplus(2.0 * x.exp()).view(2, 2))
