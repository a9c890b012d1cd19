"""The picture for people shows what the state holds."""

import numpy as np
import pytest

from rlkit.envs.dodge import render
from rlkit.envs.dodge.env import Dodge


@pytest.fixture
def game():
    batch = Dodge(2, level=3, angle=180)
    batch.seed(0)
    batch.reset()
    return batch


def count(picture, colour):
    """How many pixels have a colour."""
    return (np.abs(picture.astype(int) - colour) <= 3).all(axis=2).sum()


def middle(picture, colour):
    """(right, up) of the middle of a colour's pixels, from the picture's centre."""
    rows, columns = np.nonzero((np.abs(picture.astype(int) - colour) <= 3).all(axis=2))
    return columns.mean() - picture.shape[1] / 2, picture.shape[0] / 2 - rows.mean()


def test_size_type_and_repeatable(game):
    picture = game.render()
    assert (picture.shape, picture.dtype) == ((*render.SIZE, 3), np.uint8)
    np.testing.assert_array_equal(picture, game.render())
    assert not np.shares_memory(picture, game.render())


def test_the_player_is_where_it_is_and_jumps(game):
    at = {}
    for name, (x, y, z) in {"middle": (0, 0, 1), "right": (4, 0, 1), "far": (0, 3, 1), "high": (0, 0, 2)}.items():
        game.rows[0]["x"], game.rows[0]["y"], game.rows[0]["z"] = x, y, z
        at[name] = middle(game.render(), render.PLAYER)
    assert at["middle"][0] == pytest.approx(0, abs=3)
    assert at["right"][0] > 60
    assert at["far"][1] > at["middle"][1] + 20
    assert at["high"][1] > at["middle"][1] + 10


def test_balls_trails_and_hits_show(game):
    row = game.rows[0]
    before = game.render()
    assert count(before, render.BALL) == 0
    row["n_balls"], row["balls"][0] = 1, (3.0, 2.0, 2.0, 5.0, -5.0, 0.0)
    picture = game.render()
    assert count(picture, render.BALL) > 30
    assert count(picture, render.SHADE) > count(before, render.SHADE)
    assert count(picture, render.HIT) == 0
    row["balls"][0] = (0.5, 0.0, 1.0, 0.0, 0.0, 0.0)
    assert count(game.render(), render.HIT) > 30


def test_a_coming_throw_lights_up_wherever_it_is(game):
    row = game.rows[0]
    for place in ((0.0, 20.0), (20.0, 0.0), (0.0, -20.0), (-14.0, -14.0)):
        row["thrower_x"], row["thrower_y"], row["wait"] = *place, 2.0
        quiet = count(game.render(), render.ALARM)
        row["wait"] = 0.3
        begun = count(game.render(), render.ALARM)
        row["wait"] = 0.02
        assert count(game.render(), render.ALARM) > begun > quiet == 0


def test_time_fills_the_bar(game):
    shares = []
    for steps in (0, 500, 1000):
        game.rows["steps"] = steps
        shares.append((np.abs(game.render()[1].astype(int) - render.BORDER).max(axis=1) < 20).mean())
    assert shares == pytest.approx([0, 0.5, 1], abs=0.02)
