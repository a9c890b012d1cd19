import json

import numpy as np
import pytest

from rlkit.envs.rocket_league import simulation as sim
from rlkit.envs.rocket_league.env import RocketLeague
from rlkit.envs.rocket_league.lineup import line_up
from rlkit.errors import EnvError

ARRAYS = ("observations", "terminal_observations", "rewards", "terms", "terminated", "truncated", "ended")


def play(batch, actions, seed=3):
    """Copies of every result of a seeded run through a table of actions (n_steps, n_envs, ...)."""
    batch.seed(seed)
    batch.reset()
    history = [{"observations": batch.observations.copy()}]
    for row in actions:
        batch.advance(row)
        history.append({name: getattr(batch, name).copy() for name in ARRAYS})
        history[-1]["terminal_observations"][~batch.ended] = 0
    return history


def assert_same(one, other, rows=slice(None)):
    for step, (a, b) in enumerate(zip(one, other, strict=True)):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name][rows], err_msg=f"{name} of step {step}")


def some_actions(batch, n_steps=80, n_envs=None, seed=0):
    batch.action_space.seed(seed)
    return np.array([[batch.action_space.sample() for _ in range(n_envs or batch.n_envs)] for _ in range(n_steps)])


def place_ball(batch, arena, position, velocity=(0, 0, 0)):
    sim.place_ball(batch.simulation.arenas[arena].ball, position, velocity)


def make(n_envs, **config):
    batch = RocketLeague(n_envs, **config)
    batch.seed(0)
    batch.reset()
    return batch


@pytest.mark.parametrize("config", [{}, {"mode": "2v2", "observation": "seed180", "actions": "multi_discrete"}])
def test_same_seed_same_bytes_also_on_a_used_batch(config):
    batch = RocketLeague(8, max_seconds=3.0, **config)
    actions = some_actions(batch)
    first, again = play(batch, actions), play(batch, actions)
    assert any(step["ended"].any() for step in first[1:])
    assert_same(first, again)
    other = play(batch, actions, seed=4)
    assert (first[0]["observations"] != other[0]["observations"]).any()


@pytest.mark.parametrize("mode", ["1v1", "2v1"])
def test_parts_are_the_whole(mode):
    config = {"mode": mode, "max_seconds": 3.0}
    whole = RocketLeague(12, **config)
    actions = some_actions(whole)
    expected, first = play(whole, actions), 0
    for k in range(2):
        part = RocketLeague(12, part=(k, 2), **config)
        rows = slice(first, first + part.n_envs)
        assert_same(play(part, actions[:, rows]), expected, rows)
        first += part.n_envs
    assert first == whole.n_envs


def test_demolished_cars_return_where_the_seed_says():
    places = []
    for _ in range(2):
        batch = make(16, opponents={"self": 1})
        for handle in batch.simulation.handles:
            handle.demolish()
        for _ in range(46):
            batch.step(np.full(16, 15))
        assert not batch.simulation.cars[:, 0, sim.CAR_DEMOED].any()
        places.append(batch.simulation.cars[:, 0, sim.CAR_POSITION].copy())
    assert len(np.unique(places[0][::2, 0].round())) > 1
    np.testing.assert_array_equal(*places)


def test_batches_share_nothing():
    one, other = make(2), make(2)
    before = other.observations.copy(), other.simulation.cars.copy()
    for row in some_actions(one, 20):
        one.advance(row)
    np.testing.assert_array_equal(other.observations, before[0])
    other.simulation.read()
    np.testing.assert_array_equal(other.simulation.cars, before[1])


@pytest.mark.parametrize(
    ("mode", "n_envs", "self_play", "scripted"),
    [("1v1", 1, 0, 1), ("1v1", 2, 1, 0), ("1v1", 51, 19, 13), ("2v2", 4, 1, 0), ("2v2", 16, 3, 2), ("1v2", 7, 2, 1)],
)
def test_rows_fill_arenas_near_the_share(mode, n_envs, self_play, scripted):
    lineup = line_up(n_envs, (0, 1), mode, 0.6)
    assert (lineup.self_play.sum(), (~lineup.self_play).sum()) == (self_play, scripted)
    assert len(lineup.rows) == n_envs


