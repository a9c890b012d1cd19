"""Phase 0: stable-baselines3's PPO as it comes, the reference for every other trainer."""

from collections.abc import Callable

import gymnasium
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from rlkit.diagnostics.machine import pick_device

ACTIVATIONS = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}


def baseline_ppo(
    env: VecEnv,
    *,
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
) -> PPO:
    """A stock `stable_baselines3.PPO`, with separate policy and value nets, on `env`.

    The arguments are SB3's, but for `learning_rate_end` (the rate falls to it linearly), `net_arch` (the widths of
    both nets) and `activation` ('tanh' or 'relu'). device 'auto' means the CPU: SB3's PPO on nets this small is
    slower on a GPU (DLR-RM/stable-baselines3 issue 1245). ParamsError for a device that is not there.
    """
    space = env.observation_space
    return PPO(
        "MultiInputPolicy" if isinstance(space, gymnasium.spaces.Dict) else "MlpPolicy",
        env,
        seed=seed,
        device="cpu" if device == "auto" else pick_device(device),
        n_steps=n_steps,
        batch_size=batch_size,
        n_epochs=n_epochs,
        learning_rate=linear(learning_rate, learning_rate_end),
        gamma=gamma,
        gae_lambda=gae_lambda,
        clip_range=clip_range,
        ent_coef=ent_coef,
        vf_coef=vf_coef,
        max_grad_norm=max_grad_norm,
        policy_kwargs={"net_arch": net_arch, "activation_fn": ACTIVATIONS[activation]},
    )


def linear(start: float, end: float) -> Callable[[float], float]:
    """An SB3 schedule from `start` to `end`; its argument is the share of the training that is left, 1 to 0.

    SB3 lets it fall below 0, because the last rollout is rounded up past the total; the rate stays at `end` there.
    """
    return lambda progress_remaining: end + (start - end) * max(0.0, progress_remaining)
