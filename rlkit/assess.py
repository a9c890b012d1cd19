"""How good is it? Played matches for Rocket League, fresh episodes for any other env; both land in the run folder."""

import warnings
from pathlib import Path
from typing import Any

import gymnasium
import pandas as pd
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from rlkit.best import MAX_ROWS
from rlkit.diagnostics.evaluation import ModelPredict, evaluate_episodes
from rlkit.diagnostics.filming import film_episode
from rlkit.diagnostics.replay import Replay
from rlkit.diagnostics.statistics import iqm, mean_interval, proportion_interval
from rlkit.envs.registry import DODGE, ENVS, ROCKET_LEAGUE
from rlkit.envs.rocket_league.scripts import SCRIPTS
from rlkit.errors import CheckpointError
from rlkit.experiment import load_model, make_params_env, torch_threads
from rlkit.files import slug, write_atomic
from rlkit.playing import EVALUATION_SEED, play, player
from rlkit.progress import ProgressLine
from rlkit.runs import Run
from rlkit.seeding import seed_everything

ACTION_NAMES = {"CartPole-v1": ("push left", "push right"), DODGE: ("stand", "away", "back", "left", "right")}


def evaluate(run: Run, games: int | None = None, checkpoint: str = "newest") -> pd.DataFrame:
    """Play the run's agent and keep the results in its folder; one row per opponent, or one of statistics.

    Rocket League: `games` matches (default: params.eval_games) against each script, on both sides, first goal wins,
    and a replay of one of each. Any other env: that many episodes with deterministic actions, and a film of one.
    """
    params = run.params
    games = games or params.eval_games
    if params.env_id != ROCKET_LEAGUE:
        with torch_threads(params.n_threads):
            return _evaluate_episodes(run, games, checkpoint)
    agent, rows, line = player(run, checkpoint), [], ProgressLine()
    for opponent in SCRIPTS:
        line.show(f"{games} games against {opponent}")
        matches = play(agent, opponent, games, mode=params.env_kwargs.get("mode", "1v1"), record=1)
        rows.append(matches.summary())
        run.keep_tables(**{f"games-{opponent}": matches.table})
        keep_replay(run, f"against-{opponent}", matches.replays[0])
    line.end(f"{games} games against each of {', '.join(SCRIPTS)}")
    table = pd.concat(rows, ignore_index=True)
    run.keep_tables(matches=table)
    return table


def keep_replay(run: Run, name: str, replay: Replay) -> Path:
    """Store a replay in the run folder, as data and as a page that plays it; the path of the data."""
    return write_replay(run.folder / "replays", name, replay).with_suffix(".npz")


def write_replay(folder: Path, name: str, replay: Replay) -> Path:
    """Store a replay in a folder, as data and as a page that plays it; the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / f"{slug(name)}.npz", replay.to_bytes())
    write_atomic(folder / f"{slug(name)}.html", replay.to_html())
    return folder / f"{slug(name)}.html"


def play_episodes(
    run: Run,
    episodes: int,
    checkpoint: str = "newest",
    deterministic: bool = True,
    env_kwargs: dict[str, Any] | None = None,
    other_env: bool = False,
) -> tuple[pd.DataFrame, ModelPredict]:
    """(one row per fresh episode as `evaluate_episodes` gives it, the agent) of a run on any env but Rocket League.

    env_kwargs: replace some of the run's. CheckpointError where they make another task than the one it was trained on,
    unless other_env is True and the task has the same observations and actions in shape.
    """
    params = run.params
    played = params.model_copy(update={"env_kwargs": params.env_kwargs | (env_kwargs or {})})
    rows = min(episodes, MAX_ROWS if params.env_id in ENVS else 8)
    env = make_params_env(played, n_envs=rows, n_workers=1 if params.env_id in ENVS else None)
    try:
        if params.env_id not in ENVS and played != params and not other_env:  # such an env cannot tell its config
            raise CheckpointError(
                f"run {run.id} was trained with env_kwargs={params.env_kwargs}, not {played.env_kwargs}."
            )
        model = _load_for(run, env, checkpoint, other_env)
        if hasattr(model, "exploration_final_eps"):  # DQN's sampled actions; a fresh model has an epsilon of 0
            model.exploration_rate = model.exploration_final_eps
        agent = ModelPredict(model, deterministic)
        seed_everything(EVALUATION_SEED)  # for sampled actions
        with torch_threads(params.n_threads):
            return evaluate_episodes(env, agent, episodes, EVALUATION_SEED), agent
    finally:
        env.close()


def _load_for(run: Run, env: VecEnv, checkpoint: str, other_env: bool) -> BaseAlgorithm:
    """The run's model, for `env` if that is the task it was trained on, else only where that is asked for."""
    if not other_env:
        return load_model(run, env, checkpoint)
    trained = make_params_env(run.params, n_envs=1, n_workers=1 if run.params.env_id in ENVS else None)
    try:
        model = load_model(run, trained, checkpoint)
    finally:
        trained.close()
    spaces = [(one.observation_space, one.action_space) for one in (trained, env)]
    if spaces[0] != spaces[1]:
        raise CheckpointError(
            f"run {run.id} was trained with {spaces[0][0]} and {spaces[0][1]}, and this env has {spaces[1][0]} and "
            f"{spaces[1][1]}: no weights fit both. Keep the observation and the actions that it was trained with."
        )
    return model


def _evaluate_episodes(run: Run, episodes: int, checkpoint: str) -> pd.DataFrame:
    table, predict = play_episodes(run, episodes, checkpoint)
    low, high = mean_interval(table["return"])
    summary = {"episodes": len(table), "mean_return": table["return"].mean(), "low": low, "high": high}
    summary |= {"iqm": iqm(table["return"]), "worst": table["return"].min(), "mean_length": table["length"].mean()}
    if "success" in table:
        successes = int(table["success"].sum())
        low, high = proportion_interval(successes, len(table))
        summary |= {"success_rate": successes / len(table), "success_low": low, "success_high": high}
    evaluation = pd.DataFrame([summary])
    run.keep_tables(episodes=table, evaluation=evaluation)
    _film(run, predict)
    return evaluation


def _film(run: Run, predict: ModelPredict) -> None:
    """Keep a film of one episode, where the env can draw itself; a warning says why where it cannot."""
    params = run.params
    try:
        env = gymnasium.make(params.env_id, render_mode="rgb_array", **params.env_kwargs)
    except Exception as error:  # whatever a foreign env raises for a mode it does not have
        warnings.warn(f"no film of {params.env_id}: {error}", stacklevel=2)
        return
    try:
        film = film_episode(env, predict, params.env_id, EVALUATION_SEED, ACTION_NAMES.get(params.env_id, ()))
    except gymnasium.error.DependencyNotInstalled as error:
        warnings.warn(f"no film of {params.env_id}: {error}", stacklevel=2)
        return
    finally:
        env.close()
    keep_replay(run, "episode", film)
