"""What the kernels look at: the simulation's arrays as one tuple, and vectors as tuples of three numbers.

Tuples cost nothing in compiled code, while slices of arrays count references; so kernels read `vector(car, POSITION)`.
"""

import math
from typing import NamedTuple, TypeAlias

import numba
import numpy as np

from rlkit.envs.rocket_league import constants as const
from rlkit.envs.rocket_league.simulation import Simulation

Vector: TypeAlias = tuple[float, float, float]

# First columns of the vectors in a row of `cars` and `ball`
POSITION, VELOCITY, SPIN = const.CAR_POSITION.start, const.CAR_VELOCITY.start, const.CAR_ANGULAR_VELOCITY.start
FORWARD, RIGHT, UP = const.CAR_FORWARD.start, const.CAR_RIGHT.start, const.CAR_UP.start
BALL_POSITION, BALL_VELOCITY = const.BALL_POSITION.start, const.BALL_VELOCITY.start
BALL_SPIN = const.BALL_ANGULAR_VELOCITY.start

KICKOFF_DISTANCE = 5.0  # uu: a ball this near to the centre of the field,
KICKOFF_SPEED = 1.0  # uu/s: and this slow, waits for a kickoff

OPPONENT_GOAL_Y = const.BACK_WALL_Y + 100.0  # uu, a point just inside the opponent's goal
IS_BIG_PAD = np.isin(np.arange(const.N_PADS), const.BIG_PADS)

# Both are compiled into the entries that call them; the numpy error model divides without checking for zero. `inlined`
# is for what is called often: LLVM alone leaves calls there, which count references and took 3/4 of the time.
nopython = numba.njit(error_model="numpy")
inlined = numba.njit(error_model="numpy", forceinline=True)


class World(NamedTuple):
    """The arrays of a Simulation (see there) and the count of each episode, as every kernel takes them."""

    cars: np.ndarray  # float32 (n_arenas * n_cars, 2, 36): car, view (0 blue's, 1 orange's), column
    ball: np.ndarray  # float32 (n_arenas, 2, 25)
    pads: np.ndarray  # float32 (n_arenas, 2, 34), 1 while active
    flags: np.ndarray  # float32 (n_arenas * n_cars, 2): has a jump or flip, is supersonic
    steps: np.ndarray  # int64 (n_arenas,), decisions since the episode began
    untouched: np.ndarray  # int64 (n_arenas,), decisions since any car touched the ball
    score: np.ndarray  # int64 (n_arenas, 2), goals of blue and orange in this episode
    blue: int  # cars of blue, which come first in each arena
    n_cars: int  # cars in an arena
    step_seconds: float  # s per decision


def make_world(simulation: Simulation) -> World:
    """The World of a simulation; it stays valid for the simulation's life, because `read` refills the same arrays."""
    s, n = simulation, simulation.n_arenas
    counts = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros((n, 2), np.int64)
    return World(s.cars, s.ball, s.pads, s.flags, *counts, s.blue, s.n_cars, s.tick_skip * const.TICK_SECONDS)


@inlined
def seat(world: World, car: int) -> tuple[int, int]:
    """The arena of a car and its view, which is also its team: 0 blue, 1 orange."""
    arena = car // world.n_cars
    return arena, 0 if car - arena * world.n_cars < world.blue else 1


@inlined
def team_cars(world: World, arena: int, team: int) -> tuple[int, int]:
    """First car of a team in an arena, and the one after its last."""
    first = arena * world.n_cars
    middle = first + world.blue
    return (first, middle) if team == 0 else (middle, first + world.n_cars)


@nopython
def count(world: World) -> None:
    """Count one decision in every arena: steps, steps without a touch, goals."""
    for arena in range(len(world.steps)):
        world.steps[arena] += 1
        world.untouched[arena] += 1
        for car in range(arena * world.n_cars, (arena + 1) * world.n_cars):
            if world.cars[car, 0, const.CAR_TOUCHED] > 0:
                world.untouched[arena] = 0
        team = scorer(world.ball[arena, 0])
        if team >= 0:
            world.score[arena, team] += 1


