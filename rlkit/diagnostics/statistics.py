"""Point estimates and their intervals: how sure a figure is, before anyone compares it with another."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

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
    interval = stats.binomtest(int(successes), int(trials)).proportion_ci(confidence, method="wilson")
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
    half = stats.t.ppf((1 + confidence) / 2, flat.size - 1) * flat.std(ddof=1) / np.sqrt(flat.size)
    return float(flat.mean() - half), float(flat.mean() + half)


def iqm(values: Sequence[float] | np.ndarray) -> float:
    """Interquartile mean: the mean of what stays when a quarter of the values is cut off each end; nan of none.

    As steady against one lucky or broken seed as the median, and it uses half of the data (arXiv:2108.13264, sec. 4.3).
    n // 4 values are cut per end, as scipy does, so with fewer than four it is the plain mean. ParamsError when
    a value is not finite: a diverged run is a result to report, not one to average away.
    """
    flat = _finite(values)
    return float(stats.trim_mean(flat, 0.25)) if flat.size else float("nan")


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
