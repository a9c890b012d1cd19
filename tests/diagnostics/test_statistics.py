"""Statistics against values worked by hand or read from printed tables."""

import math

import numpy as np
import pytest

from rlkit.diagnostics.statistics import iqm, mean_interval, proportion_interval
from rlkit.errors import ParamsError

Z = 1.959964  # two-sided 95 % point of the normal


def test_wilson_by_hand() -> None:
    """5 of 10: at a rate of 1/2 the centre stays 1/2 and the half width is z / (2 sqrt(n + z^2))."""
    half = Z / (2 * math.sqrt(10 + Z**2))
    assert proportion_interval(5, 10) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-6)


def test_wilson_at_the_ends() -> None:
    """None of n: low is 0 and high is z^2 / (n + z^2); all of n is its mirror."""
    high = Z**2 / (20 + Z**2)
    assert proportion_interval(0, 20) == pytest.approx((0.0, high), abs=1e-6)
    assert proportion_interval(20, 20) == pytest.approx((1 - high, 1.0), abs=1e-6)


def test_wilson_without_trials_knows_nothing() -> None:
    assert proportion_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("successes", "trials"), [(-1, 5), (6, 5), (1.5, 5), (0, -1)])
def test_wilson_refuses_counts_that_are_none(successes: float, trials: int) -> None:
    with pytest.raises(ParamsError, match="successes <= trials"):
        proportion_interval(successes, trials)


def test_mean_interval_by_hand() -> None:
    """1..5: mean 3, sd sqrt(2.5), t(4, 97.5 %) = 2.7764 from the table: 3 +- 2.7764 * sqrt(0.5)."""
    half = 2.776445 * math.sqrt(0.5)
    assert mean_interval([1, 2, 3, 4, 5]) == pytest.approx((3 - half, 3 + half), abs=1e-5)
    assert mean_interval([7.0, 7.0, 7.0]) == (7.0, 7.0)


@pytest.mark.parametrize("values", [[], [3.0]])
def test_mean_interval_of_one_value_is_unknown(values: list[float]) -> None:
    assert all(math.isnan(bound) for bound in mean_interval(values))


def test_mean_interval_keeps_its_coverage_with_three_seeds() -> None:
    """Of 2000 triples of normal draws about 95 % cover the true mean 0 (three standard errors are 1.5 %)."""
    draws = np.random.default_rng(0).standard_normal((2000, 3))
    covered = [low <= 0 <= high for low, high in map(mean_interval, draws)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def test_iqm_by_hand() -> None:
    assert iqm([0, 1, 2, 3, 4, 5, 6, 1000]) == 3.5  # two cut per end: 2, 3, 4, 5 stay
    assert iqm([1.0, 5.0, 3.0]) == 3.0  # too few to cut
    assert math.isnan(iqm([]))


def test_a_diverged_value_is_refused_and_counted() -> None:
    for estimate in (iqm, mean_interval):
        with pytest.raises(ParamsError, match="2 of 3 values"):
            estimate([1.0, math.nan, math.inf])


def test_confidence_is_a_share() -> None:
    with pytest.raises(ParamsError, match=r"0\.95 for 95 %"):
        mean_interval([1, 2], confidence=95)
