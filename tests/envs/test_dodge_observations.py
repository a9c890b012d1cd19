"""What a player of Dodge sees, number by number and pixel by pixel, from states that are set."""

import numpy as np
import pytest
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.vec_env import VecFrameStack, VecTransposeImage

from rlkit.envs import make_vec_env
from rlkit.envs.dodge import image
from rlkit.envs.dodge.env import Dodge
from rlkit.envs.registry import DODGE

BALLS = [(4.0, 6.0, 3.0, 0.0, -2.0, 0.0), (-3.0, 2.0, 5.0, 1.0, 0.0, 4.0)]  # the first is farther


def see(features=(), balls=BALLS, wait=1.5, player=(2.0, -1.0), **config):
    """The observation of one row, a moment (2 ms) after its state was set."""
    batch = Dodge(1, features=features, action_repeat=1, dt=0.002, **config)
    batch.reset()
    row = batch.rows[0]
    row["x"], row["y"], row["wait"], row["n_balls"] = *player, wait, len(balls)
    row["thrower_x"], row["thrower_y"], row["thrower_z"] = 1.0, 20.0, 2.5
    row["balls"][: len(balls)] = np.reshape(balls, (-1, 6))
    batch.step(np.array([0]))
    return batch.observations[0], row


def slots(observation):
    return observation[5:65].reshape(10, 6)


def test_65_raw_numbers():
    seen, row = see()
    assert seen.shape == (65,)
    np.testing.assert_allclose(seen[:5], [2, -1, 1, 0, 0])
    np.testing.assert_allclose(slots(seen)[:2], row["balls"][:2], rtol=1e-6)  # in the order of the throws
    np.testing.assert_allclose(slots(seen)[:2], BALLS, atol=0.03)
    assert not slots(seen)[2:].any()


def test_balls_beyond_the_slots_are_not_shown():
    seen, _ = see(balls=[(10.0 + k, 10, 5, 0, 0, 0) for k in range(12)])
    np.testing.assert_allclose(slots(seen)[:, 0], 10 + np.arange(10))


def test_velocity_is_the_one_that_was_asked_for():
    batch = Dodge(1)
    batch.reset()
    batch.step(np.array([2]))
    np.testing.assert_allclose(batch.observations[0, :5], [0, -0.4, 1, 0, -5], rtol=1e-6)


def test_a_slot_is_cleared_when_its_ball_is_gone():
    batch = Dodge(1)
    batch.reset()
    batch.rows["n_balls"], batch.rows["balls"][0, 0] = 1, (29.99, 9, 5, 5, 0, 0)
    for shown in (False, False):
        batch.step(np.array([0]))
        assert slots(batch.observations[0]).any() == shown


def test_69_numbers_warn_of_the_next_throw():
    early, _ = see(("warning",), wait=1.5)
    late, _ = see(("warning",), wait=0.252)
    assert early.shape == late.shape == (69,)
    assert not early[65:].any()
    np.testing.assert_allclose(late[65:], [1, 20, 2.5, 0.5], rtol=1e-5)
    longer, _ = see(("warning",), wait=0.502, warning_seconds=2.0)
    assert longer[68] == pytest.approx(0.25)


def test_relative_is_seen_from_the_player():
    seen, row = see(("relative", "warning"), wait=0.3)
    np.testing.assert_allclose(slots(seen)[:2, :3], row["balls"][:2, :3] - (2, -1, 1), rtol=1e-6)
    np.testing.assert_allclose(slots(seen)[:2, 3:], row["balls"][:2, 3:], rtol=1e-6)
    np.testing.assert_allclose(seen[65:68], [-1, 21, 1.5], rtol=1e-6)
    np.testing.assert_allclose(seen[:5], [2, -1, 1, 0, 0])


def test_scales_are_fixed_numbers():
    raw, _ = see(("warning",), wait=0.3)
    scaled, _ = see(("warning", "scaled"), wait=0.3)
    np.testing.assert_allclose(scaled[:5], raw[:5] * (0.2, 0.2, 1, 0.2, 0.2), rtol=1e-6)
    np.testing.assert_allclose(slots(scaled), slots(raw) * (0.1, 0.1, 0.2, 0.05, 0.05, 0.05), rtol=1e-6)
    np.testing.assert_allclose(scaled[65:], raw[65:] * (0.1, 0.1, 0.2, 1), rtol=1e-6)


