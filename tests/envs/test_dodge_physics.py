"""The physics of Dodge against numbers worked by hand, by stepping rows whose state is set."""

import numpy as np
import pytest

from rlkit.envs.dodge import constants as const
from rlkit.envs.dodge.env import Dodge

STAND, UP, DOWN, LEFT, RIGHT = range(5)


def make(**config):
    """One row that decides at each physics step of 1/50 s."""
    batch = Dodge(1, **{"action_repeat": 1, **config})
    batch.reset()
    return batch


def steps(batch, action, n):
    for _ in range(n):
        batch.step(np.array([action]))
    return batch.rows[0]


def put_ball(batch, place, velocity=(0.0, 0.0, 0.0)):
    """The only ball in the air of row 0."""
    batch.rows["n_balls"] = 1
    batch.rows["balls"][0, 0] = (*place, *velocity)


@pytest.mark.parametrize(
    ("action", "expected"), [(STAND, (0, 0)), (UP, (0, 1)), (DOWN, (0, -1)), (LEFT, (-1, 0)), (RIGHT, (1, 0))]
)
def test_an_action_moves_the_player(action, expected):
    """10 steps of 0.02 s at 5 u/s are 1 u: the velocity must not be zeroed on the way, as it was in the original."""
    row = steps(make(), action, 10)
    assert (row["x"], row["y"]) == pytest.approx(expected)
    assert (row["vx"], row["vy"]) == pytest.approx(np.multiply(expected, 5.0))


def test_action_repeat_holds_the_action():
    assert steps(make(action_repeat=4), RIGHT, 2)["x"] == pytest.approx(0.8)


@pytest.mark.parametrize(("action", "edge"), [(UP, (0, 4)), (DOWN, (0, -4)), (LEFT, (-5, 0)), (RIGHT, (5, 0))])
def test_the_zone_holds_the_player(action, edge):
    row = steps(make(throw_seconds=10.0), action, 60)
    assert (row["x"], row["y"]) == edge


@pytest.mark.parametrize(
    ("actions", "action", "velocity"),
    [
        ("continuous3", (1, -0.5, -1), (5.0, -2.5)),
        ("continuous3", (1, 0, 1), (15.0, 0.0)),
        ("continuous3", (1, 0, 0), (10.0, 0.0)),
        ("continuous4", (0, 1, 1, -1), (0.0, 15.0)),
        ("continuous5", (1, 0, 0.5, -0.5, 1), (15.0, 0.0)),
        ("continuous6", (-1, 0, 0, 0, 0, 1), (-15.0, 0.0)),
        ("continuous6", (-3, 0, 0, 0, 0, 9), (-15.0, 0.0)),  # beyond the space counts as its edge
    ],
)
def test_sprint_multiplies_the_speed(actions, action, velocity):
    row = steps(make(actions=actions, sprint=2.0), action, 1)
    assert (row["vx"], row["vy"]) == pytest.approx(velocity)


def test_a_tilt_is_30_degrees_at_most_and_only_seen():
    row = steps(make(actions="continuous5"), (0, 0, 1, -0.5, -1), 1)
    assert np.degrees([row["pitch"], row["roll"]]) == pytest.approx([30, -15])
    assert (row["x"], row["y"]) == (0, 0)


@pytest.mark.parametrize(("actions", "jump"), [("continuous4", (0, 0, -1, 1)), ("continuous6", (0, 0, 1, 0, 0, -1))])
def test_a_jump_peaks_at_1_225_and_lasts_0_7_seconds(actions, jump):
    """v^2 / 2g = 49 / 40 above the ground after v / g = 0.35 s, and back at twice that."""
    batch = make(actions=actions, dt=0.01)
    heights = [steps(batch, jump, 1)["z"] for _ in range(69)]
    assert max(heights) == pytest.approx(1.0 + 1.225)
    assert np.argmax(heights) == 34
    stand = np.where(np.array(jump) == 1, 0.5, jump)  # not above 0.5: no jump
    assert min(heights) > 1.0
    assert steps(batch, stand, 1)["z"] == 1.0
    assert steps(batch, stand, 5)["z"] == 1.0


@pytest.mark.parametrize(("level", "seconds"), [(1, 2.0), (2, 0.8), (3, 0.8)])
@pytest.mark.parametrize("dt", [1 / 50, 1 / 100])
def test_an_arc_meets_its_target_at_the_flight_time(level, seconds, dt):
    batch = make(level=level, dt=dt, throw_seconds=0.5)
    target = steps(batch, RIGHT, round(0.5 / dt))["x"]  # thrown, and one step on its way
    assert target == pytest.approx(2.5)
    row = steps(batch, UP, round(seconds / dt) - 1)
    assert row["balls"][0, :3] == pytest.approx((target, 0.0, 1.0))


