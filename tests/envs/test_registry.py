"""From an id to an env: registration, `make_vec_env`, and what wrong ids and arguments are told."""

import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from counter_batch import Counter
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

import rlkit.envs
from rlkit.envs import choice, make_vec_env
from rlkit.envs.registry import ENVS, load_problem, register
from rlkit.envs.vec import BatchVecEnv
from rlkit.envs.workers import WorkerBatch
from rlkit.errors import EnvError

ID = "test/Counter-v1"


@pytest.fixture(autouse=True)
def counter_entry(monkeypatch):
    monkeypatch.setitem(ENVS, ID, "counter_batch:Counter")
    register()
    yield
    del gymnasium.registry[ID]


def test_every_entry_is_known_to_gymnasium_and_register_may_run_twice():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Gymnasium warns when an id is registered over another
        register()
    assert set(ENVS) <= set(gymnasium.registry)
    assert isinstance(gymnasium.make(ID).unwrapped.batch, Counter)


def test_importing_the_envs_is_light():
    """Gymnasium resolves "rlkit:rlkit/Name-v0" by importing rlkit, and worker processes import the package too."""
    code = (
        "import sys, gymnasium, rlkit, rlkit.seeding\n"
        "heavy = {'torch', 'numba', 'RocketSim', 'stable_baselines3'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "gymnasium.spec('rlkit/RocketLeague-v0')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_row_count_a_seed_and_arguments_arrive():
    env = make_vec_env(ID, n_envs=3, seed=2, step_size=0.5)
    assert isinstance(env, BatchVecEnv)
    assert (env.num_envs, env.batch.step_size) == (3, 0.5)
    np.testing.assert_array_equal(env.reset(), make_vec_env(Counter, n_envs=3, seed=2).reset())
    assert not np.array_equal(env.reset(), make_vec_env(Counter, n_envs=3, seed=3).reset())


def test_workers_on_request():
    env = make_vec_env(ID, n_envs=4, seed=0, n_workers=2)
    alone = make_vec_env(ID, n_envs=4, seed=0, n_workers=1)
    assert isinstance(env.batch, WorkerBatch)
    np.testing.assert_array_equal(env.reset(), alone.reset())
    env.close()


@pytest.mark.parametrize(("cores", "rows", "expected"), [(4, 64, 4), (4, 31, 3), (4, 7, 1), (1, 999, 1)])
def test_default_workers_need_cores_and_rows(monkeypatch, cores, rows, expected):
    monkeypatch.setattr(choice.os, "sched_getaffinity", lambda pid: range(cores), raising=False)
    monkeypatch.setattr(choice.psutil, "cpu_count", lambda logical: 64)
    assert choice.default_workers(rows, Counter) == expected


def test_default_workers_leave_notebook_classes_in_this_process(monkeypatch):
    monkeypatch.setattr(choice.os, "sched_getaffinity", lambda pid: range(4), raising=False)

    class Local(Counter):
        pass

    assert choice.default_workers(64, Local) == 1


def test_a_gymnasium_id_is_sb3s_env():
    env = make_vec_env("CartPole-v1", n_envs=2, seed=1, max_episode_steps=30)
    assert isinstance(env, DummyVecEnv)
    assert env.env_is_wrapped(Monitor) == [True, True]
    np.testing.assert_array_equal(env.reset()[0], gymnasium.make("CartPole-v1").reset(seed=1)[0])
    env.close()


@pytest.mark.parametrize(
    ("id", "arguments", "message"),
    [
        ("RocketLeague-v0", {}, "Unknown env 'RocketLeague-v0'. Did you mean 'rlkit/RocketLeague-v0'?"),
        ("CartPol-v1", {}, "Did you mean 'CartPole-v1'?"),
        (ID, {"step_sise": 1}, "takes no argument 'step_sise', only: step_size."),
        (ID, {"part": (0, 2)}, "takes no argument 'part'"),
        ("CartPole-v1", {"sutton": True}, "takes no argument 'sutton'"),
        ("CartPole-v1", {"n_workers": 2}, "Leave it out"),
        (ID, {"n_envs": 0}, "at least 1"),
    ],
)
def test_wrong_ids_and_arguments_are_named(id, arguments, message):
    with pytest.raises(EnvError) as caught:
        make_vec_env(id, **arguments)
    assert message in str(caught.value)


def test_a_problem_is_loaded_by_its_address():
    assert load_problem("counter_batch:Counter") is Counter


def test_the_package_has_no_other_lazy_names():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = rlkit.envs.no_such_name
