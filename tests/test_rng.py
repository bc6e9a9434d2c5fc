"""Addressed randomness: laws, independence of addresses, lanes, and numbers that must never change."""

from __future__ import annotations

import hashlib
import math

import pytest
import torch
from scipy import stats

from ganbench.rng import Rng, _mix

MASK = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15


def mix(x: int) -> int:
    """Finalise as splitmix64 does, in Python's integers."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def signed(x: int) -> int:
    return x - 2**64 if x >> 63 else x


def test_the_generator_is_splitmix64() -> None:
    """The first outputs for seed 1234567, as published with other implementations."""
    known = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    counters = torch.tensor([signed((1234567 + (i + 1) * GAMMA) & MASK) for i in range(5)])
    assert _mix(counters).tolist() == [signed(value) for value in known]
    assert [mix((1234567 + (i + 1) * GAMMA) & MASK) for i in range(5)] == known


def test_words_follow_the_documented_recipe() -> None:
    """Rewritten with Python's unbounded integers: seed, then one fold per name, then a counter."""

    def fold(key: int, name: str) -> int:
        address = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
        return mix((mix(key ^ address) + GAMMA) & MASK)

    key = fold(fold(mix(7 * signed(GAMMA) % 2**63), "training"), "latents")
    expected = [signed(mix((key + i * GAMMA) & MASK)) for i in range(4)]
    assert Rng.of(7, "training").bits("latents", 4).tolist() == expected


def test_golden_numbers() -> None:
    """Stored results depend on these: a change here is a change of every trial."""
    rng = Rng.of(0)
    assert rng.key.item() == 0
    assert rng.fold(torch.tensor(3)).bits("x", 2).tolist() == [8346614555760216066, 5281062335157635933]
    assert (rng.uniform("x", (3,)) * 2**24).tolist() == [2116507, 6266650, 5534063]
    normals = [-0.6088513731956482, 1.355815052986145, -1.4513102769851685]
    assert rng.normal("x", (3,)).tolist() == pytest.approx(normals, rel=1e-5)
    assert rng.permutation("x", 6).tolist() == [4, 5, 0, 2, 1, 3]


def test_uniform_law() -> None:
    draws = Rng.of(1).uniform("u", (200_000,)).double()
    assert 0.0 <= draws.min() < draws.max() < 1.0
    assert torch.equal(draws * 2**24, (draws * 2**24).round())
    assert draws.mean().item() == pytest.approx(0.5, abs=0.003)
    assert draws.var().item() == pytest.approx(1 / 12, rel=0.01)
    assert stats.kstest(draws.numpy(), "uniform").pvalue > 0.01


def test_normal_law() -> None:
    draws = Rng.of(1).normal("n", (200_000,)).double()
    assert draws.isfinite().all()
    assert draws.mean().item() == pytest.approx(0.0, abs=0.01)
    assert draws.std().item() == pytest.approx(1.0, rel=0.01)
    assert draws.pow(4).mean().item() == pytest.approx(3.0, rel=0.03)
    assert stats.kstest(draws.numpy(), "norm").pvalue > 0.01


def test_truncated_normal_law() -> None:
    draws = Rng.of(1).truncated_normal("t", (200_000,)).double()
    assert draws.abs().max().item() <= 2.0 + 1e-6
    assert stats.kstest(draws.numpy(), stats.truncnorm(-2, 2).cdf).pvalue > 0.01


def test_permutations_are_permutations_and_uniform() -> None:
    perms = Rng.stack([Rng.of(seed) for seed in range(3000)]).permutation("p", 5)
    assert torch.equal(perms.sort(dim=1).values, torch.arange(5).expand(3000, 5))
    counts = torch.stack([(perms == value).sum(0) for value in range(5)])
    assert stats.chisquare(counts.flatten().numpy()).pvalue > 0.001


def streams() -> dict[str, Rng]:
    """Return streams whose addresses differ in one thing each."""
    rng = Rng.of(0, "a")
    return {
        "itself": rng,
        "another seed": Rng.of(1, "a"),
        "another name": Rng.of(0, "b"),
        "one name more": Rng.of(0, "a", "a"),
        "step 0": rng.fold(torch.tensor(0)),
        "step 1": rng.fold(torch.tensor(1)),
    }


def test_other_addresses_give_unrelated_numbers_and_the_same_address_the_same() -> None:
    draws = torch.stack([stream.normal("x", (20_000,)) for stream in streams().values()])
    again = torch.stack([stream.normal("x", (20_000,)) for stream in streams().values()])
    assert torch.equal(draws, again)
    correlations = torch.corrcoef(torch.cat([draws, streams()["itself"].normal("y", (1, 20_000))]))
    assert (correlations - torch.eye(7)).abs().max().item() < 0.03


def test_order_of_names_matters() -> None:
    assert Rng.of(0, "a", "b").key != Rng.of(0, "b", "a").key
    assert Rng.of(0, "a", "b").key == Rng.of(0).fold("a").fold("b").key


def test_shapes_are_filled_in_order() -> None:
    rng = Rng.of(5)
    assert rng.uniform("x", ()).shape == ()
    assert torch.equal(rng.uniform("x", (2, 3)).flatten(), rng.uniform("x", (6,)))
    assert torch.equal(rng.normal("x", (2, 3)).flatten(), rng.normal("x", (6,)))
    assert torch.equal(rng.uniform("x", (6,)), rng.uniform("x", (9,))[:6])


def test_lanes_equal_solo_bit_for_bit_stacked_and_vmapped() -> None:
    rngs = [Rng.of(seed, "x") for seed in range(4)]

    def draw(rng: Rng) -> tuple[torch.Tensor, ...]:
        step = rng.fold(torch.tensor(11))
        return (
            step.uniform("u", (3, 2)),
            step.normal("n", (3, 2)),
            step.truncated_normal("t", (3, 2)),
            step.permutation("p", 7),
        )

    stacked, vmapped = draw(Rng.stack(rngs)), torch.vmap(draw)(Rng.stack(rngs))
    for lane, rng in enumerate(rngs):
        for alone, one, other in zip(draw(rng), stacked, vmapped, strict=True):
            assert torch.equal(alone, one[lane])
            assert torch.equal(alone, other[lane])


def test_negative_and_large_seeds_have_streams_of_their_own() -> None:
    keys = [Rng.of(seed).key.item() for seed in (-1, 0, 1, 2**31, 2**62, 10**30)]
    assert len(set(keys)) == len(keys)


def test_the_smallest_word_gives_the_largest_normal_and_no_infinity(monkeypatch: pytest.MonkeyPatch) -> None:
    """u = 2⁻³³ and v = 0: √(66 ln 2) = 6.76."""
    monkeypatch.setattr(Rng, "bits", lambda rng, name, n: torch.zeros(n, dtype=torch.int64))
    assert Rng.of(0).normal("n", (1,)).item() == pytest.approx(math.sqrt(66 * math.log(2)), rel=1e-6)
