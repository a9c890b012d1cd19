"""Which models the native path serves, and for the others the one line that says why not."""

from collections.abc import Iterable

import numba
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.distributions import (
    BernoulliDistribution,
    CategoricalDistribution,
    DiagGaussianDistribution,
    MultiCategoricalDistribution,
)
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import nn

KINDS = (CategoricalDistribution, MultiCategoricalDistribution, BernoulliDistribution, DiagGaussianDistribution)
ADAM_PLAIN = {"weight_decay": 0, "amsgrad": False, "maximize": False, "capturable": False, "differentiable": False}


def obstacle(model: OnPolicyAlgorithm) -> str | None:
    """Why the native path cannot serve this model, as the end of "... because"; None when it can."""
    policy = model.policy
    if numba.config.DISABLE_JIT:
        return "numba is switched off (NUMBA_DISABLE_JIT)"
    if policy.device.type != "cpu":
        return f"the policy is on {policy.device}"
    if type(policy) is not ActorCriticPolicy:
        return f"the policy is {type(policy).__name__}"
    if type(model.rollout_buffer) is not RolloutBuffer:
        return f"the rollout buffer is {type(model.rollout_buffer).__name__}"
    return obstacle_of_spaces(policy) or obstacle_of_networks(policy) or obstacle_of_optimizer(policy)


def obstacle_of_spaces(policy: ActorCriticPolicy) -> str | None:
    """Why the kernels cannot take these observations or actions, as the end of "... because"; None when they can."""
    space = policy.observation_space
    if not isinstance(space, spaces.Box):
        return f"observations are {type(space).__name__}"
    if policy.normalize_images and is_image_space(space):
        return "observations are images"
    extractors = (policy.pi_features_extractor, policy.vf_features_extractor)
    other = [type(extractor).__name__ for extractor in extractors if type(extractor) is not FlattenExtractor]
    if other:
        return f"the features extractor is {other[0]}"
    if type(policy.action_dist) not in KINDS:
        return f"the action distribution is {type(policy.action_dist).__name__}"
    return None


def obstacle_of_networks(policy: ActorCriticPolicy) -> str | None:
    """Why the kernels cannot run these layers, as the end of "... because"; None when they can."""
    hidden = [*policy.mlp_extractor.policy_net, *policy.mlp_extractor.value_net]
    linears, activations = hidden[::2], hidden[1::2]
    if any(type(module) is not nn.Linear or module.bias is None for module in linears):
        return "the networks are more than Linear layers with biases"
    kinds = {type(module) for module in activations} - {nn.Tanh, nn.ReLU}
    if kinds or len({type(module) for module in activations}) > 1:
        names = sorted({type(module).__name__ for module in activations})
        return f"the activation is {' and '.join(names)}"
    if any(p.dtype != torch.float32 or not p.requires_grad for p in policy.parameters()):
        return "some parameters are frozen or not float32"
    return None


def obstacle_of_optimizer(policy: BasePolicy, parameters: Iterable[torch.Tensor] | None = None) -> str | None:
    """Why Adam written out would not be this optimizer, as the end of "... because"; None when it would.

    parameters: those that it should hold, by default all of the policy's.
    """
    optimizer = policy.optimizer
    if type(optimizer) is not torch.optim.Adam:
        return f"the optimizer is {type(optimizer).__name__}"
    held = [tensor for group in optimizer.param_groups for tensor in group["params"]]
    if len(optimizer.param_groups) != 1 or not _same(held, policy.parameters() if parameters is None else parameters):
        return "the optimizer has groups of parameters, or others than those that are trained"
    group = optimizer.param_groups[0]
    special = [name for name, plain in ADAM_PLAIN.items() if group.get(name, plain) != plain]
    return f"the optimizer has {special[0]}={group[special[0]]}" if special else None


def _same(some: Iterable[torch.Tensor], others: Iterable[torch.Tensor]) -> bool:
    return {id(tensor) for tensor in some} == {id(tensor) for tensor in others}


def segments(policy: ActorCriticPolicy) -> list[int]:
    """Where each categorical begins among the policy's outputs, and the end of the last; [] for others."""
    space = policy.action_space
    if isinstance(space, spaces.Discrete):
        return [0, int(space.n)]
    if isinstance(space, spaces.MultiDiscrete):
        return [0, *np.cumsum(space.nvec).tolist()]
    return []
