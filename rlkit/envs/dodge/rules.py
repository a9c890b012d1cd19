"""From a problem's arguments to the record of rules that its kernels read, every argument checked on the way."""

import math
from numbers import Real
from typing import Any

import numpy as np

from rlkit.envs.dodge.constants import HIT_DISTANCE, LEVELS, MAX_BALLS, MAX_SUBSTEP, RULES, ZONE_X, ZONE_Y
from rlkit.errors import EnvError

RANGES: dict[str, tuple[float, float, str]] = {  # lowest, highest, unit; both ends are allowed
    "angle": (1e-3, 180.0, "degrees"),
    "flight_seconds": (0.3, 5.0, "s"),  # its ends keep speeds and heights within the space of the observations
    "throw_seconds": (0.1, 10.0, "s"),
    "dt": (0.002, 0.1, "s"),
    "max_seconds": (0.1, 3600.0, "s"),
    "sprint": (0.0, 10.0, "times the speed"),
    "warning_seconds": (1e-3, 10.0, "s"),
    "near_miss_distance": (1e-3, 50.0, "u"),
    "reward_scale": (1e-6, 1e6, "per point"),
    "survival": (-1e6, 1e6, "points per physics step"),
    "near_miss": (0.0, 100.0, "points per u"),
    "collision": (-1e6, 0.0, "points"),
    "hit": (0.0, 1e6, "points"),
    "delay": (-1e6, 0.0, "points per physics step"),
}
WHOLE = {
    "action_repeat": (1, 100, "physics steps"),
    "max_balls": (1, MAX_BALLS, "balls"),
    "image_size": (32, 512, "pixels"),  # SB3's CnnPolicy needs 36
}


def check(**values: float) -> None:
    """EnvError for the first value that is not within its range of RANGES or WHOLE, which it names."""
    for name, value in values.items():
        low, high, unit = (WHOLE | RANGES)[name]
        whole = name in WHOLE
        if not isinstance(value, Real) or not low <= value <= high or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            raise EnvError(f"{name}={value!r} must be {kind} from {low:g} to {high:g} {unit}.")


def game_rules(
    level: int,
    angle: float | None,
    flight_seconds: float | None,
    throw_seconds: float | None,
    max_balls: int,
    dt: float,
    max_seconds: float,
    action_repeat: int,
    stagger: bool,
) -> tuple[np.ndarray, dict[str, Any]]:
    """(RULES record in an array (1,), config) of the game itself; EnvError for values that it cannot have.

    None stands for the level's value. The config tells, as `episode`, how long an episode is at most.
    """
    if level not in LEVELS:
        raise EnvError(f"level={level!r} does not exist; take one of {', '.join(map(str, LEVELS))}.")
    known = LEVELS[level]
    if known.half_width and angle is not None:
        raise EnvError(f"angle={angle} is of an arc, but level {level} throws from a straight line. Leave it out.")
    angle = known.half_angle if angle is None else angle
    flight_seconds = known.flight_seconds if flight_seconds is None else flight_seconds
    throw_seconds = known.throw_seconds if throw_seconds is None else throw_seconds
    check(flight_seconds=flight_seconds, throw_seconds=throw_seconds, max_balls=max_balls, dt=dt)
    check(max_seconds=max_seconds, action_repeat=action_repeat, **({} if known.half_width else {"angle": angle}))
    limit, pieces = max(1, round(max_seconds / dt)), substeps(dt, known.distance, flight_seconds)
    rules = np.zeros(1, RULES)
    rules["seconds"], rules["substeps"], rules["repeat"], rules["limit"] = dt / pieces, pieces, action_repeat, limit
    rules["distance"], rules["height"], rules["half_width"] = known.distance, known.height, known.half_width
    rules["half_angle"], rules["stagger"], rules["max_balls"] = math.radians(angle), stagger, max_balls
    rules["flight_seconds"], rules["throw_seconds"] = flight_seconds, throw_seconds
    episode = {"steps": limit, "decisions": math.ceil(limit / action_repeat), "seconds": limit * dt}
    episode["throws"] = int(limit * dt / throw_seconds + 1e-9)
    return rules, {
        "level": int(level), "angle": None if known.half_width else float(angle),
        "flight_seconds": float(flight_seconds), "throw_seconds": float(throw_seconds), "max_balls": int(max_balls),
        "dt": float(dt), "max_seconds": float(max_seconds), "action_repeat": int(action_repeat),
        "stagger": bool(stagger), "episode": episode,
    }  # fmt: skip


def substeps(dt: float, distance: float, flight_seconds: float) -> int:
    """The fewest parts of a step of dt in which no ball flies farther over ground than the distance of a hit."""
    fastest = (distance + math.hypot(ZONE_X, ZONE_Y)) / flight_seconds  # u/s
    return max(math.ceil(dt * fastest / HIT_DISTANCE - 1e-9), math.ceil(dt / MAX_SUBSTEP - 1e-9))
