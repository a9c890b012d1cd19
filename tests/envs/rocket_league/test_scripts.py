import math

import numpy as np
import pytest
from hand_made import empty_world, put_ball, put_car, random_worlds

from rlkit.envs.rocket_league import simulation as sim
from rlkit.envs.rocket_league.actions import CONTROLS
from rlkit.envs.rocket_league.scripts import NOBODY, SCRIPTS, play_scripts


def controls_of(world, script, car=0):
    """What a script does with a car, by name of the control; the others' rows must stay."""
    drivers, out = np.full(len(world.cars), NOBODY), np.full((len(world.cars), 8), 9.0, np.float32)
    drivers[car] = SCRIPTS[script]
    play_scripts(world, drivers, out)
    assert (np.delete(out, car, axis=0) == 9.0).all()
    return dict(zip(CONTROLS, out[car].tolist(), strict=True))


@pytest.fixture
def world():
    """Blue, at y = -3000 with 60 boost, faces the other goal; the ball rolls sideways at (0, 1000), orange is far."""
    world = empty_world()
    put_car(world, 0, (0, -3000, 17), boost=60)
    put_ball(world, (0, 1000, sim.BALL_REST_Z), velocity=(10, 0, 0))
    return world


def test_idle_does_nothing(world):
    assert set(controls_of(world, "idle").values()) == {0.0}


def test_basic_boosts_and_steers_at_the_ball(world):
    straight = controls_of(world, "basic")
    assert (straight["throttle"], straight["boost"]) == (1, 1)
    assert abs(straight["steer"]) < 1e-5
    put_ball(world, (-100, -2000, 93))  # on the right
    assert controls_of(world, "basic")["steer"] == pytest.approx(3 * math.atan2(100, 1000), abs=1e-5)
    put_ball(world, (3000, -3000, 93))
    assert controls_of(world, "basic")["steer"] == -1


def test_scripts_do_the_same_on_either_side():
    world = random_worlds(2, 2)
    n = len(world.cars)
    rotated = world._replace(cars=world.cars[:, ::-1], ball=world.ball[:, ::-1], pads=world.pads[:, ::-1])
    rotated = world._replace(
        **{name: np.ascontiguousarray(getattr(rotated, name)) for name in ("cars", "ball", "pads")}
    )
    swapped = np.arange(n).reshape(-1, 2, 2)[:, ::-1].ravel()  # cars of blue become orange's
    rotated = rotated._replace(cars=np.ascontiguousarray(rotated.cars[swapped]))
    for script in ("basic", "rule"):
        drivers, out, image = np.full(n, SCRIPTS[script]), np.zeros((n, 8), np.float32), np.zeros((n, 8), np.float32)
        play_scripts(world, drivers, out)
        play_scripts(rotated, drivers, image)
        np.testing.assert_array_equal(image, out[swapped])


def test_rule_boosts_at_kickoff_above_20(world):
    put_ball(world, (0, 0, sim.BALL_REST_Z))
    for boost, boosts in ((21, 1), (20, 0)):
        world.cars[0, :, sim.CAR_BOOST] = boost
        controls = controls_of(world, "rule")
        assert (controls["throttle"], controls["boost"]) == (1, boosts)


def test_rule_jumps_for_a_high_ball_and_flies_on(world):
    put_ball(world, (0, -2000, 800), velocity=(0, 0, 100))
    controls = controls_of(world, "rule")
    assert (controls["jump"], controls["boost"], controls["pitch"]) == (1, 1, 1)
    put_car(world, 0, (0, -2600, 400), boost=50)
    world.cars[0, :, sim.CAR_ON_GROUND] = 0
    flying = controls_of(world, "rule")
    assert (flying["jump"], flying["boost"]) == (0, 1)
    assert flying["pitch"] == 1  # the ball is 34 degrees above the nose
    world.cars[0, :, sim.CAR_ON_GROUND] = 1
    put_car(world, 0, (0, -3000, 17), boost=39)
    assert controls_of(world, "rule")["jump"] == 0  # too little boost


def test_rule_returns_when_the_ball_is_behind_it(world):
    put_car(world, 0, (0, 2000, 17), boost=60)
    put_ball(world, (0, -2000, 93), velocity=(10, 0, 0))
    back = controls_of(world, "rule")
    assert abs(back["steer"]) == 1
    assert back["boost"] == 0
    put_car(world, 0, (0, -3400, 17), boost=60)  # goal side: it drives to the ball
    assert abs(controls_of(world, "rule")["steer"]) < 1e-3


def test_rule_fetches_boost_while_the_ball_is_far(world):
    put_car(world, 0, (-2000, -4096, 17), boost=29)  # a big pad stands 1072 uu to the right
    put_ball(world, (0, 0, 93), velocity=(10, 0, 0))
    assert controls_of(world, "rule")["steer"] == 1
    world.cars[0, :, sim.CAR_BOOST] = 31
    assert controls_of(world, "rule")["steer"] < 0  # the ball is on the left
    world.cars[0, :, sim.CAR_BOOST] = 29
    put_car(world, 1, (0, 1000, 17), yaw=-math.pi / 2)
    assert controls_of(world, "rule")["steer"] < 0  # an opponent is too near to the ball


@pytest.mark.parametrize(("boost", "speed", "boosts"), [(31, 100, 1), (29, 100, 0), (29, -100, 1)])
def test_rule_challenges_with_boost_or_when_the_ball_comes_home(world, boost, speed, boosts):
    put_car(world, 0, (0, 200, 17), boost=boost)
    put_ball(world, (0, 1000, 93), velocity=(0, speed, 0))
    assert controls_of(world, "rule")["boost"] == boosts


def test_rule_leaves_the_ball_to_the_closest_and_holds_or_covers_the_back_post():
    world = empty_world(2, 1)
    put_car(world, 0, (0, -3000, 17), boost=60)
    put_car(world, 1, (0, 0, 17), boost=60)
    put_ball(world, (400, 500, 93), velocity=(10, 0, 0))
    assert controls_of(world, "rule", car=1)["steer"] < -0.9  # the closest drives at the ball, on its left
    holding = controls_of(world, "rule", car=0)
    assert holding["steer"] == pytest.approx(-3 * math.atan2(200, 1000), abs=1e-3)  # to (200, -2000)
    put_car(world, 0, (200, -2100, 17), boost=60)
    assert controls_of(world, "rule", car=0)["throttle"] == 0  # it has arrived
    put_ball(world, (100, -4000, 93), velocity=(10, 0, 0))
    put_car(world, 1, (100, -4200, 17))
    put_car(world, 0, (-700, -4500, 17))
    assert controls_of(world, "rule", car=0)["throttle"] == 0  # at the post away from the ball, (-800, -4600)


def test_a_car_on_its_roof_taps_jump(world):
    world.cars[0, :, sim.CAR_UP] *= -1
    world.cars[0, :, sim.CAR_ON_GROUND] = 0
    taps = []
    for step in range(4):
        world.steps[0] = step
        taps.append(controls_of(world, "basic")["jump"])
    assert taps == [0, 1, 0, 1]
