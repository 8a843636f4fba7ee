"""Integrated win probabilities are those of really drawing."""

import numpy as np
import pytest
from scipy.stats import norm

from muslin.engine.explore.winning import _HAZARD, _LOG_BELOW, _places, highest_bound, thompson
from muslin.random import stream


@pytest.mark.parametrize("seed", range(5))
def test_thompson_is_the_frequency_of_the_largest_draw(seed) -> None:
    rng = stream(seed, "thompson")
    p = int(rng.integers(2, 9))
    mean, spread = rng.normal(size=p) * 2, rng.uniform(0.1, 3, size=p)
    draws = 50_000
    won = np.bincount((mean + spread * rng.normal(size=(draws, p))).argmax(axis=1), minlength=p) / draws
    found = thompson(mean, spread)
    assert np.isclose(found.sum(), 1)
    assert np.abs(found - won).max() < 4.5 * np.sqrt(0.25 / draws)


def test_two_garments_are_a_normal_integral() -> None:
    mean, spread = np.array([1.0, 0.2]), np.array([0.5, 2.0])
    expected = norm.cdf((mean[0] - mean[1]) / np.hypot(*spread))
    assert thompson(mean, spread)[0] == pytest.approx(expected, abs=1e-6)


def test_the_tables_are_the_logarithm_of_the_distribution_and_its_slope() -> None:
    z = np.concatenate([np.linspace(-6, 40, 20_001), [-6 - 1e-9, 1e6]])
    cell, part = _places(3 * z + 2, np.array([2.0]), np.array([3.0]))
    assert _LOG_BELOW.of(cell, part)[0] == pytest.approx(norm.logcdf(z), abs=1e-6)
    slope = np.exp(norm.logpdf(z) - norm.logcdf(z)) * np.sqrt(2 * np.pi)
    assert _HAZARD.of(cell, part)[0] == pytest.approx(slope, rel=1e-4, abs=1e-14)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_left_out_of_the_integral_adds_nothing(seed) -> None:
    """Against the whole of it, with the distribution itself and many more points."""
    rng = stream(seed, "pool")
    p = int(rng.integers(2, 400))
    mean, spread = rng.random(p), 0.3 / np.sqrt(1 + rng.integers(0, 1 + 50 * (seed % 2), p) / 10)
    x = np.linspace(mean.min() - 8, mean.max() + 8, 8001)
    z = (x - mean[:, None]) / spread[:, None]
    below = norm.logcdf(z)
    whole = np.trapezoid(np.exp(below.sum(axis=0) - below + norm.logpdf(z)) / spread[:, None], x, axis=1)
    assert thompson(mean, spread) == pytest.approx(whole / whole.sum(), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_parts_told_together_are_told_as_each_alone(seed) -> None:
    rng = stream(seed, "parts")
    sizes = rng.integers(1, 60, size=5)
    start = np.concatenate([[0], sizes.cumsum()[:-1]])
    mean, spread = rng.normal(size=sizes.sum()), rng.uniform(0.3, 2, sizes.sum())
    alone = [thompson(m, s) for m, s in zip(np.split(mean, start[1:]), np.split(spread, start[1:]), strict=True)]
    assert thompson(mean, spread, start) == pytest.approx(np.concatenate(alone), rel=1e-4, abs=1e-9)


def test_certain_and_hopeless() -> None:
    found = thompson(np.array([0.0, 100.0, -1e6]), np.array([1.0, 1.0, 1.0]))
    assert found == pytest.approx([0, 1, 0], abs=1e-9)
    assert thompson(np.full(300, 7.0), np.full(300, 0.3)) == pytest.approx(np.full(300, 1 / 300), rel=1e-3)


def test_the_bound_takes_all() -> None:
    found = highest_bound(np.array([1.0, 0.0, 0.9]), np.array([0.1, 2.0, 0.1]), 1.0)
    assert found.tolist() == [0, 1, 0]
    assert highest_bound(np.array([1.0, 0.0, 0.9]), np.array([0.1, 2.0, 0.1]), 0.0).tolist() == [1, 0, 0]
