"""Discrete actions as tables of the eight controls, and the controls as RocketSim takes them, made once."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np

from rlkit.envs.rocket_league.simulation import control
from rlkit.errors import EnvError, did_you_mean

CONTROLS = ("throttle", "steer", "pitch", "yaw", "roll", "jump", "boost", "handbrake")  # 5 in [-1, 1], then 3 in {0, 1}
THROTTLE, STEER, PITCH, YAW, ROLL, JUMP, BOOST, HANDBRAKE = range(len(CONTROLS))
MIRROR = np.array([1, -1, 1, -1, -1, 1, 1, 1], np.float32)  # times controls: the same drive with left and right swapped
BINS = (-1.0, -0.5, 0.0, 0.5, 1.0)  # values of the first five controls in `multi_discrete`
# How much a difference in each control matters, on the ground and in the air; what does nothing there breaks ties
ON_GROUND = np.array([1.0, 1.0, 0.02, 0.0, 0.02, 10.0, 1.0, 1.0], np.float32)
IN_AIR = np.array([0.1, 0.0, 1.0, 1.0, 1.0, 10.0, 1.0, 0.02], np.float32)


def table28() -> np.ndarray:
    """28 actions that cover driving, flips and flight, float32 (28, 8): learns as fast as 90 and explores sooner.

    0-9 forward without and with boost, five steers each; 10-12 reverse; 13-14 handbrake turns; 15 coast; 16 jump;
    17 forward flip; 18-19 diagonal flips; 20-21 side flips; 22-25 pitch up and down with and without boost; 26-27 roll.
    Yaw follows steer.
    """
    forward = [(1, s, 0, s, 0, 0, boost, 0) for boost in (0, 1) for s in BINS]
    reverse = [(-1, s, 0, s, 0, 0, 0, 0) for s in (-1, 0, 1)]
    slide = [(1, s, 0, s, 0, 0, 0, 1) for s in (-1, 1)]
    coast, jump = (0,) * 8, (1, 0, 0, 0, 0, 1, 0, 0)
    flips = [(1, s, p, s, 0, 1, 0, 0) for p, s in ((-1, 0), (-1, 1), (-1, -1), (0, 1), (0, -1))]
    pitch = [(1, 0, p, 0, 0, 0, boost, 0) for boost in (1, 0) for p in (1, -1)]
    roll = [(1, 0, 0, 0, r, 0, 0, 0) for r in (1, -1)]
    return np.array([*forward, *reverse, *slide, coast, jump, *flips, *pitch, *roll], np.float32)


def table90() -> np.ndarray:
    """The 90 actions of rlgym's LookupTableAction in its order, float32 (90, 8): 24 on the ground, 66 in the air.

    Boost implies throttle on the ground; in the air throttle is boost, steer is yaw, and a jump never comes with yaw.
    """
    three, two = (-1, 0, 1), (0, 1)
    ground = [
        (throttle, steer, 0, steer, 0, 0, boost, handbrake)
        for throttle, steer, boost, handbrake in itertools.product(three, three, two, two)
        if throttle == 1 or not boost
    ]
    air = [
        (boost, yaw, pitch, yaw, roll, jump, boost, jump * bool(pitch or roll))
        for pitch, yaw, roll, jump, boost in itertools.product(three, three, three, two, two)
        if not (jump and yaw) and (pitch or roll or jump)
    ]
    return np.array(ground + air, np.float32)


def multi_discrete() -> np.ndarray:
    """Every combination of five bins for five controls and of three switches, float32 (25000, 8), last one fastest."""
    return np.array(list(itertools.product(*[BINS] * 5, *[(0, 1)] * 3)), np.float32)


ACTIONS: dict[str, tuple[Callable[[], np.ndarray], gymnasium.Space[Any]]] = {
    "table28": (table28, gymnasium.spaces.Discrete(28)),
    "table90": (table90, gymnasium.spaces.Discrete(90)),
    "multi_discrete": (multi_discrete, gymnasium.spaces.MultiDiscrete([5, 5, 5, 5, 5, 2, 2, 2])),
}


class ActionSet:
    """One kind of ACTIONS, ready to drive cars: `space`, the `table` of controls float32 (n, 8), and `drive`."""

    def __init__(self, kind: str) -> None:
        if kind not in ACTIONS:
            raise EnvError(f"unknown actions '{kind}'. {did_you_mean(kind, ACTIONS)}")
        build, self.space = ACTIONS[kind]
        self.table = build()
        self._sizes = np.atleast_1d(getattr(self.space, "nvec", getattr(self.space, "n", None)))
        self._strides = np.append(np.cumprod(self._sizes[:0:-1])[::-1], 1)
        self._controls = [control(row) for row in (*self.table, *(self.table * MIRROR))]  # plain, then mirrored

    def drive(self, handles: Sequence[Any], actions: np.ndarray, fold: np.ndarray) -> None:
        """Set the controls of each car; where fold (n,) is negative, with left and right swapped.

        actions: any integer type, (n,) or for MultiDiscrete (n, 8). EnvError when one is out of range; then no car's
        controls have changed.
        """
        index = self._index(np.asarray(actions)) + len(self.table) * (fold < 0)
        controls = self._controls
        for handle, k in zip(handles, index.tolist(), strict=True):
            handle.set_controls(controls[k])

    def nearest(self, controls: np.ndarray, grounded: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """The actions that drive most like given controls (n, 8), int64 (n,); `fold` (n,) as for `drive`.

        EnvError where actions are not single numbers.
        """
        if len(self._sizes) > 1:
            raise EnvError(f"{self.space} has no nearest action. Take actions='table28' or 'table90'.")
        wanted = np.where(fold[:, None] < 0, controls * MIRROR, controls)
        weights = np.where(grounded[:, None], ON_GROUND, IN_AIR)
        return (weights[:, None] * (wanted[:, None] - self.table) ** 2).sum(axis=2).argmin(axis=1)

    def _index(self, actions: np.ndarray) -> np.ndarray:
        """Row of the table per car, int64."""
        if not np.issubdtype(actions.dtype, np.integer):
            raise EnvError(
                f"actions have dtype {actions.dtype}, but {self.space} takes integers: sample the space, or cast."
            )
        columns = actions.astype(np.int64).reshape(len(actions), -1)
        if columns.shape[1] != len(self._sizes):
            raise EnvError(
                f"actions have shape {actions.shape}, but {self.space} takes {len(self._sizes)} numbers per car."
            )
        outside = (columns < 0) | (columns >= self._sizes)
        if outside.any():
            bad = columns[outside.any(axis=1)][0].tolist()
            raise EnvError(
                f"action {bad} is outside {self.space}: there are no controls for it. Sample or clip to the space."
            )
        return columns @ self._strides
