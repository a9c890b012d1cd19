"""What `make_vec_env` chooses to step an env, and what it refuses."""

import random

import gym_envs
import gymnasium
import numpy as np
import pytest
from counter_batch import Counter
from stable_baselines3.common.vec_env import DummyVecEnv

from rlkit.envs import choice, make_vec_env
from rlkit.envs.choice import measure
from rlkit.envs.shared import SharedVecEnv
from rlkit.envs.vec import BatchVecEnv
from rlkit.errors import EnvError

DRIFT, WORK = "test/Drift-v0", "test/Work-v0"


@pytest.fixture(autouse=True)
def four_cores(monkeypatch):
    monkeypatch.setattr(choice, "usable_cores", lambda: 4)


def chosen(id, n_envs, **kwargs):
    """(class, choice) of an env, which is closed."""
    env = make_vec_env(id, n_envs, **kwargs)
    env.close()
    return type(env), env.choice


def test_a_cheap_env_stays_here_and_says_why():
    kind, found = chosen("CartPole-v1", 8)
    assert (kind, found.vec_env, found.n_workers) == (DummyVecEnv, "dummy", 1)
    assert "us, so one of 8 rows" in found.reason


def test_an_env_that_works_hard_goes_to_workers():
    kind, found = chosen(WORK, 3, milliseconds=3)
    assert (kind, found.vec_env, found.n_workers) == (SharedVecEnv, "subproc", 3)
    assert "in 3 workers" in str(found)


@pytest.mark.parametrize(
    ("cost", "n_envs", "expected"),
    [
        (5e-6, 8, ("dummy", 1)),  # 0.04 ms here, 0.41 ms there
        (5e-6, 4096, ("subproc", 4)),  # 20.5 ms here, 5.5 ms there
        (2e-4, 4, ("dummy", 1)),  # 0.8 ms here, 0.6 ms there: too little gain
        (2e-4, 8, ("subproc", 4)),  # 1.6 ms here, 0.8 ms there
        (1e-2, 5, ("subproc", 4)),  # one worker has two rows
        (1.0, 1, ("dummy", 1)),  # a single row has nothing to share
    ],
)
def test_workers_must_clearly_pay(monkeypatch, cost, n_envs, expected):
    monkeypatch.setattr(choice, "step_seconds", lambda build: cost)
    found = measure(None, n_envs)
    assert (found.vec_env, found.n_workers) == expected


def test_the_probe_is_short_and_leaves_nothing(monkeypatch):
    closed, began = [], []

    class Probed(gym_envs.Work):
        def __init__(self):
            super().__init__(milliseconds=0.05)
            began.append(self)

        def step(self, action):
            random.random(), np.random.random()
            return super().step(action)

        def close(self):
            closed.append(self)

    random.seed(1), np.random.seed(1)
    expected = random.Random(1).random(), np.random.RandomState(1).random_sample()
    assert choice.step_seconds(Probed) >= 5e-5
    assert (random.random(), np.random.random()) == expected
    assert closed == began
    assert len(began) == 1


def test_what_is_asked_for_is_done():
    for arguments, expected in [
        ({"vec_env": "subproc"}, (SharedVecEnv, 3)),
        ({"n_workers": 2}, (SharedVecEnv, 2)),
        ({"vec_env": "subproc", "n_workers": 1}, (SharedVecEnv, 1)),
        ({"vec_env": "dummy"}, (DummyVecEnv, 1)),
        ({"n_workers": 1}, (DummyVecEnv, 1)),
    ]:
        kind, found = chosen(DRIFT, 3, **arguments)
        assert (kind, found.n_workers, found.reason) == (*expected, "asked for")
    for vec_env in ("auto", "native"):
        kind, found = chosen(Counter, 64, vec_env=vec_env, n_workers=1)
        assert (kind, found.vec_env) == (BatchVecEnv, "native")


@pytest.fixture
def local_id():
    """An env whose class no other process can import."""
    gymnasium.register("test/Local-v0", lambda: gym_envs.Work(3))
    yield "test/Local-v0"
    del gymnasium.registry["test/Local-v0"]


def test_an_env_that_cannot_be_sent_stays_here(local_id):
    kind, found = chosen(local_id, 4)
    assert (kind, found.vec_env) == (DummyVecEnv, "dummy")
    assert "cannot be sent" in found.reason
    with pytest.raises(EnvError, match="cannot run in workers"):
        make_vec_env(local_id, 4, vec_env="subproc")


def test_a_class_of_this_very_program_stays_here(monkeypatch):
    monkeypatch.setitem(gymnasium.registry, "test/Here-v0", gymnasium.envs.registration.EnvSpec("test/Here-v0", Here))
    monkeypatch.setattr(Here, "__module__", "__main__")
    _, found = chosen("test/Here-v0", 4)
    assert "notebook or script" in found.reason


class Here(gym_envs.Work):
    """Its module is changed by the test."""


@pytest.mark.parametrize(
    ("id", "arguments", "message"),
    [
        (Counter, {"vec_env": "dummy"}, "Counter steps all its rows as one batch"),
        ("rlkit/RocketLeague-v0", {"vec_env": "subproc"}, "set n_workers"),
        ("CartPole-v1", {"vec_env": "native"}, "is neither. Leave it out."),
        ("CartPole-v1", {"vec_env": "subprocess"}, "Did you mean 'subproc'?"),
        ("CartPole-v1", {"vec_env": "dummy", "n_workers": 2, "n_envs": 4}, "'dummy' is this process alone"),
        ("CartPole-v1", {"n_workers": 5, "n_envs": 4}, "a worker holds at least one row"),
        ("CartPole-v1", {"action_repeat": 0}, "must be at least 1"),
    ],
)
def test_wrong_demands_are_named(id, arguments, message):
    with pytest.raises(EnvError) as caught:
        make_vec_env(id, **arguments)
    assert message in str(caught.value)
