import numpy as np
import pytest

from rlkit.envs.rocket_league import simulation as sim
from rlkit.envs.rocket_league.ball import ball_now, later
from rlkit.envs.rocket_league.world import nopython

SLICES = 60  # of 1/30 s


@nopython
def foretell(row, places):
    ball = ball_now(row)
    for i in range(len(places)):
        ball = later(ball, 1 / 30)
        places[i, 0], places[i, 1], places[i, 2] = ball.place


@pytest.fixture(scope="module")
def errors():
    """How far the prediction is off after each slice, uu (2, 100, SLICES): rolling and flying balls; nan in goals.

    They start anywhere, roll at 200 to 2000 uu/s or fly at 1500 uu/s, typically, so that most meet a wall or more.
    """
    simulation, rng = sim.Simulation(1), np.random.default_rng(0)
    arena, away = simulation.arenas[0], np.full((2, 100, SLICES), np.nan)
    arena.set_car_ball_collision(False)
    for flies, game in np.ndindex(2, 100):
        place, velocity = rng.uniform((-3000, -4000, 100), (3000, 4000, 1700)), rng.normal(0, 900, 3)
        if not flies:
            heading, speed = rng.uniform(0, 2 * np.pi), rng.uniform(200, 2000)
            place[2], velocity[:] = sim.BALL_REST_Z, (speed * np.cos(heading), speed * np.sin(heading), 0)
        sim.place_ball(arena.ball, place, velocity)
        simulation.read()
        foretold = np.zeros((SLICES, 3))
        foretell(simulation.ball[0, 0], foretold)
        for i in range(SLICES):
            arena.step(4)
            true = arena.ball.get_state().pos.as_numpy()
            if abs(true[1]) > sim.GOAL_LINE_Y:
                break
            away[flies, game, i] = np.linalg.norm(true - foretold[i])
    return away


@pytest.mark.parametrize(("flies", "median", "most"), [(0, 6, 12), (1, 3, 15)])
def test_a_free_ball_is_where_it_was_foretold_a_second_before(errors, flies, median, most):
    after = errors[flies, :, 29]
    assert np.nanmedian(after) < median
    assert np.nanpercentile(after, 90) < most


@pytest.mark.parametrize(("flies", "median", "most"), [(0, 12, 30), (1, 12, 40)])
def test_a_free_ball_is_where_it_was_foretold_two_seconds_before(errors, flies, median, most):
    after = errors[flies, :, 59]
    assert np.nanmedian(after) < median
    assert np.nanpercentile(after, 90) < most
