"""What a scripted car can do with its eight controls: drive, flip, jump and fly, one decision at a time.

Nothing is remembered between decisions: what a car is doing follows from its motion. A press of jump counts only after
a release, so jump is pressed on even decisions of an episode ("beats") and released on odd ones, except to hold it.
"""

import math
from typing import NamedTuple

import numpy as np

from rlkit.envs.rocket_league import constants as const
from rlkit.envs.rocket_league.actions import BOOST, HANDBRAKE, JUMP, PITCH, ROLL, STEER, THROTTLE, YAW
from rlkit.envs.rocket_league.world import (
    FORWARD,
    POSITION,
    RIGHT,
    SPIN,
    UP,
    VELOCITY,
    Vector,
    World,
    clip,
    dot,
    inlined,
    length,
    minus,
    nopython,
    plus,
    scaled,
    seat,
    turned,
    wide,
)

# Physics; RocketSim's RLConst.h
BOOST_GROUND, BOOST_AIR = 991.67, 1058.33  # uu/s^2
BOOST_USE = 33.3  # boost a second
THROTTLE_SPEED = 1410.0  # uu/s, what throttle alone reaches
THROTTLE_POWER = 1600.0  # uu/s^2 of throttle at rest, falling to
THROTTLE_LEFT = 160.0  # uu/s^2 at the speed that throttle alone reaches
JUMP_SPEED = 292.0  # uu/s that a jump adds at once

STEER_GAIN = 3.5  # steer per rad to the target
SLIDE_ANGLE = 1.4  # rad to the target from which a handbrake turn is shorter
CORNER = 1.15  # times the speed at which a circle would just be driven: the target moves closer meanwhile
FLIP_SPIN = 4.5  # rad/s about the pitch or roll axis that only a flip gives


class Car(NamedTuple):
    """A car as the moves see it, from its own side."""

    place: Vector  # uu
    velocity: Vector  # uu/s
    spin: Vector  # rad/s
    frame: tuple[Vector, Vector, Vector]  # forward, right, up
    boost: float
    grounded: bool  # on its wheels, on any surface
    can_flip: bool  # has a jump or a flip left
    beat: bool  # an even decision, on which jump may be pressed


@inlined
def car_now(world: World, car: int) -> Car:
    """The car of a row of `World.cars`."""
    arena, view = seat(world, car)
    row = world.cars[car, view]
    return Car(
        wide(row, POSITION),
        wide(row, VELOCITY),
        wide(row, SPIN),
        (wide(row, FORWARD), wide(row, RIGHT), wide(row, UP)),
        1.0 * row[const.CAR_BOOST],
        row[const.CAR_ON_GROUND] > 0,
        world.flags[car, const.FLAG_CAN_JUMP] > 0,
        world.steps[arena] % 2 == 0,
    )


@inlined
def angle_to(me: Car, target: Vector) -> float:
    """Angle in rad about the car's upright axis from its nose to a target, positive to the right."""
    forward, right, _ = turned(me.frame, minus(target, me.place))
    return math.atan2(right, forward)


@inlined
def cornering_speed(bend: float) -> float:
    """Speed in uu/s at which the wheels turn the car by `bend` rad per uu; a fit to the game's table of curvatures."""
    return 1000.0 * (0.00235 / max(bend, 1e-5)) ** 0.85


@inlined
def sped_up(speed: float, boost: float, seconds: float) -> tuple[float, float]:
    """Speed and boost left after full throttle, and boost while there is some."""
    gain = 0.0
    if speed < THROTTLE_SPEED:
        gain = THROTTLE_POWER + (THROTTLE_LEFT - THROTTLE_POWER) * max(speed, 0.0) / THROTTLE_SPEED
    if boost > 0.0:
        gain, boost = gain + BOOST_GROUND, boost - BOOST_USE * seconds
    return min(speed + gain * seconds, const.CAR_MAX_SPEED), boost


@nopython
def drive_to(me: Car, target: Vector, speed: float, boosts: bool, out: np.ndarray) -> None:
    """Steer over the ground to a target, at a speed at most; brake where the circle there is too tight, or slide."""
    spot = (bounded(target[0], 3950.0), bounded(target[1], 4950.0 if abs(target[0]) > 800.0 else 5600.0), 0.0)
    angle, now = angle_to(me, spot), dot(me.velocity, me.frame[0])
    reach = math.hypot(spot[0] - me.place[0], spot[1] - me.place[1])
    turn = min(abs(angle), 0.5 * math.pi)
    speed = min(speed, max(CORNER * cornering_speed(2.0 * math.sin(turn) / max(reach, 50.0)), 350.0))
    out[STEER] = clip(STEER_GAIN * angle)
    lacks = speed - now
    out[THROTTLE] = 1.0 if lacks > 0.0 else (0.0 if lacks > -150.0 else clip(lacks / 500.0))
    out[HANDBRAKE] = abs(angle) > SLIDE_ANGLE and now > 500.0 and me.frame[2][2] > 0.7
    out[BOOST] = boosts and abs(angle) < 0.35 and lacks > 100.0 and speed > THROTTLE_SPEED and now < 2290.0


