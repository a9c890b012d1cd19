"""Scripted players, compiled, that see the state itself: the floor and the ceiling of what a policy can reach."""

import math
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from rlkit.envs.dodge import constants as const
from rlkit.envs.dodge.actions import ACTIONS, DISCRETE
from rlkit.envs.dodge.constants import MAX_BALLS, VX, VY, X, Y
from rlkit.envs.dodge.env import Dodge
from rlkit.envs.dodge.physics import inlined, take
from rlkit.envs.dodge.planner import horizon_steps, plan
from rlkit.errors import EnvError, did_you_mean
from rlkit.kernels import entry

STILL, OSCILLATE, PATROL, PERPENDICULAR, CAREFUL, PLANNER = range(6)
SCRIPTS = {
    "still": STILL,  # stands
    "oscillate": OSCILLATE,  # walks to and fro along x
    "patrol": PATROL,  # walks round a square
    "perpendicular": PERPENDICULAR,  # steps off the path of the nearest ball that comes, also where the zone ends
    "careful": CAREFUL,  # the same, but to a side with room for it
    "planner": PLANNER,  # tries out walks against the balls in the air, keeps the one with most room
}
RANDOM = "random"  # acts at random
PLAYERS = (RANDOM, *SCRIPTS)

DIAGONAL = math.sqrt(0.5)
WAYS = np.array([*DISCRETE, (DIAGONAL, DIAGONAL), (-DIAGONAL, DIAGONAL), (-DIAGONAL, -DIAGONAL), (DIAGONAL, -DIAGONAL)])
SWING = 2.0  # u from the middle at which an oscillating player turns
SQUARE = 2.5  # u, half side of the square of a patrol
NEED = 0.2  # what a u of way to go counts against a way, beside the share of it that leads off the path
ROOM = 1.0  # u off a ball's path at which a player need not step aside

Player = Callable[[], np.ndarray]


def make_player(name: str, batch: Dodge, seed: int = 0) -> Player:
    """A call that gives every row of the batch an action of its action set; EnvError for a name not in PLAYERS.

    With "discrete5" a script walks in 4 ways, else in 8 at the same speed (without sprint).
    """
    if name == RANDOM:
        rng, space = np.random.default_rng(seed), batch.action_space
        if isinstance(space, gymnasium.spaces.Discrete):
            return lambda: rng.integers(space.n, size=batch.n_envs)
        return lambda: rng.uniform(-1.0, 1.0, (batch.n_envs, *space.shape)).astype(np.float32)
    script, chosen = script_of(name), np.zeros(batch.n_envs, np.int64)
    if isinstance(batch.action_space, gymnasium.spaces.Discrete):
        return lambda: decide(batch.rows, batch.rules, script, len(DISCRETE), chosen)
    parts = ACTIONS[batch.config["actions"]]
    moves = np.full((len(WAYS), *batch.action_space.shape), -1.0, np.float32)
    moves[:, 2:] = np.where(np.isin(parts[2:], ("pitch", "roll")), 0.0, -1.0)
    moves[:, :2] = WAYS
    return lambda: moves[decide(batch.rows, batch.rules, script, len(WAYS), chosen)]


def script_of(name: str) -> int:
    """The code of a script; EnvError for a name not in SCRIPTS."""
    if name not in SCRIPTS:
        raise EnvError(f"unknown player '{name}'. {did_you_mean(name, PLAYERS)}")
    return SCRIPTS[name]


def play_episodes(player: str, episodes: int = 1000, seed: int = 0, **env_kwargs: Any) -> tuple[np.ndarray, np.ndarray]:
    """(successes bool, lengths in physics steps int64) of that many episodes, one in each row of a batch.

    Of each row the first episode counts, so long ones are not left out. env_kwargs: arguments of Dodge.
    """
    batch = Dodge(episodes, **env_kwargs)
    batch.seed(seed)
    batch.reset()
    act = make_player(player, batch, seed)
    running, successes, lengths = np.ones(episodes, bool), np.zeros(episodes, bool), np.zeros(episodes, np.int64)
    while running.any():
        batch.step(act())
        ended = running & (batch.terminated | batch.truncated)
        successes[ended], lengths[ended] = batch.truncated[ended], batch.rows["steps"][ended]
        running &= ~ended
    return successes, lengths


@entry
def decide(rows: np.ndarray, rules: np.ndarray, script: int, n_ways: int, chosen: np.ndarray) -> np.ndarray:
    """Fill and return `chosen`, int64 (n,): for each row the one of WAYS[:n_ways] that a script takes."""
    steps = horizon_steps(rules[0])
    paths = np.empty((MAX_BALLS, steps, 3) if script == PLANNER else (0, 0, 0))
    for i in range(len(rows)):
        if script == OSCILLATE:
            chosen[i] = oscillate(rows[i])
        elif script == PATROL:
            chosen[i] = patrol(rows[i])
        elif script == PERPENDICULAR:
            chosen[i] = step_aside(rows[i], n_ways, False)
        elif script == CAREFUL:
            chosen[i] = step_aside(rows[i], n_ways, True)
        elif script == PLANNER:
            chosen[i] = plan(rows[i], rules[0], WAYS, n_ways, paths)
        else:
            chosen[i] = 0
    return chosen


@inlined
def oscillate(row: np.void) -> int:
    """The way to and fro along x, at first to the right."""
    rightwards = row.vx >= 0.0 if abs(row.x) < SWING else row.x < 0.0
    return 4 if rightwards else 3


@inlined
def patrol(row: np.void) -> int:
    """The way round a square, against the clock, which begins at its right side."""
    if row.x >= SQUARE and row.y < SQUARE:
        return 1
    if row.y >= SQUARE and row.x > -SQUARE:
        return 3
    if row.x <= -SQUARE and row.y > -SQUARE:
        return 2
    return 4


@inlined
def step_aside(row: np.void, n_ways: int, careful: bool) -> int:
    """The way that leads best off the path of the nearest ball that comes; if careful, to a side with room to go."""
    nearest, least = -1, math.inf
    for j in range(row.n_balls):
        dx, dy = row.balls[j, X] - row.x, row.balls[j, Y] - row.y
        if dx * row.balls[j, VX] + dy * row.balls[j, VY] < 0.0 and math.hypot(dx, dy) < least:
            nearest, least = j, math.hypot(dx, dy)
    if nearest < 0:
        return 0
    x, y, _, vx, vy, _ = take(row.balls, nearest)
    speed = math.hypot(vx, vy)
    aside = ((row.y - y) * vx - (row.x - x) * vy) / speed  # u to the left of the path
    if abs(aside) > ROOM:
        return 0
    best, most = 0, -math.inf
    for way in range(1, n_ways):
        off = (WAYS[way, 1] * vx - WAYS[way, 0] * vy) / speed  # to the left, as a share of the walk
        need = ROOM - aside if off > 0.0 else ROOM + aside  # u still to go to be clear on that side
        x, y = row.x + need * WAYS[way, 0], row.y + need * WAYS[way, 1]
        blocked = abs(x) > const.ZONE_X or abs(y) > const.ZONE_Y
        value = abs(off) - NEED * need - (careful and blocked)
        if value > most:
            best, most = way, value
    return best
