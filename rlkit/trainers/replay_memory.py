"""Whether a replay buffer fits in memory, asked before a training begins."""

import numpy as np
import psutil
from stable_baselines3.common.vec_env import VecEnv

from rlkit.errors import ParamsError

STEP_EXTRAS = 12  # bytes of a stored step's reward, done and time-out, float32 each


def check_replay_memory(env: VecEnv, buffer_size: int) -> None:
    """Nothing, or a ParamsError when a replay buffer of so many steps is more than the memory that is free now.

    SB3 only warns, and the training would die when the buffer has filled up that far, perhaps hours later.
    """
    observation, action = env.observation_space, env.action_space
    if observation.shape is None or action.shape is None:
        return  # of several parts: no model that keeps its steps in one array takes it, and SB3 says so
    width = 2 * np.prod(observation.shape) * observation.dtype.itemsize
    width += max(1, np.prod(action.shape)) * action.dtype.itemsize + STEP_EXTRAS
    needed, free = buffer_size * int(width), psutil.virtual_memory().available
    if needed > free:
        raise ParamsError(
            f"buffer_size={buffer_size} steps of {int(width)} bytes need {needed / 2**30:.1f} GiB, and "
            f"{free / 2**30:.1f} GiB of memory are free. Take {free // 2 // int(width)} or fewer."
        )
