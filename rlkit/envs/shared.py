"""Any Gymnasium env as a VecEnv in worker processes: several rows per worker, arrays in shared memory."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices, VecEnvObs, VecEnvStepReturn
from stable_baselines3.common.vec_env.util import dict_to_obs, obs_space_info

from rlkit.envs.actions import fit_actions
from rlkit.envs.crew import Crew, share, views
from rlkit.envs.episodes import Episodes
from rlkit.envs.gym_rows import Build, GymRows, Infos
from rlkit.errors import EnvError


class SharedVecEnv(VecEnv):
    """`n_envs` envs of `build` in `n_workers` processes; what comes out equals a DummyVecEnv of them in Monitors.

    build: a picklable function without arguments that returns a gymnasium.Env. It is called once in this process too,
    for the spaces. seed: seeds the envs' action spaces, as stable-baselines3's make_vec_env does; `env.seed` seeds the
    envs. Monitor's work is done here. A worker that raises, dies or gives no answer for `step_timeout` seconds is a
    WorkerError that names it and its rows. After a death or a silence only `close` is left. EnvError for spaces that do
    not lie in arrays.
    """

    def __init__(
        self, build: Build, n_envs: int, n_workers: int, seed: int | None = None, step_timeout: float = 60.0
    ) -> None:
        if not 1 <= n_workers <= n_envs:
            raise EnvError(
                f"n_workers={n_workers} cannot share {n_envs} rows, at least one each. Use 1 to {n_envs}. "
                "Leave it out to have it chosen."
            )
        sample = build()
        sample.close()
        observation_space, action_space = sample.observation_space, sample.action_space
        shared, observations = _shared_arrays(n_envs, observation_space, action_space)
        arrays = views(shared)
        self._actions, self._rewards, self._dones = (arrays[name] for name in ("actions", "rewards", "dones"))
        self._observations = views(observations)
        self._episodes = Episodes(n_envs)
        self._crew = Crew(step_timeout)
        self._crew.rows = [slice(n_envs * k // n_workers, n_envs * (k + 1) // n_workers) for k in range(n_workers)]
        self._crew.start(GymRows, [(build, rows, seed, shared, observations) for rows in self._crew.rows])
        super().__init__(n_envs, observation_space, action_space)
        self.metadata = sample.metadata
        self.action_space.seed(seed)

    def reset(self) -> VecEnvObs:
        """First observations of new episodes, (n_envs, ...), under the last `seed` and `set_options`."""
        parts = [(self._seeds[rows], self._options[rows]) for rows in self._crew.rows]
        for infos in self._crew.ask_each("reset", parts):
            self._keep_reset_infos(infos)
        self._reset_seeds()
        self._reset_options()
        self._episodes.restart()
        return self._copy_observations()

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions, (n_envs, ...), for `step_wait`; EnvError when their shape is wrong."""
        self._actions[...] = fit_actions(actions, self.num_envs, self.action_space)

    def step_wait(self) -> VecEnvStepReturn:
        """Observations, rewards float32, dones bool, infos; rows that ended already stand in their next episode."""
        infos: list[dict[str, Any]] = [{"TimeLimit.truncated": False} for _ in range(self.num_envs)]
        for some_infos, reset_infos in self._crew.ask("step"):
            for row, info in some_infos.items():
                infos[row].update(info)
            self._keep_reset_infos(reset_infos)
        self._episodes.count(self._rewards, self._dones, infos)
        return self._copy_observations(), self._rewards.astype(np.float32), self._dones.copy(), infos

    def close(self) -> None:
        """Stop the workers, whose envs close; calling it twice is fine."""
        self._crew.stop()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """A picture of each row, as its env renders it; Nones when the render_mode is not "rgb_array"."""
        return self.env_method("render") if self.render_mode == "rgb_array" else [None] * self.num_envs

    def has_attr(self, attr_name: str) -> bool:
        """Whether every env has the attribute."""
        return all(self._crew.ask("has", attr_name, range(self.num_envs)))

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of each env; AttributeError when one has none of that name."""
        if not all(self._crew.ask("has", attr_name, list(self._get_indices(indices)))):
            raise AttributeError(f"the envs in the workers have no attribute '{attr_name}'")
        return self._gather(indices, "get", attr_name)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of each env's outermost wrapper."""
        self._crew.ask("set", attr_name, value, list(self._get_indices(indices)))

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """What a method returns, for each env."""
        return self._gather(indices, "call", method_name, method_args, method_kwargs)

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Whether the wrapper is around each env; True for Monitor, whose work is done here."""
        if issubclass(Monitor, wrapper_class):
            return [True for _ in self._get_indices(indices)]
        return self._gather(indices, "wrapped", wrapper_class)

    def _gather(self, indices: VecEnvIndices, method: str, *arguments: Any) -> list[Any]:
        """What a method of GymRows returns by row, in the order of `indices`."""
        rows = list(self._get_indices(indices))
        found = {row: value for part in self._crew.ask(method, *arguments, rows) for row, value in part.items()}
        return [found[row] for row in rows]

    def _keep_reset_infos(self, infos: Infos) -> None:
        for row, info in infos.items():
            self.reset_infos[row] = info

    def _copy_observations(self) -> VecEnvObs:
        return dict_to_obs(self.observation_space, deepcopy(self._observations))


def _shared_arrays(n_envs: int, observation_space: gymnasium.Space, action_space: gymnasium.Space) -> tuple:
    """Shared memory for one step of all rows, and for their observations by key."""
    keys, shapes, dtypes = obs_space_info(observation_space)
    if action_space.shape is None or any(shapes[key] is None for key in keys):
        raise EnvError(
            f"observations {observation_space} and actions {action_space} do not all lie in arrays of a fixed shape, "
            "as shared memory needs. Use vec_env='dummy', or wrap the env so that they do."
        )
    arrays = {
        "actions": np.zeros((n_envs, *action_space.shape), action_space.dtype),
        "rewards": np.zeros(n_envs),  # float64, so that an episode's sum is Monitor's
        "dones": np.zeros(n_envs, bool),
    }
    return share(arrays), share({key: np.zeros((n_envs, *shapes[key]), dtypes[key]) for key in keys})
