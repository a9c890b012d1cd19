"""The compiled calls of an environment: what follows a step of physics, and what follows a reset."""

import numpy as np

from rlkit.envs.rocket_league.observations import observe
from rlkit.envs.rocket_league.rewards import remember, reward
from rlkit.envs.rocket_league.world import World, count, scorer
from rlkit.kernels import entry


@entry
def settle(
    world: World,
    kind: int,
    cars: np.ndarray,
    limits: tuple[int, int],
    weights: np.ndarray,
    memory: np.ndarray,
    terms: np.ndarray,
    rewards: np.ndarray,
    terminated: np.ndarray,
    truncated: np.ndarray,
    observations: np.ndarray,
    fold: np.ndarray,
) -> None:
    """Count the decision and fill rewards, ends and observations of every row.

    kind: a code of OBSERVATIONS; cars int64 (n,): the car of each row; limits: decisions in an episode, and without a
    touch; memory float32 (n, N_MEMORY); terms float32 (n, n_terms); fold float32 (n,): sign for the next action.
    """
    count(world)
    for row in range(len(cars)):
        arena = cars[row] // world.n_cars
        terminated[row] = scorer(world.ball[arena, 0]) >= 0
        out_of_time = world.steps[arena] >= limits[0] or world.untouched[arena] >= limits[1]
        truncated[row] = out_of_time and not terminated[row]
        reward(world, cars[row], memory[row], weights, terms[row])
        rewards[row] = terms[row].sum()
        fold[row] = observe(world, kind, cars[row], observations[row])


@entry
def begin(world: World, cars: np.ndarray, rows: np.ndarray, memory: np.ndarray) -> None:
    """Fill the memory of the rows (m,) whose episode begins."""
    for row in rows:
        remember(world, cars[row], memory[row])


@entry
def look(
    world: World, kind: int, cars: np.ndarray, rows: np.ndarray, observations: np.ndarray, fold: np.ndarray
) -> None:
    """Fill observations and fold of the rows (m,)."""
    for row in rows:
        fold[row] = observe(world, kind, cars[row], observations[row])
