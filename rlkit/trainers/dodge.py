"""The notebook of Dodge: PPO, DQN or SAC, one builder each, chosen by name."""

from typing import Any

from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from rlkit.diagnostics.machine import pick_device
from rlkit.trainers.baseline import ACTIVATIONS, linear
from rlkit.trainers.dqn import DQN
from rlkit.trainers.ppo import PPO
from rlkit.trainers.replay_memory import check_replay_memory


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
