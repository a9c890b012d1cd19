"""Which DQN models the native path serves, and for the others the one line that says why not."""

import numba
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.type_aliases import TrainFrequencyUnit
from stable_baselines3.dqn import DQN
from stable_baselines3.dqn.policies import DQNPolicy
from torch import nn

from rlkit.trainers.fast.plan import obstacle_of_optimizer


def obstacle(model: DQN) -> str | None:
    """Why the native path cannot serve this model, as the end of "... because"; None when it can."""
    policy = model.policy
    if numba.config.DISABLE_JIT:
        return "numba is switched off (NUMBA_DISABLE_JIT)"
    if policy.device.type != "cpu":
        return f"the policy is on {policy.device}"
    if type(policy) is not DQNPolicy:
        return f"the policy is {type(policy).__name__}"
    if model.n_envs > 1 and model.train_freq.unit is TrainFrequencyUnit.EPISODE:
        return f"train_freq counts episodes, and of {model.n_envs} envs SB3 accepts only steps"
    weights = policy.q_net.parameters()
    return _obstacle_of_inputs(policy) or _obstacle_of_network(policy) or obstacle_of_optimizer(policy, weights)


def _obstacle_of_inputs(policy: DQNPolicy) -> str | None:
    space = policy.observation_space
    if not isinstance(space, spaces.Box):
        return f"observations are {type(space).__name__}"
    if policy.normalize_images and is_image_space(space):
        return "observations are images"
    for net in (policy.q_net, policy.q_net_target):
        if type(net.features_extractor) is not FlattenExtractor:
            return f"the features extractor is {type(net.features_extractor).__name__}"
    return None


def _obstacle_of_network(policy: DQNPolicy) -> str | None:
    modules = list(policy.q_net.q_net)
    linears, activations = modules[::2], modules[1::2]
    if any(type(module) is not nn.Linear or module.bias is None for module in linears):
        return "the Q net is more than Linear layers with biases"
    kinds = {type(module) for module in activations}
    if kinds - {nn.Tanh, nn.ReLU} or len(kinds) > 1:
        return f"the activation is {' and '.join(sorted(kind.__name__ for kind in kinds))}"
    if any(p.dtype != torch.float32 or not p.requires_grad for p in policy.q_net.parameters()):
        return "some parameters are frozen or not float32"
    return None
