"""Gymnasium envs as rows: how one is built, and the part of a SharedVecEnv that lives in a worker.

Workers import this file and not stable-baselines3, whose torch would cost each of them a second and 120 MB.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, load_env_creator

from rlkit.envs.crew import Shared, views
from rlkit.envs.repeat import ActionRepeat

if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # or SDL complains of the missing screen at the first picture

Build = Callable[[], gymnasium.Env[Any, Any]]  # picklable, as a worker is sent it
Infos = dict[int, dict[str, Any]]  # row -> info


def make_env(spec: EnvSpec, action_repeat: int = 1, **env_kwargs: Any) -> gymnasium.Env[Any, Any]:
    """The env of a Gymnasium spec, with render_mode "rgb_array" where it takes one and none is given."""
    creator = load_env_creator(spec.entry_point) if isinstance(spec.entry_point, str) else spec.entry_point
    modes = getattr(creator, "metadata", {}).get("render_modes", ["rgb_array"])
    picture = {"render_mode": "rgb_array"} if "rgb_array" in modes else {}
    try:
        env = gymnasium.make(spec, **picture | env_kwargs)
    except TypeError:  # a function that takes no render_mode; another cause comes up again
        env = gymnasium.make(spec, **env_kwargs)
    return ActionRepeat(env, action_repeat) if action_repeat > 1 else env


class GymRows:
    """The envs of `rows`, stepped with the shared `actions` and leaving what comes out in shared memory.

    Rows are named by their number in the whole VecEnv. Infos are returned, because they can be anything.
    """

    def __init__(
        self, build: Build, rows: slice, action_seed: int | None, shared: Shared, observations: Shared
    ) -> None:
        """`observations` are told apart by key: None, or one per subspace of a Dict or Tuple space."""
        self._envs = {row: build() for row in range(rows.start, rows.stop)}
        arrays = views(shared)
        self._actions, self._rewards, self._dones = arrays["actions"][rows], arrays["rewards"], arrays["dones"]
        self._observations = views(observations)
        if action_seed is not None:
            for row, env in self._envs.items():
                env.action_space.seed(action_seed + row)

    def step(self) -> tuple[Infos, Infos]:
        """Infos of the rows that have any, and reset infos of the rows that ended and began anew."""
        infos: Infos = {}
        reset_infos: Infos = {}
        actions = self._actions.copy()  # an env may keep its action
        for (row, env), action in zip(self._envs.items(), actions, strict=True):
            try:
                observation, reward, terminated, truncated, info = env.step(action)
                self._rewards[row], self._dones[row] = reward, terminated or truncated
                if terminated or truncated:
                    ending = {"TimeLimit.truncated": bool(truncated and not terminated)}
                    info = {**info, **ending, "terminal_observation": observation}
                    observation, reset_infos[row] = env.reset()
                if info:
                    infos[row] = info
                self._store(row, observation)
            except Exception as error:
                error.add_note(f"This was the step of row {row} with action {action}.")
                raise
        return infos, reset_infos

    def reset(self, seeds: Sequence[int | None], options: Sequence[dict[str, Any]]) -> Infos:
        """Reset infos of all rows, which start new episodes; one seed and one options per row."""
        infos: Infos = {}
        for (row, env), seed, option in zip(self._envs.items(), seeds, options, strict=True):
            observation, infos[row] = env.reset(seed=seed, **({"options": option} if option else {}))
            self._store(row, observation)
        return infos

    def has(self, name: str, rows: Sequence[int]) -> bool:
        """Whether the envs of `rows` have an attribute."""
        return all(self._envs[row].has_wrapper_attr(name) for row in rows if row in self._envs)

    def get(self, name: str, rows: Sequence[int]) -> dict[int, Any]:
        """An attribute of the envs of `rows` that live here."""
        return {row: self._envs[row].get_wrapper_attr(name) for row in rows if row in self._envs}

    def set(self, name: str, value: Any, rows: Sequence[int]) -> None:
        """Set an attribute of the outermost wrapper, as SB3 does, in the envs of `rows` that live here."""
        for row in rows:
            if row in self._envs:
                setattr(self._envs[row], name, value)

    def call(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any], rows: Sequence[int]) -> dict:
        """What a method returns, for the envs of `rows` that live here."""
        return {row: method(*arguments, **keywords) for row, method in self.get(name, rows).items()}

    def wrapped(self, wrapper: type[gymnasium.Wrapper], rows: Sequence[int]) -> dict[int, bool]:
        """Whether `wrapper` is around the env, for the envs of `rows` that live here."""
        return {row: _is_wrapped(self._envs[row], wrapper) for row in rows if row in self._envs}

    def close(self) -> None:
        """Close the envs."""
        for env in self._envs.values():
            env.close()

    def _store(self, row: int, observation: Any) -> None:
        for key, array in self._observations.items():
            array[row] = observation if key is None else observation[key]


def _is_wrapped(env: gymnasium.Env[Any, Any], wrapper: type[gymnasium.Wrapper]) -> bool:
    while isinstance(env, gymnasium.Wrapper):
        if isinstance(env, wrapper):
            return True
        env = env.env
    return False
