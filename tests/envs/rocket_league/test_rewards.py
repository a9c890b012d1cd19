import math

import numpy as np
import pytest
from hand_made import empty_world, put_ball, put_car

from rlkit.envs.rocket_league import simulation as sim
from rlkit.envs.rocket_league.kernel import begin, settle
from rlkit.envs.rocket_league.observations import LOCAL
from rlkit.envs.rocket_league.rewards import N_MEMORY, REWARDS, resolve_weights
from rlkit.errors import EnvError

NAMES = list(REWARDS)


class Rows:
    """Both cars of a 1v1 world as rows, with the arrays of an environment."""

    def __init__(self, world, limits=(900, 300), weights=None):
        self.world, self.limits, self.cars = world, limits, np.arange(2)
        self.weights = np.ones(len(NAMES), np.float32) if weights is None else np.array(weights, np.float32)
        self.memory, self.terms = np.zeros((2, N_MEMORY), np.float32), np.zeros((2, len(NAMES)), np.float32)
        self.rewards, self.fold = np.zeros(2, np.float32), np.ones(2, np.float32)
        self.terminated, self.truncated = np.zeros(2, bool), np.zeros(2, bool)
        self.observations = np.zeros((2, 74), np.float32)
        begin(world, self.cars, self.cars, self.memory)

    def settle(self):
        """Terms by name, [blue's, orange's], of the decision that led from the remembered world to this one."""
        settle(
            self.world, LOCAL, self.cars, self.limits, self.weights, self.memory, self.terms, self.rewards,
            self.terminated, self.truncated, self.observations, self.fold,
        )  # fmt: skip
        return dict(zip(NAMES, self.terms.T.tolist(), strict=True))


@pytest.fixture
def world():
    """Blue at (0, -1000) faces the other goal; orange stands in a corner; the ball is 500 ahead of blue."""
    world = empty_world()
    put_car(world, 0, (0, -1000, 93), boost=25)
    put_car(world, 1, (3000, 4000, 93), yaw=-math.pi / 2, boost=25)
    put_ball(world, (0, -500, 93))
    return world


def test_nothing_happens(world):
    terms = Rows(world).settle()
    always = {"face_ball", "alignment", "approach", "ball_progress", "goal_side", "stale"}
    assert {name for name, values in terms.items() if any(values)} == always


@pytest.mark.parametrize(("y", "goal", "concede"), [(5216.0, [1, 0], [0, 1]), (-5216.0, [0, 1], [1, 0])])
def test_goal_and_concede(world, y, goal, concede):
    rows = Rows(world)
    put_ball(world, (0, y, 93))
    terms = rows.settle()
    assert (terms["goal"], terms["concede"]) == (goal, concede)
    assert rows.terminated.all()
    assert not rows.truncated.any()
    assert world.score[0].tolist() == goal


def test_a_ball_on_the_line_is_no_goal(world):
    rows = Rows(world)
    put_ball(world, (0, 5215.0, 93))
    assert rows.settle()["goal"] == [0, 0]
    assert not rows.terminated.any()


def test_touch_and_touch_acceleration(world):
    put_ball(world, (0, -500, 93), velocity=(0, -460, 0))
    rows = Rows(world)
    put_ball(world, (0, -500, 93), velocity=(0, 690, 0))
    world.cars[0, :, sim.CAR_TOUCHED] = 1
    terms = rows.settle()
    assert terms["touch"] == [1, 0]
    assert terms["touch_acceleration"] == pytest.approx([0.5, 0])  # (690 + 460) / 2300
    world.cars[:, :, sim.CAR_TOUCHED] = 1
    put_ball(world, (0, -500, 93), velocity=(0, -5000, 0))
    terms = rows.settle()
    assert terms["touch"] == [1, 1]
    assert terms["touch_acceleration"][0] == -1  # clipped
    assert terms["touch_acceleration"][1] == 1


def test_ball_to_goal_velocity(world):
    put_ball(world, (3915, 0, 93), velocity=(-2300, 0, 500))  # the goal's point (0, 5220) lies along (-3, 4) / 5
    terms = Rows(world).settle()
    assert terms["ball_to_goal_velocity"] == pytest.approx([0.6, 0.6], abs=1e-6)
    put_ball(world, (0, 1000, 93), velocity=(0, 1150, 0))
    assert Rows(world).settle()["ball_to_goal_velocity"] == pytest.approx([0.5, -0.5], abs=1e-6)


