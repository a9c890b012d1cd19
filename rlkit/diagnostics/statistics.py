"""Estimates, their intervals and comparisons: how sure a figure is, and whether two of them differ or are the same."""

from collections.abc import Sequence

import numpy as np
import scipy  # whose stats take a second to import, and come on first use

from rlkit.errors import ParamsError


def proportion_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval (low, high) of a rate such as wins / games; (0, 1), that is nothing known, of no trials.

    Wilson's stays inside [0, 1] and keeps its coverage at 0 and 100 %, where the textbook p +- z*sqrt(p(1-p)/n) has no
    width (Wilson 1927, JASA 22:209; Brown, Cai, DasGupta 2001, doi:10.1214/ss/1009213286).
    ParamsError unless 0 <= successes <= trials, both whole numbers, and 0 < confidence < 1.
    """
    _check_confidence(confidence)
    whole = int(successes) == successes and int(trials) == trials
    if not whole or not 0 <= successes <= trials:
        raise ParamsError(f"a rate needs whole counts with 0 <= successes <= trials, not {successes} of {trials}.")
    if trials == 0:
        return 0.0, 1.0
    interval = scipy.stats.binomtest(int(successes), int(trials)).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def mean_interval(values: Sequence[float] | np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Student's t interval (low, high) of the mean; (nan, nan) of fewer than two values, which tell no spread.

    The t interval and not a bootstrap: with the three to ten seeds a study can afford, a bootstrap of the mean is too
    narrow (it resamples a spread that few values understate), while t widens by exactly that; with the hundred
    episodes of an evaluation both agree. values: any shape, flattened. ParamsError when one is not finite.
    """
    _check_confidence(confidence)
    flat = _finite(values)
    if flat.size < 2:
        return float("nan"), float("nan")
    half = scipy.stats.t.ppf((1 + confidence) / 2, flat.size - 1) * flat.std(ddof=1) / np.sqrt(flat.size)
    return float(flat.mean() - half), float(flat.mean() + half)


def iqm(values: Sequence[float] | np.ndarray) -> float:
    """Interquartile mean: the mean of what stays when a quarter of the values is cut off each end; nan of none.

    As steady against one lucky or broken seed as the median, and it uses half of the data (arXiv:2108.13264, sec. 4.3).
    n // 4 values are cut per end, as scipy does, so with fewer than four it is the plain mean. ParamsError when
    a value is not finite: a diverged run is a result to report, not one to average away.
    """
    flat = _finite(values)
    return float(scipy.stats.trim_mean(flat, 0.25)) if flat.size else float("nan")


def difference_interval(
    first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray, confidence: float = 0.95
) -> tuple[float, float]:
    """Welch's t interval (low, high) of mean(second) - mean(first), whose spreads may differ.

    (nan, nan) when a sample has fewer than two values; without any spread the interval is the difference itself.
    ParamsError when a value is not finite.
    """
    _check_confidence(confidence)
    difference, error, freedom = _welch(first, second)
    half = scipy.stats.t.ppf((1 + confidence) / 2, freedom) * error if error else 0.0
    return difference - half, difference + half


def equivalence_p(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray, margin: float) -> float:
    """p of the two one-sided tests: how well the data agree with means that lie `margin` or more apart.

    Below alpha the means are the same to within the margin, which is to be chosen before looking; this is so exactly
    when difference_interval at confidence 1 - 2 alpha lies inside (-margin, margin) (Schuirmann 1987,
    doi:10.1007/BF01068419). A large p says only that the data are too few, or the difference too large.
    nan when a sample has fewer than two values. ParamsError when the margin is not positive or a value not finite.
    """
    if not margin > 0:
        raise ParamsError(f"an equivalence margin is the largest difference that does not matter: > 0, not {margin}.")
    difference, error, freedom = _welch(first, second)
    if np.isnan(error):
        return float("nan")
    room = margin - abs(difference)
    return float(scipy.stats.t.sf(room / error, freedom)) if error else float(room <= 0)


def permutation_p(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> float:
    """Two-sided p of a difference in means: the share of all regroupings of the values that differ at least as much.

    No assumption about the distributions, which for returns are often far from normal. Every regrouping is counted up
    to 10 + 10 values (184,756 of them); of more, 200,000 are drawn with a fixed seed. nan when a sample has fewer than
    two values. ParamsError when a value is not finite.
    """
    samples = _finite(first), _finite(second)
    if min(map(len, samples)) < 2:
        return float("nan")
    found = scipy.stats.permutation_test(
        samples, _mean_difference, vectorized=True, n_resamples=200_000, batch=20_000, rng=np.random.default_rng(0)
    )
    return float(found.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for being several, in their order: any below alpha is then wrong with chance alpha in all.

    The k-th smallest of n is multiplied by n + 1 - k, and none falls below a smaller one (Holm 1979, Scand. J. Stat.
    6:65). Unlike Bonferroni's n for each it loses no power, and it holds for tests that depend on each other.
    """
    order = np.argsort(p_values)
    scaled = np.asarray(p_values, np.float64)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted.tolist()


def _mean_difference(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
    return second.mean(axis=axis) - first.mean(axis=axis)


def _welch(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    """(difference of means, its standard error, degrees of freedom) by Welch 1947 (doi:10.1093/biomet/34.1-2.28)."""
    first, second = _finite(first), _finite(second)
    if min(first.size, second.size) < 2:
        return (float("nan"),) * 3
    parts = np.array([sample.var(ddof=1) / sample.size for sample in (first, second)])
    error = np.sqrt(parts.sum())
    freedom = error**4 / (parts**2 / (first.size - 1, second.size - 1)).sum() if error else 1.0
    return float(second.mean() - first.mean()), float(error), float(freedom)


def _finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """The values as a flat float64 array; ParamsError that counts those which are nan or infinite."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    bad = int(np.count_nonzero(~np.isfinite(flat)))
    if bad:
        raise ParamsError(
            f"{bad} of {flat.size} values are nan or infinite, so no mean tells anything; drop or fix them."
        )
    return flat


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ParamsError(f"confidence is a share between 0 and 1 (0.95 for 95 %), not {confidence}.")
