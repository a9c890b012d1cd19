"""Phase 0: stable-baselines3's PPO as it comes, and what every other way of training PPO shares with it."""

from collections.abc import Callable
from typing import Any

import gymnasium
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from rlkit.diagnostics.machine import pick_device
from rlkit.phases.base import Params
from rlkit.phases.ppo import PPOParams

ACTIVATIONS = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}


def baseline_ppo(env: VecEnv, params: PPOParams) -> PPO:
    """A stock `stable_baselines3.PPO`, with separate policy and value nets, on `env`."""
    return PPO(f"{policy_kind(env)}Policy", env, **ppo_arguments(params), policy_kwargs=nets(params))


def ppo_arguments(params: PPOParams) -> dict[str, Any]:
    """What SB3's PPO, and any drop-in for it, takes of the parameters, but for policy and nets."""
    names = ("n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "clip_range", "ent_coef", "vf_coef")
    same = {name: getattr(params, name) for name in (*names, "max_grad_norm", "seed")}
    rate = linear(params.learning_rate, params.learning_rate_end)
    return same | {"learning_rate": rate, "device": device_of(params)}


def nets(params: PPOParams) -> dict[str, Any]:
    """SB3's policy_kwargs for the hidden layers."""
    return {"net_arch": params.net_arch, "activation_fn": ACTIVATIONS[params.activation]}


def policy_kind(env: VecEnv) -> str:
    """The beginning of the name of SB3's policy for these observations: "MultiInput" for a Dict, else "Mlp"."""
    return "MultiInput" if isinstance(env.observation_space, gymnasium.spaces.Dict) else "Mlp"


def device_of(params: Params) -> Any:
    """The device to train on; 'auto' means the CPU, since nets this small are slower on a GPU.

    DLR-RM/stable-baselines3 issue 1245. ParamsError for a device that is not there.
    """
    return "cpu" if params.device == "auto" else pick_device(params.device)


def linear(start: float, end: float) -> Callable[[float], float]:
    """An SB3 schedule from `start` to `end`; its argument is the share of the training that is left, 1 to 0.

    SB3 lets it fall below 0, because the last rollout is rounded up past the total; the rate stays at `end` there.
    """
    return lambda progress_remaining: end + (start - end) * max(0.0, progress_remaining)
