"""The picture shows what the arrays hold, at the size asked for."""

import numpy as np
import pytest

from rlkit.envs.rocket_league import render
from rlkit.envs.rocket_league import simulation as sim
from rlkit.envs.rocket_league.placing import place_ball, place_car
from rlkit.envs.rocket_league.render import draw
from rlkit.envs.rocket_league.simulation import Simulation


@pytest.fixture(scope="module")
def match() -> Simulation:
    simulation = Simulation(2)
    place_car(simulation.handles[0], 1500.0, -3000.0, 0.0)
    place_car(simulation.handles[1], -1500.0, 3000.0, 0.0)
    place_ball(simulation.arenas[0].ball, (-2000.0, -2000.0, 100.0), (0.0, 0.0, 0.0))
    simulation.read()
    return simulation


def share(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Where a picture has this colour, bool (h, w)."""
    return (np.abs(picture.astype(int) - colour) <= 2).all(axis=2)


def middle(where: np.ndarray) -> np.ndarray:
    """Centre of these pixels from the picture's centre, rightwards and upwards."""
    rows, columns = np.nonzero(where)
    height, width = where.shape
    return np.array([columns.mean() - (width - 1) / 2, (height - 1) / 2 - rows.mean()])


@pytest.mark.parametrize("size", [(480, 640), (240, 320), (400, 400), (301, 517)])
def test_size_and_type(match, size):
    picture = draw(match, size=size)
    assert picture.shape == (*size, 3)
    assert picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


def test_things_are_where_they_are(match):
    """The picture's right is y and its top is x, so that blue attacks to the right and nothing is mirrored."""
    picture = draw(match)
    blue, orange = (middle(share(picture, team)) for team in render.TEAMS)
    ball = middle(share(picture, render.BALL))
    pixels_per_uu = 320 / (6000 + render.MARGIN)
    np.testing.assert_allclose(blue, np.array([-3000, 1500]) * pixels_per_uu, atol=3)
    np.testing.assert_allclose(orange, np.array([3000, -1500]) * pixels_per_uu, atol=3)
    np.testing.assert_allclose(ball, np.array([-2000, -2000]) * pixels_per_uu, atol=2)


def test_same_state_same_picture_and_arenas_differ(match):
    np.testing.assert_array_equal(draw(match), draw(match))
    assert not np.array_equal(draw(match, 0), draw(match, 1))


def test_height_boost_pads_and_demolition_show(match):
    before = draw(match)
    saved = match.cars.copy(), match.ball.copy(), match.pads.copy()

    match.ball[0, 0, 2] = 1500.0
    assert share(draw(match), render.BALL).sum() > 2 * share(before, render.BALL).sum()
    match.pads[0, 0, sim.BIG_PADS] = 0.0
    assert share(draw(match), render.BOOST).sum() < 0.8 * share(before, render.BOOST).sum()
    match.cars[0, 0, sim.CAR_DEMOED] = 1.0
    assert not share(draw(match), render.TEAMS[0]).any()
    match.cars[:], match.ball[:], match.pads[:] = saved

    match.cars[:, 0, sim.CAR_BOOST] = 0.0
    assert share(draw(match), render.BOOST).sum() < share(before, render.BOOST).sum()
    match.cars[:] = saved[0]
    np.testing.assert_array_equal(draw(match), before)
