"""The soak finds each planted fault under its own name, and nothing in healthy envs."""

import gymnasium
import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv

from rlkit.diagnostics.env_check import CHECKS, soak

FAULTS = {  # fault -> the check that must fail
    "nan observation": "finite observation",
    "infinite reward": "finite reward",
    "out of bounds": "observation in space",
    "float64": "observation in space",
    "unseeded": "replay",
    "never ends": "episode end",
    "shared state": "isolation",
    "reused buffer": "kept observation",
    "new info key": "info keys",
}


class Walk(gymnasium.Env):
    """A seeded random walk of 12 steps, with one planted fault or none."""

    observation_space = gymnasium.spaces.Box(-100.0, 100.0, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(3)
    steps_of_all = 0  # for "shared state"

    def __init__(self, fault=None):
        self.fault, self.buffer = fault, np.zeros(2, np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.place = 0, self.np_random.normal()
        Walk.steps_of_all = 0
        return self.observe(), {}

    def step(self, action):
        generator = np.random if self.fault == "unseeded" else self.np_random
        self.place += action - 1 + generator.normal()
        self.steps += 1
        Walk.steps_of_all += 1
        reward = np.inf if self.fault == "infinite reward" and self.steps == 5 else 1.0
        info = {"extra": 1} if self.fault == "new info key" and self.steps > 5 else {}
        return self.observe(), reward, False, self.steps == 12 and self.fault != "never ends", info

    def observe(self):
        second = Walk.steps_of_all if self.fault == "shared state" else self.steps % 12
        if self.fault == "nan observation" and self.steps == 5:
            second = np.nan
        if self.fault == "out of bounds" and self.steps >= 2:
            second = 101.0
        self.buffer[:] = self.place, second
        if self.fault == "reused buffer":
            return self.buffer
        return self.buffer.astype(np.float64 if self.fault == "float64" else np.float32)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_and_named(fault):
    report = soak(lambda: Walk(fault), seeds=2, max_steps=500)
    assert list(report.failures) == [FAULTS[fault]], report
    assert "seed 0" in report.failures[FAULTS[fault]]
    assert "FAILED" in str(report)


@pytest.mark.parametrize("fault", ["nan observation", "infinite reward", "unseeded", "never ends", "shared state"])
def test_a_fault_is_found_in_a_vec_env(fault):
    report = soak(lambda: DummyVecEnv([lambda: Walk(fault), Walk]), seeds=2, max_steps=500)
    assert FAULTS[fault] in report.failures, report


@pytest.mark.parametrize("make", [Walk, lambda: DummyVecEnv([Walk] * 3), lambda: gymnasium.make("CartPole-v1")])
def test_a_healthy_env_passes(make):
    report = soak(make, seeds=3, episodes=2)
    assert report.ok, report
    assert report.episodes >= 3 * 3 * 2  # seeds, plays, episodes
    assert report.steps >= report.episodes
    assert all(check in str(report) for check in CHECKS)


def test_the_step_of_a_fault_is_told():
    assert "seed 0, step 5" in soak(lambda: Walk("nan observation")).failures["finite observation"]
