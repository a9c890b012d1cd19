"""SharedVecEnv: the rest of the VecEnv contract, and a clear end to every way a worker can fail."""

import contextlib
import os
import pickle
import signal
import time
from functools import partial
from pathlib import Path

import gymnasium
import numpy as np
import psutil
import pytest
from gym_envs import refuse_elsewhere
from gymnasium.wrappers import OrderEnforcing, TimeLimit
from worker_processes import workers_alive

from rlkit.envs.gym_rows import make_env
from rlkit.envs.shared import SharedVecEnv
from rlkit.errors import EnvError, WorkerError

ROWS = 5  # 2 rows in worker 0, 3 in worker 1; the faulty one, row 2, is the first of those
ONES = np.ones(ROWS, int)
needs_posix_signals = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows has no SIGSTOP and SIGKILL")


def build(n_workers=2, step_timeout=20.0, **kwargs):
    env = SharedVecEnv(partial(make_env, gymnasium.spec("test/Drift-v0"), **kwargs), ROWS, n_workers, 0, step_timeout)
    env.seed(0)
    env.reset()
    return env


def pids(env):
    return [process.pid for process in env._crew.processes]


@pytest.fixture(scope="module")
def env():
    with contextlib.closing(build()) as env:
        yield env


@pytest.fixture(autouse=True)
def nothing_is_left():
    before = workers_alive()
    yield
    assert workers_alive() == before
    if Path("/dev/shm").is_dir():
        assert not list(Path("/dev/shm").glob(f"pym-{os.getpid()}-*"))


def test_attributes_methods_and_pictures(env):
    assert env.get_attr("gravity") == [1.0] * ROWS
    env.set_attr("gravity", 3.0, indices=[1, 4])
    assert env.get_attr("gravity", indices=[4, 0, 1]) == [3.0, 1.0, 3.0]
    assert env.env_method("scaled", 2.0, offset=1.0, indices=3) == [3.0]
    assert (env.has_attr("gravity"), env.has_attr("no_such_thing")) == (True, False)
    with pytest.raises(AttributeError, match="no_such_thing"):
        env.get_attr("no_such_thing")
    assert env.env_is_wrapped(OrderEnforcing) == [True] * ROWS
    assert env.env_is_wrapped(TimeLimit, indices=[0]) == [False]
    assert (env.render_mode, env.metadata["render_fps"]) == ("rgb_array", 12)
    env.reset()
    assert [image.shape for image in env.get_images()] == [(4, 6, 3)] * ROWS
    assert env.render().ndim == 3


def test_wrong_actions_are_refused_and_change_nothing(env):
    env.reset()
    with pytest.raises(EnvError, match=r"shape \(1,\), 5 envs take \(5,\)"):
        env.step(np.ones(1, int))
    with pytest.raises(TypeError):
        env.step(ONES * 0.5)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        env.set_attr("gravity", lambda: 1)
    env.step(ONES)


def test_an_error_of_an_env_names_worker_row_and_place():
    env = build(fault="raise")
    with pytest.raises(WorkerError) as caught:
        step_thrice(env)
    message = str(caught.value)
    assert message.startswith(f"rows 2 to 4: worker 1 (pid {pids(env)[1]}) raised:")
    assert "in go_wrong" in message
    assert "ZeroDivisionError: planted in row 2" in message
    assert "This was the step of row 2 with action 1." in message
    env.seed(100)  # no faulty one among these
    env.reset()
    step_thrice(env)
    env.close()


def step_thrice(env):
    for _ in range(3):
        env.step(ONES)


def assert_is_over(env):
    """No process is left, nothing but close() works any more, and that as often as wanted."""
    assert not any(psutil.pid_exists(pid) for pid in pids(env))
    with pytest.raises(WorkerError, match="stopped"):
        env.step(ONES)
    env.close()
    env.close()


def test_a_worker_that_exits():
    env = build(fault="exit")
    with pytest.raises(WorkerError, match=rf"rows 2 to 4: worker 1 \(pid {pids(env)[1]}\) died with exit code 7"):
        step_thrice(env)
    assert_is_over(env)


def test_a_worker_that_hangs():
    env = build(fault="hang", step_timeout=1.0)
    began = time.monotonic()
    with pytest.raises(WorkerError, match=r"rows 2 to 4: worker 1 .* gave no answer for 1 s"):
        step_thrice(env)
    assert time.monotonic() - began < 30
    assert_is_over(env)


@needs_posix_signals
def test_a_worker_that_is_killed():
    env = build()
    os.kill(pids(env)[0], signal.SIGKILL)
    with pytest.raises(WorkerError, match=r"rows 0 to 1: worker 0 .* died by signal SIGKILL"):
        step_thrice(env)
    assert_is_over(env)


@needs_posix_signals
def test_a_worker_that_is_stopped():
    env = build(step_timeout=1.0)
    os.kill(pids(env)[0], signal.SIGSTOP)
    with pytest.raises(WorkerError, match="gave no answer for 1 s"):
        env.step(ONES)
    assert_is_over(env)


def test_an_info_that_cannot_be_sent():
    env = build(fault="function")
    with pytest.raises(WorkerError, match="local object"):
        step_thrice(env)
    env.close()


def test_dropping_the_env_ends_its_workers():
    env = build()
    left = pids(env)
    del env
    assert not any(psutil.pid_exists(pid) for pid in left)


def test_an_env_that_cannot_be_built_in_a_worker():
    with pytest.raises(WorkerError, match=r"(?s)rows 0 to 1: worker 0 .*OSError: planted while building"):
        SharedVecEnv(partial(refuse_elsewhere, os.getpid()), ROWS, 2)


class Talk(gymnasium.Env):
    """An env whose observations do not lie in an array of fixed shape."""

    observation_space, action_space = gymnasium.spaces.Text(5), gymnasium.spaces.Discrete(2)


@pytest.mark.parametrize("n_workers", [0, ROWS + 1])
def test_what_cannot_be_is_refused(n_workers):
    with pytest.raises(EnvError, match="Use 1 to 5"):
        SharedVecEnv(Talk, ROWS, n_workers)
    with pytest.raises(EnvError, match="vec_env='dummy'"):
        SharedVecEnv(Talk, ROWS, 1)
