"""Scripted drivers, compiled, for either side and any team size: `idle`, `basic`, `rule` and `striker`."""

import math

import numpy as np

from rlkit.envs.rocket_league import constants as const
from rlkit.envs.rocket_league.actions import BOOST, JUMP, PITCH, STEER, THROTTLE, YAW
from rlkit.envs.rocket_league.striker import striker
from rlkit.envs.rocket_league.world import (
    BALL_POSITION,
    BALL_VELOCITY,
    IS_BIG_PAD,
    POSITION,
    UP,
    VELOCITY,
    Vector,
    World,
    ahead,
    ball_distance,
    clip,
    frame_of,
    is_kickoff,
    length,
    minus,
    nopython,
    rank,
    seat,
    team_cars,
    turned,
    vector,
)
from rlkit.kernels import entry

NOBODY, IDLE, BASIC, RULE, STRIKER = -1, 0, 1, 2, 3  # who drives a car; nobody: some policy does
SCRIPTS = {"idle": IDLE, "basic": BASIC, "rule": RULE, "striker": STRIKER}

STEER_GAIN = 3.0  # steer per rad between the car's forward and the target

# The numbers of `rule` are those of the bot that it re-tells
KICKOFF_BOOST = 20.0  # boost above which a kickoff is boosted
AERIAL_Z = 300.0  # uu, a ball this high is worth a jump,
AERIAL_DISTANCE = 2000.0  # uu, when it is this near,
AERIAL_BOOST = 40.0  # with this much boost to get there,
AERIAL_SECONDS = 2.0  # s, in this time
AERIAL_SPEED = 1000.0  # uu/s, at this speed
GOAL_SIDE = 50.0  # uu, a ball less than this ahead of the car is behind it
TOO_NEAR = 350.0  # uu, from a ball at this distance the car does not turn back
STARVED_BOOST = 10.0  # boost below which cars that are not the closest fetch some
LOW_BOOST = 30.0  # boost below which any car does, while the ball is
SAFE_DISTANCE = 1500.0  # uu, this far from it and from the opponents
CHALLENGE_DISTANCE = 1000.0  # uu, at which the closest car challenges and the others cover the goal
CHALLENGE_BOOST = 30.0  # boost from which a challenge is boosted
CHASE_BOOST = 50.0  # boost above which the way to a farther ball is boosted
BACK_POST_X, BACK_POST_Y = 800.0, -4600.0  # uu, the place that covers the goal; x on the side away from the ball
HOLD_Y = -2000.0  # uu, the place to wait for what comes
ARRIVED = 250.0  # uu, at this distance from a place to wait the car stops


@entry
def play_scripts(world: World, drivers: np.ndarray, controls: np.ndarray) -> None:
    """Fill the controls (n, 8) of every car whose driver (n,) is a script; the others' rows stay."""
    for car in range(len(drivers)):
        if drivers[car] != NOBODY:
            controls[car] = 0.0
        if drivers[car] == BASIC:
            basic(world, car, controls[car])
        elif drivers[car] == RULE:
            rule(world, car, controls[car])
        elif drivers[car] == STRIKER:
            striker(world, car, controls[car])


@nopython
def basic(world: World, car: int, out: np.ndarray) -> None:
    """Drive at the ball, always boosting."""
    arena, view = seat(world, car)
    drive(world, car, vector(world.ball[arena, view], BALL_POSITION), True, False, out)


@nopython
def rule(world: World, car: int, out: np.ndarray) -> None:
    """RulePolicy: the first that applies of kickoff, aerial, last man back, big pad, challenge, chase, back post, hold.

    "Closest" is the own team's car nearest to the ball, "last man" the one nearest to the own goal: in 1v1 both are
    always so, because waiting for an idle opponent who is nearer to the ball would never end.
    """
    arena, view = seat(world, car)
    me, ball = world.cars[car, view], world.ball[arena, view]
    here, place, velocity = vector(me, POSITION), vector(ball, BALL_POSITION), vector(ball, BALL_VELOCITY)
    distance, boost = ball_distance(world, car), me[const.CAR_BOOST]
    first, last = team_cars(world, arena, view)
    closest, last_man = rank(world, car, first, last, car) == 0, is_last_man(world, car, first, last, view)
    pad = wanted_pad(world, car, distance, closest, last_man)

    if is_kickoff(ball):
        drive(world, car, place, boost > KICKOFF_BOOST, False, out)
    elif aerial(world, car, distance, out):
        return
    elif last_man and here[1] > place[1] - GOAL_SIDE and distance > TOO_NEAR:
        x, y, _ = ahead(place, velocity, 0.5)
        drive(world, car, (0.5 * x, 0.5 * (y - const.BACK_WALL_Y), 0.0), False, True, out)
    elif pad >= 0:
        drive(world, car, (const.PADS[pad, 0], const.PADS[pad, 1], 0.0), False, False, out)
    elif closest:
        near = distance < CHALLENGE_DISTANCE
        worth = (boost >= CHALLENGE_BOOST or velocity[1] < 0.0) if near else boost > CHASE_BOOST
        drive(world, car, place, worth, False, out)
    elif distance < CHALLENGE_DISTANCE:
        drive(world, car, (BACK_POST_X if place[0] < 0 else -BACK_POST_X, BACK_POST_Y, 0.0), False, True, out)
    else:
        drive(world, car, (0.5 * place[0], HOLD_Y, 0.0), False, True, out)


