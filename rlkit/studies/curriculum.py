"""The curriculum notebook's study: reward modes and a ladder of skills at equal steps, judged by matches over seeds."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from rlkit.assess import keep_replay, play, player
from rlkit.comparing import GRID, UNTOLD
from rlkit.curriculum.stages import shortened
from rlkit.diagnostics.evaluation import ModelPredict
from rlkit.diagnostics.statistics import mean_interval
from rlkit.diagnostics.verdict import judge
from rlkit.envs.rocket_league.constants import TICK_SECONDS
from rlkit.envs.rocket_league.reward_modes import FAMILIES, MODES, mode_weights
from rlkit.envs.rocket_league.rewards import REWARDS
from rlkit.errors import ParamsError
from rlkit.experiment import build_model, make_params_env
from rlkit.league.matches import Policy
from rlkit.params import load_params, profile_path, read_profile
from rlkit.phases.curriculum import CurriculumParams
from rlkit.progress import ProgressLine
from rlkit.recorder import STEPS
from rlkit.runs import Run
from rlkit.seeding import seed_everything
from rlkit.studies.trials import train_all, warm_up, workers

REFERENCE = "hybrid"  # the arm that the others are held to: the whole task from the start
OPPONENTS = ("rule", "basic")
RESULTS = {"win_rate": "won", "goals_per_minute": "goals", "conceded_per_minute": "conceded",
           "touches_per_minute": "touches"}  # fmt: skip
FIRST = 0.05  # share of a training that curves leave out
SAME = ("n_envs", "n_steps", "batch_size", "n_epochs", "eval_games", "device", "n_threads", "n_workers")
STUDY = {"arms", "n_seeds", "n_jobs", "study_share", "checkpoint_every", "n_workers"}  # no number of a training


def modes() -> pd.DataFrame:
    """One row per reward term that any mode pays for: family, term, its weight in each mode, and what it is."""
    weights = {mode: mode_weights(mode) for mode in MODES}
    return pd.DataFrame(
        [
            {"family": family, "term": term, **{mode: weights[mode][term] for mode in MODES}}
            | {"paid for": REWARDS[term].meaning}
            for family, terms in FAMILIES.items()
            for term in terms
        ]
    )


def arm(params: CurriculumParams, name: str, seed: int) -> CurriculumParams:
    """The profile `name` of params/curriculum, in the notebook's sizes and with its share of the steps and stages."""
    asked = load_params("curriculum", read_profile(profile_path("curriculum", name)) | {"name": name})
    steps = max(1, int(asked.total_timesteps * params.study_share))
    stages = [stage.model_dump() for stage in shortened(asked.stages, params.study_share)]
    same = {field: getattr(params, field) for field in SAME}
    changes = {"seed": seed, "total_timesteps": steps, "checkpoint_every": steps, "stages": stages, "n_workers": 1}
    return CurriculumParams(**asked.model_dump() | same | changes)


def train_arms(params: CurriculumParams, done: Run | None = None) -> dict[str, list[Run]]:
    """The runs of each of params.arms over the seeds, params.n_jobs at once, on one core each.

    done: a run that is taken in place of the arm and seed that it equals. ParamsError for arms of different lengths,
    which would not be compared fairly.
    """
    wanted = [arm(params, name, params.seed + k) for k in range(params.n_seeds) for name in params.arms]
    lengths = {one.name: one.total_timesteps for one in wanted}
    if len(set(lengths.values())) > 1:
        raise ParamsError(f"arms={params.arms} train for {lengths} steps; arms are compared at equal steps.")
    warm_up(wanted[: len(params.arms)])
    taken = [one for one in wanted if not (done and _equal(one, done.params))]
    trained = iter(train_all(taken, params.n_jobs))
    runs: dict[str, list[Run]] = {name: [] for name in params.arms}
    for one in wanted:
        runs[one.name].append(next(trained) if one in taken else done)
    return runs


def _equal(one: CurriculumParams, other: CurriculumParams) -> bool:
    """Whether two trainings differ in nothing that decides their numbers but their names."""
    return one.model_dump(exclude=STUDY | (UNTOLD - {"seed"})) == other.model_dump(exclude=STUDY | (UNTOLD - {"seed"}))


def play_arms(runs: dict[str, list[Run]], games: int, n_jobs: int = 1) -> pd.DataFrame:
    """Matches of every run's final weights against each of OPPONENTS, from kickoffs: one row per arm, seed, opponent.

    n_jobs: processes that play, each the matches of one run and opponent at a time; the numbers do not hang on it.
    Columns: arm, seed, opponent, run, and those of `Matches.summary`.
    """
    wanted = [(name, run, opponent) for name, group in runs.items() for run in group for opponent in OPPONENTS]
    line, tables = ProgressLine(), []
    with workers(n_jobs) as spread:
        played = spread(_play, [(run, opponent, games) for _, run, opponent in wanted])
        for (name, run, opponent), found in zip(wanted, played, strict=True):
            line.show(f"{games} games of {name}, seed {run.params.seed}, against {opponent}")
            tables.append(found.assign(arm=name, seed=run.params.seed, opponent=opponent, run=run.id))
    line.end(f"{games} games of each training against each of {', '.join(OPPONENTS)}")
    return _together(tables, ["arm", "seed", "opponent", *RESULTS])


