"""Arenas that play the same match to the same bits in every process.

RocketSim keeps the cars of an arena in a hash set of their addresses and goes through them in its order: this decides
who gets a boost pad that two cars reach at once, and how a pile-up of three ends. Left alone, it differs by arena.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

from rlkit.envs.rocket_league.constants import BIG_PADS, PADS
from rlkit.envs.rocket_league.placing import parking, place_car

with contextlib.suppress(ImportError):  # some platforms have no wheel; Simulation says so
    import RocketSim

ATTEMPTS = 30  # arenas tried; two of three have the order wanted at 2v2 and 3v3, all at 1v1 (Linux)


def make_arena(blue: int, orange: int, memory_mode: int) -> tuple[Any, list[Any]]:
    """A RocketSim soccar arena and its cars, blue first, that it goes through from the newest to the oldest.

    Other C++ libraries may prefer the oldest first, which is as good. Should no attempt have either order, the last one
    is taken, and matches of more than two cars then repeat only until a pile-up.
    """
    teams = [RocketSim.Team.BLUE] * blue + [RocketSim.Team.ORANGE] * orange
    kept = []  # until one fits, or the next arena would get the same addresses
    for _ in range(ATTEMPTS):
        arena = RocketSim.Arena(RocketSim.GameMode.SOCCAR, memory_mode)
        cars = [arena.add_car(team) for team in teams]
        kept.append((arena, cars))
        order = car_order(arena, cars)
        if order in (sorted(order), sorted(order, reverse=True)):
            break
    return kept[-1]


def car_order(arena: Any, cars: Sequence[Any]) -> list[int]:
    """The order, as indices of `cars`, in which RocketSim goes through them; moves them and resets the arena.

    All stand on one boost pad, which gives its boost to the last of the order; that one leaves, and so on.
    """
    x, y = PADS[BIG_PADS[0]].tolist()
    contenders, order = set(range(len(cars))), []
    arena.set_car_car_collision(False)
    while contenders:
        arena.reset_kickoff(0)
        for k, car in enumerate(cars):
            place_car(car, *((x, y) if k in contenders else parking(k)), yaw=0.0, boost=0.0)
        arena.step(1)
        order.insert(0, max(contenders, key=lambda k: cars[k].get_state().boost))
        contenders.remove(order[0])
    arena.set_car_car_collision(True)
    arena.reset_kickoff(0)
    return order
