"""What a driver sees, as compiled functions that fill one row: `local`, which learns fast, and the larger `seed180`.

Both look from the driver's own goal towards the other, so orange sees the field rotated by pi. Every value is clipped
to +-LIMIT, which nothing in play reaches.
"""

import math

import gymnasium
import numpy as np

from rlkit.envs.rocket_league import constants as const
from rlkit.envs.rocket_league.seed180 import seed180
from rlkit.envs.rocket_league.world import (
    BALL_POSITION,
    BALL_VELOCITY,
    FORWARD,
    IS_BIG_PAD,
    POSITION,
    SPIN,
    VELOCITY,
    Vector,
    World,
    ahead,
    ball_distance,
    dot,
    frame_of,
    goal_direction,
    inlined,
    is_kickoff,
    length,
    minus,
    nopython,
    put,
    rank,
    scaled,
    seat,
    team_cars,
    turned,
    vector,
)
from rlkit.errors import EnvError, did_you_mean

LIMIT = 6.0  # every value lies in +-this; the largest in play is the ball's place in half a second, 17700 uu / 3000
LOCAL, SEED180 = 0, 1  # codes of the kinds in compiled code
OBSERVATIONS = {"local": LOCAL, "seed180": SEED180}

FAR = 3000.0  # uu, scale of relative places; uu/s, scale of the ball's speeds
NEAR = 500.0  # uu, over which closeness to the ball falls to 1/e
LOOK_AHEAD = 0.5  # s
MIRRORED_BIG_PADS = np.array([4, 3, 18, 15, 30, 29])  # const.BIG_PADS seen with left and right swapped


def observation_space(kind: str, blue: int = 1, orange: int = 1) -> gymnasium.spaces.Box:
    """The Box of a kind of OBSERVATIONS for these team sizes, float32; EnvError for an unknown kind."""
    if kind not in OBSERVATIONS:
        raise EnvError(f"unknown observation '{kind}'. {did_you_mean(kind, OBSERVATIONS)}")
    size = 180 if kind == "seed180" else 60 + 14 * (2 * max(blue, orange) - 1)
    return gymnasium.spaces.Box(-LIMIT, LIMIT, (size,), np.float32)


@inlined
def observe(world: World, kind: int, car: int, out: np.ndarray) -> float:
    """The sign that folds a car's next action (see `local`), after filling its row of observations."""
    out[:] = 0.0
    fold = local(world, car, out) if kind == LOCAL else seed180(world, car, out)
    for i in range(len(out)):
        out[i] = min(max(out[i], -LIMIT), LIMIT)
    return fold


@inlined
def local(world: World, car: int, out: np.ndarray) -> float:
    """The fold sign, 1 or -1, after filling what a car sees in its own frame: 60 values and 14 per slot of another car.

    Folding: with the ball on the left (-1) all is seen as in a mirror that swaps left and right, and steer, yaw and
    roll of the action are swapped back. So the ball is always on the right, which halves what there is to learn.
    "car" below means components along the car's forward, right and up; "field": across, towards the other goal, up.

    | index | what | unit |
    |---|---|---|
    | 0-2 | own place, field | 4096, 5120, 2048 uu |
    | 3-5, 6-8 | own velocity, spin, car | 2300 uu/s, 5.5 rad/s |
    | 9-11, 12-14 | own forward and up, field | 1 |
    | 15-18 | boost; on ground; has a jump or flip; supersonic | 100; 0/1 |
    | 19-21, 22-24 | ball place, velocity, field | 4096, 5120, 2048 uu; 3000 uu/s |
    | 25-27, 28-30 | ball from the car, its direction, car | 3000 uu; 1 |
    | 31, 32 | ball distance d; exp(-d / 500 uu) | 6000 uu; 1 |
    | 33-35, 36-38 | ball velocity less own, ball from the car in 0.5 s, car | 3000 uu/s; 3000 uu |
    | 39-41, 42 | direction on the floor to the opponent's goal, car; its distance | 1; 6000 uu |
    | 43-45, 46 | direction on the floor from ball to that goal, car; its cosine with 28-30 | 1 |
    | 47 | ball waits for a kickoff | 0/1 |
    | 48-53 | big boost pads active: right and left corner of the own half, middle, other half | 0/1 |
    | 54-56, 57-59 | nearest active big pad, any pad: forward, right, distance (0, 0, 2 when none) | 1, 1, 4000 uu |
    | 60... | 14 per other car: team mates' slots, then opponents', nearest to the ball first, zeros when absent | |
    | +0, +3, +6 | its place, velocity from the car; its forward, car | 3000 uu, 2300 uu/s, 1 |
    | +9-13 | its boost; on ground; demolished; ball distance d2; d - d2 | 100; 0/1; 6000, 3000 uu |
    """
    arena, view = seat(world, car)
    me, ball = world.cars[car, view], world.ball[arena, view]
    here, there = vector(me, POSITION), vector(ball, BALL_POSITION)
    to_ball = minus(there, here)
    forward, right, up = frame_of(me)
    fold = -1.0 if dot(right, to_ball) < 0.0 else 1.0
    frame = (forward, scaled(right, fold), up)

    velocity, ball_velocity = vector(me, VELOCITY), vector(ball, BALL_VELOCITY)
    put(out, 0, field_place(here, fold))
    put(out, 3, scaled(turned(frame, velocity), 1 / const.CAR_MAX_SPEED))
    put(out, 6, scaled(turned(frame, vector(me, SPIN)), fold / const.CAR_MAX_SPIN))  # a mirror reverses spins
    put(out, 9, (forward[0] * fold, forward[1], forward[2]))
    put(out, 12, (up[0] * fold, up[1], up[2]))
    out[15] = me[const.CAR_BOOST] / const.CAR_BOOST_MAX
    out[16] = me[const.CAR_ON_GROUND]
    out[17] = world.flags[car, const.FLAG_CAN_JUMP]
    out[18] = world.flags[car, const.FLAG_SUPERSONIC]

    distance = length(to_ball)
    closing = minus(ball_velocity, velocity)
    put(out, 19, field_place(there, fold))
    put(out, 22, scaled((ball_velocity[0] * fold, ball_velocity[1], ball_velocity[2]), 1 / FAR))
    put(out, 25, scaled(turned(frame, to_ball), 1 / FAR))
    put(out, 28, scaled(turned(frame, to_ball), 1 / distance))
    out[31] = distance / 6000.0
    out[32] = math.exp(-distance / NEAR)
    put(out, 33, scaled(turned(frame, closing), 1 / FAR))
    put(out, 36, scaled(turned(frame, minus(ahead(there, ball_velocity, LOOK_AHEAD), here)), 1 / FAR))

    goal, goal_distance = goal_direction(here)
    aim, _ = goal_direction(there)
    put(out, 39, turned(frame, goal))
    out[42] = goal_distance / 6000.0
    put(out, 43, turned(frame, aim))
    out[46] = dot(to_ball, aim) / distance
    out[47] = is_kickoff(ball)
    boost_pads(world.pads[arena, view], here, frame, fold, out)
    other_cars(world, car, frame, out, 60)
    return fold


