"""The two envs of the PPO benchmark that cost next to nothing, so that the trainer is what is measured."""

from typing import Any

import gymnasium
import numba
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from rlkit.envs.batch import Batch

N_OBSERVED, N_CHOICES = 65, 5  # Synth65: floats in an observation, actions

GRAVITY, MASS_CART, MASS_POLE, HALF_POLE, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02  # Gymnasium's, in SI units
X_LIMIT, ANGLE_LIMIT, STEP_LIMIT = 2.4, 12 * 2 * np.pi / 360, 500  # m, rad, steps


class Synth65(VecEnv):
    """Rows of a bank of random observations, random rewards, an end every 200 steps of a row; as cheap as can be."""

    def __init__(self, n_envs: int) -> None:
        box = spaces.Box(-np.inf, np.inf, (N_OBSERVED,), np.float32)
        super().__init__(n_envs, box, spaces.Discrete(N_CHOICES))
        random = np.random.default_rng(0)
        self._bank = random.standard_normal((4096 + n_envs, N_OBSERVED), np.float32)
        self._rewards = random.standard_normal(4096 + n_envs, np.float32)
        self._phase, self._step = np.arange(n_envs) * 37, 0
        self._infos: list[dict[str, Any]] = [{} for _ in range(n_envs)]

    def reset(self) -> np.ndarray:
        return self._bank[: self.num_envs].copy()

    def step_async(self, actions: np.ndarray) -> None:
        self._step += 1

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        at = self._step * 61 % 4096
        rows = slice(at, at + self.num_envs)
        dones = (self._phase + self._step) % 200 == 0
        return self._bank[rows].copy(), self._rewards[rows].copy(), dones, self._infos

    def close(self) -> None:
        pass

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [None for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        pass

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        return [None for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: Any = None) -> list[bool]:
        return [False for _ in self._get_indices(indices)]


class NativeCartPole(Batch):
    """CartPole-v1 for many rows: gymnasium/envs/classic_control/cartpole.py in a numba loop."""

    def __init__(self, n_envs: int) -> None:
        high = np.array([2 * X_LIMIT, np.inf, 2 * ANGLE_LIMIT, np.inf], np.float32)
        super().__init__(n_envs, spaces.Box(-high, high, dtype=np.float32), spaces.Discrete(2))
        self.config: dict[str, Any] = {}
        self._state, self._steps = np.zeros((n_envs, 4)), np.zeros(n_envs, np.int64)

    def seed(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def reset(self, rows: np.ndarray | None = None) -> None:
        rows = np.ones(self.n_envs, bool) if rows is None else rows
        self._state[rows] = self._random.uniform(-0.05, 0.05, (int(rows.sum()), 4))
        self._steps[rows] = 0
        self.observations[:] = self._state

    def step(self, actions: np.ndarray) -> None:
        cartpole(self._state, self._steps, actions, self.observations, self.terminated, self.truncated)
        self.rewards[:] = self.terms[:, 0] = 1.0


@numba.njit(cache=True)
def cartpole(state, steps, actions, observations, terminated, truncated):
    """One step of every row, by explicit Euler."""
    for i in range(len(state)):
        x, speed, angle, spin = state[i]
        force = FORCE if actions[i] == 1 else -FORCE
        sine, cosine, mass = np.sin(angle), np.cos(angle), MASS_CART + MASS_POLE
        push = (force + MASS_POLE * HALF_POLE * spin**2 * sine) / mass
        spin_up = (GRAVITY * sine - cosine * push) / (HALF_POLE * (4 / 3 - MASS_POLE * cosine**2 / mass))
        speed_up = push - MASS_POLE * HALF_POLE * spin_up * cosine / mass
        state[i, 0], state[i, 1] = x + SECONDS * speed, speed + SECONDS * speed_up
        state[i, 2], state[i, 3] = angle + SECONDS * spin, spin + SECONDS * spin_up
        observations[i] = state[i]
        steps[i] += 1
        terminated[i] = abs(state[i, 0]) > X_LIMIT or abs(state[i, 2]) > ANGLE_LIMIT
        truncated[i] = steps[i] >= STEP_LIMIT
