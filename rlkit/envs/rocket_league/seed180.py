"""The 180 floats that Rocket League bots of this family have used, each of them computed."""

import math

import numpy as np

from rlkit.envs.rocket_league import constants as const
from rlkit.envs.rocket_league.world import (
    BALL_POSITION,
    BALL_SPIN,
    BALL_VELOCITY,
    FORWARD,
    IS_BIG_PAD,
    POSITION,
    SPIN,
    VELOCITY,
    Vector,
    World,
    ahead,
    dot,
    frame_of,
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
    vector,
)

PLACE = 1 / const.SIDE_WALL_X  # scale of places and distances, per uu; the same on all axes
SPEED = 1 / const.CAR_MAX_SPEED  # scale of speeds, per uu/s
TURN = 1 / const.CAR_MAX_SPIN  # scale of spins, per rad/s
MATES, OPPONENTS, NEAR_PADS = 2, 3, 10  # slots
SHORTEST, LONGEST = 0.5, 4.0  # s, bounds of the look ahead to where the ball comes down
FLOORS = (200.0, 500.0, 1000.0, 1500.0)  # uu, edges between the five classes of ball height
AERIAL_Z = 300.0  # uu, a ball above it is out of reach from the ground
CLOCK_SECONDS = 300.0  # s, a match of the game
THIRD_Y = const.BACK_WALL_Y / 3  # uu, |y| of the lines between the thirds of the field
PAD_Z, BIG_PAD_Z = 70.0, 73.0  # uu, height of small and big boost pads in RocketSim


@nopython
def seed180(world: World, car: int, out: np.ndarray) -> float:
    """The fold sign, always 1 as nothing is folded, after filling the 180 values, which start as zeros.

    All in the field frame: across, towards the opponent's goal, up. Places in 4096 uu, velocities in 2300 uu/s,
    spins in 5.5 rad/s, boost in 100.

    | index | what |
    |---|---|
    | 0-8 | own place, velocity, spin |
    | 9-17, 18-21 | own forward, right, up; boost, on ground, has a jump or flip, demolished |
    | 22-30 | ball place, velocity, spin |
    | 31-36 | ball less own: place, velocity |
    | 37-39, 40 | place where the ball comes down, in at least 0.5 and at most 4 s, without walls; that time / 4 s |
    | 41-45 | ball height one-hot: up to 200, 500, 1000, 1500 uu, above |
    | 46, 47 | ball above 300 uu; cosine between own forward and the ball |
    | 48-73 | two mates, nearest to the ball first: place, velocity, both less own, boost; zeros when absent |
    | 74-112 | three opponents, the same |
    | 113-172 | ten nearest pads, nearest first: place, active, big, distance |
    | 173, 174, 175 | ball waits for a kickoff; seconds of the episode / 300; tanh(own goals less theirs / 5) |
    | 176-179 | phase one-hot: kickoff, or ball in the opponent's third, own third, middle |
    """
    arena, view = seat(world, car)
    me, ball = world.cars[car, view], world.ball[arena, view]
    own_car(world, car, me, out)
    ball_blocks(me, ball, out)
    for team, start, slots in ((view, 48, MATES), (1 - view, 74, OPPONENTS)):
        first, last = team_cars(world, arena, team)
        for other in range(first, last):
            slot = rank(world, other, first, last, car)
            if other != car and slot < slots:
                other_block(me, world.cars[other, view], out[start + 13 * slot :])
    nearest_pads(world.pads[arena, view], vector(me, POSITION), out[113:])
    clock_blocks(world, arena, view, ball, out)
    return 1.0


@nopython
def own_car(world: World, car: int, me: np.ndarray, out: np.ndarray) -> None:
    """Fill 0-21."""
    put(out, 0, scaled(vector(me, POSITION), PLACE))
    put(out, 3, scaled(vector(me, VELOCITY), SPEED))
    put(out, 6, scaled(vector(me, SPIN), TURN))
    for axis in range(3):
        put(out, 9 + 3 * axis, frame_of(me)[axis])
    out[18] = me[const.CAR_BOOST] / const.CAR_BOOST_MAX
    out[19] = me[const.CAR_ON_GROUND]
    out[20] = world.flags[car, const.FLAG_CAN_JUMP]
    out[21] = me[const.CAR_DEMOED]


