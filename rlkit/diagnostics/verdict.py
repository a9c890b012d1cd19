"""Better, worse, or cannot tell: two ways of training compared over seeds, with how sure the answer is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from rlkit.diagnostics.statistics import difference_interval, iqm, permutation_p
from rlkit.errors import ParamsError

LEAST_SEEDS = 5  # with fewer, every test that holds its false alarms below 5 % can hardly find anything
ALPHA = 0.05  # false alarms that are accepted, of two ways that do not differ
POWER = 0.8  # chance to find a difference as large as the one seen, for the seeds that are asked for


@dataclass(frozen=True)
class Verdict:
    """What the seeds say about `second` against `first`, higher being better."""

    word: str  # "better", "worse" or "cannot tell"
    difference: float  # of the means, second - first
    low: float  # its Welch interval at 1 - ALPHA
    high: float
    p: float  # of a permutation test of the means
    improvement: float  # chance that a seed of second beats one of first, ties counted half
    more_seeds: int  # that each side would need to tell a difference as large as this; 0 where it is told

    def __str__(self) -> str:
        chance = f"a seed of it beats one of the other with chance {self.improvement:.0%}"
        numbers = f"{self.difference:+.4g} ({self.low:+.4g} to {self.high:+.4g}, p = {self.p:.3f}); {chance}"
        if self.word != "cannot tell":
            return f"{self.word}: {numbers}"
        return f"cannot tell: {numbers}; about {self.more_seeds} more seeds a side would tell a difference this large"


def judge(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> Verdict:
    """The verdict on one number per seed of each side; ParamsError with fewer than LEAST_SEEDS on one of them.

    The word follows the permutation test, which keeps its share of false alarms at any spread and number of seeds; a
    bootstrap of the means gives 19 % of them with 3 seeds, and 7 % with 5.
    """
    first, second = np.asarray(first, float).ravel(), np.asarray(second, float).ravel()
    fewest = min(len(first), len(second))
    if fewest < LEAST_SEEDS:
        raise ParamsError(
            f"{len(first)} and {len(second)} seeds: fewer than {LEAST_SEEDS} a side tell nothing for sure. "
            f"Train {LEAST_SEEDS - fewest} more seeds of the shorter side."
        )
    p, (low, high) = permutation_p(first, second), difference_interval(first, second, 1 - ALPHA)
    difference = float(second.mean() - first.mean())
    told = p < ALPHA
    word = "cannot tell" if not told else "better" if difference > 0 else "worse"
    more = 0 if told else max(1, seeds_needed(first, second) - fewest)
    return Verdict(word, difference, low, high, p, improvement_chance(first, second), more)


def improvement_chance(first: np.ndarray, second: np.ndarray) -> float:
    """Share of all pairs of seeds in which second is above first, ties counted half (arXiv:2108.13264, sec. 4.3)."""
    return float(stats.mannwhitneyu(second, first).statistic / (len(first) * len(second)))


def seeds_needed(first: np.ndarray, second: np.ndarray) -> int:
    """Seeds a side with which a difference as large as the one seen is told with chance POWER, by the normal formula.

    A thousand and more say that the two hardly differ; the number is capped at 9999.
    """
    spread = (first.var(ddof=1) + second.var(ddof=1)) / 2
    difference = abs(second.mean() - first.mean())
    if difference == 0:
        return 9999
    quantiles = stats.norm.ppf(1 - ALPHA / 2) + stats.norm.ppf(POWER)
    return int(min(9999, np.ceil(2 * spread * (quantiles / difference) ** 2)))


def summarize(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Of one number per seed: how many, their mean, interquartile mean, worst and best."""
    flat = np.asarray(values, float).ravel()
    return {"seeds": len(flat), "mean": flat.mean(), "iqm": iqm(flat), "worst": flat.min(), "best": flat.max()}
