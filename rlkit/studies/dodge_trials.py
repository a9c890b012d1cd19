"""The Dodge notebook's trainings of many settings: against the author's results, by what was changed, and throwers.

With `settings: []` none of them is trained, and their tables are empty: then the notebook is about one agent only.
"""

import inspect
from typing import Any

import numpy as np
import pandas as pd

from rlkit.assess import EVALUATION_SEED, play_episodes
from rlkit.best import MAX_ROWS, TRAINING_SECONDS
from rlkit.diagnostics.evaluation import evaluate_episodes
from rlkit.envs.dodge.rules import game_rules
from rlkit.experiment import make_params_env
from rlkit.files import read_json
from rlkit.params import load_params, profile_path, read_profile
from rlkit.phases.dodge import DodgeParams
from rlkit.recorder import STEPS
from rlkit.runs import Run
from rlkit.studies.dodge import decision_seconds, film, success
from rlkit.studies.trials import train_all, warm_up

# What the game's author reports for the same level (ggand0/devlogs, bevy-3d-dodge): success rate, and how it was had.
# His game had no fixed time step, so that a step was worth between 1/236 and 1/23 s; read these as orders of magnitude.
AUTHOR: dict[str, tuple[float, str]] = {
    "level1_ppo": (1.0, "20 of 20; 10,000 steps, 10 min"),
    "level1_dqn": (0.3, "6 of 20; 300,000 steps, 2 h 49 min"),
    "level2_ppo": (0.0, "continuous actions; 500,000 steps"),
    "level2_sac": (0.4, "4 of 10; 2 M steps, 2 h 19 min"),
    "faithful": (0.0, "500,000 steps"),
}
TARGETS: dict[str, tuple[float, float]] = {  # success rate, CPU-seconds of training in which it is to be had
    "level1_ppo": (1.0, 10.0),
    "level1_dqn": (0.95, float("inf")),
    "level2_ppo": (0.99, 120.0),
    "around_ppo": (0.97, 600.0),
    "around_ppo_long": (0.97, 600.0),
    "level2_sac": (0.99, 180.0),
}
CHANGES: dict[str, dict[str, Any]] = {  # one thing taken away at a time
    "as it is": {},
    "a decision at every step": {"env_kwargs": {"action_repeat": 1}},
    "no closest-approach features": {"env_kwargs": {"features": ["scaled", "nearest", "relative"]}},
    "rewards not scaled": {"env_kwargs": {"reward_scale": 1.0}},
    "8 games, not 128": {"n_envs": 8, "n_steps": 2048},  # the same rollout and minibatches, of fewer games
}
FILMED = "level1_ppo", "level2_ppo", "level3_ppo"  # settings, one of each level
GAME = tuple(inspect.signature(game_rules).parameters)  # arguments of Dodge that a game against a thrower has, too
RATES = ["setting", "episodes", "success", "low", "high"]  # columns that a table without any row has
CURVE = {"steps": STEPS, "seconds": TRAINING_SECONDS, "success": "eval/success_rate"}


def train_settings(params: DodgeParams) -> dict[str, list[Run]]:
    """The runs of each setting in params.settings, over params.n_seeds seeds; seconds count without compilation."""
    wanted = {name: setting(params, name) for name in params.settings}
    return _train(wanted, params, params.n_seeds)


def setting(params: DodgeParams, name: str) -> DodgeParams:
    """The profile `name` of params/dodge, at the notebook's evaluation sizes and its share of the steps."""
    profile = read_profile(profile_path("dodge", name))
    asked = load_params("dodge", profile | {"name": name, "seed": params.seed})
    return shortened(asked, params.study_share, params)


def shortened(asked: DodgeParams, share: float, like: DodgeParams) -> DodgeParams:
    """`asked` with that share of its steps, and the evaluations of `like`."""
    names = ("total_timesteps", "eval_every", "checkpoint_every", "learning_starts")
    steps = {name: max(1, int(getattr(asked, name) * share)) for name in names}
    same = {name: getattr(like, name) for name in ("eval_games", "eval_episodes", "device", "n_threads")}
    return DodgeParams(**asked.model_dump() | steps | same)


def film_levels(runs: dict[str, list[Run]], seconds: float = 60.0) -> pd.DataFrame:
    """Film that much of each level's PPO, with the best weights of its first training; columns: film, page.

    page: the film as a page for a browser, in the outputs folder.
    """
    rows = []
    for run in [runs[name][0] for name in FILMED if name in runs]:
        replay = film(run, play_episodes(run, 2, "best")[1], "minute", seconds)
        rows.append({"film": replay.title, "page": f"{run.phase}/{run.id}/replays/minute.html"})
    return pd.DataFrame(rows, columns=["film", "page"])


def train_changes(params: DodgeParams, n_seeds: int = 2, share: float = 0.3) -> dict[str, list[Run]]:
    """The runs of the notebook's own setting with each of CHANGES, in that share of its steps, over so many seeds."""
    base = shortened(params, params.study_share * share, params).model_dump()
    wanted = {}
    for name, change in CHANGES.items():
        env_kwargs = params.env_kwargs | change.get("env_kwargs", {})
        wanted[name] = DodgeParams(**base | change | {"name": name, "env_kwargs": env_kwargs})
    return _train(wanted if params.settings else {}, params, min(n_seeds, params.n_seeds))


