"""A Batch spread over processes: this one steps the first part, workers step the others at the same time.

Orders go through a pipe per worker, arrays through shared memory. Processes are spawned: every system has that start
method, nothing of this process (threads, locks, a CUDA context) leaks in, and unlike a fork server's children they see
the environment variables of the moment. Waking a worker and hearing from it costs a step 50 to 70 us.
"""

import multiprocessing
import os
import pickle
import signal
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from operator import methodcaller
from typing import Any

import numpy as np

from rlkit.envs.batch import Batch
from rlkit.errors import EnvError, WorkerError

START_TIMEOUT = 300.0  # s a worker may take to import and build its part, compiling included
LEAVE_TIMEOUT = 2.0  # s a worker may take to leave once its pipe is closed, before it is killed
RESULTS = ("observations", "terminal_observations", "rewards", "terms", "terminated", "truncated", "ended")
# A worker is one core's work. The libraries read these when they load, so they must be set before it starts.
THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

Order = str | Callable[[Batch], Any]  # "step" or "advance", which take the shared actions, or a picklable function
Arrays = dict[str, np.ndarray]
Shared = dict[str, tuple[Any, tuple[int, ...], np.dtype]]  # name -> (memory, shape, dtype)


class WorkerBatch(Batch):
    """`problem(n_envs, **config)` stepped by `n_workers` processes, with the same bytes as by one.

    Worker 0 is this process and holds the first rows: one process and one wake-up less than waiting here for all.
    A worker that raises, dies, or gives no answer for `step_timeout` seconds is a WorkerError. After a death, a
    silence or an interrupt the workers are stopped; only `close` is left then.
    """

    def __init__(
        self, problem: type[Batch], n_envs: int, n_workers: int, step_timeout: float = 60.0, **config: Any
    ) -> None:
        if not 1 <= n_workers <= n_envs:
            raise EnvError(f"n_workers={n_workers} cannot share {n_envs} rows, at least one each. Use 1 to {n_envs}.")
        if not importable(problem):
            raise EnvError(
                f"{problem.__qualname__} stands in a notebook cell, a script or a function, where worker processes "
                "cannot import it from. Move it to a module of its own, or use n_workers=1."
            )
        own = problem(n_envs, part=(0, n_workers), **config)
        self.reward_terms, self.config, self.render_fps = own.reward_terms, own.config, own.render_fps
        super().__init__(n_envs, own.observation_space, own.action_space)
        self._own, self._step_timeout = own, step_timeout
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        # A finalizer, because it runs once only, and also when the batch is dropped or Python exits without close().
        self._stop = weakref.finalize(self, _stop_workers, self._pipes, self._processes)
        context = multiprocessing.get_context("spawn")
        shared = self._share(context)
        try:
            with _single_threaded_children():
                for k in range(1, n_workers):
                    self._start(context, (problem, n_envs, (k, n_workers), config, shared))
            self._hand_out_rows()
        except BaseException:
            self.close()
            raise

    def _share(self, context: SpawnContext) -> Shared:
        """Put the batch's arrays, and one for the actions, in memory that workers map too; it has no name to leak."""
        self._actions = np.zeros((self.n_envs, *(self.action_space.shape or ())), self.action_space.dtype)
        arrays = {name: getattr(self, name) for name in (*RESULTS, "_actions")}
        shared = {name: (context.RawArray("b", a.nbytes), a.shape, a.dtype) for name, a in arrays.items()}
        vars(self).update(_views(shared))
        return shared

    def _start(self, context: SpawnContext, arguments: tuple[Any, ...]) -> None:
        """Start the next worker."""
        pipe, its_end = context.Pipe()
        process = context.Process(target=_work, args=(its_end, *arguments), daemon=True)
        process.start()
        its_end.close()  # open in the worker alone, so that its death ends the pipe
        self._pipes.append(pipe)
        self._processes.append(process)

    def _hand_out_rows(self) -> None:
        """Give each worker its slice of the rows, once all have built their parts and said how many rows they hold."""
        began, workers = time.monotonic(), range(1, 1 + len(self._pipes))
        sizes = [self._own.n_envs, *(self._value(k, self._receive(k, began, START_TIMEOUT)) for k in workers)]
        if sum(sizes) != self.n_envs:
            raise EnvError(f"the parts hold {sizes} rows in place of {self.n_envs}: the problem must split by `part`.")
        ends = np.cumsum(sizes).tolist()
        self._rows = [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
        self._own_views = {name: getattr(self, name)[self._rows[0]] for name in (*RESULTS, "_actions")}
        for k in workers:
            self._send(k, self._rows[k])

    def seed(self, seed: int) -> None:
        """Restart every random stream; the same seed and actions give the same bytes, for any `n_workers`."""
        self._ask([methodcaller("seed", seed)] * len(self._rows))

    def reset(self, rows: np.ndarray | None = None) -> None:
        """Start new episodes in the rows of a bool mask (n_envs,), by default in all; fills `observations`."""
        self._ask([methodcaller("reset", None if rows is None else rows[part]) for part in self._rows])

    def step(self, actions: np.ndarray) -> None:
        """One step of every row, without any reset; actions (n_envs, ...)."""
        np.copyto(self._actions, actions, casting="same_kind")
        self._ask(["step"] * len(self._rows))

    def advance(self, actions: np.ndarray) -> None:
        """`step`, then a new episode in each row that ended, its last observation kept."""
        np.copyto(self._actions, actions, casting="same_kind")
        self._ask(["advance"] * len(self._rows))

    def apply(self, function: Callable[[Batch], Any]) -> list[Any]:
        """`function(problem)` for each row; run once per process, so it and its value must be picklable."""
        values = self._ask([function] * len(self._rows))
        return [value for value, part in zip(values, self._rows, strict=True) for _ in range(part.start, part.stop)]

    def render(self) -> np.ndarray:
        """Row 0 as an image, uint8 (height, width, 3)."""
        return self._own.render()

    def close(self) -> None:
        """Stop the workers and free the part held here; calling it twice is fine."""
        self._stop()
        self._own.close()

    def _ask(self, orders: list[Order]) -> list[Any]:
        """The answers to one order per worker, all carried out at the same time."""
        if not self._stop.alive:
            raise WorkerError("The workers are stopped: the batch was closed or has lost one. Build the env again.")
        try:
            for k, order in enumerate(orders[1:], 1):
                self._send(k, order)
            answers = [_carry_out(orders[0], self._own, self._own_views)]
            began = time.monotonic()
            answers += [self._receive(k, began, self._step_timeout) for k in range(1, len(orders))]
        except BaseException:  # an answer still to come would be taken for the next one's
            self._stop()
            raise
        return [self._value(k, answer) for k, answer in enumerate(answers)]

    def _send(self, k: int, order: Order | slice) -> None:
        try:
            self._pipes[k - 1].send(order)
        except OSError as error:
            raise self._death(k) from error

    def _receive(self, k: int, began: float, limit: float) -> tuple[Any, Exception | str | None]:
        """The (value, failure) that worker k sends within `limit` seconds after `began`."""
        pipe, process = self._pipes[k - 1], self._processes[k - 1]
        try:
            if pipe.poll(max(0.0, began + limit - time.monotonic())):
                return pipe.recv()
        except (EOFError, OSError) as error:
            raise self._death(k) from error
        raise WorkerError(
            f"worker {k} (pid {process.pid}) gave no answer for {limit:g} s: it hangs or is stopped. "
            "If its step may take that long, give WorkerBatch a longer step_timeout."
        )

    def _death(self, k: int) -> WorkerError:
        """What to say about a worker whose pipe has ended."""
        process = self._processes[k - 1]
        process.join(LEAVE_TIMEOUT)
        code = process.exitcode
        how = f"by signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"with exit code {code}"
        hint = {
            -9: "Something killed it; out of memory is the usual reason.",
            1: "Its error stands above. A script that starts workers must do so under `if __name__ == '__main__':`.",
        }
        return WorkerError(f"worker {k} (pid {process.pid}) died {how}. {hint.get(code, 'Build the env again.')}")

    def _value(self, k: int, answer: tuple[Any, Exception | str | None]) -> Any:
        """The value of worker k's answer, or its failure raised."""
        value, failure = answer
        if isinstance(failure, Exception):  # of this process: the same error as without workers
            raise failure
        if failure is not None:
            raise WorkerError(f"worker {k} (pid {self._processes[k - 1].pid}) raised:\n{failure}")
        return value


def _work(
    pipe: Connection, problem: type[Batch], n_envs: int, part: tuple[int, int], config: dict[str, Any], shared: Shared
) -> None:
    """A worker's life: build the part, then answer orders until the pipe ends, with the parent or by its will."""
    for number in (signal.SIGINT, signal.SIGTERM):  # these reach the whole process group, and the parent decides
        signal.signal(number, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        try:
            batch = problem(n_envs, part=part, **config)
        except Exception:
            pipe.send((None, traceback.format_exc()))
            return
        pipe.send((batch.n_envs, None))
        rows = pipe.recv()
        views = {name: view[rows] for name, view in _views(shared).items()}
        while True:
            value, error = _carry_out(pipe.recv(), batch, views)
            failure = error and "".join(traceback.format_exception(error))
            try:
                pipe.send((value, failure))
            except (TypeError, AttributeError, pickle.PicklingError):
                pipe.send((None, traceback.format_exc()))
    batch.close()


def _carry_out(order: Order, batch: Batch, views: Arrays) -> tuple[Any, Exception | None]:
    """(value, None) or (None, error) of an order, the batch's arrays then copied to the shared views."""
    try:
        value = getattr(batch, order)(views["_actions"]) if isinstance(order, str) else order(batch)
        for name in RESULTS:
            views[name][...] = getattr(batch, name)
    except Exception as error:
        return None, error
    return value, None


def _views(shared: Shared) -> Arrays:
    return {name: np.frombuffer(memory, dtype).reshape(shape) for name, (memory, shape, dtype) in shared.items()}


def _stop_workers(pipes: list[Connection], processes: list[BaseProcess]) -> None:
    """End the pipes, which workers take as the order to leave, and kill what is still there soon after."""
    for pipe in pipes:
        pipe.close()
    deadline = time.monotonic() + LEAVE_TIMEOUT
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        process.kill()  # SIGKILL also ends a stopped process; harmless to one that has left
        process.join()


@contextmanager
def _single_threaded_children() -> Iterator[None]:
    """Children started inside read THREAD_LIMITS as 1; this process's environment is as before afterwards."""
    before = {name: os.environ.get(name) for name in THREAD_LIMITS}
    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def importable(problem: type[Batch]) -> bool:
    """Whether another process can import the class: not one from a notebook cell, a script itself or a function."""
    return problem.__module__ != "__main__" and "<locals>" not in problem.__qualname__
