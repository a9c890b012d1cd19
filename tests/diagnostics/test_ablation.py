"""Turns and intervals, by hand."""

import numpy as np
import pytest

from rlkit.diagnostics.ablation import median_interval, ratio, take_turns


def test_turns_go_back_and_forth() -> None:
    order: list[str] = []

    def side(name: str, value: float) -> float:
        order.append(name)
        return value

    found = take_turns([lambda: side("a", 1.0), lambda: side("b", 2.0)], rounds=3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert found.tolist() == [[1.0, 2.0]] * 3


@pytest.mark.parametrize(("n", "low", "high"), [(6, 1, 6), (8, 1, 8), (9, 2, 8), (12, 3, 10), (15, 4, 12)])
def test_the_interval_is_two_of_the_sorted_values(n: int, low: float, high: float) -> None:
    """Binomial(9, 1/2) is 0 or 1 with chance 10 / 512 = 0.0195 < 0.025, and 2 or less with 46 / 512: so the second."""
    values = np.random.default_rng(0).permutation(np.arange(1, n + 1))
    assert median_interval(values) == (low, high)


def test_five_rounds_say_nothing() -> None:
    assert median_interval([2.0] * 5) == (-np.inf, np.inf)
    assert not ratio(np.ones(5), np.full(5, 2.0)).faster


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    """Of a skewed distribution, whose median is log 2; 2,000 samples of 9: 96 % of them, give or take 1.4 %."""
    samples = np.random.default_rng(0).exponential(size=(2000, 9))
    held = [low <= np.log(2) <= high for low, high in map(median_interval, samples)]
    assert 0.945 < np.mean(held) < 0.975


def test_ratios_are_taken_within_a_round() -> None:
    """A machine that slows down fourfold halfway moves both speeds and no ratio."""
    base = np.array([100.0, 100, 100, 25, 25, 25])
    found = ratio(base, base * [1.9, 2, 2, 2, 2, 2.1])
    assert (found.middle, found.low, found.high) == pytest.approx((2, 1.9, 2.1))
    assert found.faster
    assert str(found) == "2.00x (1.90 to 2.10 in 6 rounds)"


def test_one_bad_round_of_nine_is_forgiven_but_not_of_six() -> None:
    good, bad = np.full(9, 1.2), np.array([0.5] + [1.2] * 8)
    assert ratio(np.ones(9), bad).low == good[0]
    assert not ratio(np.ones(6), bad[:6]).faster
