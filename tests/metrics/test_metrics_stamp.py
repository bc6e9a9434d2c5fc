"""What stands beside every score."""

from __future__ import annotations

from ganbench.metrics.pixels import Pixels
from ganbench.metrics.random_conv import RandomConv
from ganbench.metrics.stamp import stamp


def test_a_stamp_names_network_weights_preprocessing_and_dtype() -> None:
    assert stamp(Pixels()) == {
        "name": "pixels",
        "weights_hash": "none",
        "preprocessing": "flattened",
        "dtype": "float32",
    }


def test_other_weights_have_another_stamp() -> None:
    first, second = (stamp(RandomConv(seed=seed, channels=4, batch_size=8)) for seed in (0, 1))
    assert {key for key in first if first[key] != second[key]} == {"weights_hash"}
