"""What a policy says of samples: SB3's `evaluate_actions` and `forward`, with plain formulas for its distributions.

SB3 makes Distribution objects for every minibatch, which on a small network cost more than the network.
"""

import contextlib
import math
from collections.abc import Callable
from typing import Any

import torch
from stable_baselines3.common.distributions import (
    BernoulliDistribution,
    CategoricalDistribution,
    DiagGaussianDistribution,
    MultiCategoricalDistribution,
)
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn
from torch.nn import functional

from rlkit.trainers.general.samples import Observations

Scores = tuple[torch.Tensor, torch.Tensor]  # log_probs and entropies, float32 (n,)
OWN_METHODS = ("forward", "evaluate_actions", "predict_values", "_get_action_dist_from_latent")
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def categorical(policy: ActorCriticPolicy, logits: torch.Tensor, actions: torch.Tensor) -> Scores:
    """Scores of actions (n, 1) under softmax(logits), logits (n, n_choices)."""
    log_probs = torch.log_softmax(logits, dim=1)
    chosen = log_probs.gather(1, actions.long()).squeeze(1)
    return chosen, -(log_probs.exp() * log_probs).sum(dim=1)


def multi_categorical(policy: ActorCriticPolicy, logits: torch.Tensor, actions: torch.Tensor) -> Scores:
    """Scores of actions (n, n_actions), each its own categorical over a share of the logits."""
    shares = logits.split(tuple(policy.action_dist.action_dims), dim=1)
    scores = [categorical(policy, *each) for each in zip(shares, actions.split(1, dim=1), strict=True)]
    log_probs, entropies = (torch.stack(column) for column in zip(*scores, strict=True))
    return log_probs.sum(dim=0), entropies.sum(dim=0)


def bernoulli(policy: ActorCriticPolicy, logits: torch.Tensor, actions: torch.Tensor) -> Scores:
    """Scores of actions 0 or 1 (n, n_actions), 1 with probability sigmoid(logits)."""
    entropies = functional.binary_cross_entropy_with_logits(logits, torch.sigmoid(logits), reduction="none")
    surprises = functional.binary_cross_entropy_with_logits(logits, actions, reduction="none")
    return -surprises.sum(dim=1), entropies.sum(dim=1)


def gaussian(policy: ActorCriticPolicy, means: torch.Tensor, actions: torch.Tensor) -> Scores:
    """Scores of actions (n, n_actions) under independent normals with deviations exp(policy.log_std)."""
    log_std = policy.log_std
    distances = (actions - means) * torch.exp(-log_std)
    log_probs = (-0.5 * distances**2 - log_std - HALF_LOG_TWO_PI).sum(dim=1)
    return log_probs, (log_std + (0.5 + HALF_LOG_TWO_PI)).sum().expand(len(means))


FORMULAS: dict[type, Callable[..., Scores]] = {
    CategoricalDistribution: categorical,
    MultiCategoricalDistribution: multi_categorical,
    BernoulliDistribution: bernoulli,
    DiagGaussianDistribution: gaussian,
}


class Evaluation(nn.Module):
    """A policy's answers for training, float32 whatever `amp_dtype` its networks compute in.

    The last layer and the distribution stay float32 in mixed precision, so that the ratio of new to old probabilities
    does not drown in rounding. A policy that overrides what these answers come from is asked itself.
    """

    def __init__(self, policy: ActorCriticPolicy, amp_dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.policy, self.amp_dtype = policy, amp_dtype
        self.plain = all(getattr(type(policy), name) is getattr(ActorCriticPolicy, name) for name in OWN_METHODS)
        self.formula = FORMULAS.get(type(policy.action_dist)) if self.plain else None

    def forward(
        self, observations: Observations, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Values, log_probs and entropies (n,) of actions, float32 (n, n_actions); no entropies where SB3 has none."""
        if not self.plain:
            with self._autocast():
                answers = self.policy.evaluate_actions(observations, self._as_sb3_takes(actions))
            values, log_probs, entropies = (answer if answer is None else answer.float() for answer in answers)
            return values.flatten(), log_probs, entropies
        latent_pi, latent_vf = self._latents(observations)
        values = self.policy.value_net(latent_vf).flatten()
        if self.formula is not None:
            return values, *self.formula(self.policy, self.policy.action_net(latent_pi), actions)
        distribution = self.policy._get_action_dist_from_latent(latent_pi)
        return values, distribution.log_prob(self._as_sb3_takes(actions)), distribution.entropy()

    def act(self, observations: Observations) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Actions (n, ...), values (n, 1) and log_probs (n,): the policy's `forward`, with its random draws."""
        if self.amp_dtype is None or not self.plain:
            with self._autocast():
                actions, values, log_probs = self.policy(observations)
            return actions, values.float(), log_probs.float()
        latent_pi, latent_vf = self._latents(observations)
        distribution = self.policy._get_action_dist_from_latent(latent_pi)
        actions = distribution.get_actions()
        log_probs = distribution.log_prob(actions)
        return actions.reshape(-1, *self.policy.action_space.shape), self.policy.value_net(latent_vf), log_probs

    def values(self, observations: Observations) -> torch.Tensor:
        """Values (n,) of observations."""
        with self._autocast():
            return self.policy.predict_values(observations).flatten().float()

    def _latents(self, observations: Observations) -> tuple[torch.Tensor, torch.Tensor]:
        """What the last layers of policy and value start from, float32 (n, width) each."""
        policy = self.policy
        with self._autocast():
            features = policy.extract_features(observations)
            if policy.share_features_extractor:
                latents = policy.mlp_extractor(features)
            else:
                extractor, (for_policy, for_value) = policy.mlp_extractor, features
                latents = extractor.forward_actor(for_policy), extractor.forward_critic(for_value)
        return latents[0].float(), latents[1].float()

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.amp_dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self.policy.device.type, self.amp_dtype)

    def _as_sb3_takes(self, actions: torch.Tensor) -> torch.Tensor:
        return actions.long().flatten() if isinstance(self.policy.action_dist, CategoricalDistribution) else actions
