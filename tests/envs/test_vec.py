"""BatchVecEnv against the VecEnv contract, by a problem whose every value is known."""

import numpy as np
import pytest
from counter_batch import CLOCK, Counter
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecMonitor

from rlkit.diagnostics.env_check import soak
from rlkit.envs.vec import BatchVecEnv
from rlkit.errors import EnvError

ROWS = 5


@pytest.fixture
def env():
    env = BatchVecEnv(Counter(ROWS))
    env.seed(0)
    return env


def play(env, steps, seed=0):
    """(observations, rewards, dones, infos) of each step with random actions."""
    generator = np.random.default_rng(seed)
    return [env.step(generator.integers(0, 3, env.num_envs)) for _ in range(steps)]


def test_infos_of_ended_rows_say_what_sb3_reads(env):
    env.reset()
    sums, lengths = np.zeros((ROWS, 2)), np.zeros(ROWS, int)
    seen = set()
    generator = np.random.default_rng(1)
    for _ in range(60):
        observations, rewards, dones, infos = env.step(generator.integers(0, 3, ROWS))
        sums += env.batch.terms
        lengths += 1
        np.testing.assert_allclose(rewards, env.batch.terms.sum(1), rtol=1e-6)
        for row in range(ROWS):
            if not dones[row]:
                assert infos[row] == {}
                continue
            count, goal, time = infos[row]["terminal_observation"]
            assert infos[row]["TimeLimit.truncated"] is bool(count < goal)  # at the goal it is no truncation
            assert time == lengths[row]
            assert infos[row]["episode"]["l"] == lengths[row]
            assert infos[row]["episode"]["r"] == pytest.approx(sums[row].sum(), abs=1e-5)
            assert infos[row]["episode"]["t"] >= 0
            assert infos[row]["reward_terms"] == pytest.approx({"progress": sums[row, 0], "noise": sums[row, 1]})
            assert observations[row][0] == observations[row][2] == 0  # already in the next episode
            seen.add(("goal" if count >= goal else "clock", time == CLOCK))
            sums[row], lengths[row] = 0, 0
    assert seen == {("goal", False), ("goal", True), ("clock", True)}


def test_what_was_handed_out_stays_as_it_was(env):
    first = env.reset()
    kept = first.copy()
    outcomes = play(env, 20)
    copies = [[part.copy() for part in outcome[:3]] for outcome in outcomes]
    ends = [(info, info["terminal_observation"].copy()) for outcome in outcomes for info in outcome[3] if info]
    play(env, 20, seed=1)
    np.testing.assert_array_equal(first, kept)
    for outcome, copy in zip(outcomes, copies, strict=True):
        for part, part_copy in zip(outcome[:3], copy, strict=True):
            np.testing.assert_array_equal(part, part_copy)
    for info, last in ends:
        np.testing.assert_array_equal(info["terminal_observation"], last)
    infos = [id(info) for outcome in outcomes for info in outcome[3]]
    assert len(set(infos)) == len(infos)


def test_seed_is_taken_up_by_the_next_reset_and_only_by_that(env):
    first = env.reset()
    second = env.reset()
    assert not np.array_equal(first, second)
    env.seed(0)
    play(env, 3)  # still the old streams
    np.testing.assert_array_equal(env.reset(), first)


def test_never_seeded_means_a_random_seed():
    goals = {tuple(BatchVecEnv(Counter(ROWS)).reset()[:, 1]) for _ in range(8)}
    assert len(goals) > 1


def test_one_row_equals_a_row_of_many():
    one, many = BatchVecEnv(Counter(1)), BatchVecEnv(Counter(64))
    for env in (one, many):
        env.seed(3)
    np.testing.assert_array_equal(one.reset()[0], many.reset()[0])
    for _ in range(30):
        a, b = one.step(np.ones(1, int)), many.step(np.ones(64, int))
        np.testing.assert_array_equal(a[0][0], b[0][0])
        assert a[1][0] == b[1][0]


def test_mistakes_are_named(env):
    with pytest.raises(EnvError, match="before reset"):
        env.step(np.zeros(ROWS, int))
    env.reset()
    with pytest.raises(EnvError, match=r"shape \(4,\), 5 envs take \(5,\)"):
        env.step(np.zeros(4, int))
    with pytest.raises(EnvError, match="make_vec_env"):
        env.set_options({"level": 2})


def test_attributes_and_methods_reach_the_problem(env):
    assert env.get_attr("step_size") == [1.0] * ROWS
    assert env.get_attr("step_size", indices=2) == [1.0]
    env.set_attr("step_size", 2.0)
    assert env.batch.step_size == 2.0
    env.reset()
    assert env.env_method("render", indices=[0, 1])[1].shape == (4, 6, 3)
    assert env.has_attr("goal")
    assert not env.has_attr("no_such_thing")


def test_monitor_is_told_to_be_there(env):
    assert env.env_is_wrapped(Monitor) == [True] * ROWS
    assert env.env_is_wrapped(VecMonitor, indices=[0]) == [False]


def test_render_draws_row_0(env):
    env.reset()
    env.step(np.full(ROWS, 2))
    assert (env.render_mode, env.metadata["render_fps"]) == ("rgb_array", 30)
    assert env.render().tolist() == np.full((4, 6, 3), 2).tolist()


def test_close_twice_closes_once(env, monkeypatch):
    calls = []
    monkeypatch.setattr(env.batch, "close", lambda: calls.append(1))
    env.close()
    env.close()
    assert calls == [1]


def test_sb3_trains_on_it_and_counts_its_episodes(env):
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=40, n_epochs=1, seed=0, device="cpu")
    model.learn(3 * 16 * ROWS)
    assert model.ep_info_buffer
    assert all(2 <= episode["l"] <= CLOCK for episode in model.ep_info_buffer)


def test_soak():
    report = soak(lambda: BatchVecEnv(Counter(ROWS)), seeds=3, max_steps=CLOCK + 1)
    assert report.ok, report
