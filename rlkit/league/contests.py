"""Games between any two players of any game: who meets whom, and the table of what came of it.

A game is a function `play(one, other, games, seed) -> scores of one`, each 1 won, 0.5 drawn or 0 lost, that is fair to
both sides. Rocket League's is `matches.play_scores`; `parallel.parallel_game` makes one of a PettingZoo env.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rlkit.errors import ParamsError

Play = Callable[[Any, Any, int, int], Sequence[float]]


def contest(
    players: Mapping[str, Any],
    play: Play,
    games: int,
    seed: int = 0,
    pairs: Iterable[tuple[str, str]] | None = None,
) -> pd.DataFrame:
    """The table of games (one, other, game, score) of every pair of players, or of the `pairs` of names given.

    games: per pair. Every pair plays from the same seed, so that starts are equal. ParamsError for fewer than one.
    """
    if games < 1:
        raise ParamsError(f"games={games}: play at least one a pair.")
    tables = []
    for one, other in itertools.combinations(players, 2) if pairs is None else pairs:
        scores = np.asarray(play(players[one], players[other], games, seed), float)
        tables.append(pd.DataFrame({"one": one, "other": other, "game": np.arange(len(scores)), "score": scores}))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["one", "other", "game", "score"])


def win_rates(games: pd.DataFrame) -> pd.DataFrame:
    """Share of their games that the row's player won against the column's, nan where they never met.

    A rate and its mirror add up to 1 less the draws.
    """
    names = list(dict.fromkeys([*games["one"], *games["other"]]))
    mirrored = games.rename(columns={"one": "other", "other": "one"}).assign(score=1.0 - games["score"])
    both = pd.concat([games, mirrored], ignore_index=True)
    won = both.assign(won=both["score"] == 1.0).groupby(["one", "other"])["won"].mean().unstack()
    return won.reindex(index=names, columns=names).rename_axis(index=None, columns=None).astype(float)
