"""What every entry of ENVS must hold: the standard checkers, the soak, and the same bytes with workers."""

import contextlib

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from rlkit.diagnostics.env_check import soak
from rlkit.envs import ENVS, make_vec_env

ROWS = 8
every_env = pytest.mark.parametrize("id", sorted(ENVS))


@every_env
def test_the_standard_checkers_pass(id):
    check_env(gymnasium.make(id).unwrapped)
    check_env_sb3(gymnasium.make(id, render_mode="rgb_array").unwrapped, skip_render_check=False)


@every_env
def test_soak_of_the_single_env(id):
    report = soak(lambda: gymnasium.make(id), seeds=2, episodes=1)
    assert report.ok, report


@every_env
def test_soak_of_the_vec_env(id):
    report = soak(lambda: make_vec_env(id, ROWS, n_workers=1), seeds=1, episodes=1)
    assert report.ok, report


@every_env
def test_workers_change_no_byte(id):
    outcomes = []
    for n_workers in (1, 2):
        with contextlib.closing(make_vec_env(id, ROWS, seed=1, n_workers=n_workers)) as env:
            env.action_space.seed(0)
            steps = [env.reset()]
            for _ in range(300):
                actions = np.stack([env.action_space.sample() for _ in range(ROWS)])
                observations, rewards, dones, infos = env.step(actions)
                steps += [observations, rewards, dones]
                steps += [info["terminal_observation"] for info in infos if info]
            outcomes.append([array.tobytes() for array in steps])
    assert outcomes[0] == outcomes[1]
