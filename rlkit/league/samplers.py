"""Whom to play next? The four ways to pick opponents from a pool, as weights over its members.

Formulas and defaults are those of the kit's ancestor. Two of them hardly choose at its temperature of 0.5, by their own
arithmetic: `recent_weighted` gives a member 2 million steps old 1/e of the newest's weight, so a pool younger than that
is nearly uniform, and its temperature works upside down (a higher one is choosier); with `difficulty_adjusted` no two
weights differ by more than a factor of e, since expected scores lie within 0.5 of a target of 0.5. Temperatures of 10
and 0.1 make them choose.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rlkit.errors import ParamsError, did_you_mean
from rlkit.league.ratings import expected_score


@dataclass(frozen=True)
class Taste:
    """What the samplers can be told."""

    temperature: float = 0.5  # of recent_weighted (higher is choosier) and difficulty_adjusted (lower is choosier)
    window: float = 200.0  # Elo, of elo_weighted: at this distance a member has 1/e of the weight
    target_win_rate: float = 0.5  # of difficulty_adjusted: the expected score that is wanted


def uniform(ratings: np.ndarray, steps: np.ndarray, mine: float, taste: Taste) -> np.ndarray:
    """Every member alike."""
    return np.zeros(len(ratings))


def elo_weighted(ratings: np.ndarray, steps: np.ndarray, mine: float, taste: Taste) -> np.ndarray:
    """Members of about the own rating: exp(-|rating - mine| / window)."""
    return -np.abs(ratings - mine) / taste.window


def recent_weighted(ratings: np.ndarray, steps: np.ndarray, mine: float, taste: Taste) -> np.ndarray:
    """Young members: exp((steps - newest's steps) / 1e6 * temperature)."""
    return (steps - steps.max()) / 1e6 * taste.temperature


def difficulty_adjusted(ratings: np.ndarray, steps: np.ndarray, mine: float, taste: Taste) -> np.ndarray:
    """Members against whom the expected score is the wanted one: exp(-|expected - target| / temperature)."""
    return -np.abs(expected_score(mine, ratings) - taste.target_win_rate) / taste.temperature


Sampler = Callable[[np.ndarray, np.ndarray, float, Taste], np.ndarray]  # -> logarithms of the weights
SAMPLERS: dict[str, Sampler] = {
    "uniform": uniform,
    "elo_weighted": elo_weighted,
    "recent_weighted": recent_weighted,
    "difficulty_adjusted": difficulty_adjusted,
}


def odds(
    sampler: str, ratings: Sequence[float], steps: Sequence[float], mine: float, taste: Taste | None = None
) -> np.ndarray:
    """Chance of each member to be picked, (n,), with sum 1.

    ratings, steps: each member's Elo, and the env steps after which it was frozen. mine: the learner's Elo.
    ParamsError for an unknown sampler, an empty pool, or a temperature or window that is not positive.
    """
    taste = taste or Taste()
    if sampler not in SAMPLERS:
        raise ParamsError(f"unknown sampler '{sampler}'. {did_you_mean(sampler, SAMPLERS)}")
    if not len(ratings):
        raise ParamsError("the pool is empty, so there is nobody to pick. Add a member first.")
    if taste.temperature <= 0 or taste.window <= 0:
        raise ParamsError(f"temperature={taste.temperature}, window={taste.window}: both must be above 0.")
    logs = SAMPLERS[sampler](np.asarray(ratings, float), np.asarray(steps, float), mine, taste)
    weights = np.exp(logs - logs.max())
    return weights / weights.sum()