@inlined
def field_place(a: Vector, fold: float) -> Vector:
    """A place as shares of the field's half width, half length and height."""
    return a[0] * fold / const.SIDE_WALL_X, a[1] / const.BACK_WALL_Y, a[2] / const.CEILING_Z


@nopython
def boost_pads(
    pads: np.ndarray, here: Vector, frame: tuple[Vector, Vector, Vector], fold: float, out: np.ndarray
) -> None:
    """Fill 48-59 of `local`: the big pads, and the nearest active big pad and pad of any size."""
    nearest_big, nearest = -1, -1
    big_least, least = math.inf, math.inf  # uu^2
    for slot in range(len(const.BIG_PADS)):
        out[48 + slot] = pads[const.BIG_PADS[slot] if fold > 0 else MIRRORED_BIG_PADS[slot]]
    for pad in range(const.N_PADS):
        if pads[pad] > 0.5:
            squared = (const.PADS[pad, 0] - here[0]) ** 2 + (const.PADS[pad, 1] - here[1]) ** 2
            if squared < least:
                nearest, least = pad, squared
            if IS_BIG_PAD[pad] and squared < big_least:
                nearest_big, big_least = pad, squared
    put(out, 54, pad_direction(nearest_big, here, frame))
    put(out, 57, pad_direction(nearest, here, frame))


@inlined
def pad_direction(pad: int, here: Vector, frame: tuple[Vector, Vector, Vector]) -> Vector:
    """Forward and right components of the direction to a pad, and its distance / 4000 uu; (0, 0, 2) of none (-1)."""
    if pad < 0:
        return 0.0, 0.0, 2.0
    to_pad = (const.PADS[pad, 0] - here[0], const.PADS[pad, 1] - here[1], 0.0)
    distance = length(to_pad)
    forward, right, _ = turned(frame, to_pad)
    return forward / distance, right / distance, distance / 4000.0


@inlined
def other_cars(world: World, car: int, frame: tuple[Vector, Vector, Vector], out: np.ndarray, start: int) -> None:
    """Fill 14 values per other car from `start` on, each in the slot of its rank (see `local`)."""
    arena, view = seat(world, car)
    mates = (len(out) - start) // 14 // 2  # slots; one more for opponents
    for team in (view, 1 - view):
        first, last = team_cars(world, arena, team)
        offset = start if team == view else start + 14 * mates
        for other in range(first, last):
            if other != car:
                slot = offset + 14 * rank(world, other, first, last, car)
                other_car(world, car, other, view, frame, out[slot : slot + 14])


@inlined
def other_car(
    world: World, car: int, other: int, view: int, frame: tuple[Vector, Vector, Vector], out: np.ndarray
) -> None:
    """Fill the 14 values of one other car."""
    me, it = world.cars[car, view], world.cars[other, view]
    distance = ball_distance(world, other)
    put(out, 0, scaled(turned(frame, minus(vector(it, POSITION), vector(me, POSITION))), 1 / FAR))
    put(out, 3, scaled(turned(frame, minus(vector(it, VELOCITY), vector(me, VELOCITY))), 1 / const.CAR_MAX_SPEED))
    put(out, 6, turned(frame, vector(it, FORWARD)))
    out[9] = it[const.CAR_BOOST] / const.CAR_BOOST_MAX
    out[10] = it[const.CAR_ON_GROUND]
    out[11] = it[const.CAR_DEMOED]
    out[12] = distance / 6000.0
    out[13] = (ball_distance(world, car) - distance) / FAR