def _play(match: tuple[Run, str, int]) -> pd.DataFrame:
    """The summary of some games of a run's final weights against a script."""
    run, opponent, games = match
    return play(player(run), opponent, games).summary()


def summary(played: pd.DataFrame) -> pd.DataFrame:
    """One row per arm and opponent: the mean win rate over seeds with its 95 % interval, its worst seed, and rates."""
    rows = []
    for (name, opponent), group in played.groupby(["arm", "opponent"], sort=False):
        low, high = mean_interval(group["win_rate"])
        row = {"arm": name, "opponent": opponent, "seeds": len(group), "win_rate": group["win_rate"].mean()}
        row |= {"low": low, "high": high, "worst seed": group["win_rate"].min()}
        rows.append(row | {f"{word}/min": group[column].mean() for column, word in RESULTS.items() if word != "won"})
    return pd.DataFrame(rows)


def verdicts(played: pd.DataFrame) -> pd.DataFrame:
    """Each arm against REFERENCE, per opponent, by the win rate and by goals per minute over seeds.

    Columns: arm, opponent, measure, verdict, difference, low, high, p. Too few seeds are told in place of a verdict.
    """
    arms = [name for name in played["arm"].unique() if name != REFERENCE]
    rows = []
    for name in arms if REFERENCE in set(played["arm"]) else ():
        for opponent, group in played.groupby("opponent", sort=False):
            for measure in ("win_rate", "goals_per_minute"):
                sides = [group.loc[group["arm"] == side, measure].tolist() for side in (REFERENCE, name)]
                row = {"arm": f"{name} against {REFERENCE}", "opponent": opponent, "measure": measure}
                rows.append(row | _verdict(*sides))
    return pd.DataFrame(rows)


def _verdict(first: Sequence[float], second: Sequence[float]) -> dict[str, object]:
    try:
        found = judge(first, second)
    except ParamsError as error:
        return {"verdict": f"no verdict: {error}"}
    return {"verdict": found.word, "difference": found.difference, "low": found.low, "high": found.high, "p": found.p}


def curves(runs: dict[str, list[Run]]) -> pd.DataFrame:
    """arm, seed, steps and goals per minute of play in training, each at GRID steps: what all modes have in common.

    Of the last 100 episodes, own goals of the others included. In an arm with stages it is play in those. From FIRST
    on: the first episodes to end are the short ones, and those end by a goal.
    """
    tables = []
    for name, group in runs.items():
        for run in group:
            metrics = run.metrics().dropna(subset=["reward/goal", "rollout/ep_len_mean"])
            progress = metrics[STEPS] / run.params.total_timesteps
            weights = progress.map(lambda share, run=run: (run.params.reward_weights(share) or {}).get("goal", 10.0))
            minutes = metrics["rollout/ep_len_mean"] * run.params.env_kwargs.get("tick_skip", 8) * TICK_SECONDS / 60
            steps = np.linspace(FIRST, 1, GRID) * run.params.total_timesteps
            goals = np.interp(steps, metrics[STEPS], metrics["reward/goal"] / weights / minutes)
            tables.append(pd.DataFrame({"arm": name, "seed": run.params.seed, "steps": steps, "goals": goals}))
    return _together(tables, ["arm", "seed", "steps", "goals"])


def _together(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """The tables as one, which has these columns even where there are none."""
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def climber(runs: dict[str, list[Run]], run: Run) -> Run:
    """The run whose stages are looked at: `run` if it has any, else the first of an arm with stages, else `run`."""
    first = [group[0] for group in runs.values()]
    return next((one for one in (run, *first) if one.params.stages), run)


def stages(run: Run) -> pd.DataFrame:
    """The stages that a run has gone through: stage, place (from 0), begins and ends (steps), and why it was left.

    reason: "passed", "steps" (its limit), "failed" (to the one before), "asked", or "" for the one it ended in.
    """
    changes: list[dict[str, Any]] = []
    for event in (event for event in run.events() if event["kind"] == "stage"):
        if event["reason"] == "resumed":  # from a checkpoint: what came after that was lost
            changes = [one for one in changes if one["step"] < event["step"] or one["stage"] == event["stage"]]
        else:
            changes.append(event)
    following = [*changes[1:], {"step": run.status().get("steps", 0), "reason": ""}]
    rows = [
        {"stage": one["stage"], "place": one["index"], "begins": one["step"]}
        | {"ends": after["step"], "reason": after["reason"]}
        for one, after in zip(changes, following, strict=False)
    ]
    return pd.DataFrame(rows, columns=["stage", "place", "begins", "ends", "reason"])


def film_before_and_after(run: Run, like: Run, opponent: str = "rule") -> None:
    """Keep two films in the run's replays: the untrained agent of `like` against a script, and the trained one."""
    for name, agent in (("before", untrained(like)), ("after", player(like))):
        keep_replay(run, name, play(agent, opponent, 1, record=1).replays[0])


def untrained(run: Run) -> Policy:
    """The player that a run began as, with the weights that its seed draws."""
    env = make_params_env(run.params, n_workers=1)
    try:
        seed_everything(run.params.seed)
        model = build_model(run.params.smallest(), env)
    finally:
        env.close()
    return replace(player(run), name="untrained", predict=ModelPredict(model, deterministic=False))
