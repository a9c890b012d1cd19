"""Evaluation on an env whose right answer is known: row quotas, Monitor's word, seeds, recurrent state."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from rlkit.diagnostics.evaluation import ModelPredict, evaluate_episodes
from rlkit.errors import ParamsError


class Countdown(gymnasium.Env):
    """Episodes of `length` steps that pay 2 a step; observes the step and a draw made at reset."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, length: int, succeeds: bool | None = None) -> None:
        self.length, self.succeeds = length, succeeds

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.steps, self.draw = 0, self.np_random.random()
        return self._observe(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.steps += 1
        info = {} if self.succeeds is None else {"is_success": self.succeeds}
        return self._observe(), 2.0 * self.draw if action else 2.0, self.steps == self.length, False, info

    def _observe(self) -> np.ndarray:
        return np.array([self.steps, self.draw], np.float32)


def ones(observations: np.ndarray) -> np.ndarray:
    return np.ones(len(observations), int)


def zeros(observations: np.ndarray) -> np.ndarray:
    return np.zeros(len(observations), int)


def vec(*lengths: int, **kwargs: Any) -> DummyVecEnv:
    return DummyVecEnv([lambda n=n: Countdown(n, **kwargs) for n in lengths])


def test_short_episodes_are_not_counted_more_often() -> None:
    """Rows of 2 and 20 steps play 5 each; the first ten to finish would all be short ones."""
    played = evaluate_episodes(vec(2, 20), zeros, episodes=10)
    assert sorted(played["length"]) == [2] * 5 + [20] * 5
    assert (played["return"] == 2.0 * played["length"]).all()
    assert "success" not in played


def test_an_uneven_quota_still_adds_up() -> None:
    assert len(evaluate_episodes(vec(3, 3, 3), zeros, episodes=7)) == 7
    assert len(evaluate_episodes(vec(3, 3, 3), zeros, episodes=1)) == 1


def test_success_is_read_from_the_infos() -> None:
    assert evaluate_episodes(vec(3, succeeds=True), zeros, episodes=2)["success"].tolist() == [True, True]


def test_monitor_has_the_last_word_on_rewards() -> None:
    """Under VecNormalize the step rewards are scaled; the Monitor inside kept the real ones."""
    env = VecNormalize(DummyVecEnv([lambda: Monitor(Countdown(4))]), training=False)
    env.ret_rms.var = np.array(100.0)
    assert evaluate_episodes(env, zeros, episodes=3)["return"].tolist() == [8.0] * 3


class Lives(gymnasium.Wrapper):
    """Ends every second step, as Atari's life wrapper does at a lost life, while the game inside goes on."""

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        observation, reward, self.over, truncated, info = self.env.step(action)
        return observation, reward, self.over or self.unwrapped.steps % 2 == 0, truncated, info

    def reset(self, **kwargs: Any) -> tuple[np.ndarray, dict]:
        if getattr(self, "over", True):
            return self.env.reset(**kwargs)
        return np.zeros(2, np.float32), {}


def test_monitor_has_the_last_word_on_episode_ends() -> None:
    played = evaluate_episodes(DummyVecEnv([lambda: Lives(Monitor(Countdown(6)))]), zeros, episodes=3)
    assert played["length"].tolist() == [6] * 3


def test_a_seed_decides_the_numbers() -> None:
    tables = [evaluate_episodes(vec(3, 5), ones, episodes=6, seed=seed) for seed in (1, 1, 2)]
    assert tables[0].equals(tables[1])
    assert not tables[0].equals(tables[2])


class Remembers:
    """A stand-in for a recurrent policy: its state counts the steps since an episode start."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def predict(
        self, observation: np.ndarray, state: np.ndarray | None, episode_start: np.ndarray | None, deterministic: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        state = np.zeros(len(observation), int) if state is None else state
        state = state if episode_start is None else np.where(episode_start, 0, state)
        self.seen.append([*state, *observation[:, 0].astype(int)])
        return zeros(observation), state + 1


def test_recurrent_state_restarts_with_each_episode() -> None:
    predict = ModelPredict(Remembers())
    for env in (vec(2, 3), vec(4, 2, 3)):
        evaluate_episodes(env, predict, episodes=5)
    assert len(predict.model.seen) > 10
    assert all(seen[: len(seen) // 2] == seen[len(seen) // 2 :] for seen in predict.model.seen)


def test_no_episodes_is_an_error() -> None:
    with pytest.raises(ParamsError, match="at least 1"):
        evaluate_episodes(vec(2), zeros, episodes=0)
