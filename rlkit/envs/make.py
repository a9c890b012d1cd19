"""`make_vec_env`: the one door from an id to a VecEnv."""

import inspect
import logging
from functools import partial
from importlib import import_module
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, load_env_creator
from stable_baselines3.common import env_util
from stable_baselines3.common.vec_env import VecEnv

from rlkit.envs.batch import Batch
from rlkit.envs.choice import Choice, choose, default_workers, usable_cores
from rlkit.envs.gym_rows import make_env
from rlkit.envs.registry import ENVS, check_keywords, load_problem
from rlkit.envs.remote import RemoteVecEnv
from rlkit.envs.repeat import RepeatedBatch
from rlkit.envs.shared import SharedVecEnv
from rlkit.envs.vec import BatchVecEnv
from rlkit.envs.workers import WorkerBatch, require_importable
from rlkit.errors import EnvError, did_you_mean

VEC_ENVS = ("auto", "dummy", "subproc", "native")
_log = logging.getLogger(__name__)


def make_vec_env(
    id: str | type[Batch],
    n_envs: int = 1,
    seed: int | None = None,
    n_workers: int | None = None,
    vec_env: str = "auto",
    action_repeat: int | None = None,
    **env_kwargs: Any,
) -> VecEnv:
    """A VecEnv of `n_envs` rows, seeded for its first reset; `env.choice` says what steps it and why.

    id: an id of ENVS, any Gymnasium id, a Batch class, or the address of a served env ("tcp://127.0.0.1:5555").
    n_workers: processes that step the rows; by default as many as the usable cores and the rows repay.
    vec_env: "dummy" (a Gymnasium env in this process), "subproc" (in workers; SharedVecEnv), "native" (a Batch), or
    "auto": native for a Batch; for a Gymnasium id a few steps are timed, and workers taken where they clearly pay. The
    same seed gives the same trajectories with any of them.
    action_repeat: steps that each action is held, rewards summed; by default 1, or what a problem with this argument
    of its own has for it.
    EnvError for an unknown id or argument, naming the close or accepted ones.
    """
    if min(n_envs, *(1 if number is None else number for number in (n_workers, action_repeat))) < 1:
        raise EnvError(f"n_envs={n_envs}, n_workers={n_workers} and action_repeat={action_repeat} must be at least 1.")
    if vec_env not in VEC_ENVS:
        raise EnvError(f"vec_env='{vec_env}' is unknown. {did_you_mean(vec_env, VEC_ENVS)}")
    if isinstance(id, str) and "://" in id:
        env = _connect(id, n_envs, n_workers, vec_env, action_repeat, env_kwargs)
    elif isinstance(id, str) and id not in ENVS:
        env = _make_gymnasium(id, n_envs, seed, n_workers, vec_env, action_repeat, env_kwargs)
    else:
        env = _make_native(id, n_envs, n_workers, vec_env, action_repeat, env_kwargs)
    env.seed(seed)
    _log.info("%s, %d rows: %s", id, n_envs, env.choice)
    return env


def _make_native(
    id: str | type[Batch],
    n_envs: int,
    n_workers: int | None,
    vec_env: str,
    action_repeat: int | None,
    config: dict[str, Any],
) -> VecEnv:
    """The BatchVecEnv of a problem of the kit, or of a Batch class."""
    problem, name = (load_problem(ENVS[id]), id) if isinstance(id, str) else (id, id.__name__)
    if vec_env not in ("auto", "native"):
        raise EnvError(
            f"{name} steps all its rows as one batch, so vec_env='{vec_env}' is not for it. "
            "Leave vec_env out, and set n_workers for the number of processes."
        )
    check_keywords(name, problem, config)
    asked, n_workers = n_workers, n_workers or default_workers(n_envs, problem)
    if n_workers > 1:
        require_importable(problem)
    if action_repeat and "action_repeat" in inspect.signature(problem).parameters:
        config = config | {"action_repeat": action_repeat}
    elif (action_repeat or 1) > 1:
        problem, config = RepeatedBatch, config | {"held": problem, "action_repeat": action_repeat}
    batch = problem(n_envs, **config) if n_workers == 1 else WorkerBatch(problem, n_envs, n_workers, **config)
    env = BatchVecEnv(batch)
    env.choice = Choice("native", n_workers, "asked for" if asked else f"{n_envs} rows on {usable_cores()} cores")
    return env


def _make_gymnasium(
    id: str,
    n_envs: int,
    seed: int | None,
    n_workers: int | None,
    vec_env: str,
    action_repeat: int | None,
    env_kwargs: dict[str, Any],
) -> VecEnv:
    """Envs of a Gymnasium id, each in a Monitor: SB3's DummyVecEnv, or a SharedVecEnv."""
    spec = _find_spec(id)
    if spec.entry_point is not None:
        creator = load_env_creator(spec.entry_point) if isinstance(spec.entry_point, str) else spec.entry_point
        check_keywords(id, creator, env_kwargs, known=("max_episode_steps", "disable_env_checker"))
    build = partial(make_env, spec, action_repeat or 1, **env_kwargs)
    choice = choose(id, build, n_envs, n_workers, vec_env)
    if choice.vec_env == "dummy":
        env = env_util.make_vec_env(build, n_envs, seed)
    else:
        env = SharedVecEnv(build, n_envs, choice.n_workers, seed)
    env.choice = choice
    return env


def _find_spec(id: str) -> EnvSpec:
    """The spec of a Gymnasium id; "module:Id" imports the module first."""
    module, colon, name = id.rpartition(":")
    try:
        if colon:
            import_module(module)
        return gymnasium.spec(name)
    except ImportError as error:
        raise EnvError(f"Unknown env '{id}': {error}. The part before the colon is a module to import.") from error
    except gymnasium.error.Error as error:
        hint = did_you_mean(name, {*ENVS, *gymnasium.registry})
        raise EnvError(f"Unknown env '{id}'. {hint} An env of your own is named module:Id.") from error


def _connect(
    address: str,
    n_envs: int,
    n_workers: int | None,
    vec_env: str,
    action_repeat: int | None,
    env_kwargs: dict[str, Any],
) -> VecEnv:
    """The RemoteVecEnv at an address; its server decides the task, so nothing can be asked of it here."""
    if vec_env != "auto" or max(action_repeat or 1, n_workers or 1) > 1 or env_kwargs:
        raise EnvError(
            f"the server at {address} decides n_workers, vec_env, action_repeat and env arguments: set them there."
        )
    env = RemoteVecEnv(address)
    if env.num_envs != n_envs:
        rows = env.num_envs
        env.close()
        raise EnvError(f"{address} serves {rows} rows, not n_envs={n_envs}. Ask for n_envs={rows}, or serve it anew.")
    env.choice = Choice("remote", 1, f"served at {address}")
    return env
