"""How good is it? Played matches for Rocket League, fresh episodes for any other env; both land in the run folder."""

import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pandas as pd

from rlkit.diagnostics.evaluation import ModelPredict, evaluate_episodes
from rlkit.diagnostics.replay import Replay
from rlkit.diagnostics.statistics import iqm, mean_interval
from rlkit.envs.rocket_league.scripts import SCRIPTS
from rlkit.errors import ParamsError
from rlkit.experiment import load_model, make_params_env
from rlkit.files import slug, write_atomic
from rlkit.league.matches import Matches, Policy, play_matches
from rlkit.runs import Run, attach
from rlkit.seeding import seed_everything

ROCKET_LEAGUE = "rlkit/RocketLeague-v0"
EVALUATION_SEED = 10_000  # far from the seeds people train with, so that no evaluation replays a training's games
MAX_FRAMES = 500  # of a film: half a minute at CartPole's 50 per second is 10 s


def evaluate(run: Run, games: int | None = None, checkpoint: str = "newest") -> pd.DataFrame:
    """Play the run's agent and keep the results in its folder; one row per opponent, or one of statistics.

    Rocket League: `games` matches (default: params.eval_games) against each script, on both sides, first goal wins,
    and a replay of one of each. Any other env: that many episodes with deterministic actions, and a film of one.
    """
    params = run.params
    games = games or params.eval_games
    if params.env_id != ROCKET_LEAGUE:
        return _evaluate_episodes(run, games, checkpoint)
    agent, rows = player(run, checkpoint), []
    for opponent in SCRIPTS:
        matches = play(agent, opponent, games, mode=params.env_kwargs.get("mode", "1v1"), record=1)
        rows.append(matches.summary())
        run.keep_tables(**{f"games-{opponent}": matches.table})
        keep_replay(run, f"against-{opponent}", matches.replays[0])
    table = pd.concat(rows, ignore_index=True)
    run.keep_tables(matches=table)
    return table


def play(one: str | Policy, other: str | Policy, games: int = 100, mode: str = "1v1", record: int = 0) -> Matches:
    """Matches between any two players: names of scripts, runs (id or part of one), or policies."""
    sides = [player(attach(who)) if isinstance(who, str) and who not in SCRIPTS else who for who in (one, other)]
    seed_everything(EVALUATION_SEED)  # for the agents' sampled actions
    return play_matches(*sides, games=games, seed=EVALUATION_SEED, mode=mode, record=record)


def player(run: Run, checkpoint: str = "newest") -> Policy:
    """The run's agent as a player of matches; it samples its actions, as it did in training."""
    params = run.params
    if params.env_id != ROCKET_LEAGUE:
        raise ParamsError(f"run {run.id} was trained on {params.env_id}, and matches are played in {ROCKET_LEAGUE}.")
    env = make_params_env(params, n_workers=1)
    try:
        model, config = load_model(run, env, checkpoint), env.get_attr("config")[0]
    finally:
        env.close()
    predict = ModelPredict(model, deterministic=False)
    return Policy(params.name, predict, observation=config["observation"], actions=config["actions"])


def keep_replay(run: Run, name: str, replay: Replay) -> Path:
    """Store a replay in the run folder, as data and as a page that plays it; the path of the data."""
    folder = run.folder / "replays"
    folder.mkdir(exist_ok=True)
    write_atomic(folder / f"{slug(name)}.html", replay.to_html())
    write_atomic(folder / f"{slug(name)}.npz", replay.to_bytes())
    return folder / f"{slug(name)}.npz"


def _evaluate_episodes(run: Run, episodes: int, checkpoint: str) -> pd.DataFrame:
    params = run.params
    env = make_params_env(params, n_envs=min(8, episodes), n_workers=None)
    try:
        predict = ModelPredict(load_model(run, env, checkpoint))
        table = evaluate_episodes(env, predict, episodes, EVALUATION_SEED)
    finally:
        env.close()
    low, high = mean_interval(table["return"])
    _film(run, predict)
    summary = {"episodes": len(table), "mean_return": table["return"].mean(), "low": low, "high": high}
    summary |= {"iqm": iqm(table["return"]), "worst": table["return"].min(), "mean_length": table["length"].mean()}
    evaluation = pd.DataFrame([summary])
    run.keep_tables(episodes=table, evaluation=evaluation)
    return evaluation


def _film(run: Run, predict: ModelPredict) -> None:
    """Keep a film of one episode, where the env can draw itself; where it cannot, an event says why."""
    params = run.params
    try:
        env = gymnasium.make(params.env_id, render_mode="rgb_array", **params.env_kwargs)
        observation, _ = env.reset(seed=EVALUATION_SEED)
        frames, over = [env.render()], False
        while not over and len(frames) < MAX_FRAMES:
            action = predict(_batch_of_one(observation))[0]
            observation, _, terminated, truncated, _ = env.step(action)
            frames.append(env.render())
            over = terminated or truncated
    except (gymnasium.error.Error, TypeError, NotImplementedError) as error:
        warnings.warn(f"no film of {params.env_id}: {error}", stacklevel=2)
        return
    seconds = 1 / env.metadata.get("render_fps", 30)
    env.close()
    title = f"{params.env_id}, {len(frames) - 1} steps"
    arrays = {"frames": np.stack(frames)}
    keep_replay(run, "episode", Replay(kind="frames", title=title, seconds_per_frame=seconds, arrays=arrays))


def _batch_of_one(observation: Any) -> Any:
    """The observation as a VecEnv of one row would return it."""
    if isinstance(observation, dict):
        return {name: np.asarray(value)[None] for name, value in observation.items()}
    return np.asarray(observation)[None]
