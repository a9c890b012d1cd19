"""What the self-play notebook needs beyond a single run: a league's course, its arms at equal steps, and a verdict."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rlkit.assess import keep_replay
from rlkit.diagnostics.statistics import mean_interval
from rlkit.diagnostics.verdict import judge
from rlkit.envs.rocket_league.env import DEFAULT_OPPONENTS
from rlkit.errors import ParamsError
from rlkit.league.contests import contest, win_rates
from rlkit.league.ledger import Ledger
from rlkit.league.matches import Matches, play_scores
from rlkit.league.member import Member, load_member
from rlkit.league.pool import LEAGUE
from rlkit.league.ratings import START, rate
from rlkit.league.samplers import SAMPLERS, Taste, odds
from rlkit.phases.self_play import SelfPlayParams
from rlkit.playing import EVALUATION_SEED, play
from rlkit.runs import Run
from rlkit.studies.trials import train_all, warm_up, workers

STEPS = "time/total_timesteps"
RATINGS_OF_AN_ARM = 4  # over its training: enough for a curve, and little beside the training
GRID = 50  # points at which the arms' curves are drawn
SHOWN = 5  # members in the matrix of a league


def standings(run: Run) -> pd.DataFrame:
    """Ratings of everybody in the run's league from all its games, best first, see `ratings.rate`."""
    return rate(Ledger(run.folder / LEAGUE).games(), run.params.anchors)


def course(run: Run) -> pd.DataFrame:
    """The learner's rating at each evaluation: steps, rating, low, high from all games, and elo game by game."""
    games, metrics = Ledger(run.folder / LEAGUE).games(), run.metrics()
    rated = games.groupby("step")["one"].first()
    table = standings(run).loc[rated, ["rating", "low", "high"]].assign(steps=rated.index).reset_index(drop=True)
    elo = metrics[[STEPS, "league/elo"]].dropna()
    return table.assign(elo=np.interp(table["steps"], elo[STEPS], elo["league/elo"]))


def scripts_of(run: Run) -> dict[str, float]:
    """The ratings of those in the run's league that do not learn."""
    return {name: row for name, row in standings(run)["rating"].items() if not name.startswith(("step-", "guest-"))}


def pool(run: Run) -> pd.DataFrame:
    """How the run's pool stood after each rollout: steps, count, and Elo mean, std, min and max."""
    names = {"league/members": "count"} | {f"league/elo_{name}": name for name in ("mean", "std", "min", "max")}
    table = run.metrics().reindex(columns=[STEPS, *names]).rename(columns={STEPS: "steps", **names})
    return table.dropna(subset="count")


def members(run: Run) -> list[Member]:
    """The members of the run's league at its end, oldest first."""
    found = [load_member(folder) for folder in (run.folder / LEAGUE).glob("[!.]*/")]
    return sorted(found, key=lambda member: member.facts["steps"])


def picks(run: Run) -> pd.DataFrame:
    """Whom each sampler would pick from the run's pool at its end: steps of each member, a column per sampler."""
    params, there = run.params, members(run)
    steps = [member.facts["steps"] for member in there]
    ratings = [member.facts["rating"] or START for member in there]
    taste = Taste(params.temperature, params.window, params.target_win_rate)
    mine = run.metrics()["league/elo"].dropna().iloc[-1]
    return pd.DataFrame({"steps": steps, **{name: odds(name, ratings, steps, mine, taste) for name in SAMPLERS}})


def matrix(run: Run, games: int) -> pd.DataFrame:
    """Win rates of some members of the run's league, from the first to the last, and of its scripts, played now."""
    there = members(run)
    chosen = [there[k] for k in np.unique(np.linspace(0, len(there) - 1, SHOWN).round().astype(int))]
    players: dict[str, Any] = {member.name: member for member in chosen} | {name: name for name in scripts_of(run)}
    options = {"max_seconds": run.params.rate_seconds, "mode": run.params.env_kwargs.get("mode", "1v1")}
    return win_rates(contest(players, play_scores(**options), games, EVALUATION_SEED))


def best_against(run: Run, opponent: str, games: int) -> Matches:
    """Games of the league's best against a script, one of them kept as a replay; best is the highest lower end."""
    there = {member.name: member for member in members(run)}
    best = there[standings(run).reindex(list(there))["low"].idxmax()]
    matches = play(best, opponent, games, mode=run.params.env_kwargs.get("mode", "1v1"), record=1)
    keep_replay(run, f"best against {opponent}", matches.replays[0])
    return matches


def promised(run: Run, matches: Matches) -> pd.DataFrame:
    """What the kit's ancestor hoped for beside what came out; its own figures were random numbers."""
    won, rating = matches.summary().iloc[0], standings(run).loc[matches.player]
    share = f"{won['win_rate']:.0%} ({won['win_rate_low']:.0%} to {won['win_rate_high']:.0%}) of {won['games']} games"
    elo = f"{rating['rating']:.0f} ({rating['low']:.0f} to {rating['high']:.0f}), rule at 1200"
    rows = [("win rate against RulePolicy", "over 70 %", share), ("Elo", "over 1600", elo)]
    return pd.DataFrame(rows, columns=["figure", "promised", "measured here"])


def train_arms(params: SelfPlayParams) -> list[Run]:
    """Trainings of every arm with every seed, to the same number of env steps, `n_jobs` at once."""
    seeds = range(params.seed, params.seed + params.n_seeds)
    wanted = [_arm(params, arm).model_copy(update={"seed": seed}) for seed in seeds for arm in params.arms]
    warm_up(wanted[:1])
    return train_all(wanted, params.n_jobs)