def test_flight_time_is_the_speed():
    for seconds in (0.5, 1.0):
        row = steps(make(flight_seconds=seconds), STAND, 100)
        assert np.hypot(*(row["balls"][0, 3:5])) == pytest.approx(20 / seconds, rel=0.01)


def test_a_bounce_keeps_0_7_upwards_and_0_95_along():
    """From 0.4 at 1 u/s downwards, in 0.1 s: 0.4 - 0.1 - 0.049 is below 0.3; it arrives with 1.98 u/s."""
    batch = make(dt=0.1, flight_seconds=5.0)
    put_ball(batch, (10.0, 10.0, 0.4), (2.0, -1.0, -1.0))
    batch.rules["substeps"], batch.rules["seconds"] = 1, 0.1
    ball = steps(batch, STAND, 1)["balls"][0]
    assert ball == pytest.approx([10.2, 9.9, 0.3, 1.9, -0.95, 0.7 * 1.98])


@pytest.mark.parametrize(("distance", "hit"), [(0.799, True), (0.801, False)])
@pytest.mark.parametrize("direction", [(1, 0, 0), (0, -0.6, 0.8)])
def test_a_hit_is_nearer_than_0_8_between_centres(distance, hit, direction):
    batch = make()
    middle = np.array([0.0, 0.0, 1.0 + 0.5 * 9.8 * 0.02**2])  # with what gravity takes within the step
    put_ball(batch, middle + np.multiply(direction, distance))
    steps(batch, STAND, 1)
    assert bool(batch.terminated[0]) is hit


@pytest.mark.parametrize(
    ("place", "gone"),
    [((30.1, 0), True), ((-30.1, 0), True), ((29, 0), False), ((0, 30.1), True), ((0, -25.1), True), ((0, -24), False)],
)
def test_balls_leave_the_field(place, gone):
    batch = make()
    batch.rows["n_balls"] = 2
    batch.rows["balls"][0, :2] = [(*place, 5, 0, 0, 0), (9, 9, 5, 0, 0, 0)]
    row = steps(batch, STAND, 1)
    assert row["n_balls"] == 2 - gone
    assert row["balls"][row["n_balls"] - 1, 0] == 9.0  # the others stay, in their order


@pytest.mark.parametrize(("level", "angle"), [(1, None), (2, None), (2, 20.0), (2, 180.0), (3, None)])
def test_throwers_stand_on_the_levels_line_or_arc(level, angle):
    batch = Dodge(2000, level=level, angle=angle)
    batch.reset()
    x, y = batch.rows["thrower_x"], batch.rows["thrower_y"]
    assert (batch.rows["thrower_z"] == {1: 2.5, 2: 1.5, 3: 1.5}[level]).all()
    if level == 1:
        assert (y == 20).all()
        assert (x.min(), x.max()) == pytest.approx((-1.5, 1.5), abs=0.01)
        return
    half = angle or {2: 60.0, 3: 90.0}[level]
    degrees = np.degrees(np.arctan2(x, y))
    np.testing.assert_allclose(np.hypot(x, y), 20)
    assert (degrees.min(), degrees.max()) == pytest.approx((-half, half), abs=half * 0.01)
    assert degrees.mean() == pytest.approx(0, abs=half * 0.05)


@pytest.mark.parametrize(("dt", "flight", "expected"), [(1 / 50, 0.8, 1), (1 / 60, 0.8, 1), (1 / 23, 0.8, 2),
                                                        (1 / 23, 5.0, 2), (1 / 50, 0.3, 3)])  # fmt: skip
def test_no_ball_flies_through_a_player_in_one_substep(dt, flight, expected):
    batch = make(level=2, dt=dt, flight_seconds=flight)
    (rules,) = batch.rules
    assert rules["substeps"] == expected
    assert rules["seconds"] * expected == pytest.approx(dt)
    assert rules["seconds"] * (20 + np.hypot(5, 4)) / flight <= const.HIT_DISTANCE
    while not batch.terminated[0] and batch.rows["steps"][0] < 200:
        steps(batch, STAND, 1)
    assert batch.terminated[0]  # one who stands is hit by the first ball, at any dt
