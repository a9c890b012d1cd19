"""Rewards of one decision as named terms: the table of terms with their default weights, and their compiled values."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rlkit.envs.rocket_league import constants as const
from rlkit.envs.rocket_league.shaping import GAMMA, shaping
from rlkit.envs.rocket_league.world import (
    BALL_POSITION,
    BALL_VELOCITY,
    FORWARD,
    POSITION,
    UP,
    VELOCITY,
    Vector,
    World,
    ball_distance,
    dot,
    goal_direction,
    inlined,
    length,
    minus,
    nopython,
    scorer,
    seat,
    team_cars,
    vector,
)
from rlkit.errors import EnvError, did_you_mean

ON_ROOF_Z = 150.0  # uu, a car below it with its up vector pointing down lies on its roof
AERIAL_Z = 300.0  # uu, a touch of a ball above it needs a jump or flight
STANDS = 100.0  # uu/s, a slower car stands still
FIELD_LENGTH = 2 * const.BACK_WALL_Y  # uu, the unit of the potentials
SPACED = 1000.0, 3000.0  # uu, a mate at this distance is near enough to help and far enough not to be in the way
CROWDING = 800.0  # uu, two mates as near as this to the ball want the same hit
LOW_BOOST = 0.1  # of 1, less is as good as none
OWN, NOBODY, OTHER = 1.0, 0.0, -1.0  # who hit the ball last


class Term(NamedTuple):
    """One term of the reward: its weight if nothing else is asked, and its value before the weight."""

    weight: float
    meaning: str


# The order is that of the columns of `terms`; each is seen from the car's own team.
REWARDS: dict[str, Term] = {
    "goal": Term(10.0, "1 when the own team scores"),
    "concede": Term(-10.0, "1 when the other team scores"),
    "touch": Term(0.1, "1 when the car hits the ball"),
    "touch_acceleration": Term(1.0, "on a hit, gain in ball speed towards the opponent's goal / 2300 uu/s, within +-1"),
    "ball_to_goal_velocity": Term(0.05, "ball speed towards the opponent's goal / 2300 uu/s"),
    "player_to_ball_velocity": Term(0.03, "own speed towards the ball / 2300 uu/s"),
    "face_ball": Term(0.005, "cosine between the car's forward and the ball"),
    "alignment": Term(0.005, "cosine between car-to-ball and ball-to-opponent's-goal"),
    "boost_gain": Term(0.2, "rise of the square root of boost, as a share of 100"),
    "upside_down": Term(-0.02, "1 while the car lies on its roof"),
    "demolition": Term(0.3, "1 when the car demolishes an opponent"),
    "demolished": Term(0.0, "1 when the car is demolished"),
    "pickup": Term(0.0, "1 when the car picks up a boost pad"),
    "boost_use": Term(0.0, "boost spent, as a share of 100"),
    "aerial_touch": Term(0.0, "1 when the car hits a ball above 300 uu"),
    "shot": Term(0.0, "1 when the game counts a shot on goal"),
    "save": Term(0.0, "1 when the game counts a save"),
    "own_goal": Term(0.0, "1 when the other team scores and the own team hit the ball last"),
    "aerial_goal": Term(0.0, "1 when the own team scores from its hit of a ball above 300 uu"),
    "approach": Term(0.0, "shaping: the potential is less by the distance to the ball / 10240 uu"),
    "ball_progress": Term(
        0.0, "shaping: how much nearer the ball is to the opponent's goal than to one's own, / 10240"
    ),
    "possession": Term(0.0, "1 while the own team hit the ball last, -1 while the other did"),
    "goal_side": Term(0.0, "1 while the car is nearer to its own goal line than the ball is"),
    "overcommit": Term(0.0, "1 while it is not, and the other team hit the ball last"),
    "spacing": Term(0.0, "1 while the nearest mate is 1000 to 3000 uu away"),
    "double_commit": Term(0.0, "1 while the car and a mate are both within 800 uu of the ball"),
    "stale": Term(0.0, "1 while the car stands still"),
    "boost_waste": Term(0.0, "boost spent while supersonic, which adds no speed, as a share of 100"),
    "low_boost": Term(0.0, "1 while less than a tenth of the boost is left"),
}
(
    GOAL, CONCEDE, TOUCH, TOUCH_ACCELERATION, BALL_TO_GOAL_VELOCITY, PLAYER_TO_BALL_VELOCITY, FACE_BALL, ALIGNMENT,
    BOOST_GAIN, UPSIDE_DOWN, DEMOLITION, DEMOLISHED, PICKUP, BOOST_USE, AERIAL_TOUCH, SHOT, SAVE,
    OWN_GOAL, AERIAL_GOAL, APPROACH, BALL_PROGRESS, POSSESSION, GOAL_SIDE, OVERCOMMIT, SPACING, DOUBLE_COMMIT, STALE,
    BOOST_WASTE, LOW,
) = range(len(REWARDS))  # fmt: skip
N_MEMORY = 11  # values of a car that the next decision's terms compare with, see `remember`
LAST_HIT, LAST_HIT_Z = 9, 10  # in that memory: whose hit the last one was, and how high the ball was


def resolve_weights(overrides: Mapping[str, float]) -> dict[str, float]:
    """The weight of every term, the given ones replaced; EnvError for an unknown term or a weight not finite."""
    for name, weight in overrides.items():
        if name not in REWARDS:
            raise EnvError(f"reward_weights: unknown term '{name}'. {did_you_mean(name, REWARDS)}")
        if not math.isfinite(weight):
            raise EnvError(
                f"reward_weights: '{name}' is {weight}; a weight must be a finite number, 0 to leave the term out."
            )
    return {name: float(overrides.get(name, term.weight)) for name, term in REWARDS.items()}


@nopython
def reward(world: World, car: int, memory: np.ndarray, weights: np.ndarray, terms: np.ndarray) -> None:
    """Fill the weighted terms of a car, float32 (n_terms,), in the order of REWARDS; then `remember`.

    memory: float32 (N_MEMORY,) as `remember` left it one decision ago; weights: float32 (n_terms,).
    """
    arena, view = seat(world, car)
    me, ball = world.cars[car, view], world.ball[arena, view]
    place, to_ball = vector(ball, BALL_POSITION), minus(vector(ball, BALL_POSITION), vector(me, POSITION))
    distance = length(to_ball)
    aim, _ = goal_direction(place)
    speed_to_goal = dot(vector(ball, BALL_VELOCITY), aim)
    touched, boost = me[const.CAR_TOUCHED], me[const.CAR_BOOST] / const.CAR_BOOST_MAX
    old_speed, old_boost, old_demos, old_demoed, old_pickups, old_shots, old_saves = memory[:7]
    picked_up = me[const.CAR_PICKUPS] > old_pickups

    terms[GOAL] = scorer(ball) == 0
    terms[CONCEDE] = scorer(ball) == 1
    terms[TOUCH] = touched
    terms[TOUCH_ACCELERATION] = touched * min(max((speed_to_goal - old_speed) / const.CAR_MAX_SPEED, -1.0), 1.0)
    terms[BALL_TO_GOAL_VELOCITY] = speed_to_goal / const.CAR_MAX_SPEED
    terms[PLAYER_TO_BALL_VELOCITY] = dot(vector(me, VELOCITY), to_ball) / distance / const.CAR_MAX_SPEED
    terms[FACE_BALL] = dot(vector(me, FORWARD), to_ball) / distance
    terms[ALIGNMENT] = dot(to_ball, aim) / distance
    terms[BOOST_GAIN] = picked_up * max(math.sqrt(boost) - math.sqrt(old_boost), 0.0)  # a respawn gives boost too
    terms[UPSIDE_DOWN] = me[UP + 2] < 0.0 and me[POSITION + 2] < ON_ROOF_Z
    terms[DEMOLITION] = me[const.CAR_DEMOS] > old_demos
    terms[DEMOLISHED] = me[const.CAR_DEMOED] > old_demoed
    terms[PICKUP] = picked_up
    terms[BOOST_USE] = max(old_boost - boost, 0.0)
    terms[AERIAL_TOUCH] = touched * (place[2] > AERIAL_Z)
    terms[SHOT] = me[const.CAR_SHOTS] > old_shots
    terms[SAVE] = me[const.CAR_SAVES] > old_saves
    ended = scorer(ball) >= 0
    terms[APPROACH] = shaping(memory[7], nearness(world, car), ended, GAMMA)
    terms[BALL_PROGRESS] = shaping(memory[8], progress(place), ended, GAMMA)
    terms[BOOST_WASTE] = terms[BOOST_USE] * (world.flags[car, const.FLAG_SUPERSONIC] > 0)
    terms[LOW] = boost < LOW_BOOST
    terms[STALE] = length(vector(me, VELOCITY)) < STANDS
    note_hits(world, car, memory)
    play_of_teams(world, car, memory, terms)
    terms *= weights
    remember(world, car, memory)


@nopython
def play_of_teams(world: World, car: int, memory: np.ndarray, terms: np.ndarray) -> None:
    """Fill the terms, without their weights, that ask who hit the ball last and where the mates are."""
    arena, view = seat(world, car)
    me, ball, last_hit = world.cars[car, view], world.ball[arena, view], memory[LAST_HIT]
    behind = me[POSITION + 1] < ball[BALL_POSITION + 1]
    terms[OWN_GOAL] = terms[CONCEDE] * (last_hit == OWN)
    terms[AERIAL_GOAL] = terms[GOAL] * (last_hit == OWN and memory[LAST_HIT_Z] > AERIAL_Z)
    terms[POSSESSION] = last_hit
    terms[GOAL_SIDE] = behind
    terms[OVERCOMMIT] = not behind and last_hit == OTHER
    nearest, crowded = math.inf, False
    first, last = team_cars(world, arena, view)
    for mate in range(first, last):
        if mate != car:
            apart = length(minus(vector(world.cars[mate, 0], POSITION), vector(world.cars[car, 0], POSITION)))
            nearest = min(nearest, apart)
            crowded = crowded or ball_distance(world, mate) < CROWDING
    terms[SPACING] = SPACED[0] <= nearest <= SPACED[1]
    terms[DOUBLE_COMMIT] = crowded and ball_distance(world, car) < CROWDING


@nopython
def note_hits(world: World, car: int, memory: np.ndarray) -> None:
    """Keep whose the last hit was, as the car's team sees it, and the ball's height; nobody's if both teams hit it."""
    arena, view = seat(world, car)
    by_own = by_other = False
    for k in range(arena * world.n_cars, (arena + 1) * world.n_cars):
        if world.cars[k, 0, const.CAR_TOUCHED] > 0:
            own = seat(world, k)[1] == view
            by_own, by_other = by_own or own, by_other or not own
    if by_own or by_other:
        memory[LAST_HIT] = OWN * by_own + OTHER * by_other
        memory[LAST_HIT_Z] = world.ball[arena, 0, BALL_POSITION + 2]


