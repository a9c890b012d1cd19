"""`striker`: predicts the ball, picks where to meet it, and hits it towards the other goal."""

import math

import numpy as np

from rlkit.envs.rocket_league import constants as const
from rlkit.envs.rocket_league.actions import BOOST, JUMP, THROTTLE
from rlkit.envs.rocket_league.ball import ball_now, later
from rlkit.envs.rocket_league.hits import CONTACT, GROUND_REACH, SLICE, Hit, aim_at, plan
from rlkit.envs.rocket_league.moves import (
    BOOST_AIR,
    JUMP_SPEED,
    Car,
    angle_to,
    car_now,
    climb,
    drifted,
    drive_to,
    flat,
    flip_on,
    flip_towards,
    recover,
    rise_seconds,
    turn_in_air,
)
from rlkit.envs.rocket_league.world import (
    BALL_POSITION,
    IS_BIG_PAD,
    POSITION,
    VELOCITY,
    Vector,
    World,
    dot,
    inlined,
    is_kickoff,
    length,
    minus,
    nopython,
    plus,
    scaled,
    seat,
    team_cars,
    wide,
)

LOW_BOOST = 30.0  # boost below which a long way is begun with a flip
ENOUGH_BOOST = 80.0  # boost above which pads are left lying
RUSH_DISTANCE = 3300.0  # uu, a way that is longer than a flip for speed, which nothing can steer
DETOUR_DISTANCE = 1500.0  # uu to the ball from which there is time for a pad beside the way


@nopython
def striker(world: World, car: int, out: np.ndarray) -> None:
    """Fill the controls of one decision."""
    arena, view = seat(world, car)
    ball, me = world.ball[arena, view], car_now(world, car)
    if not me.grounded:
        fly(world, car, me, out)
        return
    turn = mates_before(world, car)
    if turn == 0 and is_kickoff(ball):
        kick_off(me, wide(ball, BALL_POSITION), out)
        return
    hit = plan(world, car, me)
    if hit.found and (turn == 0 or (hit.danger and turn == 1)):
        attack(world, car, me, hit, out)
    else:
        cover(world, car, me, turn, out)


@nopython
def attack(world: World, car: int, me: Car, hit: Hit, out: np.ndarray) -> None:
    """Go for a planned hit; get behind the ball first where it would be pushed home."""
    to_ball = minus(hit.ball, me.place)
    distance = math.hypot(to_ball[0], to_ball[1])
    straight = dot(flat(to_ball), hit.aim)
    if hit.flight:
        climb(me, 1000.0, out)
        out[THROTTLE] = 1.0
        return
    if straight < -0.1:
        get_behind(me, hit, out)
        return
    round_about = min((1.0 - straight) * 0.9 * distance, 3000.0 if hit.aim[1] > 0.3 else 200.0)
    spot = minus(hit.ball, scaled(hit.aim, CONTACT + round_about))
    speed = const.CAR_MAX_SPEED
    if not hit.tight and hit.seconds < 1.3:
        early = 0.1 if hit.ball[2] < GROUND_REACH else 0.0  # a ball on the floor is better hit sooner
        speed = min(speed, max(distance - CONTACT, 0.0) / max(hit.seconds - early, SLICE))
    if distance > DETOUR_DISTANCE and not hit.danger:
        spot = over_pad(world, car, me, spot)
    drive_to(me, spot, speed, True, out)
    leap(me, hit, straight, out)
    if distance > RUSH_DISTANCE and not hit.danger:
        rush(me, spot, out)


@nopython
def leap(me: Car, hit: Hit, straight: float, out: np.ndarray) -> None:
    """Jump when it is time for a high ball, or for a flip into a low one."""
    height = hit.ball[2] - const.BALL_REST_Z
    if me.frame[2][2] < 0.9:
        return
    if hit.ball[2] > GROUND_REACH:
        reached = plus(me.place, scaled(me.velocity, hit.seconds))
        misses = minus(minus(hit.ball, scaled(hit.aim, 110.0)), reached)
        if hit.seconds < rise_seconds(height) + 0.1 and math.hypot(misses[0], misses[1]) < 170.0:
            climb(me, height, out)
    elif 0.15 < hit.seconds < 0.32 and straight > 0.9 and abs(angle_to(me, hit.ball)) < 0.25:
        misses = length(minus(plus(me.place, scaled(me.velocity, hit.seconds)), hit.ball))
        if misses < 220.0:
            climb(me, 0.0, out)


@nopython
def rush(me: Car, spot: Vector, out: np.ndarray) -> None:
    """Flip forwards on a long straight way."""
    fits = 900.0 < dot(me.velocity, me.frame[0]) < 1750.0 and abs(angle_to(me, spot)) < 0.15 and me.frame[2][2] > 0.95
    if me.beat and me.boost < LOW_BOOST and fits:
        out[JUMP] = 1.0


@nopython
def over_pad(world: World, car: int, me: Car, spot: Vector) -> Vector:
    """The spot, or a boost pad that stands nearly on the way there and that the car can use."""
    arena, view = seat(world, car)
    if me.boost > ENOUGH_BOOST:
        return spot
    way = minus(spot, me.place)
    reach, along = math.hypot(way[0], way[1]), flat(way)
    nearest, best = 0.7 * reach, -1
    for pad in range(const.N_PADS):
        if world.pads[arena, view, pad] > 0.5:
            dx, dy = const.PADS[pad, 0] - me.place[0], const.PADS[pad, 1] - me.place[1]
            ahead, aside = dx * along[0] + dy * along[1], abs(dx * along[1] - dy * along[0])
            if 250.0 < ahead < nearest and aside < (0.3 if IS_BIG_PAD[pad] else 0.18) * ahead:
                nearest, best = ahead, pad
    return spot if best < 0 else (1.0 * const.PADS[best, 0], 1.0 * const.PADS[best, 1], 0.0)


