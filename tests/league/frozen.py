"""Small policies to freeze, as stable-baselines3 makes them."""

from itertools import pairwise

import gymnasium
import numpy as np
import torch
from stable_baselines3 import PPO

from rlkit.league.member import member_facts

CONFIG = {"mode": "1v1", "observation": "local", "actions": "table28", "tick_skip": 8, "reward_weights": {}}


class Blank(gymnasium.Env):
    """Spaces like those of Rocket League, and nothing else."""

    def __init__(self, actions=None):
        self.observation_space = gymnasium.spaces.Box(-6, 6, (74,), np.float32)
        self.action_space = actions or gymnasium.spaces.Discrete(28)

    def reset(self, seed=None, options=None):
        return np.zeros(self.observation_space.shape, np.float32), {}

    def step(self, action):
        return self.reset()[0], 0.0, True, False, {}


def make_model(env=None, activation=torch.nn.Tanh):
    """A PPO whose policy is far from uniform."""
    kwargs = {"net_arch": [16, 16], "activation_fn": activation}
    model = PPO("MlpPolicy", env or Blank(), n_steps=8, batch_size=8, policy_kwargs=kwargs, device="cpu", seed=0)
    with torch.no_grad():
        model.policy.action_net.weight *= 200
        model.policy.action_net.bias += torch.randn(model.policy.action_net.bias.shape)
    return model


def make_member(name="one", seed=0, steps=1000, config=None, size=74):
    """(facts, weights) of a member whose net is random."""
    rng, weights = np.random.default_rng(seed), {}
    for part, sizes in {"policy_net": (size, 16, 16, 28), "value_net": (size, 16, 16, 1)}.items():
        heads = {"policy_net": "action_net", "value_net": "value_net"}
        layers = [f"mlp_extractor.{part}.0", f"mlp_extractor.{part}.2", heads[part]]
        for layer, (before, after) in zip(layers, pairwise(sizes), strict=True):
            weights[f"{layer}.weight"] = rng.normal(size=(after, before)).astype(np.float32)
            weights[f"{layer}.bias"] = rng.normal(size=after).astype(np.float32)
    return member_facts(name, weights, CONFIG | (config or {}), steps, "tanh"), weights
