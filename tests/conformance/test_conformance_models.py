"""Every model in conf/model: what a pack promises."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from packs import distance, identical, pack, train

from ganbench.rng import Rng
from ganbench.tree import leaves

MODELS = sorted(p.stem for p in (Path(__file__).parents[2] / "conf" / "model").glob("*.yaml"))
LANES = ({"model.lr": 1e-3}, {"model.lr": 3e-4}, {"model.lr": 1e-4, "model.beta1": 0.9})
SEEDS = (3, 4, 5)


def test_the_eight_models_of_the_study_are_there() -> None:
    assert set(MODELS) >= {"mm_gan", "ns_gan", "lsgan", "wgan", "wgan_gp", "dragan", "began", "vae"}


@pytest.mark.parametrize("model", MODELS)
def test_training_moves_every_weight_and_stays_finite(model: str) -> None:
    training = pack(model, lanes=LANES, seeds=SEEDS)
    before = training.state.generator
    logs = train(training, 7)
    assert all(value.isfinite().all() for log in logs for value in log.values())
    assert training.finite().all()
    moved = [not torch.equal(before[name], training.state.generator[name]) for name in before]
    assert all(moved)


@pytest.mark.parametrize("model", MODELS)
def test_packed_equals_solo(model: str) -> None:
    """Seven steps, so that d_steps = 5 sees both turns twice; float32 noise only."""
    together = pack(model, lanes=LANES, seeds=SEEDS)
    logs = train(together, 7)
    for i, (lane, seed) in enumerate(zip(LANES, SEEDS, strict=True)):
        alone = pack(model, lanes=[lane], seeds=[seed])
        solo = train(alone, 7)
        assert distance(together.lane(i)[1], alone.lane(0)[1]) < 2e-5
        for packed_log, solo_log in zip(logs, solo, strict=True):
            assert packed_log.keys() == solo_log.keys()
            assert all(
                torch.allclose(packed_log[k][i], solo_log[k][0], atol=1e-4, rtol=1e-4) for k in solo_log
            )


@pytest.mark.parametrize("model", MODELS)
def test_vmapped_equals_one_by_one(model: str) -> None:
    """Held against what the networks do: a bias before batch norm has no gradient but rounding, which Adam inflates."""
    batched = pack(model, lanes=LANES, seeds=SEEDS)
    plain = pack(model, lanes=LANES, seeds=SEEDS, mode="unbatched")
    for packed_log, plain_log in zip(train(batched, 3), train(plain, 3), strict=True):
        assert all(torch.allclose(packed_log[k], plain_log[k], atol=1e-4, rtol=1e-3) for k in plain_log)
    for lane in range(len(LANES)):
        (procedure, packed), (_, solo) = batched.lane(lane), plain.lane(lane)
        latents = procedure.draw_latents(Rng.of(1), 64)
        torch.testing.assert_close(
            procedure.sample(packed, latents), procedure.sample(solo, latents), atol=1e-3, rtol=1e-3
        )


@pytest.mark.parametrize("model", MODELS)
def test_a_diverging_lane_leaves_its_mates_bit_identical(model: str) -> None:
    wild = [LANES[0], {"model.lr": 1e30}, LANES[2]]
    healthy, sick = pack(model, lanes=LANES, seeds=SEEDS), pack(model, lanes=wild, seeds=SEEDS)
    train(healthy, 4), train(sick, 4)
    assert not all(leaf.isfinite().all() for leaf in leaves(sick.lane(1)[1]) if leaf.is_floating_point())
    assert sick.finite().tolist() == [True, False, True]
    for lane in (0, 2):
        assert identical(healthy.lane(lane)[1], sick.lane(lane)[1])


@pytest.mark.parametrize(("model", "mode"), [*((m, "vmap") for m in MODELS), ("ns_gan", "unbatched")])
def test_resume_is_bit_identical_to_never_having_stopped(model: str, mode: str, tmp_path: Path) -> None:
    whole = pack(model, lanes=LANES, seeds=SEEDS, mode=mode)
    train(whole, 4)
    whole.save(tmp_path / "checkpoint-4.pt", {"note": 1})
    train(whole, 5)
    continued = pack(model, lanes=LANES, seeds=SEEDS, mode=mode)
    assert continued.restore(tmp_path / "checkpoint-4.pt") == {"note": 1}
    train(continued, 5)
    assert continued.progress.step == whole.progress.step == 9
    assert identical(whole.state, continued.state)


@pytest.mark.parametrize("model", MODELS)
def test_seeds_matter_and_nothing_else_does(model: str) -> None:
    lanes = [LANES[0]] * 3
    training = pack(model, lanes=lanes, seeds=(3, 3, 4))
    train(training, 3)
    assert distance(training.lane(0)[1], training.lane(1)[1]) == 0.0
    assert distance(training.lane(0)[1].generator, training.lane(2)[1].generator) > 1e-3


@pytest.mark.parametrize("model", MODELS)
def test_samples_with_standing_statistics_do_not_depend_on_their_batch(model: str) -> None:
    training = pack(model, lanes=LANES[:1], seeds=SEEDS[:1])
    train(training, 3)
    procedure, state = training.lane(0)
    settled = procedure.settle(state, procedure.draw_latents(Rng.of(1), 4 * 32).unflatten(0, (4, 32)))
    latents = procedure.draw_latents(Rng.of(2), 10)
    whole = procedure.sample(settled, latents)
    torch.testing.assert_close(procedure.sample(settled, latents[:1]), whole[:1], atol=1e-6, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_images_pack_like_vectors(model: str) -> None:
    """Held against samples, for the reason above: grouped and plain convolutions round differently."""
    together = pack(model, "gray28", lanes=LANES, seeds=SEEDS)
    train(together, 3)
    for i, (lane, seed) in enumerate(zip(LANES, SEEDS, strict=True)):
        alone = pack(model, "gray28", lanes=[lane], seeds=[seed])
        train(alone, 3)
        (procedure, packed), (_, solo) = together.lane(i), alone.lane(0)
        latents = procedure.draw_latents(Rng.of(1), 32)
        torch.testing.assert_close(
            procedure.sample(packed, latents), procedure.sample(solo, latents), atol=1e-3, rtol=1e-3
        )


@pytest.mark.parametrize("mode", ["vmap", "unbatched"])
@pytest.mark.parametrize("model", MODELS)
def test_a_traced_step_gives_the_same_bits(model: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    eager = pack(model, lanes=LANES, seeds=SEEDS, mode=mode)
    logs = train(eager, 9)
    monkeypatch.setattr("ganbench.stepping.TRACE_AFTER", 1)
    traced = pack(model, lanes=LANES, seeds=SEEDS, mode=mode)
    assert all(identical(a, b) for a, b in zip(logs, train(traced, 9), strict=True))
    assert identical(eager.state, traced.state)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["vmap", "unbatched"])
@pytest.mark.parametrize("model", MODELS)
def test_a_traced_step_on_images_gives_the_same_bits(
    model: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager = pack(model, "gray28", lanes=LANES[:1], seeds=SEEDS[:1], mode=mode)
    train(eager, 4)
    monkeypatch.setattr("ganbench.stepping.TRACE_AFTER", 0)
    traced = pack(model, "gray28", lanes=LANES[:1], seeds=SEEDS[:1], mode=mode)
    train(traced, 4)
    assert identical(eager.state, traced.state)


@pytest.mark.parametrize("family", ["ring", "gray28"])
@pytest.mark.parametrize("model", MODELS)
def test_products_in_bfloat16_move_a_model_a_little_and_leave_its_state_float32(
    model: str, family: str
) -> None:
    exact = pack(model, family, lanes=LANES[:1], seeds=SEEDS[:1])
    coarse = pack(model, family, lanes=LANES[:1], seeds=SEEDS[:1], precision="bf16")
    logs, rounded = train(exact, 3), train(coarse, 3)
    kinds = {leaf.dtype for leaf in leaves(coarse.state)} | {v.dtype for log in rounded for v in log.values()}
    assert kinds == {torch.float32, torch.int64}
    assert coarse.finite().all()
    assert distance(exact.state, coarse.state) > 0.0
    for name, value in logs[0].items():
        torch.testing.assert_close(rounded[0][name], value, atol=2e-2, rtol=2e-2)