@nopython
def ball_blocks(me: np.ndarray, ball: np.ndarray, out: np.ndarray) -> None:
    """Fill 22-47."""
    place, velocity = vector(ball, BALL_POSITION), vector(ball, BALL_VELOCITY)
    to_ball = minus(place, vector(me, POSITION))
    put(out, 22, scaled(place, PLACE))
    put(out, 25, scaled(velocity, SPEED))
    put(out, 28, scaled(vector(ball, BALL_SPIN), TURN))
    put(out, 31, scaled(to_ball, PLACE))
    put(out, 34, scaled(minus(velocity, vector(me, VELOCITY)), SPEED))
    seconds = min(max(landing_seconds(place[2], velocity[2]), SHORTEST), LONGEST)
    x, y, z = ahead(place, velocity, seconds)
    inside = min(max(x, -const.SIDE_WALL_X), const.SIDE_WALL_X), min(max(y, -const.BACK_WALL_Y), const.BACK_WALL_Y)
    put(out, 37, scaled((inside[0], inside[1], z), PLACE))
    out[40] = seconds / LONGEST
    height = 0
    while height < len(FLOORS) and place[2] > FLOORS[height]:
        height += 1
    out[41 + height] = 1.0
    out[46] = place[2] > AERIAL_Z
    out[47] = dot(vector(me, FORWARD), to_ball) / length(to_ball)


@inlined
def landing_seconds(z: float, rise: float) -> float:
    """Seconds until a ball at height z, rising by `rise` uu/s, rests on the floor: 0 for one that rolls."""
    return (rise + math.sqrt(rise * rise + 2 * const.GRAVITY * max(z - const.BALL_REST_Z, 0.0))) / const.GRAVITY


@nopython
def other_block(me: np.ndarray, other: np.ndarray, out: np.ndarray) -> None:
    """Fill the 13 values of another car."""
    place, velocity = vector(other, POSITION), vector(other, VELOCITY)
    put(out, 0, scaled(place, PLACE))
    put(out, 3, scaled(velocity, SPEED))
    put(out, 6, scaled(minus(place, vector(me, POSITION)), PLACE))
    put(out, 9, scaled(minus(velocity, vector(me, VELOCITY)), SPEED))
    out[12] = other[const.CAR_BOOST] / const.CAR_BOOST_MAX


@nopython
def nearest_pads(pads: np.ndarray, here: Vector, out: np.ndarray) -> None:
    """Fill the six values of each of the nearest pads."""
    taken = np.int64(0)  # bit per pad
    for slot in range(NEAR_PADS):
        nearest, least = 0, math.inf
        for pad in range(const.N_PADS):
            squared = (const.PADS[pad, 0] - here[0]) ** 2 + (const.PADS[pad, 1] - here[1]) ** 2
            if squared < least and not (taken >> pad) & 1:
                nearest, least = pad, squared
        taken |= np.int64(1) << nearest
        big = IS_BIG_PAD[nearest]
        put(out, 6 * slot, scaled((const.PADS[nearest, 0], const.PADS[nearest, 1], BIG_PAD_Z if big else PAD_Z), PLACE))
        out[6 * slot + 3] = pads[nearest]
        out[6 * slot + 4] = big
        out[6 * slot + 5] = math.sqrt(least) * PLACE


@nopython
def clock_blocks(world: World, arena: int, view: int, ball: np.ndarray, out: np.ndarray) -> None:
    """Fill 173-179."""
    kickoff, y = is_kickoff(ball), ball[BALL_POSITION + 1]
    out[173] = kickoff
    out[174] = world.steps[arena] * world.step_seconds / CLOCK_SECONDS
    out[175] = math.tanh((world.score[arena, view] - world.score[arena, 1 - view]) / 5.0)
    phase = 0 if kickoff else 1 if y > THIRD_Y else 2 if y < -THIRD_Y else 3
    out[176 + phase] = 1.0
