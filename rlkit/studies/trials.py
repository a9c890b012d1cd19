"""Many trainings of many settings, a few at once, and what came of each."""

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from rlkit.errors import RunError
from rlkit.experiment import build_model, make_params_env, start
from rlkit.phases import Params
from rlkit.progress import ProgressLine
from rlkit.runs import RUNNING, Run

POLL_SECONDS = 0.2
SMALL = {
    "n_envs": 4,
    "n_steps": 16,
    "batch_size": 16,
    "learning_starts": 16,
    "buffer_size": 1000,
    "total_timesteps": 64,
}


def warm_up(wanted: Iterable[Params]) -> None:
    """Compile here, once, what these trainings run natively; they find it on disk, and do not count it as training."""
    for params in {_kernels(params): params for params in wanted}.values():
        known = {name: value for name, value in SMALL.items() if name in type(params).model_fields}
        small = params.model_copy(update=known)
        env = make_params_env(small, n_workers=1)
        try:
            build_model(small, env).learn(small.total_timesteps)
        finally:
            env.close()


def _kernels(params: Params) -> tuple[str, str, str]:
    """What decides which native code a training needs."""
    return params.env_id, str(params.env_kwargs.get("actions")), getattr(params, "algorithm", "")


def train_all(wanted: Sequence[Params], n_jobs: int) -> list[Run]:
    """The runs of these parameters in their order, each trained in a process of its own, at most n_jobs at once.

    RunError, once all are over, when one did not come to its end. Interrupted here, it stops those that it started.
    """
    runs: list[Run] = []
    line = ProgressLine()
    try:
        for params in wanted:
            while len(busy := _busy(runs)) >= n_jobs:
                line.show(_progress(runs, busy, len(wanted)))
                time.sleep(POLL_SECONDS)
            runs.append(start(params))
        while busy := _busy(runs):
            line.show(_progress(runs, busy, len(wanted)))
            time.sleep(POLL_SECONDS)
    except BaseException:
        for run in _busy(runs):
            run.stop("the study that started it was interrupted")
        raise
    line.end(f"{len(runs)} trainings")
    ends = {run: run.status() for run in runs}
    for run, status in ends.items():
        if status["state"] != "done":
            raise RunError(f"run {run.id} {status['state']}: {status['reason']}\n{run.log_tail()}".rstrip())
    return runs


@contextmanager
def workers(n_jobs: int) -> Iterator[Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]]:
    """A `map` whose calls are made in so many processes, in order; in this one where n_jobs is 1.

    What is called must be a function of a module, and it and its argument go through pickle.
    """
    if n_jobs == 1:
        yield map
        return
    with ProcessPoolExecutor(n_jobs, multiprocessing.get_context("spawn")) as pool:
        try:
            yield pool.map
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _busy(runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if run.status()["state"] in RUNNING]


def _progress(runs: Sequence[Run], busy: Sequence[Run], total: int) -> str:
    names = ", ".join(f"{run.params.name} (seed {run.params.seed})" for run in busy)
    return f"{len(runs) - len(busy)} of {total} trainings are over, now {names}"
