"""Actions on their way to an env: in the shape and dtype that it takes."""

from typing import Any

import gymnasium
import numpy as np

from rlkit.errors import EnvError


def fit_actions(actions: Any, n_envs: int, space: gymnasium.Space[Any]) -> np.ndarray:
    """Actions of `n_envs` rows as an array (n_envs, ...) in the dtype of `space`; EnvError when their shape is wrong.

    TypeError for floats where whole numbers belong, which would be cut off. MultiBinary takes floats nevertheless:
    stable-baselines3's policies give its zeros and ones as float32.
    """
    actions, expected = np.asarray(actions), (n_envs, *(space.shape or ()))
    if actions.shape != expected:
        raise EnvError(f"actions have shape {actions.shape}, {n_envs} envs take {expected}.")
    casting = "unsafe" if isinstance(space, gymnasium.spaces.MultiBinary) else "same_kind"
    return actions.astype(space.dtype, casting=casting, copy=False)
