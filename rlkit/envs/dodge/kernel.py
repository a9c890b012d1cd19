"""The compiled calls of the game: a decision of every row, and new episodes."""

import math

import numpy as np

from rlkit.envs.dodge.actions import clip, first_bad, obey
from rlkit.envs.dodge.observations import observe
from rlkit.envs.dodge.physics import begin, inlined, is_hit, place_thrower, tick
from rlkit.kernels import entry

SURVIVAL, NEAR_MISS, COLLISION = range(3)  # columns of the terms


@entry
def play(
    rows: np.ndarray,
    rules: np.ndarray,
    actions: np.ndarray,
    observations: np.ndarray,
    terms: np.ndarray,
    rewards: np.ndarray,
    terminated: np.ndarray,
    truncated: np.ndarray,
) -> int:
    """One decision of every row; -1, or the first row whose action cannot be followed: then nothing has happened.

    rows: ROW (n,); rules: RULES (1,); actions: int64 (n,) or float32 (n, width); the
    others are the arrays of the Batch, which it fills.
    """
    bad = first_bad(actions)
    if bad >= 0:
        return bad
    for i in range(len(rows)):
        row = rows[i]
        walk = obey(row, actions, i, rules[0])
        survived, missed, hit = 0, 0.0, False
        for _ in range(rules[0].repeat):
            squared = tick(row, rules[0], walk)
            hit = is_hit(squared)
            if hit:
                break
            survived += 1
            missed += nearness(squared, rules[0].near)
            if row.steps >= rules[0].limit:
                break
        terms[i, SURVIVAL] = rules[0].weights[SURVIVAL] * survived
        terms[i, NEAR_MISS] = rules[0].weights[NEAR_MISS] * missed
        terms[i, COLLISION] = rules[0].weights[COLLISION] if hit else 0.0
        rewards[i] = terms[i, SURVIVAL] + terms[i, NEAR_MISS] + terms[i, COLLISION]
        terminated[i], truncated[i] = hit, not hit and row.steps >= rules[0].limit
        observe(row, rules[0], observations, i)
    return -1


@entry
def start(rows: np.ndarray, rules: np.ndarray, chosen: np.ndarray, observations: np.ndarray) -> None:
    """New episodes in the rows of a bool mask (n,)."""
    for i in range(len(rows)):
        if chosen[i]:
            begin(rows[i], rules[0])
            observe(rows[i], rules[0], observations, i)


@entry
def aim(rows: np.ndarray, rules: np.ndarray, actions: np.ndarray) -> int:
    """Have each row throw from where actions float32 (n, 1) say; returns as `play` does."""
    bad = first_bad(actions)
    if bad >= 0:
        return bad
    for i in range(len(rows)):
        rows[i].aim = clip(actions[i, 0])
        place_thrower(rows[i], rules[0])
    return -1


@inlined
def nearness(squared_distance: float, near: float) -> float:
    """How much nearer (u) than `near` a ball is; 0 beyond it."""
    return near - math.sqrt(squared_distance) if squared_distance < near * near else 0.0