def train_throwers(run: Run, params: DodgeParams) -> dict[str, list[Run]]:
    """Throwers that learn where to throw from: against the scripted dodger, and against the best weights of `run`."""
    game = {name: value for name, value in params.env_kwargs.items() if name in GAME}
    dodgers = {
        "script": {"dodger": "perpendicular"},  # the one of the game's author
        "agent": {"dodger": str(run.folder / "best"), "dodger_activation": run.params.activation},
    }
    thrower, wanted = setting(params, "thrower"), {}
    for name, dodger in dodgers.items():
        env_kwargs = thrower.env_kwargs | game | dodger
        wanted[name] = thrower.model_copy(update={"name": f"thrower against the {name}", "env_kwargs": env_kwargs})
    return _train(wanted if params.settings else {}, params, params.n_seeds)


def hits(throwers: dict[str, list[Run]]) -> pd.DataFrame:
    """How often and how soon each dodger is hit, by throws at random and by the throwers that learned against it.

    Columns: throws, those of `success` (a hit), and seconds, the mean length of an episode.
    """
    rows = []
    for name, runs in throwers.items():
        params = runs[0].params
        learned = pd.concat([play_episodes(run, params.eval_games, "best")[0] for run in runs])
        for throws, table in (("at random", _random_throws(params, params.eval_games)), ("learned", learned)):
            row = {"throws": f"{throws}, at the {name}", **success(int(table["success"].sum()), len(table))}
            rows.append(row | {"seconds": table["length"].mean() * decision_seconds(params)})
    return pd.DataFrame(rows, columns=None if rows else RATES).drop(columns="grade", errors="ignore")


def _random_throws(params: DodgeParams, episodes: int) -> pd.DataFrame:
    env = make_params_env(params, n_envs=min(episodes, MAX_ROWS), n_workers=1)
    random = np.random.default_rng(params.seed)
    try:
        shape = env.num_envs, *env.action_space.shape
        throw = lambda observations: random.uniform(-1, 1, shape).astype(np.float32)  # noqa: E731
        return evaluate_episodes(env, throw, episodes, EVALUATION_SEED)
    finally:
        env.close()


def _train(wanted: dict[str, DodgeParams], params: DodgeParams, n_seeds: int) -> dict[str, list[Run]]:
    """The runs of each setting over seeds, from the notebook's on."""
    warm_up(wanted.values())
    seeds = range(params.seed, params.seed + n_seeds)
    order = [(name, seed) for name in wanted for seed in seeds]
    runs = train_all([wanted[name].model_copy(update={"seed": seed}) for name, seed in order], params.n_jobs)
    found: dict[str, list[Run]] = {name: [] for name in wanted}
    for (name, _), run in zip(order, runs, strict=True):
        found[name].append(run)
    return found


def curves(runs: dict[str, list[Run]]) -> pd.DataFrame:
    """One row per evaluation during the trainings: setting, seed, steps, CPU-seconds of training so far, success."""
    tables = [pd.DataFrame(columns=[*CURVE, "setting", "seed"])]
    for name, group in runs.items():
        for run in group:
            metrics = run.metrics()
            found = pd.DataFrame({column: metrics.get(metric) for column, metric in CURVE.items()}).dropna()
            tables.append(found.assign(setting=name, seed=run.params.seed))
    return pd.concat(tables[bool(runs) :], ignore_index=True)


def trainings(runs: dict[str, list[Run]]) -> pd.DataFrame:
    """One row per training: its seconds, and fresh episodes of its best and newest weights without exploring.

    Columns: setting, seed, run, steps, seconds (the CPU's, without evaluations), best_steps, best_seconds, those of
    `success` for the best weights, and newest, the success of the newest.
    """
    rows = [_training(name, run) for name, group in runs.items() for run in group]
    return pd.DataFrame(rows, columns=None if rows else RATES)


def _training(name: str, run: Run) -> dict[str, Any]:
    seconds = run.metrics().set_index(STEPS)[TRAINING_SECONDS].dropna()
    best = read_json(run.folder / "best" / "manifest.json")
    fresh = {
        checkpoint: play_episodes(run, run.params.eval_games, checkpoint)[0]["success"]
        for checkpoint in ("best", "newest")
    }
    row = {"setting": name, "seed": run.params.seed, "run": run.id, "steps": int(seconds.index[-1])}
    row |= {"seconds": seconds.iloc[-1], "best_steps": best["step"], "best_seconds": best["training_seconds"]}
    return row | success(int(fresh["best"].sum()), len(fresh["best"])) | {"newest": float(fresh["newest"].mean())}


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row per setting: the episodes of all its seeds together, its worst seed, and what the author reports.

    seconds: the median over seeds; target: the success rate and seconds that were aimed at; met: whether both are.
    """
    rows = []
    for name, group in table.groupby("setting", sort=False):
        wins = int((group["success"] * group["episodes"]).round().sum())
        row = {"setting": name, "seeds": len(group), **success(wins, int(group["episodes"].sum()))}
        row |= {"worst seed": group["success"].min(), "newest": group["newest"].mean()}
        row |= {"seconds": group["seconds"].median(), "steps": group["steps"].iloc[0]}
        rate, limit = TARGETS.get(str(name), (None, None))
        if rate is not None:
            within = f" in {limit:.0f} s" if limit < float("inf") else ""
            row |= {"target": f"{rate:.0%}{within}", "met": row["success"] >= rate and row["seconds"] <= limit}
        author = AUTHOR.get(str(name))
        rows.append(row | ({"author": author[0], "author's training": author[1]} if author else {}))
    return pd.DataFrame(rows, columns=None if rows else RATES)
