"""Where cars and ball begin: placed by hand, at a kickoff, or anywhere."""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rlkit.envs.rocket_league.constants import BALL_REST_Z, CAR_BOOST_MAX, CAR_REST_Z

with contextlib.suppress(ImportError):  # some platforms have no wheel; Simulation says so
    import RocketSim

KICKOFF_SPOTS = (  # uu, uu, rad: x, y, yaw of blue; orange stands opposite; RocketSim, CAR_SPAWN_LOCATIONS_SOCCAR
    (-2048.0, -2560.0, math.pi / 4),
    (2048.0, -2560.0, 3 * math.pi / 4),
    (-256.0, -3840.0, math.pi / 2),
    (256.0, -3840.0, math.pi / 2),
    (0.0, -4608.0, math.pi / 2),
)
SPAWN_BOOST = 100 / 3  # boost at a kickoff; RocketSim, BOOST_SPAWN_AMOUNT
NOISE = (60.0, 60.0, 0.12)  # uu, uu, rad: largest shift and turn of a car at a noisy kickoff
NOISY_BOOST = (25.0, 45.0)

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


def kickoff(arena: Any, cars: Sequence[Any], blue: int, rng: np.random.Generator, noise: bool) -> None:
    """The ball in the middle, the teams on opposite spots; the first `blue` cars are blue's.

    noise moves each car by up to 60 uu in x and y, turns it by up to 0.12 rad and gives it 25 to 45 boost. Without it
    there are only five kickoffs in 1v1, and players who use no chance repeat five games.
    """
    _forget(arena, cars)
    order = rng.permutation(len(KICKOFF_SPOTS))  # not reset_kickoff's: where teams are larger, its seed decides nothing
    for k, car in enumerate(cars):
        x, y, yaw = KICKOFF_SPOTS[order[k if k < blue else k - blue]]
        pose = np.array((x, y, yaw) if k < blue else (-x, -y, yaw - math.pi))
        if noise:
            place_car(car, *(pose + rng.uniform(-1.0, 1.0, 3) * NOISE), boost=rng.uniform(*NOISY_BOOST))
        else:
            place_car(car, *pose, boost=SPAWN_BOOST)


def scatter(arena: Any, cars: Sequence[Any], blue: int, rng: np.random.Generator) -> None:
    """A random moment; the first `blue` cars are blue's.

    The ball rolls or flies anywhere. In 2 of 5 starts the cars are anywhere; else one of them is 400 to 1800 uu behind
    the ball, roughly facing it, and every other one farther off on its own side of it. Cars roll on the flat floor at
    up to 1400 uu/s, 300 uu or more from each other and from the ball.
    """
    _forget(arena, cars)
    ball = _scatter_ball(arena.ball, rng)
    anywhere, attacker = rng.random() < 0.4, rng.integers(len(cars))
    taken = [ball]
    for k, car in enumerate(cars):
        own_side = -1.0 if k < blue else 1.0
        reach = (400.0, 1800.0) if k == attacker else (800.0, 3000.0)
        pose = _anywhere(rng) if anywhere else _behind(ball, own_side, reach, rng)
        tries = 1
        while not _is_free(pose, taken):  # a ball in a corner leaves little room behind it: then anywhere will do
            pose = _anywhere(rng) if anywhere or tries >= 20 else _behind(ball, own_side, reach, rng)
            tries += 1
        taken.append(pose[:2])
        boost = rng.uniform(0.0, CAR_BOOST_MAX) if rng.random() < 0.8 else CAR_BOOST_MAX
        place_car(car, *pose, speed=rng.uniform(0.0, 1400.0), boost=boost)


def _forget(arena: Any, cars: Sequence[Any]) -> None:
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


def _scatter_ball(ball: Any, rng: np.random.Generator) -> Place:
    """Put the ball anywhere, moving, in 2 of 5 cases in the air; its x and y."""
    x, y = rng.uniform(-3200.0, 3200.0), rng.uniform(-4200.0, 4200.0)
    speed, heading = rng.uniform(0.0, 1500.0), rng.uniform(-math.pi, math.pi)
    flies = rng.random() < 0.4
    z, climb = (rng.uniform(100.0, 1000.0), rng.uniform(-500.0, 500.0)) if flies else (BALL_REST_Z, 0.0)
    place_ball(ball, (x, y, z), (speed * math.cos(heading), speed * math.sin(heading), climb))
    return x, y


def _anywhere(rng: np.random.Generator) -> Pose:
    """A car anywhere."""
    return rng.uniform(-3600.0, 3600.0), rng.uniform(-4700.0, 4700.0), rng.uniform(-math.pi, math.pi)


def _behind(ball: Place, own_side: float, reach: tuple[float, float], rng: np.random.Generator) -> Pose:
    """A car between the ball and its own goal, facing the ball within 0.8 rad."""
    distance, angle = rng.uniform(*reach), rng.uniform(-1.2, 1.2)
    dx, dy = distance * math.sin(angle), own_side * distance * math.cos(angle)
    return ball[0] + dx, ball[1] + dy, math.atan2(-dy, -dx) + rng.uniform(-0.8, 0.8)


def _is_free(pose: Pose, taken: Sequence[Place]) -> bool:
    """Whether a car there is clear of ramps and corners, and of all that is placed already."""
    x, y, _ = pose
    inside = abs(x) < 3600.0 and abs(y) < 4700.0 and abs(x) + abs(y) < 7400.0
    return inside and all(math.hypot(x - other_x, y - other_y) > 300.0 for other_x, other_y in taken)