@pytest.mark.parametrize(
    ("n_envs", "config", "hint"),
    [
        (3, {"mode": "2v2"}, "2 or 4"),
        (0, {}, "n_envs=1"),
        (3, {"opponents": {"self": 1}}, "2 or 4"),
        (5, {"mode": "3v3", "opponents": {"rule": 1}}, "3 or 6"),
    ],
)
def test_rows_that_do_not_fit_name_the_nearest(n_envs, config, hint):
    with pytest.raises(EnvError, match=hint):
        RocketLeague(n_envs, **config)


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        ({"mode": "2v3"}, "unknown mode '2v3'. Did you mean"),
        ({"opponents": {"ruel": 1}}, "Did you mean 'rule'"),
        ({"opponents": {"rule": -1}}, "share of 'rule'"),
        ({"opponents": {}}, "nothing to choose"),
        ({"reward_weights": {"gaol": 1}}, "Did you mean 'goal'"),
        ({"observation": "locale"}, "Did you mean 'local'"),
        ({"actions": "multidiscrete"}, "Did you mean 'multi_discrete'"),
        ({"tick_skip": 0}, "tick_skip=0"),
        ({"max_seconds": float("nan")}, "max_seconds=nan"),
        ({"starts": {"kickof": 1}}, "Did you mean 'kickoff'"),
        ({"mutators": {"gravity": "low"}}, "give a finite number"),
        ({"part": (0, 2)}, "too few for 2 workers"),
    ],
)
def test_wrong_arguments_are_refused(config, hint):
    with pytest.raises(EnvError, match=hint):
        RocketLeague(1, **config)


def test_config_is_plain_complete_and_makes_the_same_batch():
    batch = RocketLeague(4, mode="2v2", opponents={"basic": 3, "self": 1}, reward_weights={"save": 2})
    assert json.loads(json.dumps(batch.config)) == batch.config
    assert batch.config["opponents"] == {"self": 0.25, "basic": 0.75}
    assert batch.config["reward_weights"].keys() == set(batch.reward_terms)
    twin = RocketLeague(4, **batch.config)
    assert twin.config == batch.config
    actions = some_actions(batch, 5)
    assert_same(play(batch, actions), play(twin, actions))


def test_terms_add_up_to_rewards():
    batch = make(6)
    for row in some_actions(batch, 60):
        batch.advance(row)
        np.testing.assert_allclose(batch.terms.sum(axis=1), batch.rewards, atol=1e-5)


def test_a_goal_terminates_the_arena_and_the_last_observation_is_kept():
    batch = make(4, opponents={"self": 1})
    place_ball(batch, 0, (0, 5200, 100), (0, 2000, 0))
    batch.advance(np.full(4, 15))
    assert batch.terminated.tolist() == [True, True, False, False]
    assert not batch.truncated.any()
    goal, concede = batch.reward_terms.index("goal"), batch.reward_terms.index("concede")
    assert batch.terms[:, goal].tolist() == [10, 0, 0, 0]
    assert batch.terms[:, concede].tolist() == [0, -10, 0, 0]
    ball_y = 20
    assert batch.terminal_observations[0, ball_y] > 5215 / 5120  # in the goal that blue attacks,
    assert batch.terminal_observations[1, ball_y] < -5215 / 5120  # which is orange's own
    assert np.abs(batch.observations[:2, ball_y]).max() < 1


def test_clocks_truncate_at_their_time():
    batch = make(2, opponents={"self": 1}, max_seconds=1.0, no_touch_seconds=30.0, starts={"kickoff": 1})
    for step in range(1, 16):
        batch.step(np.full(2, 15))
        assert batch.truncated.all() == (step == 15)
        assert not batch.terminated.any()
    batch = make(2, opponents={"self": 1}, no_touch_seconds=2.0, starts={"kickoff": 1})
    for step in range(1, 31):
        batch.step(np.full(2, 15))
        assert batch.truncated.all() == (step == 30)


