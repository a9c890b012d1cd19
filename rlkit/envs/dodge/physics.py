"""What one physics step does to one row: player, throws, balls. Everything else of the game stands on this.

A ball's flight is the exact parabola, not a sum of small steps: it meets its target at its flight time for any dt.
"""

import math
from typing import TypeAlias

import numba
import numpy as np

from rlkit.envs.dodge import constants as const
from rlkit.envs.dodge.constants import VX, VY, VZ, X, Y, Z

Ball: TypeAlias = tuple[float, float, float, float, float, float]  # x, y, z in u, vx, vy, vz in u/s
Walk: TypeAlias = tuple[float, float, bool]  # vx, vy in u/s, whether to jump

# Both are compiled into the entries that call them; the numpy error model divides without checking for zero.
nopython = numba.njit(error_model="numpy")
inlined = numba.njit(error_model="numpy", forceinline=True)

ROUNDING = 1e-9  # s by which a sum of steps may miss the time of a throw
GOLDEN, MIX_1, MIX_2 = (np.uint64(k) for k in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
SHIFT_1, SHIFT_2, SHIFT_3, SHIFT_53 = (np.uint64(k) for k in (30, 27, 31, 11))


@inlined
def uniform(row: np.void) -> float:
    """A random number within 0 and 1 (excluded), from the row's own stream (splitmix64, prng.di.unimi.it)."""
    row.random += GOLDEN
    bits = row.random
    bits = (bits ^ (bits >> SHIFT_1)) * MIX_1
    bits = (bits ^ (bits >> SHIFT_2)) * MIX_2
    return ((bits ^ (bits >> SHIFT_3)) >> SHIFT_53) * 2.0**-53


@inlined
def place_thrower(row: np.void, rules: np.void) -> None:
    """Put the next throw's origin on the level's line or arc: at random, or where the row's `aim` says."""
    aside = row.aim if row.aimed else 2.0 * uniform(row) - 1.0
    if rules.half_width > 0.0:
        row.thrower_x, row.thrower_y = aside * rules.half_width, rules.distance
    else:
        angle = aside * rules.half_angle
        row.thrower_x, row.thrower_y = rules.distance * math.sin(angle), rules.distance * math.cos(angle)
    row.thrower_z = rules.height


@inlined
def begin(row: np.void, rules: np.void) -> None:
    """A new episode: the player in the middle, no balls, the timer as new; only the random numbers go on."""
    row.steps = row.n_balls = 0
    row.x = row.y = row.vx = row.vy = row.vz = row.pitch = row.roll = row.aim = 0.0
    row.z = const.STAND_Z
    row.wait = rules.throw_seconds * (uniform(row) if rules.stagger else 1.0)
    place_thrower(row, rules)


@inlined
def tick(row: np.void, rules: np.void, walk: Walk) -> float:
    """One physics step, up to a hit in it; the squared distance (u^2) to the nearest ball, inf without one."""
    nearest = math.inf
    for _ in range(rules.substeps):
        move_player(row, rules.seconds, walk)
        row.wait -= rules.seconds
        if row.wait <= ROUNDING:
            throw(row, rules)
            row.wait += rules.throw_seconds
            place_thrower(row, rules)
        nearest = min(nearest, move_balls(row, rules.seconds))
        if is_hit(nearest):
            break
    row.steps += 1
    return nearest


@inlined
def is_hit(squared_distance: float) -> bool:
    """Whether balls this near hit the player."""
    return squared_distance < const.HIT_DISTANCE * const.HIT_DISTANCE


@inlined
def move_player(row: np.void, seconds: float, walk: Walk) -> None:
    """Walk within the zone; rise and fall."""
    row.vx, row.vy, jump = walk
    row.x = min(max(row.x + row.vx * seconds, -const.ZONE_X), const.ZONE_X)
    row.y = min(max(row.y + row.vy * seconds, -const.ZONE_Y), const.ZONE_Y)
    if jump and row.z <= const.STAND_Z:
        row.vz = const.JUMP_SPEED
    if row.z > const.STAND_Z or row.vz > 0.0:
        row.z += (row.vz - 0.5 * const.PLAYER_GRAVITY * seconds) * seconds
        row.vz -= const.PLAYER_GRAVITY * seconds
        if row.z <= const.STAND_Z:
            row.z, row.vz = const.STAND_Z, 0.0


@inlined
def throw(row: np.void, rules: np.void) -> None:
    """A new ball on the arc that ends, after the flight time, where a player standing here has the centre.

    With `max_balls` in the air, the throw is left out.
    """
    if row.n_balls >= rules.max_balls:
        return
    x, y, z, t = row.thrower_x, row.thrower_y, row.thrower_z, rules.flight_seconds
    upwards = (const.STAND_Z - z) / t + 0.5 * const.GRAVITY * t
    put(row.balls, row.n_balls, (x, y, z, (row.x - x) / t, (row.y - y) / t, upwards))
    row.n_balls += 1


@inlined
def move_balls(row: np.void, seconds: float) -> float:
    """Move the balls on and drop those that are gone; the squared distance (u^2) of the nearest."""
    nearest, kept = math.inf, 0
    for j in range(row.n_balls):
        ball = fly(take(row.balls, j), seconds)
        if not is_gone(ball):
            put(row.balls, kept, ball)
            nearest = min(nearest, squared_distance(ball, row.x, row.y, row.z))
            kept += 1
    row.n_balls = kept
    return nearest


@inlined
def fly(ball: Ball, seconds: float) -> Ball:
    """A ball `seconds` later, which bounces if it came below the floor."""
    x, y, z, vx, vy, vz = ball
    x, y = x + vx * seconds, y + vy * seconds
    z += (vz - 0.5 * const.GRAVITY * seconds) * seconds
    vz -= const.GRAVITY * seconds
    if z < const.BALL_RADIUS and vz < 0.0:
        z, vz = const.BALL_RADIUS, -const.RESTITUTION * vz
        vx, vy = const.FLOOR_GRIP * vx, const.FLOOR_GRIP * vy
    return x, y, z, vx, vy, vz


@inlined
def is_gone(ball: Ball) -> bool:
    """Whether a ball has left the field."""
    return abs(ball[X]) > const.FAR_X or ball[Y] < const.BEHIND_Y or ball[Y] > const.BEYOND_Y


@inlined
def squared_distance(ball: Ball, x: float, y: float, z: float) -> float:
    """Squared distance (u^2) between a ball's centre and a place."""
    dx, dy, dz = ball[X] - x, ball[Y] - y, ball[Z] - z
    return dx * dx + dy * dy + dz * dz


@inlined
def take(balls: np.ndarray, j: int) -> Ball:
    """Ball j."""
    return balls[j, X], balls[j, Y], balls[j, Z], balls[j, VX], balls[j, VY], balls[j, VZ]


@inlined
def put(balls: np.ndarray, j: int, ball: Ball) -> None:
    """Write ball j."""
    balls[j, X], balls[j, Y], balls[j, Z] = ball[X], ball[Y], ball[Z]
    balls[j, VX], balls[j, VY], balls[j, VZ] = ball[VX], ball[VY], ball[VZ]
