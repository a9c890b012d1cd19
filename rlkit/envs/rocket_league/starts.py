"""Where cars and ball begin an episode: the table of starts, with the kickoff and the scattered start themselves."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rlkit.envs.rocket_league import drills
from rlkit.envs.rocket_league.constants import BALL_REST_Z, CAR_BOOST_MAX
from rlkit.envs.rocket_league.placing import Place, Pose, forget, place_ball, place_car

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


def kickoff(
    arena: Any, cars: Sequence[Any], blue: int, rng: np.random.Generator, attackers: int = 0, noise: bool = True
) -> None:
    """The ball in the middle, the teams on opposite spots; the first `blue` cars are blue's.

    noise moves each car by up to 60 uu in x and y, turns it by up to 0.12 rad and gives it 25 to 45 boost. Without it
    there are only five kickoffs in 1v1, and players who use no chance repeat five games.
    """
    forget(arena, cars)
    order = rng.permutation(len(KICKOFF_SPOTS))  # not reset_kickoff's: where teams are larger, its seed decides nothing
    for k, car in enumerate(cars):
        x, y, yaw = KICKOFF_SPOTS[order[k if k < blue else k - blue]]
        pose = np.array((x, y, yaw) if k < blue else (-x, -y, yaw - math.pi))
        if noise:
            place_car(car, *(pose + rng.uniform(-1.0, 1.0, 3) * NOISE), boost=rng.uniform(*NOISY_BOOST))
        else:
            place_car(car, *pose, boost=SPAWN_BOOST)


def scatter(arena: Any, cars: Sequence[Any], blue: int, rng: np.random.Generator, attackers: int = 0) -> None:
    """A random moment; the first `blue` cars are blue's.

    The ball rolls or flies anywhere. In 2 of 5 starts the cars are anywhere; else one of them is 400 to 1800 uu behind
    the ball, roughly facing it, and every other one farther off on its own side of it. Cars roll on the flat floor at
    up to 1400 uu/s, 300 uu or more from each other and from the ball.
    """
    forget(arena, cars)
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


Start = Callable[[Any, Sequence[Any], int, np.random.Generator, int], None]
# Called with a RocketSim arena, its cars, how many of them are blue, a generator, and the team that a drill is for
STARTS: dict[str, Start] = {
    "kickoff": kickoff,
    "scatter": scatter,
    "touch": drills.touch,
    "open_goal": drills.open_goal,
    "shot": drills.shot,
    "aerial": drills.aerial,
    "defend": drills.defend,
}
