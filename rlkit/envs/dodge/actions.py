"""What a player can do: the table of action sets, their check, and their compiled meaning."""

import math

import gymnasium
import numpy as np

from rlkit.envs.dodge import constants as const
from rlkit.envs.dodge.physics import Walk, inlined
from rlkit.errors import EnvError, did_you_mean

DISCRETE = np.array([(0, 0), (0, 1), (0, -1), (-1, 0), (1, 0)], np.float64)  # stand, +y, -y, -x, +x
JUMP_ABOVE = 0.5  # a jump value above it asks for a jump


ACTIONS: dict[str, tuple[str, ...]] = {  # what the numbers of a continuous action are
    "discrete5": (),
    "continuous3": ("vx", "vy", "sprint"),
    "continuous4": ("vx", "vy", "sprint", "jump"),
    "continuous5": ("vx", "vy", "pitch", "roll", "sprint"),
    "continuous6": ("vx", "vy", "jump", "pitch", "roll", "sprint"),
}


def action_space(actions: str) -> gymnasium.Space:
    """The space of an entry of ACTIONS; EnvError for another name."""
    if actions not in ACTIONS:
        raise EnvError(f"unknown actions '{actions}'. {did_you_mean(actions, ACTIONS)}")
    if actions == "discrete5":
        return gymnasium.spaces.Discrete(len(DISCRETE))
    return gymnasium.spaces.Box(-1.0, 1.0, (len(ACTIONS[actions]),), np.float32)


def columns(actions: str) -> dict[str, int]:
    """Where the actions of a set keep sprint, jump and pitch (roll comes next), -1: nowhere; by the names in RULES."""
    parts = ACTIONS[actions]
    return {f"{name}_column": parts.index(name) if name in parts else -1 for name in ("sprint", "jump", "pitch")}


def as_actions(actions: np.ndarray, space: gymnasium.Space) -> np.ndarray:
    """Actions in the one type that kernels are compiled for: int64 (n,) or float32 (n, width)."""
    if isinstance(space, gymnasium.spaces.Box):
        return np.ascontiguousarray(actions, np.float32)
    if actions.dtype.kind not in "iu":
        raise EnvError(f"actions have dtype {actions.dtype}, but {space} takes integers: sample the space, or cast.")
    return np.ascontiguousarray(actions, np.int64)


def refuse(action: np.ndarray, space: gymnasium.Space) -> EnvError:
    """The error for an action that `first_bad` found."""
    if isinstance(space, gymnasium.spaces.Discrete):
        return EnvError(f"action {action} is not one of 0..{space.n - 1}: sample {space}, or clip to it.")
    return EnvError(f"action {action.tolist()} is not finite: the policy that made it has diverged.")


@inlined
def first_bad(actions: np.ndarray) -> int:
    """The first row of actions, int64 (n,) or float32 (n, width), that no player can follow; -1 if there is none."""
    for i in range(len(actions)):
        if actions.ndim == 1:
            if actions[i] < 0 or actions[i] >= len(DISCRETE):
                return i
        else:
            for k in range(actions.shape[1]):
                if not math.isfinite(actions[i, k]):
                    return i
    return -1


@inlined
def obey(row: np.void, actions: np.ndarray, i: int, rules: np.void) -> Walk:
    """The walk that a row's action asks for, and the tilt put in the row; values beyond -1 and 1 count as these."""
    if actions.ndim == 1:
        return const.SPEED * DISCRETE[actions[i], 0], const.SPEED * DISCRETE[actions[i], 1], False
    else:  # spelled out, so that numba leaves out the branch that does not fit the type
        speed = const.SPEED * (1.0 + rules.sprint * 0.5 * (clip(actions[i, rules.sprint_column]) + 1.0))
        if rules.pitch_column >= 0:
            row.pitch = const.TILT_MAX * clip(actions[i, rules.pitch_column])
            row.roll = const.TILT_MAX * clip(actions[i, rules.pitch_column + 1])
        jump = rules.jump_column >= 0 and actions[i, rules.jump_column] > JUMP_ABOVE
        return speed * clip(actions[i, 0]), speed * clip(actions[i, 1]), jump


@inlined
def clip(value: float) -> float:
    """A value within -1 and 1, in double precision."""
    return min(max(float(value), -1.0), 1.0)