@inlined
def bounded(value: float, most: float) -> float:
    """A value of at most this size."""
    return min(max(value, -most), most)


@nopython
def flip_on(me: Car, target: Vector, out: np.ndarray) -> None:
    """A flip for speed that keeps the nose ahead: diagonally, then the stick held back against it, boosting."""
    angle = angle_to(me, target)
    out[THROTTLE] = 1.0
    out[BOOST] = abs(angle) < 0.6
    if me.can_flip:
        if me.beat:
            out[JUMP], out[PITCH], out[YAW] = 1.0, -1.0, math.copysign(0.8, angle)
    elif me.velocity[2] > -60.0:
        out[PITCH], out[ROLL] = 1.0, -math.copysign(1.0, dot(me.spin, me.frame[0]))
    else:
        turn_in_air(me, flat(minus(target, me.place)), (0.0, 0.0, 1.0), out)


@nopython
def turn_in_air(me: Car, nose: Vector, roof: Vector, out: np.ndarray) -> None:
    """Turn a flying car's nose and roof to two directions."""
    forward, right, up = turned(me.frame, nose)
    pitch, yaw = math.atan2(up, math.hypot(forward, right)), math.atan2(right, forward)
    if forward < 0.0:  # over the head is shorter than round
        pitch, yaw = math.atan2(up, forward), math.atan2(right, -forward)
    _, over, upright = turned(me.frame, roof)
    roll = math.atan2(over, upright)
    out[PITCH] = clip(1.8 * pitch + 0.45 * dot(me.spin, me.frame[1]))
    out[YAW] = clip(1.8 * yaw - 0.5 * dot(me.spin, me.frame[2]))
    out[ROLL] = clip(0.8 * roll + 0.2 * dot(me.spin, me.frame[0]))


@nopython
def recover(me: Car, out: np.ndarray) -> None:
    """Turn in the air to land on the wheels, the nose where the car moves to; from the roof, jump back."""
    forward, right, up = me.frame
    vx, vy, _ = me.velocity
    out[THROTTLE] = 1.0
    if up[2] < 0.3 and length(me.velocity) < 250.0 and me.place[2] < 120.0:
        out[JUMP] = me.beat
        out[ROLL] = 1.0
        return
    if not me.can_flip and me.place[2] < 150.0 and abs(dot(me.spin, right)) + abs(dot(me.spin, forward)) > FLIP_SPIN:
        return  # a flip comes round by itself
    nose = (vx, vy, 0.0) if math.hypot(vx, vy) > 300.0 else (forward[0], forward[1], 0.0)
    turn_in_air(me, scaled(nose, 1.0 / length(nose)), (0.0, 0.0, 1.0), out)


@nopython
def flip_towards(me: Car, target: Vector, out: np.ndarray) -> None:
    """Flip in the air towards a target: press jump with the stick in its direction over the ground."""
    ahead, aside = flat(me.frame[0]), flat(me.frame[1])
    away = flat(minus(target, me.place))
    forward, right = dot(away, ahead), dot(away, aside)
    most = max(abs(forward), abs(right), 1e-3)
    out[:] = 0.0
    out[JUMP], out[PITCH], out[YAW] = 1.0, -forward / most, right / most


@inlined
def flat(a: Vector) -> Vector:
    """The direction over the floor."""
    return scaled((a[0], a[1], 0.0), 1.0 / length((a[0], a[1], 0.0)))


@nopython
def climb(me: Car, height: float, out: np.ndarray) -> None:
    """Jump to a height, pressing as long as it helps and once again if one jump is not enough; `rise_seconds` later.

    Over 100 uu the first jump is held, over 200 uu there is a second one, for which the stick must rest.
    """
    z = me.place[2] - const.CAR_REST_Z
    if me.grounded:
        out[JUMP] = me.beat
    elif z < 60.0 and height > 60.0:
        out[JUMP] = 1.0
    elif me.beat and me.can_flip and height > 200.0 and me.velocity[2] > 250.0:
        out[JUMP] = 1.0
        out[PITCH] = out[YAW] = out[ROLL] = 0.0


@inlined
def rise_seconds(height: float) -> float:
    """Time in s from the press of jump to a height in uu above the ground; heights fit to RocketSim at 1/15 s."""
    if height < 70.0:
        return height / 330.0
    if height <= 200.0:
        return 0.2 + (434.0 - math.sqrt(max(434.0**2 - 1300.0 * (height - 72.0), 0.0))) / 650.0
    return 0.333 + (639.0 - math.sqrt(max(639.0**2 - 1300.0 * (height - 143.0), 0.0))) / 650.0


@inlined
def drifted(me: Car, seconds: float) -> Vector:
    """Where the car falls to without boost."""
    x, y, z = plus(me.place, scaled(me.velocity, seconds))
    return x, y, z - 0.5 * const.GRAVITY * seconds * seconds
