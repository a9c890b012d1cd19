"""Dodge as a problem: what resets, what it pays, how it ends, and what it refuses."""

import contextlib
import json

import gymnasium
import numpy as np
import pytest

from rlkit.envs import make_vec_env
from rlkit.envs.dodge.env import Dodge
from rlkit.envs.registry import DODGE
from rlkit.envs.vec import BatchVecEnv
from rlkit.errors import EnvError

ARRAYS = ("observations", "terminal_observations", "rewards", "terms", "terminated", "truncated", "ended")


def play(batch, actions, seed=3):
    """Bytes of every result of a seeded run through a table of actions (n_steps, n_envs, ...), per row."""
    batch.seed(seed)
    batch.reset()
    history = [batch.observations.copy()]
    for row in actions:
        batch.advance(row)
        batch.terminal_observations[~batch.ended] = 0
        history += [getattr(batch, name).copy() for name in ARRAYS]
    return history


def some_actions(batch, n_steps=80, seed=0):
    batch.action_space.seed(seed)
    return np.array([[batch.action_space.sample() for _ in range(batch.n_envs)] for _ in range(n_steps)])


def make(n_envs=1, **config):
    batch = Dodge(n_envs, **{"action_repeat": 1, **config})
    batch.seed(0)
    batch.reset()
    return batch


KINDS = [
    {"level": 2},
    {"level": 3, "actions": "continuous6", "features": ("scaled", "nearest", "relative", "threat", "mask", "warning")},
    {"level": 2, "observation": "image", "image_size": 32, "stagger": True},
]


@pytest.mark.parametrize("config", KINDS)
def test_same_seed_same_bytes_in_any_split(config):
    whole = Dodge(7, **config)
    actions = some_actions(whole)
    expected = play(whole, actions)
    assert any(history.any() for history in expected[7::7])  # some rows ended
    for array, again in zip(expected, play(whole, actions), strict=True):
        np.testing.assert_array_equal(array, again)
    first = 0
    for k in range(3):
        part = Dodge(7, part=(k, 3), **config)
        rows = slice(first, first + part.n_envs)
        for array, share in zip(expected, play(part, actions[:, rows]), strict=True):
            np.testing.assert_array_equal(array[rows], share)
        first += part.n_envs
    assert first == 7


def test_one_row_is_row_0_of_many_and_seeds_differ():
    one, many = Dodge(1, level=2), Dodge(64, level=2)
    actions = some_actions(many)
    for a, b in zip(play(one, actions[:, :1]), play(many, actions), strict=True):
        np.testing.assert_array_equal(a[0], b[0])
    places = []
    for seed in (1, 2):
        many.seed(seed)
        many.reset()
        places.append(many.rows["thrower_x"].copy())
    assert len(np.unique(places)) == 128  # no two rows share a stream


def test_everything_is_reset_on_reset():
    """The original's timer ran on over the end of an episode."""
    batch = make(3, level=2, actions="continuous6")
    for _ in range(33):
        batch.step(np.full((3, 6), 0.9, np.float32))
    fresh = make(3, level=2, actions="continuous6")
    assert (batch.rows["wait"] != fresh.rows["wait"]).all()
    batch.reset(np.array([True, False, True]))
    for name in ("steps", "n_balls", "x", "y", "z", "vx", "vy", "vz", "pitch", "roll", "wait"):
        assert (batch.rows[name][[0, 2]] == fresh.rows[name][[0, 2]]).all(), name
        assert batch.rows[name][1] != fresh.rows[name][1], name
    np.testing.assert_array_equal(batch.observations[0], fresh.observations[0])


def test_the_first_ball_comes_after_a_whole_period_or_staggered():
    batch = make(500)
    for _ in range(99):
        batch.step(np.zeros(500, int))
    assert not batch.rows["n_balls"].any()
    batch.step(np.zeros(500, int))
    assert (batch.rows["n_balls"] == 1).all()
    waits = make(500, stagger=True).rows["wait"]
    assert 0 <= waits.min() < 0.05
    assert 1.95 < waits.max() <= 2.0


