"""Bands: they cover, they are opda's, and what is kept on disk is what was computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganbench.analysis import bands


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "kept"))
    bands.band_weights.cache_clear()
    return tmp_path / "kept" / "bands"


def test_band_holds_at_all_points_at_once_as_often_as_it_says():
    lower, upper = bands.band_weights(10, 0.9)
    draws = np.sort(np.random.Generator(np.random.Philox(key=3)).random((4000, 10)), axis=1)
    # Between the j-th and the next draw F runs from one to the other, so both ends must lie in the band.
    ends = np.concatenate([np.zeros((4000, 1)), draws, np.ones((4000, 1))], axis=1)
    held = np.all((lower <= ends[:, :-1]) & (ends[:, 1:] <= upper), axis=1).mean()
    assert held == pytest.approx(0.9, abs=4 * np.sqrt(0.9 * 0.1 / 4000))


def test_above_a_thousand_draws_the_band_is_dkw():
    lower, upper = bands.band_weights(1200, 0.95)
    epsilon = np.sqrt(np.log(2 / 0.05) / (2 * 1200))
    share = np.arange(1201) / 1200
    np.testing.assert_allclose(lower, np.clip(share - epsilon, 0, 1), atol=1e-9)
    np.testing.assert_allclose(upper, np.clip(share + epsilon, 0, 1), atol=1e-9)


@pytest.mark.parametrize(("n", "until"), [(1, 0), (12, 1), (24, 2), (30, 3)])
def test_two_sides_end_where_the_upper_bound_below_all_draws_reaches_the_median_best(n: int, until: int):
    assert bands.two_sided_until(n, 0.95) == until
    upper = bands.band_weights(n, 0.95)[1][0]
    assert 1 - 0.5 ** (1 / (until + 1)) <= upper


def test_band_curve_inverts_the_weights():
    scores, ks = np.array([3.0, 1.0, np.inf, 2.0, 2.0, 7.0]), np.arange(1, 7)
    low, high = bands.band_curves(scores, ks, minimize=True, bounds=(0.0, np.inf), level=0.8)
    lower, upper = bands.band_weights(6, 0.8)
    ordered = np.array([0.0, 1.0, 2.0, 2.0, 3.0, 7.0, np.inf, np.inf])
    for k in ks:
        q = 1 - 0.5 ** (1 / k)
        # The bound on F after j draws holds from the j-th score on; beyond the last, F is 1.
        assert low[k - 1] == ordered[np.argmax(np.append(upper, 1.0) >= q)]
        assert high[k - 1] == ordered[np.argmax(np.append(lower, 1.0) >= q)]


def test_to_maximise_mirrors_to_minimise():
    scores, ks = np.array([0.3, 0.9, 0.1, 0.4, 0.7]), np.arange(1, 6)
    low, high = bands.band_curves(scores, ks, minimize=False, bounds=(0.0, 1.0), level=0.8)
    mirrored_low, mirrored_high = bands.band_curves(
        1 - scores, ks, minimize=True, bounds=(0.0, 1.0), level=0.8
    )
    np.testing.assert_allclose(1 - high, mirrored_low)
    np.testing.assert_allclose(1 - low, mirrored_high)


def test_weights_are_kept_and_read_back(cache: Path, monkeypatch: pytest.MonkeyPatch):
    first = bands.band_weights(5, 0.8)
    assert [path.name for path in cache.iterdir()] == ["ld_equal_tailed-n5-0.8.npy"]
    bands.band_weights.cache_clear()
    monkeypatch.setattr(bands, "_simulate", lambda n, level: pytest.fail("computed again"))
    np.testing.assert_array_equal(bands.band_weights(5, 0.8), first)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"nonsense"])
def test_a_torn_file_is_computed_again(cache: Path, content: bytes):
    first = bands.band_weights(5, 0.8)
    (cache / "ld_equal_tailed-n5-0.8.npy").write_bytes(content)
    bands.band_weights.cache_clear()
    np.testing.assert_array_equal(bands.band_weights(5, 0.8), first)


def test_another_size_s_weights_are_not_believed(cache: Path):
    first = bands.band_weights(5, 0.8)
    np.save(cache / "ld_equal_tailed-n5-0.8.npy", np.zeros((2, 9)))
    bands.band_weights.cache_clear()
    np.testing.assert_array_equal(bands.band_weights(5, 0.8), first)


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "file"))
    bands.band_weights.cache_clear()
    assert bands.band_weights(4, 0.8)[0].shape == (5,)


def test_the_address_is_the_seed():
    assert bands.philox("a", 1).random() == bands.philox("a", 1).random()
    assert bands.philox("a", 1).random() != bands.philox("a", 2).random()
