"""Putting cars and the ball somewhere, in an arena that has no past."""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

from rlkit.envs.rocket_league.constants import CAR_BOOST_MAX, CAR_REST_Z

with contextlib.suppress(ImportError):  # some platforms have no wheel; Simulation says so
    import RocketSim

Place = tuple[float, float]
Pose = tuple[float, float, float]  # x, y, yaw


def place_car(
    car: Any, x: float, y: float, yaw: float, speed: float = 0.0, boost: float = CAR_BOOST_MAX, z: float = CAR_REST_Z
) -> None:
    """Put a RocketSim car level, moving straight ahead; by default it stands on the floor."""
    state = car.get_state()
    state.pos = RocketSim.Vec(x, y, z)
    state.rot_mat = RocketSim.Angle(yaw).as_rot_mat()
    state.vel = RocketSim.Vec(speed * math.cos(yaw), speed * math.sin(yaw), 0.0)
    state.ang_vel = RocketSim.Vec(0.0, 0.0, 0.0)
    state.boost = boost
    car.set_state(state)


def place_ball(ball: Any, position: Sequence[float], velocity: Sequence[float]) -> None:
    """Put a RocketSim ball somewhere without spin; with no velocity it sleeps, even in the air, until touched."""
    state = ball.get_state()
    state.pos, state.vel = RocketSim.Vec(*position), RocketSim.Vec(*velocity)
    state.ang_vel = RocketSim.Vec(0.0, 0.0, 0.0)
    ball.set_state(state)


def parking(k: int) -> Place:
    """A place for car k clear of pads, ball and the other cars."""
    return 600.0 * k - 2700.0, 500.0


def forget(arena: Any, cars: Sequence[Any]) -> None:
    """Clear an arena of its past, so that the same start gives the same bits whatever was played before.

    Outside of its states RocketSim keeps the last tick's wheel contacts and friction, which would push a placed car by
    up to 20 uu/s. A tick in the air ends the contacts, a tick at rest on the floor renews the friction.
    """
    arena.reset_kickoff(0)  # ball, pads, demolitions
    for z in (1000.0, CAR_REST_Z):
        for k, car in enumerate(cars):
            car.set_controls(RocketSim.CarControls())
            place_car(car, *parking(k), yaw=0.0, z=z)
        arena.step(1)