def test_player_to_ball_velocity(world):
    put_car(world, 0, (300, -900, 93), velocity=(-1150, 0, 0))  # the ball lies along (-3, 4) / 5
    assert Rows(world).settle()["player_to_ball_velocity"] == pytest.approx([0.3, 0], abs=1e-6)


def test_face_ball_and_alignment(world):
    put_car(world, 0, (300, -900, 93))
    put_car(world, 1, (0, -1500, 93), yaw=math.pi / 2)
    terms = Rows(world).settle()
    assert terms["face_ball"] == pytest.approx([0.8, 1.0], abs=1e-6)
    assert terms["alignment"] == pytest.approx([0.8, -1.0], abs=1e-6)  # orange stands where it would score an own goal


def test_boost_gain_pickup_and_boost_use(world):
    rows = Rows(world)
    world.cars[0, :, sim.CAR_BOOST] = 100
    world.cars[0, :, sim.CAR_PICKUPS] += 1
    world.cars[1, :, sim.CAR_BOOST] = 5
    terms = rows.settle()
    assert terms["boost_gain"] == pytest.approx([0.5, 0])  # sqrt(1) - sqrt(0.25)
    assert terms["pickup"] == [1, 0]
    assert terms["boost_use"] == pytest.approx([0, 0.2])
    world.cars[1, :, sim.CAR_BOOST] = 33  # what a respawn gives
    assert rows.settle()["boost_gain"] == [0, 0]


def test_upside_down(world):
    world.cars[:, :, sim.CAR_UP] *= -1
    world.cars[1, :, sim.CAR_POSITION.stop - 1] = 1000
    assert Rows(world).settle()["upside_down"] == [1, 0]


@pytest.mark.parametrize(
    ("term", "column"), [("demolition", sim.CAR_DEMOS), ("shot", sim.CAR_SHOTS), ("save", sim.CAR_SAVES)]
)
def test_counters(world, term, column):
    world.cars[:, :, column] = 7
    rows = Rows(world)
    world.cars[1, :, column] = 8
    assert rows.settle()[term] == [0, 1]
    assert rows.settle()[term] == [0, 0]


def test_demolished_counts_once(world):
    rows = Rows(world)
    world.cars[1, :, sim.CAR_DEMOED] = 1
    assert rows.settle()["demolished"] == [0, 1]
    assert rows.settle()["demolished"] == [0, 0]


def test_aerial_touch(world):
    put_ball(world, (0, -500, 301))
    world.cars[0, :, sim.CAR_TOUCHED] = 1
    assert Rows(world).settle()["aerial_touch"] == [1, 0]
    put_ball(world, (0, -500, 299))
    assert Rows(world).settle()["aerial_touch"] == [0, 0]


def test_approach_and_ball_progress_are_shaping(world):
    """Blue drives 300 of its 500 uu to the ball, which rolls 250 of its 5720 uu to the goal at y = 5220."""
    rows = Rows(world)
    put_car(world, 0, (0, -700, 93))
    put_ball(world, (0, -250, 93))
    terms = rows.settle()
    assert terms["approach"][0] == pytest.approx((-0.99 * 450 + 500) / 10240, abs=1e-6)
    assert terms["ball_progress"][0] == pytest.approx((-0.99 * 500 + 1000) / 10240, abs=1e-6)
    assert terms["ball_progress"][1] == pytest.approx(-terms["ball_progress"][0], abs=1e-6)


def test_the_shaping_of_an_episode_pays_back_what_it_gave(world):
    """Discounted over a whole episode it adds up to what the start was worth, whatever happens on the way."""
    rows, total, start = Rows(world), np.zeros(2), 1000 / 10240
    for step, y in enumerate((-800, 300, 2000, 2000, 5300)):
        put_ball(world, (0, y, 93))
        total += 0.99**step * np.array(rows.settle()["ball_progress"])
    assert rows.terminated.all()
    assert total == pytest.approx([start, -start], abs=1e-6)


def test_who_hit_last_decides_possession_own_goals_and_aerial_goals(world):
    rows = Rows(world)
    world.cars[0, :, sim.CAR_TOUCHED] = 1
    put_ball(world, (0, -500, 400))
    assert rows.settle()["possession"] == [1, -1]
    world.cars[0, :, sim.CAR_TOUCHED] = 0
    assert rows.settle()["possession"] == [1, -1]
    put_ball(world, (0, 5300, 93))
    terms = rows.settle()
    assert (terms["aerial_goal"], terms["own_goal"]) == ([1, 0], [0, 0])
    put_ball(world, (0, -5300, 93))
    assert rows.settle()["own_goal"] == [1, 0]
    world.cars[:, :, sim.CAR_TOUCHED] = 1
    terms = rows.settle()
    assert (terms["possession"], terms["own_goal"], terms["aerial_goal"]) == ([0, 0], [0, 0], [0, 0])


