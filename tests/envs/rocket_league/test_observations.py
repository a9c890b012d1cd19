import math

import numpy as np
import pytest
from hand_made import empty_world, mirrored, put_ball, put_car, random_worlds

from rlkit.envs.rocket_league import simulation as sim
from rlkit.envs.rocket_league.kernel import look
from rlkit.envs.rocket_league.observations import LIMIT, OBSERVATIONS, observation_space
from rlkit.envs.rocket_league.world import BALL_POSITION, make_world
from rlkit.errors import EnvError


def see(world, kind="local"):
    """Observations of every car, and the signs of folding."""
    n = len(world.cars)
    space = observation_space(kind, world.blue, world.n_cars - world.blue)
    seen, fold = np.full((n, *space.shape), np.nan, np.float32), np.zeros(n, np.float32)
    look(world, OBSERVATIONS[kind], np.arange(n), np.arange(n), seen, fold)
    return seen, fold


@pytest.mark.parametrize(("blue", "orange", "size"), [(1, 1, 74), (1, 2, 102), (2, 1, 102), (2, 2, 102), (3, 3, 130)])
def test_sizes(blue, orange, size):
    assert observation_space("local", blue, orange).shape == (size,)
    assert observation_space("seed180", blue, orange).shape == (180,)


def test_an_unknown_kind_names_the_known_one():
    with pytest.raises(EnvError, match="Did you mean 'local'"):
        observation_space("locl")


def test_local_by_hand():
    world = empty_world()
    # Facing the other goal from the left half (+x is left), the ball 300 to the right and 400 ahead.
    put_car(world, 0, (1024, -2560, 100), velocity=(230, 1150, 0), spin=(0, 5.5, 1.1), boost=50)
    put_ball(world, (724, -2160, 100), velocity=(0, 600, 300))
    put_car(world, 1, (1024, 1440, 100), velocity=(0, -1150, 0), yaw=-math.pi / 2, boost=20)
    world.flags[0] = 1, 0
    seen, fold = see(world)
    o = seen[0]
    assert fold[0] == 1
    expected = {
        (0, 3): (0.25, -0.5, 100 / 2048),
        (3, 6): (0.5, -0.1, 0),
        (6, 9): (1, 0, 0.2),
        (9, 15): (0, 1, 0, 0, 0, 1),
        (15, 19): (0.5, 1, 1, 0),
        (19, 22): (724 / 4096, -2160 / 5120, 100 / 2048),
        (22, 25): (0, 0.2, 0.1),
        (25, 28): (400 / 3000, 0.1, 0),
        (28, 33): (0.8, 0.6, 0, 500 / 6000, math.exp(-1)),
        (33, 36): (-550 / 3000, 230 / 3000, 0.1),
        (36, 39): (700 / 3000, 0.1, (100 + 150 - 81.25 - 100) / 3000),
        (47, 48): (0,),
        (60, 63): (4000 / 3000, 0, 0),
        (63, 66): (-1, 0.1, 0),
        (66, 69): (-1, 0, 0),
        (69, 74): (0.2, 1, 0, math.hypot(300, 3600) / 6000, (500 - math.hypot(300, 3600)) / 3000),
    }
    for (first, last), values in expected.items():
        assert o[first:last] == pytest.approx(values, abs=1e-5), (first, last)
    to_goal, from_ball = math.hypot(1024, 5220 + 2560), math.hypot(724, 5220 + 2160)
    assert o[39:43] == pytest.approx((7780 / to_goal, 1024 / to_goal, 0, to_goal / 6000), abs=1e-5)
    assert o[43:46] == pytest.approx((7380 / from_ball, 724 / from_ball, 0), abs=1e-5)
    assert o[46] == pytest.approx((0.6 * 724 + 0.8 * 7380) / from_ball, abs=1e-5)


def test_local_boost_pads():
    """From 1000 in front of the right corner's big pad, the small pad 8 at 798 away."""
    world = empty_world()
    put_car(world, 0, (-3072, -3096, 17))
    put_ball(world, (-4000, 0, 93))
    world.pads[0, 0, 8] = world.pads[0, 0, 15] = 0  # the small pad nearby and the middle big one on the right
    o, fold = see(world)[0][0], see(world)[1][0]
    assert fold == 1
    assert o[48:54].tolist() == [1, 1, 0, 1, 1, 1]
    assert o[54:57] == pytest.approx((-1, 0, 0.25), abs=1e-4)  # 1000 behind
    assert o[57:60] == pytest.approx((-1, 0, 0.25), abs=1e-4)  # which is the nearest of all, with pad 8 gone
    world.pads[:] = 0
    assert see(world)[0][0, 54:60].tolist() == [0, 0, 2, 0, 0, 2]


def test_kickoff_flag():
    world = empty_world()
    assert see(world)[0][:, 47].tolist() == [1, 1]
    put_ball(world, (0, 0, sim.BALL_REST_Z), velocity=(0, 2, 0))
    assert see(world)[0][:, 47].tolist() == [0, 0]


@pytest.mark.parametrize(("blue", "orange"), [(1, 1), (2, 2)])
def test_mirror_images_look_the_same_and_fold_the_other_way(blue, orange):
    world = random_worlds(blue, orange)
    seen, fold = see(world)
    image, image_fold = see(mirrored(world))
    np.testing.assert_allclose(image, seen, atol=2e-5)
    np.testing.assert_array_equal(image_fold, -fold)
    assert {-1.0, 1.0} == set(fold.tolist())


