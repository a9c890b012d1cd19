"""Bringing demolished cars back at places that the seed decides; RocketSim's own clock would draw them from no seed."""

from collections.abc import Sequence

import numpy as np

from rlkit.envs.rocket_league.constants import CAR_DEMOED, TICK_SECONDS
from rlkit.envs.rocket_league.simulation import Simulation


def respawn_due(simulation: Simulation, streams: Sequence[np.random.Generator]) -> None:
    """Respawn every car whose 3 s are over within the next step, which is up to a step early.

    streams: one generator per arena; call it before each step.
    """
    for car in np.flatnonzero(simulation.cars[:, 0, CAR_DEMOED]).tolist():
        handle = simulation.handles[car]
        if handle.get_state().demo_respawn_timer <= (simulation.tick_skip + 1) * TICK_SECONDS:
            handle.respawn(int(streams[car // simulation.n_cars].integers(2**31 - 1)))
