"""Played episodes of a policy as a table, one row each, without favouring the short ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, is_vecenv_wrapped

from rlkit.errors import ParamsError

Predict = Callable[[Any], np.ndarray]


class ModelPredict:
    """`predict(observations) -> actions` from an SB3 model or policy, carrying the state of a recurrent one.

    `ended(dones)` tells which rows start a new episode, so that their state is cleared; `evaluate_episodes` calls it.
    """

    def __init__(self, model: Any, deterministic: bool = True) -> None:
        self.model, self.deterministic = model, deterministic
        self._state: Any = None
        self._episode_start: np.ndarray | None = None

    def __call__(self, observations: Any) -> np.ndarray:
        """Actions (n_envs, ...) for observations as the VecEnv returns them."""
        actions, self._state = self.model.predict(
            observations, state=self._state, episode_start=self._episode_start, deterministic=self.deterministic
        )
        return actions

    def ended(self, dones: np.ndarray) -> None:
        """Take note of the rows, bool (n_envs,), whose next observation starts an episode."""
        self._episode_start = dones
        if dones.all():
            self._state = None  # and so may a next evaluation have another n_envs


def evaluate_episodes(env: VecEnv, predict: Predict, episodes: int = 100, seed: int = 0) -> pd.DataFrame:
    """One row per episode: `return` (undiscounted), `length` (steps) and, where infos have it, `success` (bool).

    Each VecEnv row plays a quota fixed beforehand, as in SB3's `evaluate_policy`: taking the first episodes to finish
    would count short ones too often (github.com/DLR-RM/stable-baselines3/issues/402). Under a Monitor its unscaled
    `info["episode"]` counts and only that ends an episode; else the rewards are summed here. Same env seed, same
    policy, same table. `predict` may have an `ended(dones)` method, see ModelPredict. ParamsError below one episode.
    """
    if episodes < 1:
        raise ParamsError(f"episodes={episodes} leaves nothing to measure; ask for at least 1.")
    quota = (episodes + np.arange(env.num_envs)) // env.num_envs
    monitored = is_vecenv_wrapped(env, VecMonitor) or env.env_is_wrapped(Monitor)[0]
    tell_ended = getattr(predict, "ended", lambda dones: None)
    returns, lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, int)
    played: list[dict[str, Any]] = []
    env.seed(seed)
    observations = env.reset()
    tell_ended(np.ones(env.num_envs, bool))
    while (quota > 0).any():
        observations, rewards, dones, infos = env.step(predict(observations))
        returns += rewards
        lengths += 1
        for row in np.flatnonzero(dones & (quota > 0)):
            if not monitored or "episode" in infos[row]:
                played.append(_episode(infos[row], returns[row], lengths[row]))
                quota[row] -= 1
        returns[dones] = lengths[dones] = 0
        tell_ended(dones)
    return pd.DataFrame(played)


def _episode(info: dict[str, Any], total: float, length: int) -> dict[str, Any]:
    """The table row of an ended episode: Monitor's figures where there are some, else the sums made here."""
    monitor = info.get("episode", {"r": total, "l": length})
    row = {"return": float(monitor["r"]), "length": int(monitor["l"])}
    return row | ({"success": bool(info["is_success"])} if "is_success" in info else {})