@pytest.mark.parametrize("kind", OBSERVATIONS)
def test_orange_sees_the_field_as_blue_does(kind):
    simulation = sim.Simulation(1)
    simulation.kickoff(0, np.random.default_rng(0), noise=False)  # a kickoff is the same for both teams
    simulation.read()
    seen, fold = see(make_world(simulation), kind)
    np.testing.assert_allclose(seen[1], seen[0], atol=1e-4)
    assert fold[0] == fold[1]


@pytest.mark.parametrize(("blue", "orange"), [(1, 2), (2, 1), (3, 3)])
def test_slots_are_nearest_to_the_ball_first_and_zero_when_absent(blue, orange):
    world = empty_world(blue, orange)
    for car in range(blue + orange):
        put_car(world, car, (500.0 * (car + 1), 0, 17))
    put_ball(world, (1100, 0, 93))  # nearest is car 1, then 0 or 2
    slots = see(world)[0][:, 60:].reshape(blue + orange, -1, 14)
    mates = max(blue, orange) - 1
    for car in range(blue + orange):
        own, other = (range(blue), range(blue, blue + orange))[:: 1 if car < blue else -1]
        for cars, part in ((set(own) - {car}, slots[car, :mates]), (set(other), slots[car, mates:])):
            distances = sorted(abs(world.cars[c, 0, 11] - 1100) for c in cars)
            known = np.sqrt(np.square(distances) + 76.0**2) / 6000
            assert part[: len(cars), 12] == pytest.approx(known, abs=1e-4)
            assert not part[len(cars) :].any()


def test_seed180_by_hand():
    world = empty_world(2, 2)
    put_car(world, 0, (2048, -1024, 17), velocity=(0, 2300, 0), spin=(0, 0, 5.5), boost=100)
    put_car(world, 1, (0, -4096, 17), boost=10)
    put_car(world, 2, (0, 2048, 17), boost=20, yaw=-math.pi / 2)
    put_car(world, 3, (0, 4096, 17), boost=30, yaw=-math.pi / 2)
    put_ball(world, (2048, 2048, 418.15), velocity=(230, 0, 0), spin=(0, 0, 5.5))
    world.steps[0], world.score[0] = 450, (3, 1)
    world.flags[0] = 1, 1
    o = see(world, "seed180")[0][0]
    landing = 1.0  # s: 650 / 2 uu above its rest
    expected = {
        (0, 9): (0.5, -0.25, 17 / 4096, 0, 1, 0, 0, 0, 1),
        (9, 18): (0, 1, 0, -1, 0, 0, 0, 0, 1),
        (18, 22): (1, 1, 1, 0),
        (22, 31): (0.5, 0.5, 418.15 / 4096, 0.1, 0, 0, 0, 0, 1),
        (31, 37): (0, 0.75, 401.15 / 4096, 0.1, -1, 0),
        (37, 41): ((2048 + 230) / 4096, 0.5, sim.BALL_REST_Z / 4096, landing / 4),
        (41, 48): (0, 1, 0, 0, 0, 1, 3072 / math.hypot(3072, 401.15)),
        (48, 61): (0, -1, 17 / 4096, 0, 0, 0, -0.5, -0.75, 0, 0, -1, 0, 0.1),
        (61, 74): (0,) * 13,
        (74, 87): (0, 0.5, 17 / 4096, 0, 0, 0, -0.5, 0.75, 0, 0, -1, 0, 0.2),
        (87, 100): (0, 1, 17 / 4096, 0, 0, 0, -0.5, 1.25, 0, 0, -1, 0, 0.3),
        (100, 113): (0,) * 13,
        (113, 119): (0.5, -1036 / 4096, 70 / 4096, 1, 0, 12 / 4096),
        (173, 176): (0, 30 / 300, math.tanh(0.4)),
        (176, 180): (0, 1, 0, 0),
    }
    for (first, last), values in expected.items():
        assert o[first:last] == pytest.approx(values, abs=1e-5), (first, last)
    distances = o[113:173].reshape(10, 6)[:, 5]
    assert (np.diff(distances) >= 0).all()


@pytest.mark.parametrize(("place", "phase"), [((0, 0), 0), ((0, 2000), 1), ((0, -2000), 2), ((900, 1000), 3)])
def test_seed180_phase(place, phase):
    world = empty_world()
    put_ball(world, (*place, sim.BALL_REST_Z))
    blue, orange = see(world, "seed180")[0]
    assert blue[176:].tolist() == np.eye(4)[phase].tolist()
    assert orange[176:].tolist() == np.eye(4)[[0, 2, 1, 3][phase]].tolist()


def test_seed180_looks_half_a_second_to_four_seconds_ahead():
    world = empty_world()
    put_ball(world, (0, 0, sim.BALL_REST_Z), velocity=(1000, 0, 0))
    assert see(world, "seed180")[0][0, 37:41] == pytest.approx((500 / 4096, 0, sim.BALL_REST_Z / 4096, 0.125), abs=1e-5)
    put_ball(world, (0, 0, 1000), velocity=(4000, 0, 3000))
    assert see(world, "seed180")[0][0, 37:41] == pytest.approx((1, 0, 7800 / 4096, 1), abs=1e-5)


@pytest.mark.parametrize("kind", OBSERVATIONS)
def test_values_stay_in_the_space(kind):
    world = empty_world()
    put_ball(world, (-1e6, 0, 2000))
    seen = see(world, kind)[0]
    assert np.abs(seen).max() == LIMIT
    assert observation_space(kind).contains(seen[0])


def test_the_ball_column_is_the_ball():
    simulation = sim.Simulation(1)
    simulation.kickoff(0, np.random.default_rng(0))
    simulation.read()
    assert simulation.ball[0, 0, BALL_POSITION : BALL_POSITION + 3] == pytest.approx((0, 0, sim.BALL_REST_Z), abs=0.1)
