"""The notebook of Dodge: PPO, DQN or SAC, one builder each, chosen by name."""

from typing import Any

import numpy as np
import psutil
from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from rlkit.diagnostics.machine import pick_device
from rlkit.errors import ParamsError
from rlkit.trainers.baseline import ACTIVATIONS, linear
from rlkit.trainers.dqn import DQN
from rlkit.trainers.ppo import PPO

STEP_EXTRAS = 12  # bytes of a stored step's reward, done and time-out, float32 each


def dodge_model(
    env: VecEnv,
    *,
    algorithm: str,
    seed: int,
    device: str,
    n_steps: int,
    batch_size: int,
    n_epochs: int,
    learning_rate: float,
    learning_rate_end: float,
    gamma: float,
    gae_lambda: float,
    clip_range: float,
    ent_coef: float,
    vf_coef: float,
    max_grad_norm: float,
    net_arch: list[int],
    activation: str,
    buffer_size: int,
    learning_starts: int,
    train_freq: int,
    gradient_steps: int,
    tau: float,
    target_update_interval: int,
    exploration_fraction: float,
    exploration_final_eps: float,
) -> BaseAlgorithm:
    """A `rlkit.PPO`, `rlkit.DQN` or stable-baselines3 `SAC` on `env`, by `algorithm`: 'ppo', 'dqn' or 'sac'.

    The arguments are SB3's, and each algorithm takes its own of them. `learning_rate` falls linearly to its end;
    `target_update_interval` counts env steps, as SB3 does. device 'auto' means the CPU, for nets this
    small. ParamsError for a device that is not there, and for a replay buffer that does not fit in memory.
    """
    common: dict[str, Any] = {
        "seed": seed,
        "device": "cpu" if device == "auto" else pick_device(device),
        "batch_size": batch_size,
        "learning_rate": linear(learning_rate, learning_rate_end),
        "gamma": gamma,
        "policy_kwargs": {"net_arch": net_arch, "activation_fn": ACTIVATIONS[activation]},
    }
    if algorithm == "ppo":
        return PPO(
            "MlpPolicy",
            env,
            n_steps=n_steps,
            n_epochs=n_epochs,
            gae_lambda=gae_lambda,
            clip_range=clip_range,
            ent_coef=ent_coef,
            vf_coef=vf_coef,
            max_grad_norm=max_grad_norm,
            **common,
        )
    check_replay_memory(env, buffer_size)
    common |= {
        "buffer_size": buffer_size,
        "learning_starts": learning_starts,
        "train_freq": train_freq,
        "gradient_steps": gradient_steps,
        "tau": tau,
    }
    if algorithm == "sac":
        return SAC("MlpPolicy", env, **common)
    return DQN(
        "MlpPolicy",
        env,
        target_update_interval=target_update_interval,
        exploration_fraction=exploration_fraction,
        exploration_final_eps=exploration_final_eps,
        max_grad_norm=max_grad_norm,
        **common,
    )


def check_replay_memory(env: VecEnv, buffer_size: int) -> None:
    """Nothing, or a ParamsError when a replay buffer of so many steps is more than the memory that is free now.

    SB3 only warns, and the training would die when the buffer has filled up that far, perhaps hours later.
    """
    observation, action = env.observation_space, env.action_space
    width = 2 * np.prod(observation.shape) * observation.dtype.itemsize
    width += max(1, np.prod(action.shape)) * action.dtype.itemsize + STEP_EXTRAS
    needed, free = buffer_size * int(width), psutil.virtual_memory().available
    if needed > free:
        raise ParamsError(
            f"buffer_size={buffer_size} steps of {int(width)} bytes need {needed / 2**30:.1f} GiB, and "
            f"{free / 2**30:.1f} GiB of memory are free. Take {free // 2 // int(width)} or fewer."
        )
