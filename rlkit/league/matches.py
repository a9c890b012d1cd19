"""Rocket League matches between scripts and policies, many at a time: a table of games, its summary, and replays."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from rlkit.diagnostics.replay import Replay
from rlkit.diagnostics.statistics import proportion_interval
from rlkit.envs.rocket_league.lineup import team_sizes
from rlkit.envs.rocket_league.seats import Player, Policy
from rlkit.envs.rocket_league.simulation import Simulation
from rlkit.envs.rocket_league.starts import STARTS
from rlkit.errors import ParamsError, did_you_mean
from rlkit.league.contests import Play, contest, win_rates
from rlkit.league.member import Member, check_fit
from rlkit.league.wave import Wave, name_of

__all__ = ["Matches", "Player", "Policy", "play_matches", "play_scores", "win_matrix"]

ARENAS_AT_ONCE = 50  # games played side by side: a wave lasts as long as its longest game
SCORES = {"win": 1.0, "draw": 0.5, "loss": 0.0}
KINDS = ("kickoff", "own goal", "open play")  # of goals, see Matches.goals


@dataclass(frozen=True)
class Matches:
    """Games between `player` and `opponent`.

    table: one row per game with game, blue, orange (names), side (of `player`), winner ("blue", "orange", "none"),
    result of `player` ("win", "loss", "draw"), seconds, goals, conceded, touches and opponent_touches (decisions in
    which a car of the team hit the ball), own_goal (who conceded hit the ball last), kickoff_goal (within 10 s of one).
    replays: of the games that were asked for.
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
        won = table["result"] == "win"
        counts["wins_by_own_goal"] = int((won & table["own_goal"]).sum())
        counts["wins_by_kickoff_goal"] = int((won & table["kickoff_goal"]).sum())
        lasting = {"minutes": minutes, "median_seconds": table["seconds"].median()}
        return pd.DataFrame([counts | rates | per_minute | lasting])

    def goals(self) -> pd.DataFrame:
        """Goals by kind, one row each of KINDS: how many `player` made and conceded, and their median second.

        Kickoff: within 10 s of one. Own goal: who conceded hit the ball last, later than that.
        """
        table = self.table[self.table["winner"] != "none"]
        own = np.where(table["own_goal"], "own goal", "open play")
        kinds = table.assign(kind=np.where(table["kickoff_goal"], "kickoff", own)).groupby("kind")
        found = kinds.agg(made=("goals", "sum"), conceded=("conceded", "sum"), median_seconds=("seconds", "median"))
        return found.reindex(KINDS).fillna({"made": 0, "conceded": 0}).astype({"made": int, "conceded": int})

    def scores(self) -> list[float]:
        """Of `player` in each game: 1 won, 0.5 drawn, 0 lost."""
        return self.table["result"].map(SCORES).tolist()


def play_matches(
    player: str | Player,
    opponent: str | Player,
    games: int = 100,
    seed: int = 0,
    mode: str = "1v1",
    max_seconds: float = 120.0,
    both_sides: bool = True,
    record: int | Collection[int] = 0,
    start: str = "kickoff",
    tick_skip: int = 8,
    mesh: str = "generated",
) -> Matches:
    """Games from a noisy kickoff to the first goal, or to a draw after `max_seconds`.

    player, opponent: names of SCRIPTS or Players. both_sides: `player` is orange in every other game, where teams are
    equal; else always blue. record: how many of the first games are filmed, or the numbers of those that are. start:
    one of `starts.STARTS`; a drill is for `player`. Game g of a seed starts the same for any players. EnvError for
    unknown names, modes and kinds, ParamsError without games or seconds and for an unknown start, CheckpointError for
    a member that cannot play these.
    """
    blue, orange = team_sizes(mode)
    if games < 1 or max_seconds <= 0:
        raise ParamsError(f"games={games}, max_seconds={max_seconds}: play at least one game of some seconds.")
    if start not in STARTS:
        raise ParamsError(f"start='{start}' is unknown. {did_you_mean(start, STARTS)}")
    for member in (who for who in (player, opponent) if isinstance(who, Member)):
        check_fit(member, {"mode": mode, "tick_skip": tick_skip})
    simulation = Simulation(min(games, ARENAS_AT_ONCE), blue, orange, tick_skip, mesh)
    swap = both_sides and blue == orange
    filmed = range(record) if isinstance(record, int) else record
    rows, replays = [], []
    for first in range(0, games, simulation.n_arenas):
        numbers = np.arange(first, min(first + simulation.n_arenas, games))
        wave = Wave(simulation, (player, opponent), numbers, numbers % 2 if swap else 0 * numbers, filmed)
        wave.play(seed, max_seconds, start)
        rows += wave.rows()
        replays += wave.replays()
    return Matches(name_of(player), name_of(opponent), pd.DataFrame(rows), replays)


def play_scores(**options: object) -> Play:
    """Rocket League as a game of `contests`; options: further arguments of `play_matches`."""
    return lambda one, other, games, seed: play_matches(one, other, games, seed, **options).scores()


def win_matrix(players: Sequence[str | Player], games: int = 100, seed: int = 0, **options: object) -> pd.DataFrame:
    """Share of games that the row's player wins against the column's, nan on the diagonal.

    options: further arguments of `play_matches`. A pair meets once: a rate and its mirror add up to 1 less the draws.
    """
    return win_rates(contest({name_of(one): one for one in players}, play_scores(**options), games, seed))
