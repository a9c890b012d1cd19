"""Worker processes that hold the parts of an env and answer calls: started, asked, timed, and ended without a trace.

Calls go through a pipe per worker, arrays through shared memory. Processes are spawned: every system has that start
method, nothing of this process (threads, locks, a CUDA context) leaks in, and unlike a fork server's children they see
the environment variables of the moment. Waking a worker and hearing from it costs 50 to 70 us.
"""

import multiprocessing
import os
import pickle
import signal
import time
import traceback
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np

from rlkit.errors import WorkerError

START_TIMEOUT = 300.0  # s a worker may take to import and build its part, compiling included
LEAVE_TIMEOUT = 2.0  # s a worker may take to leave once its pipe is closed, before it is killed
# A worker is one core's work. The libraries read these when they load, so they must be set before it starts.
THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

Arrays = dict[Any, np.ndarray]  # by name, or by whatever tells them apart
Shared = dict[Any, tuple[Any, tuple[int, ...], np.dtype]]  # name -> (memory, shape, dtype)
Answer = tuple[Any, Exception | str | None]  # value, and what failed: the error if here, its traceback if in a worker


class Crew:
    """The parts of an env: one may live in this process, worker processes hold the others.

    A part is any object; `ask` calls a method of every part at the same time. A worker that raises, dies, or gives no
    answer for `timeout` seconds is a WorkerError. After a death, a silence or an interrupt the workers are stopped;
    only `stop` is left then. `rows`, once its owner has set it, is each part's slice of the rows.
    """

    def __init__(self, timeout: float, here: Any = None) -> None:
        self.timeout = timeout
        self.rows: list[slice] = []
        self.processes: list[BaseProcess] = []
        self._here = [] if here is None else [here]
        self._pipes: list[Connection] = []
        # A finalizer, because it runs once only, and also when the env is dropped or Python exits without close().
        self.stop = weakref.finalize(self, _stop_workers, self._pipes, self.processes)

    def start(self, build: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> None:
        """Start a worker for each tuple of arguments, with the part `build(*arguments)`; returns once all are built."""
        context = multiprocessing.get_context("spawn")
        try:
            with _single_threaded_children():
                for one in arguments:
                    pipe, its_end = context.Pipe()
                    process = context.Process(target=_work, args=(its_end, build, one), daemon=True)
                    process.start()
                    its_end.close()  # open in the worker alone, so that its death ends the pipe
                    self._pipes.append(pipe)
                    self.processes.append(process)
            self._values([(None, None)] * len(self._here) + self._receive_all(START_TIMEOUT))
        except BaseException:
            self.stop()
            raise

    def ask(self, method: str, *arguments: Any) -> list[Any]:
        """What `part.method(*arguments)` returns, for every part."""
        return self.ask_each(method, [arguments] * (len(self._here) + len(self._pipes)))

    def ask_each(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """What `part.method(*its_arguments)` returns, for every part; they work at the same time."""
        if not self.stop.alive:
            raise WorkerError("The workers are stopped: the env was closed or has lost one. Build the env again.")
        orders = [pickle.dumps((method, one)) for one in arguments[len(self._here) :]]  # before any is sent
        try:
            for k, order in enumerate(orders):
                self._send(k, order)
            answers = [_answer(part, method, one) for part, one in zip(self._here, arguments, strict=False)]
            answers += self._receive_all(self.timeout)
        except BaseException:  # an answer still to come would be taken for the next one's
            self.stop()
            raise
        return self._values(answers)

    def _send(self, k: int, order: bytes) -> None:
        try:
            self._pipes[k].send_bytes(order)
        except OSError as error:
            raise self._death(k) from error

    def _receive_all(self, limit: float) -> list[Answer]:
        """The next answer of each worker, all within `limit` seconds from now."""
        began = time.monotonic()
        return [self._receive(k, began + limit, limit) for k in range(len(self._pipes))]

    def _receive(self, k: int, deadline: float, limit: float) -> Answer:
        try:
            if self._pipes[k].poll(max(0.0, deadline - time.monotonic())):
                return self._pipes[k].recv()
        except (EOFError, OSError) as error:
            raise self._death(k) from error
        raise WorkerError(
            f"{self._name(k)} gave no answer for {limit:g} s: it hangs or is stopped. "
            "If its work may take that long, build the env with a longer step_timeout."
        )

    def _name(self, k: int) -> str:
        """Worker k in words; numbers count parts, so that with a part here the first worker is number 1."""
        number = k + len(self._here)
        rows = f"rows {self.rows[number].start} to {self.rows[number].stop - 1}: " if self.rows else ""
        return f"{rows}worker {number} (pid {self.processes[k].pid})"

    def _death(self, k: int) -> WorkerError:
        """What to say about a worker whose pipe has ended."""
        process = self.processes[k]
        process.join(LEAVE_TIMEOUT)
        code = process.exitcode
        how = f"by signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"with exit code {code}"
        hint = {
            -9: "Something killed it; out of memory is the usual reason.",
            1: "Its error stands above. A script that starts workers must do so under `if __name__ == '__main__':`.",
        }
        return WorkerError(f"{self._name(k)} died {how}. {hint.get(code, 'Build the env again.')}")

    def _values(self, answers: list[Answer]) -> list[Any]:
        """The values of the answers, or the first failure raised."""
        for number, (_, failure) in enumerate(answers):
            if isinstance(failure, Exception):  # of this process: the same error as without workers
                raise failure
            if failure is not None:
                raise WorkerError(f"{self._name(number - len(self._here))} raised:\n{failure}")
        return [value for value, _ in answers]


def share(arrays: Arrays) -> Shared:
    """Zeroed memory for arrays like these, which workers map too once `start` hands it on; it has no name to leak."""
    context = multiprocessing.get_context("spawn")
    return {name: (context.RawArray("b", a.nbytes), a.shape, a.dtype) for name, a in arrays.items()}


def views(shared: Shared) -> Arrays:
    """The arrays that lie in shared memory."""
    return {name: np.frombuffer(memory, dtype).reshape(shape) for name, (memory, shape, dtype) in shared.items()}


def _work(pipe: Connection, build: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """A worker's life: build the part, then answer until the pipe ends, with the parent or by its will."""
    for number in (signal.SIGINT, signal.SIGTERM):  # these reach the whole process group, and the parent decides
        signal.signal(number, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        try:
            part = build(*arguments)
        except Exception:
            pipe.send((None, traceback.format_exc()))
            return
        pipe.send((None, None))
        while True:
            order = pipe.recv_bytes()
            try:
                answer = _answer(part, *pickle.loads(order))
            except Exception as error:  # what it was sent cannot be imported here
                answer = None, error
            value, error = answer
            failure = error and "".join(traceback.format_exception(error))
            try:
                pipe.send((value, failure))
            except (TypeError, AttributeError, pickle.PicklingError):
                pipe.send((None, traceback.format_exc()))
    part.close()


def _answer(part: Any, method: str, arguments: tuple[Any, ...]) -> Answer:
    try:
        return getattr(part, method)(*arguments), None
    except Exception as error:
        return None, error


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