@inlined
def nearness(world: World, car: int) -> float:
    """The potential of `approach`."""
    return -ball_distance(world, car) / FIELD_LENGTH


@inlined
def progress(ball: Vector) -> float:
    """The potential of `ball_progress`, of the ball's place as the car's team sees it."""
    to_own = goal_direction((ball[0], -ball[1], ball[2]))[1]
    return (to_own - goal_direction(ball)[1]) / FIELD_LENGTH


@nopython
def remember(world: World, car: int, memory: np.ndarray) -> None:
    """Keep what the next decision's terms compare with: ball speed to the goal, boost, counters and potentials.

    Where an episode begins, nobody has hit the ball.
    """
    arena, view = seat(world, car)
    me, ball = world.cars[car, view], world.ball[arena, view]
    memory[0] = dot(vector(ball, BALL_VELOCITY), goal_direction(vector(ball, BALL_POSITION))[0])
    memory[1] = me[const.CAR_BOOST] / const.CAR_BOOST_MAX
    memory[2] = me[const.CAR_DEMOS]
    memory[3] = me[const.CAR_DEMOED]
    memory[4] = me[const.CAR_PICKUPS]
    memory[5] = me[const.CAR_SHOTS]
    memory[6] = me[const.CAR_SAVES]
    memory[7] = nearness(world, car)
    memory[8] = progress(vector(ball, BALL_POSITION))
    if world.steps[arena] == 0:
        memory[LAST_HIT], memory[LAST_HIT_Z] = NOBODY, 0.0
