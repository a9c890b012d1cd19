"""The look-ahead player: what can be had from the balls in the air alone, without knowing the next throws."""

import math

import numpy as np

from rlkit.envs.dodge import constants as const
from rlkit.envs.dodge.physics import fly, inlined, is_gone, is_hit, nopython, take

BEYOND_FLIGHT = 0.5  # s that a plan looks further than a throw flies
HOLDS = 6  # for how long a way is held, at most: this many equal shares of the time that a plan covers
CLEAR = 1.3  # u from the nearest ball, beyond which more room is worth nothing
CENTRING = 0.004  # per u^2: how much a plan that ends off the middle is worth less


@inlined
def horizon_steps(rules: np.void) -> int:
    """How many substeps a plan covers."""
    return math.ceil((rules.flight_seconds + BEYOND_FLIGHT) / rules.seconds)


@nopython
def plan(row: np.void, rules: np.void, ways: np.ndarray, n_ways: int, paths: np.ndarray) -> int:
    """The first way of the best plan: walk one of ways[:n_ways] (ways[0] is to stand) for a while, then stand.

    The best keeps the largest distance from all balls in the air. paths: float64 (MAX_BALLS, steps, 3), scratch.
    """
    n = foresee(row, rules, paths)
    steps = paths.shape[1]
    best, most = 0, worth(stay(row.x, row.y, row.z, paths, n, 0), row.x, row.y)
    for way in range(1, n_ways):
        vx, vy = const.SPEED * ways[way, 0], const.SPEED * ways[way, 1]
        x, y, squared, held = row.x, row.y, math.inf, 0
        for hold in range(1, HOLDS + 1):
            until = steps * hold // HOLDS
            while held < until:
                x = min(max(x + vx * rules.seconds, -const.ZONE_X), const.ZONE_X)
                y = min(max(y + vy * rules.seconds, -const.ZONE_Y), const.ZONE_Y)
                squared = min(squared, room(x, y, row.z, paths, n, held))
                held += 1
            if is_hit(squared):
                break
            value = worth(min(squared, stay(x, y, row.z, paths, n, held)), x, y)
            if value > most:
                best, most = way, value
    return best


@inlined
def foresee(row: np.void, rules: np.void, paths: np.ndarray) -> int:
    """Fill the paths of the balls in the air, which stand still where they leave the field; how many there are."""
    for j in range(row.n_balls):
        ball, there = take(row.balls, j), True
        for step in range(paths.shape[1]):
            if there:
                ball = fly(ball, rules.seconds)
                there = not is_gone(ball)
            paths[j, step, 0], paths[j, step, 1], paths[j, step, 2] = ball[0], ball[1], ball[2]
    return row.n_balls


@inlined
def stay(x: float, y: float, z: float, paths: np.ndarray, n: int, first: int) -> float:
    """Squared distance (u^2) of the nearest ball to a place, from a step on."""
    squared = math.inf
    for step in range(first, paths.shape[1]):
        squared = min(squared, room(x, y, z, paths, n, step))
    return squared


@inlined
def room(x: float, y: float, z: float, paths: np.ndarray, n: int, step: int) -> float:
    """Squared distance (u^2) of the nearest ball to a place at one step."""
    squared = math.inf
    for j in range(n):
        dx, dy, dz = paths[j, step, 0] - x, paths[j, step, 1] - y, paths[j, step, 2] - z
        squared = min(squared, dx * dx + dy * dy + dz * dz)
    return squared


@inlined
def worth(squared: float, x: float, y: float) -> float:
    """What a plan is worth by its squared distance to the nearest ball, and the place it ends at."""
    return min(math.sqrt(squared), CLEAR) - CENTRING * (x * x + y * y)
