"""Where the rows of an env are stepped: how many processes pay, from a few timed steps and what the machine has."""

import math
import multiprocessing
import os
import pickle
import random
import time
from functools import partial
from typing import NamedTuple

import gymnasium
import numpy as np
import psutil

from rlkit.envs.batch import Batch
from rlkit.envs.gym_rows import Build
from rlkit.envs.workers import importable
from rlkit.errors import EnvError

PROBE_SECONDS = 0.2  # s of stepping that a probe may take
PROBE_STEPS = 500  # steps that tell a cheap env's cost well enough before that
MESSAGE_SECONDS = 1e-4  # s per worker to wake it, send it a step and hear from it; 50 to 80 us measured, rounded up
CLEAR_GAIN = 1.5  # times faster that workers must promise: they cost memory and a start, and the machine has other work


class Choice(NamedTuple):
    """What steps an env, and why."""

    vec_env: str  # "dummy", "subproc", "native" or "remote"
    n_workers: int  # processes that step the rows
    reason: str

    def __str__(self) -> str:
        return f"{self.vec_env} with n_workers={self.n_workers} ({self.reason})"


def choose(id: str, build: Build, n_envs: int, n_workers: int | None, vec_env: str) -> Choice:
    """What steps a Gymnasium env: as asked for, or as measured; EnvError where what was asked for cannot be."""
    if vec_env == "native":
        raise EnvError(f"vec_env='native' is for rlkit's problems and Batch classes; '{id}' is neither. Leave it out.")
    if n_workers is not None and n_workers > (1 if vec_env == "dummy" else n_envs):
        raise EnvError(
            f"n_workers={n_workers} cannot step {n_envs} rows of '{id}' with vec_env='{vec_env}': "
            "a worker holds at least one row, and 'dummy' is this process alone. Leave it out."
        )
    obstacle = why_not_sent(build)
    if vec_env == "subproc" or (n_workers or 1) > 1:
        if obstacle:
            raise EnvError(f"'{id}' cannot run in workers: {obstacle}. Use vec_env='dummy', or put it in a module.")
        return Choice("subproc", n_workers or min(n_envs, usable_cores()), "asked for")
    if vec_env == "dummy" or n_workers == 1:
        return Choice("dummy", 1, "asked for")
    return Choice("dummy", 1, obstacle) if obstacle else measure(build, n_envs)


def measure(build: Build, n_envs: int) -> Choice:
    """The faster of stepping `n_envs` envs here and in workers, by the time that a few steps of one env take.

    With c seconds per step, this process needs n c for a step of all n rows, w workers n c / w and a message each.
    """
    n_workers = min(n_envs, usable_cores())
    if n_workers == 1:
        return Choice("dummy", 1, f"{n_envs} rows on {usable_cores()} cores: workers have nothing to share")
    cost = step_seconds(build)
    here, there = n_envs * cost, math.ceil(n_envs / n_workers) * cost + n_workers * MESSAGE_SECONDS
    reason = (
        f"a step takes {1e6 * cost:.0f} us, so one of {n_envs} rows {1e3 * here:.2f} ms here "
        f"and about {1e3 * there:.2f} ms in {n_workers} workers"
    )
    return Choice("subproc", n_workers, reason) if here > CLEAR_GAIN * there else Choice("dummy", 1, reason)


def step_seconds(build: Build) -> float:
    """Seconds of a step under random actions, resets counted in.

    The env is built for this and closed; the global random generators, which it may use, are as before afterwards.
    """
    before, numpy_before = random.getstate(), np.random.get_state()
    env = build()
    try:
        env.action_space.seed(0)
        env.reset(seed=0)
        env.step(env.action_space.sample())  # what is loaded or compiled at first use
        env.reset()
        began, steps, elapsed = time.perf_counter(), 0, 0.0
        while elapsed < PROBE_SECONDS and steps < PROBE_STEPS:
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()
            steps, elapsed = steps + 1, time.perf_counter() - began
        return elapsed / steps
    finally:
        env.close()
        random.setstate(before)
        np.random.set_state(numpy_before)


def default_workers(n_envs: int, problem: type[Batch]) -> int:
    """Processes that pay for `n_envs` rows: one per usable core, each with at least the problem's rows_per_worker."""
    cores = usable_cores() if importable(problem) else 1
    return max(1, min(cores, n_envs // problem.rows_per_worker))


def usable_cores() -> int:
    """Physical cores that this process may run on."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, psutil.cpu_count(logical=False) or usable)


def why_not_sent(build: "partial[gymnasium.Env]") -> str:
    """Why workers cannot build the env that `build`, a partial of make_env, makes; "" when they can."""
    if multiprocessing.current_process().daemon:
        return "this process is a worker itself, which may not start others"
    spec = build.args[0]
    entry = spec.entry_point
    home = entry.partition(":")[0] if isinstance(entry, str) else getattr(entry, "__module__", "")
    if home == "__main__":
        return "its class stands in this notebook or script, which other processes cannot import"
    try:
        pickle.dumps(build)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        return f"it cannot be sent to another process ({error})"
    return ""
