"""Starts that leave one thing to learn, for the first car of one team; everybody else is far away.

All places are those of a blue car, which attacks towards +y; for orange they are turned by pi about the centre.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rlkit.envs.rocket_league.constants import BALL_REST_Z, CAR_BOOST_MAX
from rlkit.envs.rocket_league.placing import Pose, forget, place_ball, place_car

AWAY = 3800.0  # uu, |y| of those whom a drill leaves out; 800 uu of play,
LANES = (-2500.0, -1500.0, -500.0, 500.0, 1500.0, 2500.0)  # uu, x of each of them,
DRIFT = 200.0  # uu, more or less

Vector = tuple[float, float, float]


def touch(arena: Any, cars: Sequence[Any], blue: int, rng: np.random.Generator, attackers: int = 0) -> None:
    """A still ball 500 to 1500 uu before the car, anywhere."""
    ball = rng.uniform(-2500.0, 2500.0), rng.uniform(-3000.0, 3000.0), BALL_REST_Z
    heading = rng.uniform(-math.pi, math.pi)
    _set_up(arena, cars, blue, attackers, rng, ball, (0.0, 0.0, 0.0), _facing(ball, heading, (500.0, 1500.0), rng))


def open_goal(arena: Any, cars: Sequence[Any], blue: int, rng: np.random.Generator, attackers: int = 0) -> None:
    """A still ball between the car and a goal that nobody guards."""
    ball = rng.uniform(-1500.0, 1500.0), rng.uniform(1500.0, 4000.0), BALL_REST_Z
    pose = _facing(ball, _to_goal(ball) + rng.uniform(-0.4, 0.4), (500.0, 1500.0), rng)
    _set_up(arena, cars, blue, attackers, rng, ball, (0.0, 0.0, 0.0), pose)


def shot(arena: Any, cars: Sequence[Any], blue: int, rng: np.random.Generator, attackers: int = 0) -> None:
    """A ball that rolls across, before a goal that nobody guards."""
    side, speed = rng.choice((-1.0, 1.0)), rng.uniform(400.0, 1000.0)
    ball = side * rng.uniform(1000.0, 2200.0), rng.uniform(1500.0, 3500.0), BALL_REST_Z
    meeting = (0.5 * ball[0], ball[1], ball[2])
    pose = _facing(meeting, math.pi / 2 + rng.uniform(-0.3, 0.3), (1000.0, 2000.0), rng)
    _set_up(arena, cars, blue, attackers, rng, ball, (-side * speed, 0.0, 0.0), pose)


def aerial(arena: Any, cars: Sequence[Any], blue: int, rng: np.random.Generator, attackers: int = 0) -> None:
    """A ball thrown up to 400 to 1300 uu before the car, which has all its boost."""
    ball = rng.uniform(-1500.0, 1500.0), rng.uniform(0.0, 3000.0), rng.uniform(300.0, 700.0)
    velocity = rng.uniform(-200.0, 200.0), rng.uniform(-200.0, 400.0), rng.uniform(300.0, 900.0)
    pose = _facing(ball, _to_goal(ball) + rng.uniform(-0.3, 0.3), (800.0, 1800.0), rng)
    _set_up(arena, cars, blue, attackers, rng, ball, velocity, pose, boost=CAR_BOOST_MAX)


def defend(arena: Any, cars: Sequence[Any], blue: int, rng: np.random.Generator, attackers: int = 0) -> None:
    """A ball that rolls to the car's own goal, from which it comes; the others are behind the ball."""
    ball = rng.uniform(-2000.0, 2000.0), rng.uniform(-2500.0, 0.0), BALL_REST_Z
    speed, aim = rng.uniform(700.0, 1500.0), math.atan2(-5120.0 - ball[1], rng.uniform(-600.0, 600.0) - ball[0])
    velocity = speed * math.cos(aim), speed * math.sin(aim), 0.0
    pose = rng.uniform(-1000.0, 1000.0), rng.uniform(-4700.0, -4200.0), math.pi / 2 + rng.uniform(-0.5, 0.5)
    _set_up(arena, cars, blue, attackers, rng, ball, velocity, pose, away=AWAY)


def _to_goal(ball: Vector) -> float:
    """Heading from a place to the middle of the opponents' goal, rad."""
    return math.atan2(5120.0 - ball[1], -ball[0])


def _facing(place: Vector, heading: float, reach: tuple[float, float], rng: np.random.Generator) -> Pose:
    """A car that drives along `heading` towards a place, `reach` uu before it, and looks there within 0.3 rad."""
    distance = rng.uniform(*reach)
    x, y = place[0] - distance * math.cos(heading), place[1] - distance * math.sin(heading)
    return min(max(x, -3600.0), 3600.0), min(max(y, -4600.0), 4600.0), heading + rng.uniform(-0.3, 0.3)


def _set_up(
    arena: Any,
    cars: Sequence[Any],
    blue: int,
    attackers: int,
    rng: np.random.Generator,
    ball: Vector,
    velocity: Vector,
    pose: Pose,
    boost: float | None = None,
    away: float = -AWAY,
) -> None:
    """Place the ball, the first car of the team `attackers` at `pose`, and the others near y = `away`, facing in.

    Cars roll at up to 1000 uu/s. boost: of the first car, by default anything from 20 up, as the others have.
    """
    forget(arena, cars)
    sign, turn = (1.0, 0.0) if attackers == 0 else (-1.0, math.pi)
    place_ball(
        arena.ball, (sign * ball[0], sign * ball[1], ball[2]), (sign * velocity[0], sign * velocity[1], velocity[2])
    )
    lanes = rng.permutation(LANES)
    first = 0 if attackers == 0 else blue
    for k, car in enumerate(cars):
        tank, speed = rng.uniform(20.0, CAR_BOOST_MAX), rng.uniform(0.0, 1000.0)
        if k == first:
            x, y, yaw = pose
            tank = tank if boost is None else boost
        else:
            x, y = lanes[k] + rng.uniform(-DRIFT, DRIFT), away + rng.uniform(-400.0, 400.0)
            yaw, speed = math.copysign(math.pi / 2, -away), 0.0
        place_car(car, sign * x, sign * y, yaw + turn, speed=speed, boost=tank)