@nopython
def get_behind(me: Car, hit: Hit, out: np.ndarray) -> None:
    """Drive round the ball to its side away from the target."""
    side = math.copysign(1.0, me.place[0] - hit.ball[0])
    spot = minus(hit.ball, scaled(hit.aim, 700.0))
    spot = (spot[0] + side * 350.0, max(spot[1], -const.BACK_WALL_Y + 150.0), 0.0)
    drive_to(me, spot, const.CAR_MAX_SPEED, True, out)


@nopython
def cover(world: World, car: int, me: Car, turn: int, out: np.ndarray) -> None:
    """Keep between the ball and the own goal, the farther back the more mates are before the car; collect boost."""
    arena, view = seat(world, car)
    ball = wide(world.ball[arena, view], BALL_POSITION)
    back = 0.75 if turn > 1 else 0.45
    spot = (0.5 * (1.0 - back) * ball[0], ball[1] - back * (ball[1] + const.BACK_WALL_Y), 0.0)
    spot = over_pad(world, car, me, spot)
    away = minus(spot, me.place)
    drive_to(me, spot, min(const.CAR_MAX_SPEED, 1.5 * math.hypot(away[0], away[1])), False, out)


@nopython
def kick_off(me: Car, ball: Vector, out: np.ndarray) -> None:
    """Boost at the ball, flip once on the way and once into it."""
    away = minus(ball, me.place)
    distance, speed = length(away), dot(me.velocity, me.frame[0])
    early = distance > 2200.0 and speed < 1500.0
    lead = 0.1 if early else 0.0  # the flip drifts to the right
    drive_to(me, (ball[0] + lead * away[1], ball[1] - lead * away[0], 0.0), const.CAR_MAX_SPEED, True, out)
    near = distance - 150.0 < 0.28 * speed
    if me.beat and abs(angle_to(me, ball)) < 0.2 and ((early and speed > 800.0) or near):
        out[JUMP] = 1.0


@nopython
def fly(world: World, car: int, me: Car, out: np.ndarray) -> None:
    """In the air: on with what was begun on the ground, or land well."""
    arena, view = seat(world, car)
    ball = ball_now(world.ball[arena, view])
    out[THROTTLE] = 1.0
    soon = plus(ball.place, scaled(ball.velocity, 0.1))
    gap = minus(soon, drifted(me, 0.1))
    near = length(gap) < 260.0 and dot(flat(gap), aim_at(me.place, soon, ball.velocity)) > 0.3
    if me.can_flip and me.beat and near and me.frame[2][2] > 0.5:
        flip_towards(me, soon, out)
        return
    far, level = length(minus(ball.place, me.place)) > 1500.0, me.place[2] < 150.0 and me.frame[0][2] < 0.3
    took_off = me.velocity[2] > 100.0 and me.frame[2][2] > 0.9
    if far and level and length(me.velocity) > 900.0 and (took_off or not me.can_flip):
        flip_on(me, ball.place, out)
        return
    meet(world, car, me, out)


@nopython
def meet(world: World, car: int, me: Car, out: np.ndarray) -> None:
    """Fly to the first place at which the ball can be met, else turn to land."""
    arena, view = seat(world, car)
    ball = ball_now(world.ball[arena, view])
    for i in range(1, 46):
        seconds = i * SLICE
        ball = later(ball, SLICE)
        if seconds < 0.1 or ball.place[2] < GROUND_REACH:
            continue
        aim = aim_at(me.place, ball.place, ball.velocity)
        misses = minus(minus(ball.place, scaled(aim, 100.0)), drifted(me, seconds))
        lift = JUMP_SPEED * seconds if me.can_flip and me.velocity[2] > 200.0 else 0.0  # of a second jump
        needed = length((misses[0], misses[1], max(misses[2] - lift, 0.0)))
        power = 0.8 * BOOST_AIR if me.boost > 3.0 else 0.0
        if needed < 60.0 + 0.5 * power * max(seconds - 0.25, 0.0) ** 2:
            steer_to(me, misses, minus(ball.place, me.place), out)
            return
    recover(me, out)


@nopython
def steer_to(me: Car, misses: Vector, to_ball: Vector, out: np.ndarray) -> None:
    """Correct in the air what a car would miss by: by a second jump, then by boost; a car on course faces the ball."""
    climb(me, me.place[2] - const.CAR_REST_Z + misses[2] if misses[2] > 60.0 else 0.0, out)
    if out[JUMP] == 0.0:
        off = length(misses) > 80.0
        way = misses if off else to_ball
        way = scaled(way, 1.0 / length(way))
        turn_in_air(me, way, (0.0, 0.0, 1.0), out)
        out[BOOST] = off and dot(way, me.frame[0]) > 0.8


@nopython
def mates_before(world: World, car: int) -> int:
    """How many mates are nearer to the ball; who is on its wrong side counts as farther off."""
    arena, view = seat(world, car)
    first, last = team_cars(world, arena, view)
    mine, count = way_to_ball(world, car, view), 0
    for mate in range(first, last):
        other = way_to_ball(world, mate, view)
        count += other < mine or (other == mine and mate < car)
    return count


@inlined
def way_to_ball(world: World, car: int, view: int) -> float:
    """Distance in uu to the ball half a second on, and a surcharge for having to turn round it."""
    row, ball = world.cars[car, view], world.ball[car // world.n_cars, view]
    here = plus(wide(row, POSITION), scaled(wide(row, VELOCITY), 0.3))
    away = minus(wide(ball, BALL_POSITION), here)
    return length(away) + (1000.0 if away[1] < 0.0 else 0.0)
