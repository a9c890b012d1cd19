"""A Batch as a stable-baselines3 VecEnv: auto-reset made visible, episodes counted, copies handed out."""

import time
from collections.abc import Sequence
from operator import attrgetter, methodcaller
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices, VecEnvStepReturn

from rlkit.envs.actions import fit_actions
from rlkit.envs.batch import Batch
from rlkit.errors import EnvError


class BatchVecEnv(VecEnv):
    """The VecEnv of a Batch: each row is one env, and Monitor's work is done here as well.

    The info of a row that ended holds what SB3 reads there: `terminal_observation`, `TimeLimit.truncated` and
    Monitor's `episode` ("r" return, "l" length, "t" seconds since the env was made), plus `reward_terms`, the sum of
    each reward term over the episode, and `is_success` where the problem tells it. The other infos are empty. Arrays
    handed out are the caller's to keep.
    `batch` is the problem itself, for trainers that read its arrays without copies or info dicts.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.render_mode = "rgb_array" if batch.apply(methodcaller("has_picture"))[0] else None
        self._success = batch.apply(attrgetter("success"))[0]  # of the problem itself, which workers may hold
        super().__init__(batch.n_envs, batch.observation_space, batch.action_space)
        self.metadata["render_fps"] = batch.render_fps  # what SB3's VecVideoRecorder reads
        self._terms = np.zeros((batch.n_envs, len(batch.reward_terms)))  # float64: sums of thousands of steps
        self._lengths = np.zeros(batch.n_envs, np.int64)
        self._started_at = time.monotonic()
        self._seeded = self._running = self._closed = False

    def reset(self) -> np.ndarray:
        """First observations of new episodes, (n_envs, ...); takes up the last `seed`, at first a random one."""
        if self._seeds[0] is None and not self._seeded:
            self.seed()
        if self._seeds[0] is not None:
            self.batch.seed(self._seeds[0])
            self._reset_seeds()
        self.batch.reset()
        self._terms[:], self._lengths[:] = 0, 0
        self._seeded = self._running = True
        return self.batch.observations.copy()

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions, (n_envs, ...), for `step_wait`; EnvError when their shape is wrong or before `reset`."""
        if not self._running:
            raise EnvError("step before reset: there is no episode to step in. Call env.reset() first.")
        self._actions = fit_actions(actions, self.num_envs, self.action_space)

    def step_wait(self) -> VecEnvStepReturn:
        """Observations, rewards float32, dones bool, infos; rows that ended already stand in their next episode."""
        batch = self.batch
        batch.advance(self._actions)
        self._terms += batch.terms
        self._lengths += 1
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        rows = np.flatnonzero(batch.ended)
        if len(rows):
            self._end_episodes(rows, infos)
        return batch.observations.copy(), batch.rewards.copy(), batch.ended.copy(), infos

    def _end_episodes(self, rows: np.ndarray, infos: list[dict[str, Any]]) -> None:
        """Fill the infos of the rows that ended and start their sums again."""
        batch, seconds = self.batch, round(time.monotonic() - self._started_at, 6)
        last_observations = batch.terminal_observations[rows]
        truncated = batch.truncated[rows] & ~batch.terminated[rows]
        sums = self._terms[rows]
        for k, row in enumerate(rows.tolist()):
            infos[row]["terminal_observation"] = last_observations[k]
            infos[row]["TimeLimit.truncated"] = bool(truncated[k])
            infos[row]["reward_terms"] = dict(zip(batch.reward_terms, sums[k].tolist(), strict=True))
            length = int(self._lengths[row])
            if self._success:
                infos[row]["is_success"] = bool(truncated[k] == (self._success == "truncated"))
            infos[row]["episode"] = {"r": round(float(sums[k].sum()), 6), "l": length, "t": seconds}
        self._terms[rows], self._lengths[rows] = 0, 0

    def close(self) -> None:
        """Free the batch; calling it twice is fine."""
        if not self._closed:
            self._closed, self._running = True, False
            self.batch.close()

    def set_options(self, options: list[dict[str, Any]] | dict[str, Any] | None = None) -> None:
        """Refuse options, which no Batch reads: EnvError unless empty."""
        if options:
            raise EnvError(f"reset options {options} would be ignored. Give the task's arguments to make_vec_env.")

    def get_images(self) -> Sequence[np.ndarray | None]:
        """[picture of row 0], uint8 (height, width, 3); the other rows are not drawn."""
        return [self.batch.render()]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of the problem, once per row; AttributeError when it has none of that name."""
        if attr_name == "render_mode":
            return [self.render_mode for _ in self._get_indices(indices)]
        return self._select(self.batch.apply(attrgetter(attr_name)), indices)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the problem; it belongs to all rows at once, so `indices` is not looked at."""
        self.batch.apply(methodcaller("__setattr__", attr_name, value))

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list:
        """Call a method of the problem once in each process; the result stands for every row there."""
        return self._select(self.batch.apply(methodcaller(method_name, *method_args, **method_kwargs)), indices)

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """True for Monitor, whose work is done here (so that SB3 does not wrap the env in one more), else False."""
        return [issubclass(Monitor, wrapper_class) for _ in self._get_indices(indices)]

    def _select(self, values: list[Any], indices: VecEnvIndices) -> list[Any]:
        return [values[row] for row in self._get_indices(indices)]