def test_nearest_first_and_what_flies_away_last():
    np.testing.assert_allclose(slots(see(("nearest",))[0])[:2, 0], [-3, 4], atol=0.01)
    leaving = [(4.0, 6.0, 3.0, 0.0, -2.0, 0.0), (3.0, -1.0, 1.0, 2.0, 0.0, 0.0), (2.0, 3.0, 1.0, 0.0, -2.0, 0.0)]
    np.testing.assert_allclose(slots(see(("nearest",), leaving)[0])[:3, 0], [2, 4, 3], atol=0.01)


def test_threat_is_where_a_ball_will_be_nearest():
    """From (2, 8, 3) at 10 u/s along -y past a player at (2.5, 0): in 0.8 s, 0.5 u to the left of it."""
    ball = (2.0, 8.0, 3.0, 0.0, -10.0, 2.0)
    (threat, *_), height = slots(see(("threat",), [ball], player=(2.5, 0.0))[0]), 3 + 2 * 0.8 - 4.9 * 0.64
    np.testing.assert_allclose(threat, [-0.5, 0, height - 1, 0, -10, 0.8], atol=0.025)
    scaled = slots(see(("threat", "scaled"), [ball], player=(2.5, 0.0))[0])[0]
    np.testing.assert_allclose(scaled, threat * (0.2, 0.2, 0.2, 0.05, 0.05, 1), rtol=1e-5)
    past = slots(see(("threat",), [(2.0, -8.0, 3.0, 0.0, -10.0, 2.0)], player=(2.5, 0.0))[0])[0]
    np.testing.assert_allclose(past, [-0.5, -8, 2, 0, -10, -0.8], atol=0.025)  # behind it: as it is now


def test_the_mask_tells_empty_slots_from_balls_in_the_middle():
    seen, _ = see(("mask",), [(0, 0, 5, 0, 0, 0)], player=(4.0, 0.0))
    assert seen[65:].tolist() == [1] + [0] * 9
    both, _ = see(("mask", "warning"), wait=0.3)
    assert both.shape == (79,)
    assert both[69:].tolist() == [1, 1] + [0] * 8
    assert both[66] == 20


@pytest.mark.parametrize(
    ("side", "mode", "channels"), [(84, "gray", 1), (84, "rgb", 3), (32, "rgb", 3), (512, "gray", 1)]
)
def test_pictures_show_zone_player_and_balls(side, mode, channels):
    ball = (-6.0, 9.0, 0.5, 0.0, 0.0, 0.0)
    seen, _ = see(balls=[ball], player=(3.0, 2.0), observation="image", image_size=side, image_mode=mode)
    assert (seen.shape, seen.dtype) == ((side, side, channels), np.uint8)

    def at(x, y):
        return seen[int((12 - y) * side / 24), int((12 + x) * side / 24)]

    def colour(rgb):
        return np.round(rgb if mode == "rgb" else np.dot(rgb, image.GRAY)[None])

    np.testing.assert_allclose(at(-8, -8), colour(image.GROUND), atol=1)
    np.testing.assert_allclose(at(-3, -2), colour(image.ZONE), atol=1)
    assert np.abs(at(3, 2).astype(float) - colour(image.PLAYER)).max() < 80  # of 32 pixels, each is edge
    assert at(-6, 9)[0] > 50
    assert not np.array_equal(seen, seen[::-1])


def test_a_picture_moves_with_less_than_a_pixel_and_shows_height():
    here, there = (see(observation="image", balls=[], player=(x, 0.0))[0] for x in (1.0, 1.05))
    assert (here != there).any()
    low, high = (see(observation="image", balls=[(0.0, 8.0, z, 0, 0, 0)])[0] for z in (1.0, 4.0))
    assert high[14].max() > low[14].max() + 20


@pytest.mark.parametrize("mode", ["gray", "rgb"])
def test_sb3_takes_the_pictures_and_stacks_them(mode):
    env = make_vec_env(DODGE, 2, seed=0, observation="image", image_mode=mode)
    assert is_image_space(env.observation_space)
    stacked = VecTransposeImage(VecFrameStack(env, 4))
    assert stacked.reset().shape == (2, 12 if mode == "rgb" else 4, 84, 84)