@pytest.mark.parametrize("max_balls", [1, 2])
def test_max_balls_is_in_force(max_balls):
    batch = make(level=2, max_balls=max_balls)
    counts = []
    for _ in range(300):
        batch.step(np.array([4]))
        counts.append(batch.rows["n_balls"][0])
    assert max(counts) == max_balls


def test_rewards_by_hand():
    """A ball at rest 1.5 u away: each step pays 1 and (2 - 1.5) * 0.5; a hit pays -100 in place of both."""
    batch = make(near_miss_distance=2.0, throw_seconds=10.0)
    drop = 0.5 * 9.8 * 0.02**2
    batch.rows["n_balls"], batch.rows["balls"][0, 0] = 1, (1.5, 0, 1 + drop, 0, 0, 0)
    batch.step(np.array([0]))
    np.testing.assert_allclose(batch.terms[0], [1, 0.25, 0], rtol=1e-6)
    batch.rows["balls"][0, 0] = (2.5, 0, 1 + drop, 0, 0, 0)
    batch.step(np.array([0]))
    np.testing.assert_allclose(batch.terms[0], [1, 0, 0])
    batch.rows["balls"][0, 0] = (0.5, 0, 1 + drop, 0, 0, 0)
    batch.step(np.array([0]))
    np.testing.assert_allclose(batch.terms[0], [0, 0, -100])
    assert batch.rewards[0] == -100


def test_an_action_held_earns_the_sum_of_its_steps():
    held, each = make(32, level=2, action_repeat=5), make(32, level=2)
    rng, alive = np.random.default_rng(0), np.ones(32, bool)
    for _ in range(14):
        actions, sums, over = rng.integers(5, size=32), np.zeros((32, 3)), np.zeros(32, bool)
        for _ in range(5):
            each.step(actions)
            sums += each.terms * ~over[:, None]
            over |= each.terminated
        held.step(actions)
        np.testing.assert_allclose(held.terms[alive], sums[alive], rtol=1e-5)
        np.testing.assert_array_equal(held.terminated[alive], over[alive])
        alive &= ~over
        np.testing.assert_array_equal(held.observations[alive], each.observations[alive])
    assert 0 < alive.sum() < 32


def test_weights_scale_and_change():
    batch = make(reward_weights={"collision": -7.0}, reward_scale=0.5)
    batch.step(np.array([0]))
    assert batch.rewards[0] == 0.5
    batch.set_reward_weights({"survival": 3.0})
    batch.step(np.array([0]))
    assert batch.rewards[0] == 1.5
    assert batch.config["reward_weights"] == {"survival": 3.0, "near_miss": 0.5, "collision": -7.0}
    with pytest.raises(EnvError, match="Did you mean 'collision'"):
        batch.set_reward_weights({"colision": -1.0})


def end(actions, **config):
    """The info of the end of an episode, as the VecEnv and as the gymnasium.Env give it."""
    vec, single = make_vec_env(DODGE, 2, seed=0, **config), gymnasium.make(DODGE, **config)
    vec.reset()
    single.reset(seed=0)
    ends = []
    for action in actions:
        *_, dones, infos = vec.step([action, 0])
        *_, terminated, truncated, info = single.step(action)
        assert ("is_success" in info) == (terminated or truncated) == dones[0]
        assert dones[0] == ("is_success" in infos[0])
        if dones[0]:
            ends.append((infos[0]["is_success"], info["is_success"], terminated, truncated))
            break
    vec.close()
    return ends


def test_a_survivor_succeeds_and_one_who_stands_does_not():
    to_and_fro = [4, 4, 4, 4, 4, 3, 3, 3, 3, 3] * 25
    assert end(to_and_fro) == [(True, True, False, True)]
    assert end([0] * 250) == [(False, False, True, False)]


