"""Statistics against values worked by hand or read from printed tables."""

import math

import numpy as np
import pytest

from rlkit.diagnostics.statistics import (
    difference_interval,
    equivalence_p,
    holm,
    iqm,
    mean_interval,
    permutation_p,
    proportion_interval,
)
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


def test_difference_interval_by_hand() -> None:
    """1..5 and 3, 5, 7: 2 apart, variances 2.5 / 5 and 4 / 3, so error^2 = 11 / 6 and
    freedom = (11 / 6)^2 / (0.5^2 / 4 + (4 / 3)^2 / 2) = 3.532; t(3.532, 97.5 %) = 2.9277."""
    half = 2.9277 * math.sqrt(11 / 6)
    assert difference_interval([1, 2, 3, 4, 5], [3, 5, 7]) == pytest.approx((2 - half, 2 + half), abs=1e-3)
    assert difference_interval([4, 4], [7, 7, 7]) == (3.0, 3.0)
    assert all(math.isnan(bound) for bound in difference_interval([1.0], [1.0, 2.0]))


def test_equivalence_is_the_interval_inside_the_margin() -> None:
    """At the margin where the 90 % interval's far end lies, p is 5 %."""
    first, second = [1, 2, 3, 4, 5], [2, 2, 4, 4, 6]
    low, high = difference_interval(first, second, 0.90)
    assert -low < high
    assert equivalence_p(first, second, high) == pytest.approx(0.05)
    assert equivalence_p(second, first, high) == pytest.approx(0.05)
    assert equivalence_p(first, second, high + 1) < 0.05 < equivalence_p(first, second, high - 0.5)


def test_equivalence_without_spread_or_knowledge() -> None:
    assert equivalence_p([500, 500], [500, 500], margin=1) == 0.0
    assert equivalence_p([500, 500], [502, 502], margin=1) == 1.0
    assert math.isnan(equivalence_p([500], [500, 500], margin=1))
    with pytest.raises(ParamsError, match="> 0, not 0"):
        equivalence_p([1, 2], [1, 2], margin=0)


def test_permutations_by_hand() -> None:
    """{1, 2, 3} and {7, 8, 9}: of 20 groupings only this one and its mirror are as far apart; 1 and 3 against 2 and 4
    are 1 apart, as are 4 of the 6 groupings ({1,2}, {3,4} is 2 apart, {1,4}, {2,3} is 0)."""
    assert permutation_p([1, 2, 3], [7, 8, 9]) == pytest.approx(2 / 20)
    assert permutation_p([1, 3], [2, 4]) == pytest.approx(4 / 6)
    assert permutation_p([5, 5, 5], [5, 5, 5]) == 1.0
    assert math.isnan(permutation_p([1], [2, 3]))


def test_permutations_are_counted_in_full_with_ten_seeds() -> None:
    """Two groups of ten that do not overlap: 2 of 184,756."""
    assert permutation_p(range(10), range(20, 30)) == pytest.approx(2 / math.comb(20, 10))


def test_permutation_p_is_fair() -> None:
    """Of 300 pairs of equal draws about 5 % come below 5 % (three standard errors are 3.8 %)."""
    draws = np.random.default_rng(1).standard_normal((300, 2, 5))
    assert np.mean([permutation_p(*pair) <= 0.05 for pair in draws]) == pytest.approx(0.05, abs=0.038)


def test_holm_by_hand() -> None:
    """0.01 x 3, 0.02 x 2, 0.03 x 1: the last may not fall below the second."""
    assert holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("compare", [difference_interval, permutation_p, lambda a, b: equivalence_p(a, b, 1.0)])
def test_a_comparison_refuses_a_diverged_value(compare) -> None:
    with pytest.raises(ParamsError, match="1 of 2 values"):
        compare([1.0, 2.0], [1.0, math.nan])
