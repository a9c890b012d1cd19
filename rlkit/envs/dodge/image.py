"""The picture that a policy sees: zone, player and balls from above, as uint8 (side, side, channels)."""

import math

import numpy as np

from rlkit.envs.dodge import constants as const
from rlkit.envs.dodge.constants import X, Y, Z
from rlkit.envs.dodge.physics import inlined

IMAGE_MODES = {"gray": 1, "rgb": 3}  # channels
VIEW = 24.0  # u from edge to edge, the zone in the middle and +y up
GRAY = (0.299, 0.587, 0.114)  # of red, green and blue; ITU-R BT.601
GROUND, ZONE, PLAYER = (12.0, 14.0, 20.0), (44.0, 54.0, 70.0), (72.0, 148.0, 255.0)
BALL_LOW, BALL_HIGH = (255.0, 96.0, 32.0), (255.0, 255.0, 224.0)  # on the ground, and from HIGH up
HIGH = 4.0  # u

Colour = tuple[float, float, float]


@inlined
def paint(row: np.void, out: np.ndarray, i: int) -> None:
    """Fill the picture of row i, uint8 (n_envs, side, side, channels)."""
    half = 0.5 * VIEW
    rectangle(out, i, (-half, half, -half, half), GROUND)
    rectangle(out, i, (-const.ZONE_X, const.ZONE_X, -const.ZONE_Y, const.ZONE_Y), ZONE)
    disc(out, i, row.x, row.y, const.PLAYER_RADIUS, PLAYER)
    for j in range(row.n_balls):
        share = min(row.balls[j, Z] / HIGH, 1.0)
        disc(out, i, row.balls[j, X], row.balls[j, Y], const.BALL_RADIUS, between(BALL_LOW, BALL_HIGH, share))


@inlined
def between(one: Colour, other: Colour, share: float) -> Colour:
    """A colour that is `share` of the way from one to the other."""
    return (
        one[0] + (other[0] - one[0]) * share,
        one[1] + (other[1] - one[1]) * share,
        one[2] + (other[2] - one[2]) * share,
    )


@inlined
def rectangle(out: np.ndarray, i: int, sides: tuple[float, float, float, float], colour: Colour) -> None:
    """Fill the pixels whose centres lie within sides = (left, right, bottom, top) in u."""
    pixels = out.shape[1] / VIEW
    left, right = round((0.5 * VIEW + sides[0]) * pixels), round((0.5 * VIEW + sides[1]) * pixels)
    bottom, top = round((0.5 * VIEW - sides[2]) * pixels), round((0.5 * VIEW - sides[3]) * pixels)
    for k in range(out.shape[3]):
        value = np.uint8(light(out, k, colour) + 0.5)
        for v in range(top, bottom):
            for u in range(left, right):
                out[i, v, u, k] = value


@inlined
def disc(out: np.ndarray, i: int, x: float, y: float, radius: float, colour: Colour) -> None:
    """A disc with a soft edge, so that a move of less than a pixel shows; outside of the picture, nothing."""
    side = out.shape[1]
    pixels = side / VIEW
    u, v, r = (0.5 * VIEW + x) * pixels, (0.5 * VIEW - y) * pixels, radius * pixels
    for pv in range(max(0, math.floor(v - r - 0.5)), min(side, math.ceil(v + r + 0.5))):
        for pu in range(max(0, math.floor(u - r - 0.5)), min(side, math.ceil(u + r + 0.5))):
            beyond = math.sqrt((pu + 0.5 - u) ** 2 + (pv + 0.5 - v) ** 2) - r
            if beyond < 0.5:
                blend(out, i, pv, pu, colour, min(0.5 - beyond, 1.0))


@inlined
def blend(out: np.ndarray, i: int, v: int, u: int, colour: Colour, share: float) -> None:
    """Cover `share` of a pixel with a colour."""
    for k in range(out.shape[3]):
        out[i, v, u, k] = np.uint8(out[i, v, u, k] * (1.0 - share) + light(out, k, colour) * share + 0.5)


@inlined
def light(out: np.ndarray, k: int, colour: Colour) -> float:
    """What a picture keeps of a colour in channel k."""
    if out.shape[3] == 1:
        return GRAY[0] * colour[0] + GRAY[1] * colour[1] + GRAY[2] * colour[2]
    return colour[k]
