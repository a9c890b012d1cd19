"""Shaping leaves the best policy alone, on a grid small enough to be solved whole; another bonus does not."""

import numpy as np

from rlkit.envs.rocket_league.shaping import shaping

SIZE, GAMMA = 5, 0.9
GOAL, PIT = (4, 4), (2, 3)  # both end the episode
MOVES = ((1, 0), (-1, 0), (0, 1), (0, -1))
PLACES = [(x, y) for x in range(SIZE) for y in range(SIZE)]


def move(place, action):
    """Where a move leads; the walls hold."""
    return tuple(min(max(here + by, 0), SIZE - 1) for here, by in zip(place, MOVES[action], strict=True))


def reward(place):
    return {GOAL: 1.0, PIT: -1.0}.get(place, -0.01)


def values(bonus):
    """Q (SIZE, SIZE, 4) by value iteration; bonus(place, following, terminated) comes on top of the reward."""
    q = np.zeros((SIZE, SIZE, 4))
    for _ in range(300):
        best = q.max(axis=2)
        for place in PLACES:
            if place not in (GOAL, PIT):
                for action in range(4):
                    following = move(place, action)
                    ended = following in (GOAL, PIT)
                    later = 0.0 if ended else GAMMA * best[following]
                    q[place][action] = reward(following) + bonus(place, following, ended) + later
    return q


def choices(q):
    """All the actions that are best in each place."""
    return np.isclose(q, q.max(axis=2, keepdims=True))


def test_shaping_lowers_values_by_the_potential_and_keeps_every_choice():
    plain = values(lambda *step: 0.0)
    potential = np.random.default_rng(0).normal(0, 3, (SIZE, SIZE))  # nothing to do with the way to the goal
    shaped = values(lambda s, n, ended: shaping(potential[s], potential[n], ended, GAMMA))
    inner = np.array([place not in (GOAL, PIT) for place in PLACES]).reshape(SIZE, SIZE)
    np.testing.assert_allclose(shaped[inner], (plain - potential[..., None])[inner], atol=1e-9)
    np.testing.assert_array_equal(choices(shaped)[inner], choices(plain)[inner])


def test_what_is_no_shaping_changes_the_choices():
    """Pay for nearness itself, or shape with another gamma, or keep the potential where an episode ends."""
    plain = choices(values(lambda *step: 0.0))
    near = np.array([-(abs(4 - x) + abs(4 - y)) for x, y in PLACES], float).reshape(SIZE, SIZE)
    wrong = {
        "a bonus for being near": lambda s, n, ended: 0.5 * (8 + near[n]),
        "another gamma": lambda s, n, ended: shaping(9 + near[s], 9 + near[n], ended, 1.1),
        "a potential at the end": lambda s, n, ended: shaping(-9 * near[s], -9 * near[n], False, GAMMA),
    }
    for name, bonus in wrong.items():
        assert not np.array_equal(choices(values(bonus)), plain), name
