"""WorkerBatch: the same bytes as one process, and a clear end to every way a worker can fail."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from counter_batch import Counter, FaultyCounter, UnbuildableCounter, lock_of, process_id, thread_counts
from worker_processes import workers_alive

from rlkit.envs.vec import BatchVecEnv
from rlkit.envs.workers import WorkerBatch
from rlkit.errors import EnvError, WorkerError

ROWS = 7  # parts of unequal size
ONES = np.ones(ROWS, int)
needs_posix_signals = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows has no SIGSTOP and SIGKILL")


@pytest.fixture(scope="module")
def pair():
    """Two workers, for the tests that leave them whole."""
    with contextlib.closing(WorkerBatch(Counter, ROWS, 2, step_timeout=20)) as batch:
        batch.seed(0)
        batch.reset()
        yield batch


@pytest.fixture(autouse=True)
def nothing_is_left():
    before = workers_alive()
    yield
    assert workers_alive() == before
    if Path("/dev/shm").is_dir():
        assert not list(Path("/dev/shm").glob(f"pym-{os.getpid()}-*"))


def bytes_of(batch, steps=25):
    """Everything a batch gives out over some steps and a partial reset."""
    generator, out = np.random.default_rng(0), []
    batch.seed(5)
    batch.reset()
    for k in range(steps):
        batch.advance(generator.integers(0, 3, ROWS))
        out += [batch.observations.copy(), batch.rewards.copy(), batch.terms.copy()]
        out += [batch.terminated.copy(), batch.truncated.copy(), batch.ended.copy()]
        out.append(batch.terminal_observations[batch.ended])
        if k == 10:
            batch.reset(np.arange(ROWS) % 2 == 0)
            out.append(batch.observations.copy())
    return [array.tobytes() for array in out]


def test_any_number_of_workers_gives_the_same_bytes(pair):
    expected = bytes_of(Counter(ROWS))
    assert bytes_of(pair) == expected
    for n_workers in (1, 3):
        with contextlib.closing(WorkerBatch(Counter, ROWS, n_workers)) as batch:
            assert bytes_of(batch) == expected


def test_step_alone_does_not_reset(pair):
    alone = Counter(ROWS)
    for batch in (pair, alone):
        batch.seed(1)
        batch.reset()
        for _ in range(9):  # beyond every goal and the clock
            batch.step(ONES)
    assert pair.truncated.all()
    np.testing.assert_array_equal(pair.observations, alone.observations)


def test_attributes_and_methods_reach_every_worker(pair):
    assert pair.config == {"step_size": 1.0}
    assert pair.reward_terms == Counter.reward_terms
    assert len(set(pair.apply(process_id))) == 2
    assert len(pair.apply(process_id)) == ROWS
    env = BatchVecEnv(pair)
    env.set_attr("step_size", 2.0)
    assert env.get_attr("step_size") == [2.0] * ROWS
    env.set_attr("step_size", 1.0)
    assert not env.has_attr("no_such_thing")
    assert env.env_method("has_picture", indices=[0, ROWS - 1]) == [True, True]
    assert env.render().shape == (4, 6, 3)


def test_workers_have_one_thread_and_this_process_keeps_its_environment(pair):
    assert pair.apply(thread_counts)[-1] == (1, "1")
    assert "NUMBA_NUM_THREADS" not in os.environ


def test_a_mistake_in_a_worker_is_told_with_its_traceback_and_can_be_mended(pair):
    with pytest.raises(EnvError):  # in this process's part: as without workers
        pair.advance(np.array([9, 1, 1, 1, 1, 1, 1]))
    with pytest.raises(WorkerError, match=r"(?s)worker 1 \(pid \d+\).*in step.*EnvError: actions .* not all in 0..2"):
        pair.advance(np.array([1, 1, 1, 1, 1, 1, 9]))
    with pytest.raises(TypeError):  # float actions would be cut off to integers
        pair.advance(ONES * 0.5)
    with pytest.raises(WorkerError, match="pickle"):
        pair.apply(lock_of)
    pair.reset()
    pair.advance(ONES)


@needs_posix_signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_polite_end_are_left_to_the_parent(pair, number):
    os.kill(pair.apply(process_id)[-1], number)
    pair.advance(ONES)
    pair.advance(ONES)


def start(fault="none", step_timeout=20.0):
    batch = WorkerBatch(FaultyCounter, ROWS, 2, step_timeout=step_timeout, fault=fault)
    batch.seed(0)
    batch.reset()
    return batch


def advance_thrice(batch):
    for _ in range(3):
        batch.advance(ONES)


def test_an_exception_in_a_worker():
    batch = start("raise")
    with pytest.raises(WorkerError, match=r"(?s)worker 1 .*ZeroDivisionError: planted in the second part"):
        advance_thrice(batch)
    batch.close()


def assert_is_over(batch):
    """Nothing but close() works any more, and that as often as wanted."""
    assert not psutil.pid_exists(batch._crew.processes[0].pid)
    with pytest.raises(WorkerError, match="stopped"):
        batch.advance(ONES)
    batch.close()
    batch.close()


def test_a_worker_that_exits():
    batch = start("exit")
    pid = batch.apply(process_id)[-1]
    with pytest.raises(WorkerError, match=rf"worker 1 \(pid {pid}\) died with exit code 7"):
        advance_thrice(batch)
    assert_is_over(batch)


@needs_posix_signals
def test_a_worker_that_is_killed():
    batch = start()
    pid = batch.apply(process_id)[-1]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerError, match=rf"worker 1 \(pid {pid}\) died by signal SIGKILL"):
        batch.advance(ONES)
    assert_is_over(batch)


@needs_posix_signals
def test_a_worker_that_is_stopped():
    batch = start(step_timeout=1.0)
    pid = batch.apply(process_id)[-1]
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(WorkerError, match=rf"worker 1 \(pid {pid}\) gave no answer for 1 s"):
        batch.advance(ONES)
    assert time.monotonic() - began < 6
    assert_is_over(batch)


def test_a_worker_that_hangs():
    batch = start("sleep", step_timeout=1.0)
    with pytest.raises(WorkerError, match="gave no answer for 1 s"):
        advance_thrice(batch)
    assert_is_over(batch)


def test_a_worker_that_cannot_be_built():
    with pytest.raises(WorkerError, match=r"(?s)worker 1 .*OSError: planted while building"):
        WorkerBatch(UnbuildableCounter, ROWS, 2)


def test_an_interrupt_stops_the_workers(monkeypatch):
    batch = start()

    def interrupted(self, actions):
        raise KeyboardInterrupt

    monkeypatch.setattr(FaultyCounter, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        batch.advance(ONES)
    assert_is_over(batch)


def test_dropping_the_batch_ends_its_workers():
    batch = start()
    pid = batch.apply(process_id)[-1]
    del batch
    assert not psutil.pid_exists(pid)


def test_more_workers_than_rows_are_refused():
    with pytest.raises(EnvError, match="Use 1 to 7"):
        WorkerBatch(Counter, ROWS, 8)


def test_a_class_that_workers_cannot_import_is_refused():
    class Local(Counter):
        pass

    with pytest.raises(EnvError, match=r"Local stands in a notebook cell.*n_workers=1"):
        WorkerBatch(Local, ROWS, 2)


@needs_posix_signals
def test_workers_leave_when_their_parent_is_killed():
    """Also shows that code without a __main__ file, as in a notebook, can start workers."""
    code = (
        "import time; from counter_batch import Counter, process_id; from rlkit.envs.workers import WorkerBatch;"
        "b = WorkerBatch(Counter, 6, 3); print(*set(b.apply(process_id)), flush=True); time.sleep(600)"
    )
    folder = Path(__file__).parent
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=folder)
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 3
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
