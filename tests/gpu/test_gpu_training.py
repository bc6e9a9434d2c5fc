"""Training on a real GPU: `make test-gpu`. What needs none is in tests/conformance and tests/test_devices.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from packs import identical, pack, train

from ganbench.devices import CPU, describe, device, placed
from ganbench.rng import Rng
from ganbench.training import PackTraining

pytestmark = pytest.mark.gpu
MODELS = sorted(p.stem for p in (Path(__file__).parents[2] / "conf" / "model").glob("*.yaml"))
LANES = ({"model.lr": 1e-3}, {"model.lr": 3e-4})
SEEDS = (3, 4)


@pytest.fixture(autouse=True)
def gpu(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """The GPU, as a slot sets it up."""
    monkeypatch.setenv("GANBENCH_DEVICE", "cuda")
    return device()


def on(place: torch.device, model: str, family: str = "ring", **options: Any) -> PackTraining:
    return pack(model, family, lanes=LANES, seeds=SEEDS, device=place, **options)


def drawn(training: PackTraining) -> torch.Tensor:
    """Samples of the first lane: a bias before batch norm has no gradient but rounding, which Adam inflates."""
    procedure, state = training.lane(0)
    rng = placed(Rng.of(1), training.progress.finite.device)
    settled = procedure.settle(state, procedure.draw_latents(rng, 2 * 32).unflatten(0, (2, 32)))
    return procedure.sample(settled, procedure.draw_latents(rng.fold("fake"), 32)).cpu()


def test_integer_draws_have_the_cpus_bits_and_normal_ones_its_digits(gpu: torch.device) -> None:
    here, there = Rng.of(7), placed(Rng.of(7), gpu)
    for name in ("a", "b"):
        assert torch.equal(there.bits(name, 10_000).cpu(), here.bits(name, 10_000))
        assert torch.equal(there.uniform(name, (100, 100)).cpu(), here.uniform(name, (100, 100)))
        assert torch.equal(there.permutation(name, 10_000).cpu(), here.permutation(name, 10_000))
        folded = there.fold(torch.full((), 5, device=gpu)), here.fold(torch.tensor(5))
        assert folded[0].key.item() == folded[1].key.item()
        torch.testing.assert_close(there.normal(name, (10_000,)).cpu(), here.normal(name, (10_000,)))


@pytest.mark.parametrize("family", ["ring", "gray28"])
@pytest.mark.parametrize("model", MODELS)
def test_a_gpu_trains_like_the_cpu(model: str, family: str, gpu: torch.device) -> None:
    here, there = on(CPU, model, family), on(gpu, model, family)
    assert identical(placed(there.state, CPU), here.state)  # initial weights have the same bits
    for log, far_log in zip(train(here, 3), train(there, 3), strict=True):
        assert all(torch.allclose(log[k], far_log[k].cpu(), atol=1e-4, rtol=1e-3) for k in log)
    torch.testing.assert_close(drawn(there), drawn(here), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("mode", ["vmap", "unbatched", "compiled"])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_every_mode_and_precision_agrees_with_the_vmapped_cpu(
    mode: str, precision: str, gpu: torch.device
) -> None:
    here = on(CPU, "ns_gan", precision=precision)
    there = on(gpu, "ns_gan", mode=mode, precision=precision)
    tolerance = 1e-3 if precision == "float32" else 3e-2
    for log, far_log in zip(train(here, 3), train(there, 3), strict=True):
        assert all(torch.allclose(log[k], far_log[k].cpu(), atol=tolerance, rtol=tolerance) for k in log)


def test_a_trace_has_the_bits_of_what_it_replays(gpu: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    eager, traced = on(gpu, "wgan_gp"), on(gpu, "wgan_gp")
    train(eager, 7)
    monkeypatch.setattr("ganbench.stepping.TRACE_AFTER", 0)
    train(traced, 7)
    assert identical(traced.state, eager.state)


@pytest.mark.parametrize("model", ["ns_gan", "wgan_gp"])
@pytest.mark.parametrize("family", ["ring", "gray28"])
def test_a_resumed_pack_has_the_bits_of_one_that_never_stopped(
    model: str, family: str, gpu: torch.device, tmp_path: Path
) -> None:
    whole, continued = on(gpu, model, family), on(gpu, model, family)
    train(whole, 3)
    whole.save(tmp_path / "checkpoint-3.pt", {})
    train(whole, 4)
    continued.restore(tmp_path / "checkpoint-3.pt")
    train(continued, 4)
    assert identical(whole.state, continued.state)


@pytest.mark.parametrize("to_gpu", [False, True])
def test_a_checkpoint_moves_between_devices(to_gpu: bool, gpu: torch.device, tmp_path: Path) -> None:
    first, second = (on(place, "ns_gan") for place in ((CPU, gpu) if to_gpu else (gpu, CPU)))
    train(first, 2)
    first.save(tmp_path / "checkpoint-2.pt", {"note": 1})
    assert second.restore(tmp_path / "checkpoint-2.pt") == {"note": 1}
    assert identical(placed(second.state, CPU), placed(first.state, CPU))
    for log, other in zip(train(first, 2), train(second, 2), strict=True):
        assert all(torch.allclose(log[k].cpu(), other[k].cpu(), atol=1e-4, rtol=1e-3) for k in log)


def test_seconds_hold_what_the_gpu_had_still_to_do(gpu: torch.device) -> None:
    training = on(gpu, "ns_gan")
    train(training, 20)
    before = training.progress.seconds
    training.wait()
    assert training.progress.seconds > before


def test_a_gpu_is_named(gpu: torch.device) -> None:
    assert torch.cuda.get_device_name(0) in describe(gpu)


@pytest.fixture(autouse=True)
def _flags() -> Iterator[None]:
    """What `device` sets for good, set back for the tests that follow."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32
    yield
    cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32 = before
