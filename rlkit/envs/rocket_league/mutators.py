"""Changes of the physics that an arena takes while it stands, by RocketSim's names for them."""

import contextlib
import math
from collections.abc import Mapping
from typing import Any

from rlkit.envs.rocket_league.placing import place_ball
from rlkit.errors import EnvError, did_you_mean

with contextlib.suppress(ImportError):  # some platforms have no wheel; Simulation says so
    import RocketSim

MUTATORS = {  # what RocketSim has where nothing is asked
    "gravity": -650.0,  # uu/s^2, upwards
    "ball_drag": 0.03,  # share of the ball's speed lost per second
    "ball_max_speed": 6000.0,  # uu/s
    "ball_world_restitution": 0.6,  # share of the speed kept in a bounce
    "ball_hit_extra_force_scale": 1.0,  # of what a hit adds beyond the collision
    "boost_accel_ground": 991.667,  # uu/s^2
    "boost_accel_air": 1058.333,  # uu/s^2
    "boost_used_per_second": 33.333,  # of a tank of 100; 0 never empties it
    "boost_pad_cooldown_big": 10.0,  # s
    "boost_pad_cooldown_small": 4.0,  # s
    "bump_force_scale": 1.0,
    "jump_accel": 1458.333,  # uu/s^2, while the jump is held
    "jump_immediate_force": 291.667,  # uu/s
    "respawn_delay": 3.0,  # s
}


def check_mutators(mutators: Mapping[str, float]) -> dict[str, float]:
    """The mutators as floats by name; EnvError for an unknown one or a value that is no finite number."""
    for name, value in mutators.items():
        if name not in MUTATORS:
            raise EnvError(f"mutators: unknown '{name}'. {did_you_mean(name, MUTATORS)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise EnvError(f"mutators: '{name}' is {value!r}; give a finite number, such as {MUTATORS[name]}.")
        if name != "gravity" and value < 0:
            raise EnvError(f"mutators: '{name}' is {value}; it must be 0 or more.")
    return {name: float(value) for name, value in mutators.items()}


def mutate(arena: Any, mutators: Mapping[str, float]) -> None:
    """Give a RocketSim arena the mutators, and RocketSim's own values for all that they do not name; moves the ball."""
    config = RocketSim.MutatorConfig(RocketSim.GameMode.SOCCAR)
    for name, value in mutators.items():
        setattr(config, name, RocketSim.Vec(0.0, 0.0, value) if name == "gravity" else value)
    place_ball(arena.ball, (0.0, 0.0, 1000.0), (0.0, 0.0, 1.0))  # a body that sleeps would keep the old gravity
    arena.set_mutator_config(config)
