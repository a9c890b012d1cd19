"""Is one way faster than another? Turns of both, interleaved, and an interval that any noise may have shaped.

A shared machine speeds up and slows down by the second. Two ways that take turns meet the same weather, so the ratio
within a round is steadier than either speed, and the median over rounds forgets the round in which a backup ran.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

MIN_ROUNDS = 6  # the fewest whose lowest and highest enclose the median with 95 %: 1 - 2 * 0.5**6 is 97 %


class Ratio(NamedTuple):
    """How many times the speed of one side another has: the median over rounds, and its interval."""

    middle: float
    low: float
    high: float
    rounds: int

    @property
    def faster(self) -> bool:
        """Whether the second side is really faster: the whole interval lies above 1."""
        return self.low > 1

    def __str__(self) -> str:
        return f"{self.middle:.2f}x ({self.low:.2f} to {self.high:.2f} in {self.rounds} rounds)"


def take_turns(sides: Sequence[Callable[[], float]], rounds: int) -> np.ndarray:
    """What each side returned in each round, float64 (rounds, n_sides).

    Every second round goes through the sides backwards, so that a machine that warms up favours none of them.
    """
    results = np.empty((rounds, len(sides)))
    for i in range(rounds):
        for k in range(len(sides))[:: 1 if i % 2 == 0 else -1]:
            results[i, k] = sides[k]()
    return results


def ratio(base: np.ndarray, other: np.ndarray) -> Ratio:
    """The speed of `other` in units of `base`'s, from the speeds of both in the same rounds, (rounds,) each."""
    ratios = np.asarray(other, float) / np.asarray(base, float)
    return Ratio(float(np.median(ratios)), *median_interval(ratios), len(ratios))


def median_interval(values: Sequence[float] | np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """An interval (low, high) that holds the median with at least `confidence`, whatever the distribution.

    Two of the sorted values, chosen by how many of n fall below the median: Binomial(n, 1/2). No normal law is assumed,
    and one disturbed round cannot move it once there are nine. (-inf, inf), nothing known, of fewer than MIN_ROUNDS.
    Source: David and Nagaraja, Order Statistics, 3rd ed., section 7.1.
    """
    ordered = np.sort(np.asarray(values, float))
    rank = int(stats.binom.ppf((1 - confidence) / 2, len(ordered), 0.5))
    if rank < 1:
        return -np.inf, np.inf
    return float(ordered[rank - 1]), float(ordered[-rank])