def test_workers_tell_success_too():
    with contextlib.closing(make_vec_env(DODGE, 4, seed=0, n_workers=2, max_seconds=0.5)) as env:
        env.reset()
        for _ in range(7):
            *_, dones, infos = env.step(np.zeros(4, int))
    assert dones.all()
    assert all(info["is_success"] and info["TimeLimit.truncated"] for info in infos)


def test_config_tells_how_long_an_episode_is():
    batch = Dodge(level=2, dt=1 / 60)
    assert batch.config["episode"] == {"steps": 1200, "decisions": 300, "seconds": 20.0, "throws": 40}
    assert Dodge().config["episode"] == {"steps": 1000, "decisions": 250, "seconds": 20.0, "throws": 10}
    assert json.loads(json.dumps(batch.config)) == batch.config
    assert batch.render_fps == 15
    env = BatchVecEnv(make(2, max_seconds=1.0, action_repeat=4))
    env.reset()
    lengths = [len(env.step(np.zeros(2, int))[3][0]) for _ in range(13)]
    assert np.flatnonzero(lengths).tolist() == [12]  # 50 steps are 12 decisions and a half


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"level": 4}, "take one of 1, 2, 3"),
        ({"level": 2, "angle": 0}, "angle=0 must be a number from 0.001 to 180"),
        ({"level": 2, "angle": 181.0}, "to 180 degrees"),
        ({"angle": 30}, "level 1 throws from a straight line"),
        ({"flight_seconds": 0.1}, "from 0.3 to 5 s"),
        ({"throw_seconds": float("nan")}, "throw_seconds=nan"),
        ({"max_balls": 0}, "a whole number from 1 to 25 balls"),
        ({"max_balls": 2.5}, "max_balls=2.5"),
        ({"dt": 0.5}, "from 0.002 to 0.1 s"),
        ({"max_seconds": 0}, "max_seconds=0"),
        ({"action_repeat": 0}, "from 1 to 100 physics steps"),
        ({"actions": "continous3"}, "Did you mean 'continuous3'"),
        ({"sprint": 11.0}, "from 0 to 10"),
        ({"observation": "pixels"}, "Known: image, numbers"),
        ({"features": ["scale"]}, "Did you mean 'scaled'"),
        ({"features": "mask"}, "such as ['mask']"),
        ({"image_size": "big"}, "image_size='big'"),
        ({"features": ["mask"], "observation": "image"}, "takes none"),
        ({"warning_seconds": 11}, "to 10 s"),
        ({"observation": "image", "image_size": 16}, "32 to 512"),
        ({"observation": "image", "image_mode": "grey"}, "Did you mean 'gray'"),
        ({"near_miss_distance": 51}, "to 50 u"),
        ({"reward_scale": "1"}, "reward_scale='1'"),
        ({"reward_weights": {"collision": 1.0}}, "to 0 points"),
        ({"reward_weights": {"near_miss": 101.0}}, "to 100 points per u"),
        ({"reward_weights": {"survived": 1.0}}, "Did you mean 'survival'"),
    ],
)
def test_arguments_out_of_range_are_told_their_range(config, message):
    with pytest.raises(EnvError) as caught:
        Dodge(**config)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("actions", "value", "message"),
    [
        ("discrete5", np.array([0, 5]), "action 5 is not one of 0..4"),
        ("discrete5", np.array([0, -1]), "action -1"),
        ("discrete5", np.array([0.0, 1.5]), "takes integers"),
        ("continuous3", np.array([[0, 0, 0], [0, np.nan, 0]]), "not finite"),
        ("continuous3", np.array([[0, 0, 0], [0, np.inf, 0]]), "not finite"),
    ],
)
def test_actions_that_mean_nothing_are_refused_and_nothing_happens(actions, value, message):
    batch = make(2, actions=actions)
    with pytest.raises(EnvError, match=message):
        batch.step(value)
    assert not batch.rows["steps"].any()
