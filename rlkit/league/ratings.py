"""How strong is everybody? Elo that follows games as they are played, and a table of all games in no order.

A table of games has one row per game: `one` and `other` (names) and `score` of `one`: 1 won, 0.5 drawn, 0 lost.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import scipy  # whose parts take a second to import, and come on first use

from rlkit.errors import ParamsError

START = 1500.0  # Elo of a player who has not played
K = 32.0  # Elo that a game moves at most
SCALE = 400.0  # Elo for odds of 10 to 1
PRIOR = 600.0  # Elo, spread of what players are thought to be before any game: 95 % within +-1176


def expected_score(mine: Any, theirs: Any) -> Any:
    """Wins, draws counted half, that ratings promise per game; numbers or arrays."""
    return 1.0 / (1.0 + 10.0 ** ((np.asarray(theirs) - mine) / SCALE))


class Elo:
    """Ratings by name that move with every game (Elo 1978), those of `anchors` fixed.

    Right while players change, as in training: the last few dozen games count. For the same reason a rating wanders by
    some 50 points among equals, and depends on the order of games; `rate` has neither fault.
    """

    def __init__(self, anchors: Mapping[str, float] | None = None, k: float = K, start: float = START) -> None:
        self.anchors, self.k, self.start = dict(anchors or {}), k, start
        self.ratings: dict[str, float] = dict(self.anchors)
        self.games: dict[str, int] = {}

    def __getitem__(self, name: str) -> float:
        return self.ratings.get(name, self.start)

    def played(self, one: str, other: str, scores: Iterable[float]) -> None:
        """Move both players by games between them, in their order; ParamsError for a score outside 0 to 1."""
        for score in scores:
            if not 0 <= score <= 1:
                raise ParamsError(f"{one} against {other}: score {score} is none; give 1 won, 0.5 drawn or 0 lost.")
            gain = self.k * (float(score) - float(expected_score(self[one], self[other])))
            for name, change in ((one, gain), (other, -gain)):
                self.games[name] = self.games.get(name, 0) + 1
                if name not in self.anchors:
                    self.ratings[name] = self[name] + change

    def joins(self, name: str, rating: float) -> None:
        """Let a player start with a rating: a frozen copy with that of whom it was copied from."""
        if name not in self.anchors:
            self.ratings[name] = rating

    def state(self) -> dict[str, Any]:
        """All that changes, as plain data."""
        return {"ratings": dict(self.ratings), "games": dict(self.games)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`; the anchors stay as they are here."""
        self.ratings = dict(state["ratings"]) | self.anchors
        self.games = dict(state["games"])


def rate(games: pd.DataFrame, anchors: Mapping[str, float] | None = None, confidence: float = 0.95) -> pd.DataFrame:
    """Ratings from all games at once, whatever their order: columns rating, low, high, games and score, best first.

    Bradley and Terry 1952 (doi:10.1093/biomet/39.3-4.324) with draws as half a win, on Elo's scale. The most likely
    ratings given a prior, normal with spread PRIOR around the anchors' mean, else START: it keeps the rating of an
    unbeaten player finite and costs an even one nothing. Anchors are fixed, and their intervals have no width; without
    any the mean is START, and intervals are of the distance to it. Intervals from the curvature (Laplace); draws make
    them somewhat too wide, never narrow.
    Players without a link by games differ by the prior alone, and their intervals say so. ParamsError without games,
    for a score outside 0 to 1, or a player against itself.
    """
    _check_games(games)
    names = sorted({*games["one"], *games["other"]})
    place = {name: k for k, name in enumerate(names)}
    pairs = games.groupby(["one", "other"])["score"].agg(["sum", "size"]).reset_index()
    one, other = (pairs[side].map(place).to_numpy() for side in ("one", "other"))
    won, played = pairs["sum"].to_numpy(float), pairs["size"].to_numpy(float)
    fixed = {place[name]: value for name, value in (anchors or {}).items() if name in place}
    ratings, covariance = _most_likely(len(names), one, other, won, played, fixed)
    half = scipy.stats.norm.ppf((1 + confidence) / 2) * np.sqrt(np.clip(np.diag(covariance), 0, None))
    counts = [np.bincount(side, played, len(names)) for side in (one, other)]
    points = np.bincount(one, won, len(names)) + np.bincount(other, played - won, len(names))
    table = pd.DataFrame({"rating": ratings, "low": ratings - half, "high": ratings + half}, index=names)
    table["games"], table["score"] = sum(counts).astype(int), points / sum(counts)
    return table.rename_axis("player").sort_values("rating", ascending=False, kind="stable")


def _most_likely(
    n: int, one: np.ndarray, other: np.ndarray, won: np.ndarray, played: np.ndarray, fixed: Mapping[int, float]
) -> tuple[np.ndarray, np.ndarray]:
    """(ratings (n,), covariance (n, n)) of the posterior; the fixed ones have neither doubt nor freedom."""
    free = np.array([k for k in range(n) if k not in fixed], int)
    differences = np.zeros((len(one), n))  # of each pair: +1 for one, -1 for other
    differences[np.arange(len(one)), one] += 1.0
    differences[np.arange(len(one)), other] -= 1.0
    unit = np.log(10.0) / SCALE  # logits per point of Elo
    centre = float(np.mean(list(fixed.values()))) if fixed else START

    def place(values: np.ndarray) -> np.ndarray:
        ratings = np.full(n, centre)
        ratings[list(fixed)], ratings[free] = list(fixed.values()), centre + values
        return ratings

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        logits = unit * differences @ place(values)
        lost = played - won
        misfit = (won * np.logaddexp(0, -logits) + lost * np.logaddexp(0, logits)).sum()
        slope = (played * _sigmoid(logits) - won) * unit @ differences
        return misfit + 0.5 * (values @ values) / PRIOR**2, slope[free] + values / PRIOR**2

    def curvature(values: np.ndarray) -> np.ndarray:
        p = _sigmoid(unit * differences @ place(values))
        return (differences.T * (played * p * (1 - p) * unit**2) @ differences)[np.ix_(free, free)] + prior

    prior = np.eye(len(free)) / PRIOR**2
    covariance = np.zeros((n, n))
    if not len(free):
        return place(np.zeros(0)), covariance
    steps = {"initial_trust_radius": SCALE, "max_trust_radius": 10 * SCALE}
    found = scipy.optimize.minimize(
        loss, np.zeros(len(free)), jac=True, hess=curvature, method="trust-exact", options=steps
    )
    covariance[np.ix_(free, free)] = np.linalg.inv(curvature(found.x))
    ratings = place(found.x)
    if not fixed:
        centred = np.eye(n) - 1.0 / n
        ratings, covariance = ratings - ratings.mean() + START, centred @ covariance @ centred
    return ratings, covariance


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * logits))


def _check_games(games: pd.DataFrame) -> None:
    if not len(games):
        raise ParamsError("no game has been played, so there is nothing to rate. Play some first.")
    wrong = games[~games["score"].between(0, 1) | (games["one"] == games["other"])]
    if len(wrong):
        bad = wrong.iloc[0]
        raise ParamsError(
            f"{bad['one']} against {bad['other']}, score {bad['score']}: a game is between two players, and one's "
            f"score is 1 won, 0.5 drawn or 0 lost."
        )
