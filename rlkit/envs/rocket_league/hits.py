"""Where and how a car can hit the ball: the touch that costs least, and the direction to hit it in."""

import math
from typing import NamedTuple

from rlkit.envs.rocket_league import constants as const
from rlkit.envs.rocket_league.ball import ball_now, later
from rlkit.envs.rocket_league.moves import BOOST_AIR, BOOST_USE, Car, drifted, flat, rise_seconds, sped_up
from rlkit.envs.rocket_league.world import (
    OPPONENT_GOAL_Y,
    Vector,
    World,
    dot,
    inlined,
    length,
    minus,
    nopython,
    scaled,
    seat,
)

SLICE = 1 / 30  # s between two predicted places of the ball
HORIZON = 120  # slices looked at
CONTACT = 140.0  # uu from the centre of a car that hits the ball to the ball's
GROUND_REACH = 150.0  # uu, a ball up to this high is hit from the ground
JUMP_REACH = 480.0  # uu, up to this with jumps
PATIENCE = 1.2  # s that a better aligned hit may come later
GOAL_AIM = 400.0  # uu to either side of the goal's middle that a hit aims at; the posts stand at 893
TURN_WAY = 450.0  # uu that a radian of turning costs


class Hit(NamedTuple):
    """A planned touch of the ball."""

    found: bool
    seconds: float  # s until then
    ball: Vector  # uu, where the ball will be
    aim: Vector  # unit vector in which to hit it
    tight: bool  # no time to lose on the way
    flight: bool  # with boost in the air
    danger: bool  # the ball rolls or flies into the own goal


@nopython
def plan(world: World, car: int, me: Car) -> Hit:
    """The touch that costs least: soon, and from behind the ball as seen from where it shall go."""
    arena, view = seat(world, car)
    ball = ball_now(world.ball[arena, view])
    speed, boost, way = dot(me.velocity, me.frame[0]), me.boost, 0.0
    first, least = math.inf, math.inf
    best = Hit(False, 0.0, ball.place, (0.0, 1.0, 0.0), False, False, False)
    danger = False
    for i in range(1, HORIZON + 1):
        seconds = i * SLICE
        ball = later(ball, SLICE)
        speed, boost = sped_up(speed, boost, SLICE)
        way += speed * SLICE
        if abs(ball.place[1]) > const.GOAL_LINE_Y:
            danger = ball.place[1] < 0.0
            break
        if seconds > first + PATIENCE:
            if not comes_home(ball.place, ball.velocity):
                break
            continue
        aim = aim_at(me.place, ball.place, ball.velocity)
        flight = ball.place[2] > JUMP_REACH
        if flight:
            if not flies_to(me, ball.place, aim, seconds):
                continue
            spare = 0.0
        else:
            if ball.place[2] > GROUND_REACH and rise_seconds(ball.place[2] - const.BALL_REST_Z) > seconds:
                continue
            to_spot = minus(minus(ball.place, scaled(aim, CONTACT)), me.place)
            distance = math.hypot(to_spot[0], to_spot[1])
            angle = abs(math.atan2(dot(to_spot, me.frame[1]), dot(to_spot, me.frame[0])))
            spare = way - distance - TURN_WAY * angle + 60.0
            if spare < 0.0:
                continue
        first = min(first, seconds)
        slant = 1.0 - dot(flat(minus(ball.place, me.place)), aim)
        cost = seconds + 0.7 * slant + (0.6 if flight else 0.3 if ball.place[2] > GROUND_REACH else 0.0)
        if cost < least:
            least = cost
            best = Hit(True, seconds, ball.place, aim, spare < 150.0, flight, False)
    return Hit(best.found, best.seconds, best.ball, best.aim, best.tight, best.flight, danger)


@inlined
def flies_to(me: Car, ball: Vector, aim: Vector, seconds: float) -> bool:
    """Whether a car that takes off now, with both jumps, can be behind the ball then."""
    if me.boost < 30.0 or seconds < 0.6 or ball[2] > 1700.0 or me.frame[2][2] < 0.95:
        return False
    misses = minus(minus(ball, scaled(aim, 110.0)), drifted(me, seconds))
    misses = (misses[0], misses[1], misses[2] - 60.0 - 560.0 * (seconds - 0.25))
    thrust = min(seconds - 0.35, me.boost / BOOST_USE)
    ahead = dot(flat(minus(ball, me.place)), me.frame[0]) > 0.9
    return ahead and length(misses) < 0.5 * 0.85 * BOOST_AIR * thrust * thrust


@nopython
def aim_at(here: Vector, place: Vector, velocity: Vector) -> Vector:
    """Unit vector over the floor in which to hit a ball: at the goal, with what it moves aside taken back.

    The nearer the ball is to the own goal, the more of the other side's width will do. A car on the wrong side of a
    ball that rolls home, or is beside the goal, hits it aside.
    """
    dx, dy = place[0] - here[0], place[1] - here[1]
    width = GOAL_AIM + 0.35 * max(const.BACK_WALL_Y - 1500.0 - place[1], 0.0)
    line = place[0] + dx / max(dy, 1.0) * (OPPONENT_GOAL_Y - place[1]) if dy > 0.0 else math.copysign(1e5, dx)
    goal = flat((min(max(line, -width), width) - place[0], OPPONENT_GOAL_Y - place[1], 0.0))
    aside = (goal[1], -goal[0], 0.0)
    wrong_side = dy < (0.8 if comes_home(place, velocity) else 0.3 if place[0] * dx > 0.0 else -1e5) * abs(dx)
    if wrong_side and place[1] < -1000.0:
        return flat((dx, -0.1 * abs(dx) + 1e-3, 0.0))
    drift = min(max(dot(velocity, aside) / 1800.0, -0.6), 0.6)
    return flat(minus(goal, scaled(aside, drift)))


@inlined
def comes_home(place: Vector, velocity: Vector) -> bool:
    """Whether a ball moves straight into the own goal, or just beside it."""
    if velocity[1] > -200.0:
        return False
    return abs(place[0] + velocity[0] * (place[1] + const.BACK_WALL_Y) / -velocity[1]) < 1100.0
