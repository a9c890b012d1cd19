"""Recurrent PPO's inner loops in torch, on any device: for policies that the native kernels do not serve.

sb3-contrib calls its LSTM once per step; here a minibatch is one call, because its sequences are cut where episodes
begin. Only the memory sees padding: features, networks and losses are computed on real samples alone.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from torch import nn

from rlkit.trainers.fast import update
from rlkit.trainers.general.evaluation import FORMULAS
from rlkit.trainers.general.losses import APPROX_KL, LOSS
from rlkit.trainers.general.samples import Samples, each
from rlkit.trainers.general.steps import EagerStep, fused
from rlkit.trainers.recurrent.policies import States, run
from rlkit.trainers.recurrent.sequences import Sequences, cut_at_starts, numbers, states_at

Remember = Callable[[nn.Module, torch.Tensor, States], tuple[torch.Tensor, States]]


class TorchEngine:
    """Acts with, values by and updates one policy; the twin of NativeEngine.

    amp_dtype: what the networks compute in, None for float32. Last layers, losses and parameters stay float32.
    """

    def __init__(self, policy: RecurrentActorCriticPolicy, amp_dtype: torch.dtype | None = None) -> None:
        self.policy, self.amp_dtype = policy, amp_dtype
        self._formula = FORMULAS.get(type(policy.action_dist))
        self._minibatch: tuple[RNNStates, Remember] | None = None  # of the samples that it is called with
        self._improve = EagerStep(self)

    def begin_rollout(self, n_steps: int, n_envs: int) -> None:
        """Before a rollout: nothing, the policy is asked itself."""

    @torch.no_grad()
    def act(
        self, observations: Any, states: RNNStates, starts: np.ndarray
    ) -> tuple[np.ndarray, torch.Tensor, torch.Tensor, RNNStates]:
        """Actions (n, ...), values (n, 1), log-probabilities (n,) and the states after; starts: episodes that begin."""
        policy = self.policy
        latent_pi, latent_vf, states = self._latents(self._tensors(observations), self._kept(states, starts), one_step)
        distribution = policy._get_action_dist_from_latent(latent_pi)
        actions = distribution.get_actions()
        log_probs = distribution.log_prob(actions)
        actions = actions.reshape((-1, *policy.action_space.shape)).cpu().numpy()
        return actions, policy.value_net(latent_vf), log_probs, states

    @torch.no_grad()
    def values(self, observations: Any, states: States, starts: np.ndarray) -> np.ndarray:
        """Values (n,), float32, of observations by the value's states before them."""
        kept = self._kept(RNNStates(states, states), starts)
        latent_vf = self._latents(self._tensors(observations), kept, one_step)[1]
        return self.policy.value_net(latent_vf).flatten().cpu().numpy()

    def begin_update(self, model: Any) -> None:
        """Before an update: the model's rollout as tensors, env by env, and which losses it wants."""
        self._buffer, self._starts, settings = model.rollout_buffer, model._starts(), model._settings()
        self._settings = settings._replace(clip_range_vf=settings.clip_range_vf if model.clip_range_vf else None)

        def flat(array: np.ndarray) -> torch.Tensor:
            buffer = self._buffer
            return torch.as_tensor(array if buffer.generator_ready else buffer.swap_and_flatten(array))

        names = "values", "log_probs", "advantages", "returns", "actions"  # in the order of Samples.table
        table = torch.cat([flat(getattr(self._buffer, name)).float() for name in names], dim=1)
        observations = each(lambda array: flat(array).to(self.policy.device), self._buffer.observations)
        self._samples = Samples(observations, table.to(self.policy.device))

    def train_epoch(self, sequences: Sequences, metrics: np.ndarray) -> None:
        """One epoch; metrics float64 (update.N_METRICS,) are filled as by the native `train_epoch`."""
        device, sequences = self.policy.device, cut_at_starts(sequences, self._starts)
        order, edges = torch.from_numpy(numbers(sequences)).to(device), sequences.edges.tolist()
        rows = np.append(0, np.cumsum(sequences.length)).tolist()
        kept = ~self._starts[sequences.first][:, None]
        states = [torch.from_numpy(state * kept).to(device) for state in states_at(self._buffer, sequences.first)]
        found, stopped = [], False
        with fused(self.policy.optimizer):
            for first, last in itertools.pairwise(edges):
                pi_h, pi_c, vf_h, vf_c = (state[:, first:last].contiguous() for state in states)
                remember = over_sequences(sequences.length[first:last], device)
                self._minibatch = RNNStates((pi_h, pi_c), (vf_h, vf_c)), remember
                statistics, stopped = self._improve(self._samples, self._settings, order[rows[first] : rows[last]])
                found.append(statistics)
                if stopped:
                    break
        self._minibatch = None
        statistics = torch.stack(found).double().cpu().numpy()
        metrics[: update.N_SUMS] = statistics[:, : update.N_SUMS].sum(axis=0)
        metrics[update.LAST_LOSS], metrics[update.LAST_KL] = statistics[-1, LOSS], statistics[-1, APPROX_KL]
        metrics[update.N_MINIBATCHES] = len(found)

    def end_update(self) -> None:
        """After an update: the rollout's tensors are let go."""
        self._samples = self._buffer = None

    def __call__(
        self, observations: Any, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Values, log_probs and entropies (n,) of a minibatch's actions, float32 (n, n_actions)."""
        policy = self.policy
        latent_pi, latent_vf, _ = self._latents(observations, *self._minibatch)
        values = policy.value_net(latent_vf).flatten()
        if self._formula is not None:
            return values, *self._formula(policy, policy.action_net(latent_pi), actions)
        distribution = policy._get_action_dist_from_latent(latent_pi)
        return values, distribution.log_prob(actions), distribution.entropy()

    def _latents(
        self, observations: Any, states: RNNStates, remember: Remember
    ) -> tuple[torch.Tensor, torch.Tensor, RNNStates]:
        """What action net and value net read, float32 (n, width) each, and the states after."""
        device = self.policy.device.type
        with torch.autocast(device, self.amp_dtype, enabled=self.amp_dtype is not None):
            features = self.policy.extract_features(observations)
            latent_pi, latent_vf, states = latents(self.policy, features, states, remember)
        return latent_pi.float(), latent_vf.float(), RNNStates(*(tuple(s.float() for s in pair) for pair in states))

    def _tensors(self, observations: Any) -> Any:
        return each(lambda array: torch.as_tensor(array, device=self.policy.device), observations)

    def _kept(self, states: RNNStates, starts: np.ndarray) -> RNNStates:
        """The states, zero where an episode starts."""
        if not starts.any():
            return states
        keep = torch.as_tensor(1.0 - starts, dtype=torch.float32, device=self.policy.device)[:, None]
        return RNNStates(*(tuple(state * keep for state in pair) for pair in states))


def latents(
    policy: RecurrentActorCriticPolicy, features: Any, states: RNNStates, remember: Remember
) -> tuple[torch.Tensor, torch.Tensor, RNNStates]:
    """What the action net and the value net read, (n, ...) each, and the states after.

    features: one tensor, or a pair where policy and value have extractors of their own. The flow is that of `forward`
    in sb3_contrib/common/recurrent/policies.py.
    """
    pi_features, vf_features = (features, features) if policy.share_features_extractor else features
    latent_pi, states_pi = remember(policy.lstm_actor, pi_features, states.pi)
    if policy.lstm_critic is not None:
        latent_vf, states_vf = remember(policy.lstm_critic, vf_features, states.vf)
    elif policy.shared_lstm:
        latent_vf, states_vf = latent_pi.detach(), tuple(state.detach() for state in states_pi)
    else:
        latent_vf, states_vf = policy.critic(vf_features), states_pi
    extractor = policy.mlp_extractor
    return (
        extractor.forward_actor(latent_pi),
        extractor.forward_critic(latent_vf),
        RNNStates(states_pi, states_vf),
    )


def one_step(memory: nn.Module, features: torch.Tensor, states: States) -> tuple[torch.Tensor, States]:
    """Outputs (n, hidden size) and states after one step of n sequences.

    On a CPU torch's cell functions take a tenth of the time of a module made for whole sequences.
    """
    if features.device.type != "cpu" or not memory.bias or memory.bidirectional or memory.proj_size:
        outputs, states = run(memory, features[None], states)
        return outputs[0], states
    x, after = features, []
    for weights, h, c in zip(memory.all_weights, *states, strict=True):
        if isinstance(memory, nn.GRU):
            after.append((torch.gru_cell(x, h, *weights), c))
        else:
            after.append(torch.lstm_cell(x, (h, c), *weights))
        x = after[-1][0]
    return x, tuple(torch.stack(each) for each in zip(*after, strict=True))


def over_sequences(length: np.ndarray, device: torch.device) -> Remember:
    """A function that takes a memory over sequences of these lengths, which stand one after the other in its rows."""
    n, longest, before = len(length), int(length.max()), np.cumsum(length) - length
    t = np.arange(longest)[:, None]
    padded = torch.from_numpy((before + np.minimum(t, length - 1)).ravel()).to(device)
    sequence = np.repeat(np.arange(n), length)
    real = torch.from_numpy((np.arange(length.sum()) - before[sequence]) * n + sequence).to(device)

    def remember(memory: nn.Module, features: torch.Tensor, states: States) -> tuple[torch.Tensor, States]:
        outputs, after = run(memory, features.index_select(0, padded).view(longest, n, -1), states)
        return outputs.flatten(0, 1).index_select(0, real), after

    return remember
