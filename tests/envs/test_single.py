"""BatchEnv against Gymnasium's and stable-baselines3's checkers, and against the VecEnv of the same problem."""

import warnings

import gymnasium
import numpy as np
import pytest
from counter_batch import CLOCK, Counter
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from rlkit.diagnostics.env_check import soak
from rlkit.envs.batch import Batch
from rlkit.envs.single import BatchEnv
from rlkit.envs.vec import BatchVecEnv
from rlkit.errors import EnvError

TARGET = "counter_batch:Counter"


@pytest.fixture(scope="module", autouse=True)
def counter_id():
    gymnasium.register("test/Counter-v0", entry_point="rlkit.envs.single:BatchEnv", kwargs={"problem": TARGET})
    yield
    del gymnasium.registry["test/Counter-v0"]


def test_the_standard_checkers_pass_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make("test/Counter-v0").unwrapped)
        check_env_sb3(BatchEnv(Counter, render_mode="rgb_array"), skip_render_check=False)


def test_soak():
    report = soak(lambda: BatchEnv(Counter), seeds=5, max_steps=CLOCK + 1)
    assert report.ok, report


def test_an_episode_equals_the_vec_envs():
    single, vec = BatchEnv(Counter, step_size=0.5), BatchVecEnv(Counter(1, step_size=0.5))
    vec.seed(4)
    np.testing.assert_array_equal(single.reset(seed=4)[0], vec.reset()[0])
    for _ in range(40):
        observation, reward, terminated, truncated, info = single.step(1)
        observations, rewards, dones, infos = vec.step(np.ones(1, int))
        assert (reward, terminated or truncated) == (rewards[0], dones[0])
        assert sum(info["reward_terms"].values()) == pytest.approx(reward)
        if dones[0]:
            np.testing.assert_array_equal(observation, infos[0]["terminal_observation"])
            assert infos[0]["TimeLimit.truncated"] is (truncated and not terminated)
            observation, _ = single.reset()
        np.testing.assert_array_equal(observation, observations[0])


def test_gymnasium_make_passes_arguments_and_refuses_wrong_ones():
    env = gymnasium.make("test/Counter-v0", step_size=3.0, render_mode="rgb_array")
    assert env.unwrapped.batch.step_size == 3.0
    env.reset(seed=0)
    env.step(2)
    assert env.render()[0, 0, 0] == 6
    with pytest.raises(EnvError, match="only: step_size"):
        gymnasium.make("test/Counter-v0", step_sise=3.0)


def test_mistakes_are_named():
    env = BatchEnv(Counter)
    with pytest.raises(EnvError, match="reset"):
        env.step(1)
    with pytest.raises(EnvError, match="arguments to gymnasium"):
        env.reset(options={"level": 1})
    env.reset(seed=0)
    with pytest.raises(EnvError, match="shape"):
        env.step([1, 1])
    while not any(env.step(2)[2:4]):
        pass
    with pytest.raises(EnvError, match="over"):
        env.step(1)
    with pytest.raises(EnvError, match="render_mode='rgb_array'"):
        env.render()


class Pictureless(Counter):
    render = Batch.render


def test_a_problem_without_a_picture_offers_no_render_mode():
    env = BatchEnv(Pictureless)
    assert env.metadata["render_modes"] == []
    with pytest.raises(EnvError, match="render_mode 'rgb_array'"):
        BatchEnv(Pictureless, render_mode="rgb_array")
    assert BatchVecEnv(Pictureless(2)).render_mode is None
