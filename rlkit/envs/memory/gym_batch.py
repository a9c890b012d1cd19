"""Gymnasium envs as a Batch, so that what is built on a Batch takes any Gymnasium id as well."""

from typing import Any

import gymnasium
import numpy as np

from rlkit.envs.batch import Batch
from rlkit.envs.gym_rows import make_env
from rlkit.errors import EnvError, did_you_mean
from rlkit.seeding import stream

DEFAULT_FPS = 30  # pictures per second of an env that does not tell


class GymBatch(Batch):
    """One env of a Gymnasium id per row, stepped one after the other; `env_kwargs` go to `gymnasium.make`.

    Rewards are one term, "reward". EnvError for an unknown id, and for observations that are not a row of numbers.
    """

    def __init__(self, n_envs: int = 1, part: tuple[int, int] = (0, 1), *, env_id: str, **env_kwargs: Any) -> None:
        self._first, last = (n_envs * k // part[1] for k in (part[0], part[0] + 1))
        self._envs = [_make(env_id, env_kwargs) for _ in range(self._first, last)]
        one = self._envs[0]
        space = one.observation_space
        if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
            raise EnvError(f"{env_id} observes {space}; this takes a Box of one dimension, such as CartPole-v1's.")
        super().__init__(len(self._envs), space, one.action_space)
        self.render_fps = one.metadata.get("render_fps") or DEFAULT_FPS
        self.config = dict(env_kwargs)
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Let the next reset of each row seed its env, by the seed and by the row's place in the whole."""
        places = range(self._first, self._first + self.n_envs)
        self._seeds: list[int | None] = [int(stream(seed, place).integers(2**31)) for place in places]

    def reset(self, rows: np.ndarray | None = None) -> None:
        """Start new episodes in the rows of a bool mask (n_envs,), by default in all; fills `observations`."""
        for row in range(self.n_envs) if rows is None else np.flatnonzero(rows).tolist():
            self.observations[row], _ = self._envs[row].reset(seed=self._seeds[row])
            self._seeds[row] = None

    def step(self, actions: np.ndarray) -> None:
        """One step of every row, without any reset; a step after an episode's end is left to the env."""
        for row, env in enumerate(self._envs):
            outcome = env.step(actions[row])
            self.observations[row], self.rewards[row], self.terminated[row], self.truncated[row], _ = outcome
        self.terms[:, 0] = self.rewards

    def render(self) -> np.ndarray:
        """Row 0 as an image, uint8 (height, width, 3)."""
        return np.asarray(self._envs[0].render())

    def close(self) -> None:
        """Close the envs; calling it twice is fine."""
        for env in self._envs:
            env.close()


def _make(env_id: str, env_kwargs: dict[str, Any]) -> gymnasium.Env:
    """The env, without Gymnasium's own checks, which cost more than a step of a small one."""
    try:
        return make_env(gymnasium.spec(env_id), disable_env_checker=True, **env_kwargs)
    except gymnasium.error.UnregisteredEnv as error:
        raise EnvError(f"Unknown env '{env_id}'. {did_you_mean(env_id, gymnasium.registry)}") from error
    except TypeError as error:
        raise EnvError(f"{env_id} cannot be made with {env_kwargs}: {error}") from error
