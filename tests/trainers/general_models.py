"""Models of both PPOs with all that only the torch path serves, for its tests."""

import warnings

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.ppo import MlpPolicy
from walk import SPACES, Walk

IMAGE = spaces.Box(0, 255, (1, 36, 36), np.uint8)  # the smallest that NatureCNN takes
VIEWS = {
    "vector": spaces.Box(-9, 9, (3, 3), np.float32),
    "image": IMAGE,
    "dict": spaces.Dict({"near": spaces.Box(-9, 9, (4,), np.float64), "tile": spaces.Discrete(6)}),
    "discrete": spaces.Discrete(7),
}


class Own(MlpPolicy):
    """A policy with an `evaluate_actions` of its own."""

    def evaluate_actions(self, obs, actions):
        values, log_prob, entropy = super().evaluate_actions(obs, actions)
        return 2 * values, log_prob, entropy


class Wide(BaseFeaturesExtractor):
    """Features of one's own."""

    def __init__(self, observation_space):
        super().__init__(observation_space, 20)
        self.layer = torch.nn.Linear(9, 20)

    def forward(self, observations):
        return torch.relu(self.layer(observations.flatten(1)))


SDE = {"use_sde": True, "sde_sample_freq": 4}
APART = {"features_extractor_class": Wide, "share_features_extractor": False, "activation_fn": torch.nn.ELU}
# name: (view, action space, policy, the model's other arguments)
KINDS = {
    "categorical": ("vector", "discrete", "MlpPolicy", {}),
    "multi-categorical": ("vector", "multidiscrete", "MlpPolicy", {"ent_coef": 0.02}),
    "bernoulli": ("vector", "multibinary", "MlpPolicy", {"clip_range_vf": 0.1, "ent_coef": 0.02}),
    "gaussian": ("vector", "box", "MlpPolicy", {"normalize_advantage": False, "max_grad_norm": 0.05}),
    "gSDE": ("vector", "box", "MlpPolicy", SDE),
    "squashed gSDE": ("vector", "box", "MlpPolicy", {**SDE, "policy_kwargs": {"squash_output": True}}),
    "target_kl": ("vector", "box", "MlpPolicy", {"target_kl": 0.01, "learning_rate": 3e-3}),
    "own extractors": ("vector", "discrete", "MlpPolicy", {"policy_kwargs": APART}),
    "own policy": ("vector", "discrete", Own, {}),
    "RMSprop": ("vector", "box", "MlpPolicy", {"policy_kwargs": {"optimizer_class": torch.optim.RMSprop}}),
    "dict": ("dict", "discrete", "MultiInputPolicy", {"learning_rate": lambda left: 1e-3 * left}),
    "discrete view": ("discrete", "multidiscrete", "MlpPolicy", {}),
    # a sample on the other side of a relu's kink sets even SB3 and SB3 apart, so this one moves little
    "image": ("image", "discrete", "CnnPolicy", {"n_steps": 16, "batch_size": 12, "learning_rate": 3e-5}),
}


class Sight(Walk):
    """`Walk` with any kind of observation."""

    def __init__(self, view, action_space):
        super().__init__(action_space)
        self.observation_space = VIEWS[view]

    def look(self):
        return self.sample(self.observation_space)

    def sample(self, space):
        if isinstance(space, spaces.Dict):
            return {name: self.sample(part) for name, part in space.items()}
        if isinstance(space, spaces.Discrete):
            return int(self.np_random.integers(space.n))
        return self.np_random.uniform(space.low, space.high).astype(space.dtype)


def make(algorithm, kind, seed=3, n_envs=4, **kwargs):
    """A model of one of KINDS."""
    view, actions, policy, options = KINDS[kind]
    env = make_vec_env(lambda: Sight(view, SPACES[actions]), n_envs, seed=1)
    fixed = {"n_steps": 50, "batch_size": 48, "n_epochs": 3, "seed": seed, "device": "cpu"}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You have specified a mini-batch size")
        return algorithm(policy, env, **{**fixed, **options, **kwargs})
