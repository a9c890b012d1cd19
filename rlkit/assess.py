"""How good is it? Played matches for Rocket League, fresh episodes for any other env; both land in the run folder."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pandas as pd
from PIL import Image

from rlkit.diagnostics.evaluation import ModelPredict, evaluate_episodes
from rlkit.diagnostics.replay import Replay
from rlkit.diagnostics.statistics import iqm, mean_interval
from rlkit.envs.registry import ROCKET_LEAGUE
from rlkit.envs.rocket_league.scripts import SCRIPTS
from rlkit.errors import ParamsError
from rlkit.experiment import load_model, make_params_env, torch_threads
from rlkit.files import slug, write_atomic
from rlkit.league.matches import Matches, Policy, play_matches
from rlkit.progress import ProgressLine
from rlkit.runs import Run, attach
from rlkit.seeding import seed_everything

EVALUATION_SEED = 2**31  # above every seed of a training (params.py), so that no evaluation replays its games
MAX_FRAMES, MAX_PIXELS = 500, 400  # of a film: 10 s of CartPole, and the longer side of a picture


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


def play(one: str | Policy, other: str | Policy, games: int = 100, mode: str = "1v1", record: int = 0) -> Matches:
    """Matches between any two players: names of scripts, runs (id or part of one), or policies."""
    sides = [player(attach(who)) if isinstance(who, str) and who not in SCRIPTS else who for who in (one, other)]
    seed_everything(EVALUATION_SEED)  # for the agents' sampled actions
    with torch_threads(1):
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
    summary = {"episodes": len(table), "mean_return": table["return"].mean(), "low": low, "high": high}
    summary |= {"iqm": iqm(table["return"]), "worst": table["return"].min(), "mean_length": table["length"].mean()}
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
        frames = list(_pictures(env, predict))
        seconds = 1 / env.metadata.get("render_fps", 30)
    except gymnasium.error.DependencyNotInstalled as error:
        warnings.warn(f"no film of {params.env_id}: {error}", stacklevel=2)
        return
    finally:
        env.close()
    title, arrays = f"{params.env_id}, {len(frames) - 1} steps", {"frames": np.stack(frames)}
    keep_replay(run, "episode", Replay(kind="frames", title=title, seconds_per_frame=seconds, arrays=arrays))


def _pictures(env: gymnasium.Env, predict: ModelPredict) -> Iterator[np.ndarray]:
    """The pictures of one episode, at most MAX_FRAMES, made smaller until no side is over MAX_PIXELS."""
    observation, _ = env.reset(seed=EVALUATION_SEED)
    for _ in range(MAX_FRAMES):
        picture = Image.fromarray(env.render())
        yield np.asarray(picture.reduce(-(-max(picture.size) // MAX_PIXELS)))
        action = predict(_batch_of_one(observation))[0]
        observation, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            return


def _batch_of_one(observation: Any) -> Any:
    """The observation as a VecEnv of one row would return it."""
    if isinstance(observation, dict):
        return {name: np.asarray(value)[None] for name, value in observation.items()}
    return np.asarray(observation)[None]
