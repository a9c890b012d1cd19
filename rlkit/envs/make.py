"""`make_vec_env`: the one door from an id to a VecEnv."""

import os
from importlib import import_module
from typing import Any

import gymnasium
import psutil
from gymnasium.envs.registration import load_env_creator
from stable_baselines3.common import env_util
from stable_baselines3.common.vec_env import VecEnv

from rlkit.envs.batch import Batch
from rlkit.envs.registry import ENVS, check_keywords, load_problem
from rlkit.envs.vec import BatchVecEnv
from rlkit.envs.workers import WorkerBatch, importable
from rlkit.errors import EnvError, did_you_mean


def make_vec_env(
    id: str | type[Batch], n_envs: int = 1, seed: int | None = None, n_workers: int | None = None, **env_kwargs: Any
) -> VecEnv:
    """A VecEnv of `n_envs` rows, seeded for its first reset.

    id: an id of ENVS, any Gymnasium id (these run as SB3's DummyVecEnv with Monitor), or a Batch class.
    n_workers: processes that step the rows, this one among them; by default as many as the usable cores and
    the rows repay. EnvError for an unknown id or argument, naming the close or accepted ones.
    """
    if n_envs < 1 or (n_workers is not None and n_workers < 1):
        raise EnvError(f"n_envs={n_envs} and n_workers={n_workers} must be at least 1.")
    if isinstance(id, str) and id not in ENVS:
        return _make_gymnasium(id, n_envs, seed, n_workers, env_kwargs)
    problem = load_problem(ENVS[id]) if isinstance(id, str) else id
    check_keywords(id if isinstance(id, str) else id.__name__, problem, env_kwargs)
    if n_workers is None:
        n_workers = default_workers(n_envs, problem)
    batch = problem(n_envs, **env_kwargs) if n_workers == 1 else WorkerBatch(problem, n_envs, n_workers, **env_kwargs)
    env = BatchVecEnv(batch)
    env.seed(seed)
    return env


def _make_gymnasium(id: str, n_envs: int, seed: int | None, n_workers: int | None, env_kwargs: dict) -> VecEnv:
    """SB3's DummyVecEnv of a Gymnasium id, every env in a Monitor; "module:Id" imports the module first."""
    module, colon, name = id.rpartition(":")
    try:
        if colon:
            import_module(module)
        spec = gymnasium.spec(name)
    except ImportError as error:
        raise EnvError(f"Unknown env '{id}': {error}. The part before the colon is a module to import.") from error
    except gymnasium.error.Error as error:
        hint = did_you_mean(name, {*ENVS, *gymnasium.registry})
        raise EnvError(f"Unknown env '{id}'. {hint} An env of your own is named module:Id.") from error
    if n_workers is not None and n_workers > 1:
        raise EnvError(f"n_workers={n_workers} is for rlkit's problems; '{id}' runs in this process. Leave it out.")
    if spec.entry_point is not None:
        build = load_env_creator(spec.entry_point) if isinstance(spec.entry_point, str) else spec.entry_point
        check_keywords(id, build, env_kwargs, known=("max_episode_steps", "disable_env_checker"))
    return env_util.make_vec_env(id, n_envs, seed, env_kwargs=env_kwargs)


def default_workers(n_envs: int, problem: type[Batch]) -> int:
    """Processes that pay for `n_envs` rows: one per usable core, each with at least the problem's rows_per_worker."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(usable, psutil.cpu_count(logical=False) or usable) if importable(problem) else 1
    return max(1, min(cores, n_envs // problem.rows_per_worker))