def _arm(params: SelfPlayParams, arm: str) -> SelfPlayParams:
    """The parameters of one arm: "scripts" plays those alone, "self" also itself, the others a league as well.

    All start from nothing, whatever the notebook's own training starts from: they are to learn from whom they meet.
    """
    total = max(1, round(params.total_timesteps * params.study_share))
    changes: dict[str, Any] = {"name": arm, "total_timesteps": total, "n_workers": 1, "arms": [], "start_from": ""}
    changes["member_every"] = max(1, round(params.member_every * params.study_share))
    changes["rate_every"] = max(1, total // RATINGS_OF_AN_ARM)
    if arm == "scripts":
        mix = params.env_kwargs.get("opponents", DEFAULT_OPPONENTS)
        scripts = {name: share for name, share in mix.items() if name != "self"}
        changes["env_kwargs"] = params.env_kwargs | {"opponents": scripts}
    league = {"sampler": arm} if arm in SAMPLERS else {"league_share": 0.0}
    return params.model_copy(update=changes | league)


def curves(runs: Sequence[Run]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rating over steps of each arm, (steps (GRID,), ratings (n_seeds, GRID)), each from its own league's games."""
    found: dict[str, list[pd.DataFrame]] = {}
    for run in runs:
        found.setdefault(run.params.name, []).append(course(run))
    ends = [(table["steps"].iloc[0], table["steps"].iloc[-1]) for tables in found.values() for table in tables]
    grid = np.linspace(max(first for first, _ in ends), min(last for _, last in ends), GRID)
    return {
        arm: (grid, np.stack([np.interp(grid, table["steps"], table["rating"]) for table in tables]))
        for arm, tables in found.items()
    }


def tournament(params: SelfPlayParams, runs: Sequence[Run]) -> pd.DataFrame:
    """Games of the arms' last weights: those of one seed with each other, and all with the anchors and scripts.

    Columns: one, other (arm/seed, or a script), game, score.
    """
    options = {"max_seconds": params.rate_seconds, "mode": params.env_kwargs.get("mode", "1v1")}
    scripts = {name: name for name in scripts_of(runs[0])}
    wanted: list[tuple[dict[str, Any], dict[str, Any], int]] = []
    for seed in dict.fromkeys(run.params.seed for run in runs):
        group = {f"{run.params.name}/{seed}": _last(run) for run in runs if run.params.seed == seed}
        pairs = [(one, other) for k, one in enumerate(group) for other in [*list(group)[k + 1 :], *scripts]]
        everybody: dict[str, Any] = group | scripts
        wanted += [({name: everybody[name] for name in pair}, options, params.rate_games) for pair in pairs]
    with workers(params.n_jobs) as spread:
        return pd.concat(spread(_meet, wanted), ignore_index=True)


def _last(run: Run) -> Path:
    """The folder of the newest member of a run's league."""
    return run.folder / LEAGUE / members(run)[-1].name


def _meet(meeting: tuple[dict[str, Any], dict[str, Any], int]) -> pd.DataFrame:
    """The games of two players, who are scripts or the folders of members."""
    pair, options, games = meeting
    players = {name: load_member(who) if isinstance(who, Path) else who for name, who in pair.items()}
    return contest(players, play_scores(**options), games, EVALUATION_SEED)


def results(params: SelfPlayParams, games: pd.DataFrame) -> pd.DataFrame:
    """One row per training of a `tournament`: arm, seed, rating with its interval, score against each script."""
    ratings = rate(games, params.anchors)
    rows = []
    for name in ratings.index[ratings.index.str.contains("/")]:
        arm, _, seed = name.partition("/")
        scores = games[games["one"] == name].groupby("other")["score"].mean()
        against = {f"score against {other}": score for other, score in scores.items() if "/" not in other}
        rows.append({"arm": arm, "seed": int(seed), **ratings.loc[name, ["rating", "low", "high"]], **against})
    return pd.DataFrame(rows)


def summary(table: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
    """One row per arm of `results`: mean rating over seeds with its 95 % interval, worst and best seed, mean scores."""
    rows = []
    for arm in arms:
        group = table[table["arm"] == arm]
        low, high = mean_interval(group["rating"])
        row = {"arm": arm, "seeds": len(group), "rating": group["rating"].mean(), "low": low, "high": high}
        row |= {"worst": group["rating"].min(), "best": group["rating"].max()}
        rows.append(row | group.filter(like="score against").mean().to_dict())
    return pd.DataFrame(rows)


def verdicts(table: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
    """Each arm against the first, and each sampler against uniform, by the ratings of `results`; see `judge`."""
    pairs = [(arms[0], arm) for arm in arms[1:]]
    pairs += [("uniform", arm) for arm in arms if arm in SAMPLERS and arm != "uniform" and "uniform" in arms[1:]]
    by_arm = {arm: group.sort_values("seed")["rating"].tolist() for arm, group in table.groupby("arm")}
    rows = []
    for one, other in pairs:
        row: dict[str, Any] = {"question": f"{other} against {one}"}
        try:
            found = judge(by_arm[one], by_arm[other])
            row |= {"verdict": found.word, "Elo": found.difference, "low": found.low, "high": found.high, "p": found.p}
        except ParamsError as error:
            row |= {"verdict": f"no verdict: {error}"}
        rows.append(row)
    return pd.DataFrame(rows)
