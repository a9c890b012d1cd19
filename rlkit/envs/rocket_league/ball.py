"""Where a ball that nobody touches will be: flight with gravity and drag, bounces with spin, rolling, ramps and goals.

The walls are the arena's own dimensions; a bounce is that of a solid sphere with the friction and the restitution that
RocketSim gives the ball. `tests/envs/rocket_league/test_ball.py` says how far it strays from RocketSim.
"""

import math
from typing import NamedTuple

import numpy as np

from rlkit.envs.rocket_league import constants as const
from rlkit.envs.rocket_league.arena import FIELD
from rlkit.envs.rocket_league.world import (
    BALL_POSITION,
    BALL_SPIN,
    BALL_VELOCITY,
    Vector,
    cross,
    dot,
    inlined,
    length,
    nopython,
    plus,
    scaled,
    wide,
)

# RocketSim's RLConst.h, BALL_*
DRAG = 0.03  # share of the speed lost in a second
FRICTION = 0.35  # tangential over normal impulse, at most
RESTITUTION = 0.6  # normal speed after over before a bounce
GRIP = 2 / 7  # share of the slip that stops a solid sphere's slipping: 1 / (1 + m r^2 / I)
RADIUS = const.BALL_REST_Z  # uu, centre to surface at contact, with the margin of the collision shapes

# The arena's dimensions as plain numbers, which is what numba takes
SQRT_2 = math.sqrt(2.0)
CORNER_SUM, EDGE = FIELD.corner_sum, FIELD.corner_round
FLOOR_RAMP, BACK_RAMP, CEILING_RAMP = FIELD.floor_ramp, FIELD.back_ramp, FIELD.ceiling_ramp
SIDE_EDGE_X = const.SIDE_WALL_X - EDGE  # uu, axis of the rounded upright edge between side and corner wall
SIDE_EDGE_Y = CORNER_SUM - SQRT_2 * EDGE - SIDE_EDGE_X
BACK_EDGE_Y = const.BACK_WALL_Y - EDGE  # uu, axis of the one between back and corner wall
BACK_EDGE_X = CORNER_SUM - SQRT_2 * EDGE - BACK_EDGE_Y


class Ball(NamedTuple):
    """A ball's motion."""

    place: Vector  # uu
    velocity: Vector  # uu/s
    spin: Vector  # rad/s


@inlined
def ball_now(row: np.ndarray) -> Ball:
    """The motion in a row of `World.ball`."""
    return Ball(wide(row, BALL_POSITION), wide(row, BALL_VELOCITY), wide(row, BALL_SPIN))


@nopython
def later(ball: Ball, seconds: float) -> Ball:
    """The ball after a step of at most 1/20 s."""
    vx, vy, vz = ball.velocity
    kept = 1.0 - DRAG * seconds
    after = (vx * kept, vy * kept, vz * kept - const.GRAVITY * seconds)
    fall = 0.5 * const.GRAVITY * seconds * (seconds - const.TICK_SECONDS)  # RocketSim moves by the speed after a tick
    x, y, z = plus(ball.place, scaled(after, seconds))
    place = (x, y, z + fall)
    distance, normal = surface(place)
    if distance >= RADIUS:
        return Ball(place, after, ball.spin)
    return bounced(Ball(place, after, ball.spin), normal, RADIUS - distance, seconds)


@nopython
def bounced(ball: Ball, normal: Vector, depth: float, seconds: float) -> Ball:
    """A ball that has gone `depth` uu too deep into a surface within the last `seconds`."""
    approach = -dot(ball.velocity, normal)
    if approach <= 0.0:
        return Ball(plus(ball.place, scaled(normal, depth)), ball.velocity, ball.spin)
    rests = approach < 2.0 * const.GRAVITY * seconds  # what gravity alone brings: no bounce
    bounce = 0.0 if rests else RESTITUTION
    slip = plus(plus(ball.velocity, scaled(normal, approach)), scaled(cross(normal, ball.spin), const.BALL_RADIUS))
    slipping = length(slip)
    grip = min(GRIP, FRICTION * (1.0 + bounce) * approach / slipping)
    velocity = plus(plus(ball.velocity, scaled(normal, (1.0 + bounce) * approach)), scaled(slip, -grip))
    spin = plus(ball.spin, scaled(cross(normal, slip), grip * 2.5 / const.BALL_RADIUS))
    spinning = length(spin)
    if spinning > const.BALL_MAX_SPIN:
        spin = scaled(spin, const.BALL_MAX_SPIN / spinning)
    return Ball(plus(ball.place, scaled(normal, (1.0 + bounce) * depth)), velocity, spin)


@inlined
def surface(place: Vector) -> tuple[float, Vector]:
    """Distance in uu from a place inside the arena to the nearest floor, wall, ramp or ceiling, and its normal."""
    x, y, z = abs(place[0]), abs(place[1]), place[2]
    level = (z, (0.0, 0.0, 1.0)) if z < 0.5 * const.CEILING_Z else (const.CEILING_Z - z, (0.0, 0.0, -1.0))
    side, back, corner = const.SIDE_WALL_X - x, const.BACK_WALL_Y - y, (CORNER_SUM - x - y) / SQRT_2
    if min(side, back, corner) > CEILING_RAMP or (
        back < CEILING_RAMP and x < const.GOAL_HALF_WIDTH and z < const.GOAL_HEIGHT
    ):
        return level  # the second: before or in a goal
    wall, nx, ny = upright(x, y, side, back, corner)
    across = (math.copysign(nx, -place[0]), math.copysign(ny, -place[1]))
    ramp = CEILING_RAMP if level[1][2] < 0.0 else BACK_RAMP if back < min(side, corner) else FLOOR_RAMP
    if level[0] < ramp and wall < ramp:
        out, up = ramp - wall, ramp - level[0]
        radius = math.hypot(out, up)
        return ramp - radius, (across[0] * out / radius, across[1] * out / radius, level[1][2] * up / radius)
    return level if level[0] < wall else (wall, (across[0], across[1], 0.0))


@inlined
def upright(x: float, y: float, side: float, back: float, corner: float) -> tuple[float, float, float]:
    """Distance to the nearest wall in the quadrant of positive x and y, and the two sizes of its normal."""
    dx, dy = x - SIDE_EDGE_X, y - SIDE_EDGE_Y
    if 0.0 < dy < dx:
        radius = math.hypot(dx, dy)
        return EDGE - radius, dx / radius, dy / radius
    dx, dy = x - BACK_EDGE_X, y - BACK_EDGE_Y
    if 0.0 < dx < dy:
        radius = math.hypot(dx, dy)
        return EDGE - radius, dx / radius, dy / radius
    if corner < min(side, back):
        return corner, 1.0 / SQRT_2, 1.0 / SQRT_2
    return (side, 1.0, 0.0) if side < back else (back, 0.0, 1.0)
