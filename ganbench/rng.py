"""Randomness by address: (seed, names) give the numbers, nothing is consumed.

There is no generator state to save, and a lane's numbers never depend on its pack-mates: every operation is
elementwise on the key, so it batches under ``torch.func.vmap`` bit for bit.
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as int64, the Weyl increment of splitmix64
_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB


def _shift(x: Tensor, bits: int) -> Tensor:
    """Shift right logically; int64 shifts arithmetically, hence the mask."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    """Finaliser of splitmix64 (Steele et al. 2014, https://doi.org/10.1145/2660193.2660195)."""
    x = (x ^ _shift(x, 30)) * _MIX_1
    x = (x ^ _shift(x, 27)) * _MIX_2
    return x ^ _shift(x, 31)


@lru_cache(maxsize=4096)
def _address(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little", signed=True)


class Rng(NamedTuple):
    """A key, int64 of any batch shape; draws have the key's shape followed by the shape asked for."""

    key: Tensor

    @classmethod
    def of(cls, seed: int, *names: str) -> Rng:
        """Return the stream of an integer seed, folded with each name in turn."""
        rng = cls(_mix(torch.tensor(seed * _GOLDEN % 2**63, dtype=torch.int64)))
        for name in names:
            rng = rng.fold(name)
        return rng

    @classmethod
    def stack(cls, rngs: list[Rng]) -> Rng:
        """Stack streams into one whose key has shape [len(rngs)]."""
        return cls(torch.stack([rng.key for rng in rngs]))

    def fold(self, address: str | Tensor) -> Rng:
        """Derive an independent stream from a name or from an int64 tensor such as the step."""
        offset = _address(address) if isinstance(address, str) else (address + 1) * _GOLDEN
        return Rng(_mix(_mix(self.key ^ offset) + _GOLDEN))

    def bits(self, name: str, n: int) -> Tensor:
        """Draw n int64 words of 64 random bits."""
        counter = torch.arange(n, dtype=torch.int64, device=self.key.device) * _GOLDEN
        return _mix(self.fold(name).key.unsqueeze(-1) + counter)

    def uniform(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Draw float32 numbers from U[0, 1) on the grid of multiples of 2⁻²⁴."""
        words = _shift(self.bits(name, math.prod(shape)), 40)
        return (words.to(torch.float32) * 2.0**-24).reshape(self.key.shape + shape)

    def normal(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Draw float32 numbers from N(0, 1) by Box and Muller: √(−2 ln u) cos(2πv)."""
        words = self.bits(name, math.prod(shape))
        u = (_shift(words, 32).to(torch.float32) + 0.5) * 2.0**-32
        v = ((words & 0xFFFFFFFF) >> 8).to(torch.float32) * 2.0**-24
        draws = torch.sqrt(-2.0 * torch.log(u)) * torch.cos(2.0 * math.pi * v)
        return draws.reshape(self.key.shape + shape)

    def truncated_normal(self, name: str, shape: tuple[int, ...], cut: float = 2.0) -> Tensor:
        """Draw float32 numbers from N(0, 1) conditioned on |x| < cut, by inverting the distribution function."""
        edge = math.erf(cut / math.sqrt(2.0))
        return math.sqrt(2.0) * torch.erfinv((2.0 * self.uniform(name, shape) - 1.0) * edge)

    def permutation(self, name: str, n: int) -> Tensor:
        """Draw a permutation of range(n); int64, the key's shape followed by [n]."""
        return torch.argsort(self.bits(name, n), dim=-1, stable=True)