@inlined
def scorer(ball: np.ndarray) -> int:
    """The team, in the ball row's view, whose goal the ball's place counts as: 0, 1, or -1 for none."""
    y = ball[BALL_POSITION + 1]
    return (0 if y > 0 else 1) if abs(y) > const.GOAL_LINE_Y else -1


@inlined
def is_kickoff(ball: np.ndarray) -> bool:
    """Whether the ball waits at the centre of the field."""
    (x, y, _), (vx, vy, _) = vector(ball, BALL_POSITION), vector(ball, BALL_VELOCITY)
    return abs(x) < KICKOFF_DISTANCE and abs(y) < KICKOFF_DISTANCE and math.hypot(vx, vy) < KICKOFF_SPEED


@inlined
def ahead(place: Vector, velocity: Vector, seconds: float) -> Vector:
    """Where a ball flies or rolls to in some seconds: a parabola that ends at the floor, without walls and drag."""
    z = place[2] + velocity[2] * seconds - 0.5 * const.GRAVITY * seconds * seconds
    return place[0] + velocity[0] * seconds, place[1] + velocity[1] * seconds, max(z, const.BALL_REST_Z)


@inlined
def goal_direction(place: Vector) -> tuple[Vector, float]:
    """Unit vector on the floor from a place to the opponent's goal, and the distance in uu."""
    to_goal = (-place[0], OPPONENT_GOAL_Y - place[1], 0.0)
    distance = length(to_goal)
    return scaled(to_goal, 1 / distance), distance


@inlined
def rank(world: World, car: int, first: int, last: int, left_out: int) -> int:
    """How many cars from `first` to before `last`, less `left_out`, are nearer to the ball; equal ones by index."""
    distance, nearer = ball_distance(world, car), 0
    for other in range(first, last):
        if other not in (car, left_out):
            d = ball_distance(world, other)
            nearer += d < distance or (d == distance and other < car)
    return nearer


@inlined
def ball_distance(world: World, car: int) -> float:
    """Distance in uu between a car and the ball of its arena."""
    ball = vector(world.ball[car // world.n_cars, 0], BALL_POSITION)
    return length(minus(ball, vector(world.cars[car, 0], POSITION)))


@inlined
def vector(row: np.ndarray, column: int) -> Vector:
    """Three columns of a row."""
    return row[column], row[column + 1], row[column + 2]


@inlined
def wide(row: np.ndarray, column: int) -> Vector:
    """Three columns of a row in double precision, for what sums up many steps."""
    return 1.0 * row[column], 1.0 * row[column + 1], 1.0 * row[column + 2]  # float() would keep float32


@inlined
def plus(a: Vector, b: Vector) -> Vector:
    """a + b."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@inlined
def minus(a: Vector, b: Vector) -> Vector:
    """a - b."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@inlined
def dot(a: Vector, b: Vector) -> float:
    """Scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@inlined
def cross(a: Vector, b: Vector) -> Vector:
    """Vector product."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@inlined
def length(a: Vector) -> float:
    """Euclidean length, never quite 0 so that a division by it stays finite."""
    return math.sqrt(dot(a, a)) + 1e-6


@inlined
def scaled(a: Vector, factor: float) -> Vector:
    """a * factor."""
    return a[0] * factor, a[1] * factor, a[2] * factor


@inlined
def turned(frame: tuple[Vector, Vector, Vector], a: Vector) -> Vector:
    """A vector's components along the three axes of a frame, such as a car's (forward, right, up)."""
    return dot(frame[0], a), dot(frame[1], a), dot(frame[2], a)


@inlined
def frame_of(car: np.ndarray) -> tuple[Vector, Vector, Vector]:
    """A car's own axes: forward, right and up, unit vectors."""
    return vector(car, FORWARD), vector(car, RIGHT), vector(car, UP)


@inlined
def put(out: np.ndarray, at: int, a: Vector) -> None:
    """Write a vector into three places of a row."""
    out[at], out[at + 1], out[at + 2] = a


@inlined
def clip(value: float) -> float:
    """A control value within -1 and 1."""
    return min(max(value, -1.0), 1.0)
