"""What the Dodge notebook shows of one agent: the scripted players beside it, its success, other games, and a film."""

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pandas as pd
from PIL import Image

from rlkit.assess import EVALUATION_SEED, keep_replay, play_episodes
from rlkit.diagnostics.evaluation import ModelPredict
from rlkit.diagnostics.replay import Replay
from rlkit.diagnostics.statistics import proportion_interval
from rlkit.envs.dodge import players
from rlkit.envs.dodge.constants import LEVELS
from rlkit.experiment import torch_threads
from rlkit.phases.dodge import DodgeParams
from rlkit.runs import Run

GRADES = ((0.8, "excellent"), (0.5, "good"), (0.2, "moderate"), (-1.0, "poor"))  # success above; the game's author's
FILM_EVERY = 2  # physics steps between the pictures of a film: 25 a second of the game, and its balls fly 25 u/s
FILM_SIZE = (480, 300)  # pixels, width and height: an episode's 500 pictures are 216 MB then, until they are compressed


def grade(success_rate: float) -> str:
    """The word that the game's author gives to a success rate: excellent, good, moderate or poor."""
    return next(word for above, word in GRADES if success_rate > above)


def success(wins: int, episodes: int) -> dict[str, Any]:
    """Episodes, success rate with its 95 % Wilson interval, and the grade, as a part of a table's row."""
    low, high = proportion_interval(wins, episodes)
    rate = wins / episodes
    return {"episodes": episodes, "success": rate, "low": low, "high": high, "grade": grade(rate)}


def step_seconds(params: DodgeParams) -> float:
    """Seconds of the game in one of its physics steps."""
    return params.env_kwargs.get("dt", 1 / 50)


def decision_seconds(params: DodgeParams) -> float:
    """Seconds of the game in one decision."""
    return step_seconds(params) * params.env_kwargs.get("action_repeat", 4)


def scripted(params: DodgeParams, episodes: int = 500) -> pd.DataFrame:
    """How players without learning do in this game, one row each; "planner" tells what is possible.

    They see the state itself. Columns: player, those of `success`, and seconds, the mean length of an episode.
    """
    rows = []
    for player in players.PLAYERS:
        wins, steps = players.play_episodes(player, episodes, EVALUATION_SEED, **params.env_kwargs)
        seconds = float(steps.mean()) * step_seconds(params)
        rows.append({"player": player, **success(int(wins.sum()), episodes), "seconds": seconds})
    return pd.DataFrame(rows)


def evaluate(run: Run, episodes: int | None = None) -> pd.DataFrame:
    """Fresh episodes of the run's best and newest weights, without exploring and with; kept in the run, with a film.

    episodes: for each of the four, by default params.eval_games. Columns: weights, those of `success`, and
    seconds of the game in the mean episode. The best was chosen by other episodes, so these say how good it really is.
    """
    episodes = episodes or run.params.eval_games
    rows = []
    with torch_threads(run.params.n_threads):
        for checkpoint in ("best", "newest"):
            for actions in ("deterministic", "sampled"):
                table, agent = play_episodes(run, episodes, checkpoint, actions == "deterministic")
                row = {"weights": f"{checkpoint}, {actions}", **success(int(table["success"].sum()), len(table))}
                rows.append(row | {"seconds": table["length"].mean() * decision_seconds(run.params)})
                if (checkpoint, actions) == ("best", "deterministic"):
                    run.keep_tables(episodes=table)
                    film(run, agent)
    found = pd.DataFrame(rows)
    run.keep_tables(success=found)
    return found


def elsewhere(run: Run, games: dict[str, dict[str, Any]], episodes: int | None = None) -> pd.DataFrame:
    """The run's best weights in other games than the one they were trained in; one row per name of `games`.

    games: env_kwargs that differ; those with an angle are left out where the run's level throws from a line. An
    evaluation refuses another game unless it is asked for, which this does.
    """
    rows, line = [], LEVELS[run.params.env_kwargs.get("level", 1)].half_width > 0.0
    for name, changes in games.items():
        if line and "angle" in changes and "level" not in changes:
            continue
        table, _ = play_episodes(run, episodes or run.params.eval_games, "best", env_kwargs=changes, other_env=True)
        rows.append({"game": name, **success(int(table["success"].sum()), len(table))})
    return pd.DataFrame(rows)


def film(run: Run, agent: ModelPredict, name: str = "best", seconds: float = 0.0) -> Replay:
    """A film of fresh episodes, of one and of more until they last `seconds`, kept in the run's `replays/`."""
    params = run.params
    repeat = params.env_kwargs.get("action_repeat", 4)
    every = FILM_EVERY if repeat % FILM_EVERY == 0 else 1
    env = gymnasium.make(params.env_id, render_mode="rgb_array", **params.env_kwargs | {"action_repeat": every})
    frames: list[np.ndarray] = []
    try:
        between, episodes = 1 / env.metadata["render_fps"], 0
        while not frames or len(frames) * between < seconds:
            frames += _pictures(env, agent, repeat // every, EVALUATION_SEED + episodes)
            episodes += 1
    finally:
        env.close()
    title = f"{params.name}: {(len(frames) - episodes) * between:.1f} s, {episodes} episode{'s' * (episodes > 1)}"
    arrays = {"frames": np.stack(frames)}
    replay = Replay(kind="frames", title=title, seconds_per_frame=between, arrays=arrays)
    keep_replay(run, name, replay)
    return replay


def _pictures(env: gymnasium.Env, agent: ModelPredict, held: int, seed: int) -> Iterator[np.ndarray]:
    """The pictures of one episode in which each action is held for so many of the env's steps."""
    observation, _ = env.reset(seed=seed)
    agent.ended(np.ones(1, bool))
    while True:
        action = agent(observation[None])[0]
        for _ in range(held):
            yield _picture(env)
            observation, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                yield _picture(env)
                return


def _picture(env: gymnasium.Env) -> np.ndarray:
    return np.asarray(Image.fromarray(env.render()).resize(FILM_SIZE, Image.Resampling.LANCZOS))