def test_reset_of_a_row_begins_its_arena_only():
    batch = make(4, opponents={"self": 1})
    for row in some_actions(batch, 10):
        batch.step(row)
    before = batch.observations.copy()
    batch.reset(np.array([False, False, False, True]))
    np.testing.assert_array_equal(batch.observations[:2], before[:2])
    assert (batch.observations[2:] != before[2:]).any(axis=1).all()


def test_observations_after_a_reset_are_those_of_the_new_state():
    batch = make(4, max_seconds=1.0)
    for row in some_actions(batch, 40):
        batch.advance(row)
        if batch.ended.any():
            own_y = sim.CAR_POSITION.start + 1
            batch.simulation.read()
            team = batch._lineup.rows % 2
            y = batch.simulation.cars[batch._lineup.rows, team, own_y]
            np.testing.assert_allclose(batch.observations[:, 1], y / 5120, atol=1e-6)


def test_actions_are_folded_back():
    """The ball on a car's left and right, the same action: mirror-image driving."""
    paths = []
    for side in (-1, 1):
        batch = make(2, opponents={"self": 1})
        batch.simulation.kickoff(0, np.random.default_rng(0), noise=False)
        car = batch.simulation.handles[0]
        sim.place_car(car, 0.0, -3000.0, np.pi / 2, speed=800.0, boost=50.0)
        place_ball(batch, 0, (side * 1500.0, 0, 93.15))
        batch.step(np.array([2, 15]))  # straight on, which looks at the ball
        assert batch._fold[0] == -side
        for _ in range(6):
            batch.step(np.array([4, 15]))  # steer to the ball's side
        paths.append(batch.simulation.cars[0, 0, sim.CAR_POSITION].copy())
    left, right = paths
    assert abs(left[0]) > 10
    np.testing.assert_allclose(left * (-1, 1, 1), right, atol=2.0)
    assert np.sign(left[0]) == -1  # towards the ball at x = -1500


def test_scripts_drive_only_the_cars_that_do_not_learn():
    batch = make(2, opponents={"basic": 1}, starts={"kickoff": 1})
    start = batch.simulation.cars[:, 0, sim.CAR_POSITION].copy()
    for _ in range(10):
        batch.step(np.full(2, 15))
    moved = np.linalg.norm(batch.simulation.cars[:, 0, sim.CAR_POSITION] - start, axis=1).reshape(2, 2)
    assert (moved[:, 0] < 20).all()
    assert (moved[:, 1] > 200).all()


def test_wrong_actions_are_refused_before_anything_moves():
    batch = make(2)
    before = batch.simulation.cars.copy()
    with pytest.raises(EnvError, match="outside Discrete"):
        batch.step(np.array([0, 28]))
    batch.simulation.read()
    np.testing.assert_array_equal(batch.simulation.cars, before)


def test_reward_weights_change_between_steps():
    batch = make(1)
    batch.set_reward_weights({"face_ball": 0.0, "save": 2.0})
    assert batch.config["reward_weights"]["save"] == 2.0
    batch.step(np.zeros(1, int))
    assert batch.terms[0, batch.reward_terms.index("face_ball")] == 0
    with pytest.raises(EnvError, match="Did you mean 'touch'"):
        batch.set_reward_weights({"tuoch": 1})


@pytest.mark.parametrize(
    ("mode", "observation", "actions"),
    [("1v1", "local", "table28"), ("2v1", "seed180", "table90"), ("3v3", "local", "multi_discrete")],
)
def test_soak(mode, observation, actions):
    batch = make(12, mode=mode, observation=observation, actions=actions, max_seconds=5.0)
    ends = 0
    for row in some_actions(batch, 300):
        batch.advance(row)
        for array in (batch.observations, batch.terminal_observations, batch.rewards, batch.terms):
            assert np.isfinite(array).all()
        assert all(batch.observation_space.contains(o) for o in batch.observations)
        ends += batch.ended.sum()
    assert ends > 12


def test_render():
    image = make(1).render()
    assert image.dtype == np.uint8
    assert image.ndim == 3