def test_a_new_episode_knows_nothing_of_hits_before_it(world):
    rows = Rows(world)
    world.cars[0, :, sim.CAR_TOUCHED] = 1
    rows.settle()
    world.cars[0, :, sim.CAR_TOUCHED] = 0
    world.steps[:] = 0
    begin(world, rows.cars, rows.cars, rows.memory)
    assert rows.settle()["possession"] == [0, 0]


def test_goal_side_and_overcommit(world):
    """Orange attacks towards -y: at y = 4000 it is between the ball and its own goal."""
    rows = Rows(world)
    assert rows.settle()["goal_side"] == [1, 1]
    put_car(world, 0, (0, 200, 93))
    terms = rows.settle()
    assert (terms["goal_side"], terms["overcommit"]) == ([0, 1], [0, 0])
    world.cars[1, :, sim.CAR_TOUCHED] = 1
    assert rows.settle()["overcommit"] == [1, 0]


def test_mates_keep_their_distance_from_each_other_and_do_not_both_go():
    world = empty_world(2, 1)
    put_car(world, 0, (0, -1000, 93))
    put_car(world, 1, (0, -2500, 93))
    put_ball(world, (0, -500, 93))
    terms = Rows(world).settle()  # of blue's two
    assert (terms["spacing"], terms["double_commit"]) == ([1, 1], [0, 0])
    put_car(world, 1, (100, -1000, 93))
    terms = Rows(world).settle()
    assert (terms["spacing"], terms["double_commit"]) == ([0, 0], [1, 1])
    assert Rows(empty_world(1, 1)).settle()["spacing"] == [0, 0]


def test_standing_still_and_boost(world):
    put_car(world, 1, (3000, 4000, 93), velocity=(0, 101, 0), boost=25)
    rows = Rows(world)
    world.cars[:, :, sim.CAR_BOOST] = 5
    world.flags[1, sim.FLAG_SUPERSONIC] = 1
    terms = rows.settle()
    assert terms["stale"] == [1, 0]
    assert terms["boost_waste"] == pytest.approx([0, 0.2])
    assert terms["low_boost"] == [1, 1]


def test_weights_scale_their_own_term_and_rewards_are_the_sum(world):
    world.cars[0, :, sim.CAR_TOUCHED] = 1
    plain = Rows(world).settle()
    rows = Rows(world, weights=np.arange(len(NAMES)))
    for weight, (name, values) in enumerate(rows.settle().items()):
        assert values == pytest.approx([weight * value for value in plain[name]], rel=1e-6)
    np.testing.assert_allclose(rows.rewards, rows.terms.sum(axis=1), rtol=1e-6)


def test_clocks_truncate(world):
    rows = Rows(world, limits=(3, 100))
    for _ in range(2):
        rows.settle()
        assert not rows.truncated.any()
    rows.settle()
    assert rows.truncated.all()
    assert not rows.terminated.any()


def test_a_touch_restarts_the_no_touch_clock_for_both_cars(world):
    rows = Rows(world, limits=(100, 3))
    rows.settle()
    world.cars[1, :, sim.CAR_TOUCHED] = 1
    rows.settle()
    world.cars[1, :, sim.CAR_TOUCHED] = 0
    for expected in (False, False, True):
        rows.settle()
        assert rows.truncated.tolist() == [expected] * 2


def test_a_goal_at_the_last_moment_terminates_only(world):
    rows = Rows(world, limits=(1, 1))
    put_ball(world, (0, 5300, 93))
    rows.settle()
    assert rows.terminated.all()
    assert not rows.truncated.any()


def test_weights_resolve():
    resolved = resolve_weights({"save": 3, "goal": 1.5})
    assert list(resolved) == NAMES
    assert (resolved["save"], resolved["goal"], resolved["concede"]) == (3.0, 1.5, -10.0)
    with pytest.raises(EnvError, match="Did you mean 'demolition'"):
        resolve_weights({"demolitions": 1.0})
    with pytest.raises(EnvError, match="finite"):
        resolve_weights({"goal": math.nan})
