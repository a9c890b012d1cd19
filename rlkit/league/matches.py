"""Rocket League matches between scripts and policies, many at a time: a table of games, its summary, and replays."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from rlkit.diagnostics.replay import Replay
from rlkit.diagnostics.statistics import proportion_interval
from rlkit.envs.rocket_league.lineup import team_sizes
from rlkit.envs.rocket_league.seats import Player, Policy
from rlkit.envs.rocket_league.simulation import Simulation
from rlkit.errors import ParamsError
from rlkit.league.wave import Wave, name_of

__all__ = ["Matches", "Player", "Policy", "play_matches", "win_matrix"]

ARENAS_AT_ONCE = 50  # games played side by side: a wave lasts as long as its longest game


@dataclass(frozen=True)
class Matches:
    """Games between `player` and `opponent`.

    table: one row per game with game, blue, orange (names), side (of `player`), winner ("blue", "orange", "none"),
    result of `player` ("win", "loss", "draw"), seconds, goals, conceded, touches and opponent_touches (decisions in
    which a car of the team hit the ball), own_goal (who conceded hit the ball last), kickoff_goal (within 10 s).
    replays: of the first games, as many as were asked for.
    """

    player: str
    opponent: str
    table: pd.DataFrame
    replays: list[Replay] = field(default_factory=list)

    def summary(self) -> pd.DataFrame:
        """One row: wins, losses, draws, rates per minute, and the win rate with its 95 % Wilson interval.

        `win_rate` is the share of all games; `decided_win_rate`, the share of those with a goal, flatters who seldom
        scores.
        """
        table, minutes = self.table, self.table["seconds"].sum() / 60.0
        wins, losses, draws = (int((table["result"] == result).sum()) for result in ("win", "loss", "draw"))
        rates = {}
        for prefix, games in (("", wins + losses + draws), ("decided_", wins + losses)):
            low, high = proportion_interval(wins, games)
            rates |= {f"{prefix}win_rate": wins / games if games else np.nan}
            rates |= {f"{prefix}win_rate_low": low, f"{prefix}win_rate_high": high}
        per_minute = {
            f"{name}_per_minute": table[name].sum() / minutes
            for name in ("goals", "conceded", "touches", "opponent_touches")
        }
        counts = {"player": self.player, "opponent": self.opponent, "games": len(table)}
        counts |= {"wins": wins, "losses": losses, "draws": draws}
        counts["wins_by_own_goal"] = int(((table["result"] == "win") & table["own_goal"]).sum())
        return pd.DataFrame([counts | rates | per_minute | {"minutes": minutes}])


def play_matches(
    player: str | Player,
    opponent: str | Player,
    games: int = 100,
    seed: int = 0,
    mode: str = "1v1",
    max_seconds: float = 120.0,
    both_sides: bool = True,
    record: int = 0,
    tick_skip: int = 8,
    mesh: str = "generated",
) -> Matches:
    """Games from a noisy kickoff to the first goal, or to a draw after `max_seconds`; the first `record` are filmed.

    player, opponent: names of SCRIPTS or Players. both_sides: `player` is orange in every other game, where teams are
    equal; else always blue. Game g of a seed starts the same for any players. EnvError for unknown names, modes and
    kinds, ParamsError without games or seconds.
    """
    blue, orange = team_sizes(mode)
    if games < 1 or max_seconds <= 0:
        raise ParamsError(f"games={games}, max_seconds={max_seconds}: play at least one game of some seconds.")
    simulation = Simulation(min(games, ARENAS_AT_ONCE), blue, orange, tick_skip, mesh)
    swap = both_sides and blue == orange
    rows, replays = [], []
    for first in range(0, games, simulation.n_arenas):
        numbers = np.arange(first, min(first + simulation.n_arenas, games))
        wave = Wave(simulation, (player, opponent), numbers, numbers % 2 if swap else 0 * numbers, record)
        wave.play(seed, max_seconds)
        rows += wave.rows()
        replays += wave.replays()
    return Matches(name_of(player), name_of(opponent), pd.DataFrame(rows), replays)


def win_matrix(players: Sequence[str | Player], games: int = 100, seed: int = 0, **options: object) -> pd.DataFrame:
    """Share of games that the row's player wins against the column's, nan on the diagonal.

    options: further arguments of `play_matches`. A pair meets once: a rate and its mirror add up to 1 less the draws.
    """
    names = [name_of(player) for player in players]
    matrix = pd.DataFrame(np.nan, names, names)
    for one, other in itertools.combinations(players, 2):
        results = play_matches(one, other, games, seed, **options).table["result"]
        matrix.loc[name_of(one), name_of(other)] = (results == "win").mean()
        matrix.loc[name_of(other), name_of(one)] = (results == "loss").mean()
    return matrix
