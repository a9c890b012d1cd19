"""One episode of any environment that draws itself, as a replay with what the agent thought beside the pictures."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from PIL import Image

from rlkit.diagnostics.evaluation import ModelPredict
from rlkit.diagnostics.notes import Notes
from rlkit.diagnostics.replay import Replay

MAX_FRAMES = 501  # of a film: 10 s of CartPole and its end; a longer episode is cut off
MAX_PIXELS = 400  # longer side of a picture


def film_episode(
    env: gymnasium.Env, agent: ModelPredict, title: str, seed: int, action_names: Sequence[str] = (), held: int = 1
) -> Replay:
    """A replay of one episode from reset(seed) on; its number of steps is added to the title.

    env: made with render_mode="rgb_array"; its info["reward_terms"] is recorded, else the reward. held: steps of the
    env that each action is repeated. At most MAX_FRAMES pictures, made smaller until no side is over MAX_PIXELS.
    """
    notes = Notes(agent, action_names)
    observation, _ = env.reset(seed=seed)
    agent.ended(np.ones(1, bool))
    frames, over = [_picture(env)], False
    while not over and len(frames) < MAX_FRAMES:
        action = agent(_batch_of_one(observation))[0]
        notes.decide(observation, action)
        for _ in range(held):
            observation, reward, terminated, truncated, info = env.step(action)
            notes.earn(info.get("reward_terms", {"reward": float(reward)}))
            frames.append(_picture(env))
            over = terminated or truncated
            if over or len(frames) == MAX_FRAMES:
                break
    arrays, names = notes.series()
    return Replay(
        kind="frames",
        title=f"{title}, {len(frames) - 1} steps",
        seconds_per_frame=1 / env.metadata.get("render_fps", 30),
        arrays={"frames": np.stack(frames)} | arrays,
        meta={"series_names": names},
    )


def _picture(env: gymnasium.Env) -> np.ndarray:
    picture = Image.fromarray(env.render())
    picture.thumbnail((MAX_PIXELS, MAX_PIXELS), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _batch_of_one(observation: Any) -> Any:
    """The observation as a VecEnv of one row would return it."""
    if isinstance(observation, dict):
        return {name: np.asarray(value)[None] for name, value in observation.items()}
    return np.asarray(observation)[None]