@nopython
def aerial(world: World, car: int, distance: float, out: np.ndarray) -> bool:
    """Whether the car goes for a high ball, with the controls of its jump or flight filled in."""
    arena, view = seat(world, car)
    me, ball = world.cars[car, view], world.ball[arena, view]
    place, boost, on_ground = vector(ball, BALL_POSITION), me[const.CAR_BOOST], me[const.CAR_ON_GROUND] > 0
    if place[2] < AERIAL_Z or distance > AERIAL_DISTANCE:
        return False
    forward, right, up = turned(frame_of(me), minus(place, vector(me, POSITION)))
    heading = clip(STEER_GAIN * math.atan2(right, forward))
    if on_ground:
        eta = distance / AERIAL_SPEED
        still_high = ahead(place, vector(ball, BALL_VELOCITY), eta)[2] >= AERIAL_Z
        if boost < AERIAL_BOOST or eta > AERIAL_SECONDS or not still_high or me[UP + 2] < 0.9:
            return False
        out[THROTTLE], out[STEER], out[PITCH], out[JUMP], out[BOOST] = 1.0, heading, 1.0, 1.0, 1.0
        return True
    if boost <= 0.0 or me[POSITION + 2] < 60.0:
        return False
    out[THROTTLE], out[STEER], out[YAW] = 1.0, heading, heading
    out[PITCH] = clip(STEER_GAIN * math.atan2(up, forward))
    out[BOOST] = forward > 0.7 * distance
    return True


@nopython
def is_last_man(world: World, car: int, first: int, last: int, view: int) -> bool:
    """Whether no mate is nearer to the own goal line; of equal ones, the first is."""
    y = world.cars[car, view, POSITION + 1]
    for mate in range(first, last):
        mate_y = world.cars[mate, view, POSITION + 1]
        if mate_y < y or (mate_y == y and mate < car):
            return False
    return True


@nopython
def wanted_pad(world: World, car: int, distance: float, closest: bool, last_man: bool) -> int:
    """The nearest active big pad if the car needs boost and the ball can wait, else -1.

    It needs boost below 10, or below 30 with the ball far from it and from every opponent. The closest car goes only
    in the second case, and a last man who has mates never goes into the other half.
    """
    arena, view = seat(world, car)
    here, boost = vector(world.cars[car, view], POSITION), world.cars[car, view, const.CAR_BOOST]
    first, last = team_cars(world, arena, 1 - view)
    safe = distance > SAFE_DISTANCE
    for opponent in range(first, last):
        safe = safe and ball_distance(world, opponent) > SAFE_DISTANCE
    if not ((safe and boost < LOW_BOOST) or (not closest and boost < STARVED_BOOST)):
        return -1
    first, last = team_cars(world, arena, view)
    stays_back = last_man and last - first > 1
    nearest, least = -1, math.inf
    for pad in range(const.N_PADS):
        if IS_BIG_PAD[pad] and world.pads[arena, view, pad] > 0.5 and not (stays_back and const.PADS[pad, 1] > 0.0):
            away = math.hypot(const.PADS[pad, 0] - here[0], const.PADS[pad, 1] - here[1])
            if away < least:
                nearest, least = pad, away
    return nearest


@nopython
def drive(world: World, car: int, target: Vector, boost: bool, wait: bool, out: np.ndarray) -> None:
    """Fill controls that steer over the ground to a target, and stop there if it is a place to wait.

    A car in the air only waits to land; one that lies on its roof taps jump, which turns it back on its wheels.
    """
    arena, view = seat(world, car)
    me = world.cars[car, view]
    to_target = minus(target, vector(me, POSITION))
    forward, right, _ = turned(frame_of(me), (to_target[0], to_target[1], 0.0))
    on_ground = me[const.CAR_ON_GROUND] > 0
    out[THROTTLE] = 0.0 if wait and math.hypot(to_target[0], to_target[1]) < ARRIVED else 1.0
    out[STEER] = clip(STEER_GAIN * math.atan2(right, forward))
    out[BOOST] = boost and on_ground
    if not on_ground and me[UP + 2] < 0.3 and length(vector(me, VELOCITY)) < 200.0:
        out[JUMP] = world.steps[arena] % 2
