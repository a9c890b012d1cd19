"""Recurrent PPO's inner loops in torch, on any device: for policies that the native kernels do not serve.

sb3-contrib calls its LSTM once per step; here a minibatch is one call, because its sequences are cut where episodes
begin. Only the memory sees padding: features, networks and losses are computed on real samples alone.
"""

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from torch import nn

from rlkit.trainers.fast import update
from rlkit.trainers.fast.update import Settings
from rlkit.trainers.general.compiled import first_line
from rlkit.trainers.general.evaluation import FORMULAS
from rlkit.trainers.general.losses import APPROX_KL, LOSS, minibatch_loss
from rlkit.trainers.general.samples import Samples, each
from rlkit.trainers.general.steps import EagerStep, fused
from rlkit.trainers.recurrent.policies import States, run
from rlkit.trainers.recurrent.sequences import Sequences, cut_at_starts, numbers, states_at

Features = torch.Tensor | tuple[torch.Tensor, torch.Tensor]  # of both, or of policy and of value
Outputs = tuple[torch.Tensor, torch.Tensor]  # of the memories, for policy and for value
Remember = Callable[[nn.Module, torch.Tensor, States], tuple[torch.Tensor, States]]


class TorchEngine:
    """Acts with, values by and updates one policy; the twin of NativeEngine.

    amp_dtype: what the networks compute in, None for float32. Last layers, losses and parameters stay float32.
    compiled: features, and networks with losses, are a compiled graph each, forward and backward; the memory between
    them is not, because its own kernel (cuDNN's on CUDA) is quicker than what torch.compile makes of its steps.
    """

    def __init__(
        self, policy: RecurrentActorCriticPolicy, amp_dtype: torch.dtype | None = None, compiled: bool = False
    ) -> None:
        self.policy, self.amp_dtype = policy, amp_dtype
        self._formula = FORMULAS.get(type(policy.action_dist))
        self._minibatch: tuple[RNNStates, Remember] | None = None  # of the samples whose loss is asked for
        self._encode, self._score = policy.extract_features, self._eager_score
        self.compiled, self.compile_error = compiled, ""  # the error that turned it off
        self._to_compile = compiled
        self._improve = EagerStep(self, self._loss)

    def begin_rollout(self, n_steps: int, n_envs: int) -> None:
        """Before a rollout: nothing, the policy is asked itself."""

    @torch.no_grad()
    def act(
        self, observations: Any, states: RNNStates, starts: np.ndarray
    ) -> tuple[np.ndarray, torch.Tensor, torch.Tensor, RNNStates]:
        """Actions (n, ...), values (n, 1), log-probabilities (n,) and the states after; starts: episodes that begin."""
        policy = self.policy
        features = policy.extract_features(self._tensors(observations))
        *outputs, states = self._recall(features, self._kept(states, starts), one_step)
        latent_pi, latent_vf = self._latents(*outputs)
        distribution = policy._get_action_dist_from_latent(latent_pi)
        actions = distribution.get_actions()
        log_probs = distribution.log_prob(actions)
        actions = actions.reshape((-1, *policy.action_space.shape)).cpu().numpy()
        return actions, policy.value_net(latent_vf), log_probs, states

    @torch.no_grad()
    def values(self, observations: Any, states: States, starts: np.ndarray) -> np.ndarray:
        """Values (n,), float32, of observations by the value's states before them."""
        kept = self._kept(RNNStates(states, states), starts)
        outputs = self._recall(self.policy.extract_features(self._tensors(observations)), kept, one_step)[:2]
        return self.policy.value_net(self._latents(*outputs)[1]).flatten().cpu().numpy()

    def begin_update(self, model: Any) -> None:
        """Before an update: the model's rollout as tensors, env by env, and which losses it wants."""
        self._buffer, self._starts, settings = model.rollout_buffer, model._starts(), model._settings()
        self._settings = settings._replace(clip_range_vf=settings.clip_range_vf if model.clip_range_vf else None)
        if self.compiled:  # as a tensor, so that a schedule needs no new graph
            names = "clip_range", "clip_range_vf", "ent_coef", "vf_coef"
            numbers = {name: getattr(self._settings, name) for name in names}
            tensors = {name: torch.tensor(v, device=self.policy.device) for name, v in numbers.items() if v is not None}
            self._settings = self._settings._replace(**tensors)

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
        if self._to_compile:
            self._minibatch = self._sequences_of(sequences, states, 0, edges[1])
            self._compile(order[: rows[edges[1]]])
        found, stopped = [], False
        with fused(self.policy.optimizer):
            for first, last in itertools.pairwise(edges):
                self._minibatch = self._sequences_of(sequences, states, first, last)
                statistics, stopped = self._improve(self._samples, self._settings, order[rows[first] : rows[last]])
                found.append(statistics)
                if stopped:
                    break
        self._minibatch = None
        statistics = torch.stack(found).double().cpu().numpy()
        metrics[: update.N_SUMS] = statistics[:, : update.N_SUMS].sum(axis=0)
        metrics[update.LAST_LOSS], metrics[update.LAST_KL] = statistics[-1, LOSS], statistics[-1, APPROX_KL]
        metrics[update.N_MINIBATCHES] = len(found)

    def _sequences_of(
        self, sequences: Sequences, states: list[torch.Tensor], first: int, last: int
    ) -> tuple[RNNStates, Remember]:
        """States before sequences first to last - 1, and what takes a memory over them."""
        pi_h, pi_c, vf_h, vf_c = (state[:, first:last].contiguous() for state in states)
        return RNNStates((pi_h, pi_c), (vf_h, vf_c)), over_sequences(sequences.length[first:last], self.policy.device)

    def end_update(self) -> None:
        """After an update: the rollout's tensors are let go."""
        self._samples = self._buffer = None

    def _loss(self, batch: Samples, settings: Settings) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss of the minibatch, and its statistics: features, memories between two graphs, and the score."""
        with self._autocast():
            features = self._encode(each(for_convolutions, batch.observations))
        *outputs, _ = self._recall(features, *self._minibatch)
        return self._score(tuple(outputs), batch.table, settings)

    def _eager_score(
        self, outputs: Outputs, table: torch.Tensor, settings: Settings
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return minibatch_loss(self._answers, Samples(outputs, table), settings)

    def _answers(
        self, outputs: Outputs, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Values, log_probs and entropies (n,) of actions, float32 (n, n_actions), by what the memories gave."""
        policy = self.policy
        latent_pi, latent_vf = self._latents(*outputs)
        values = policy.value_net(latent_vf).flatten()
        if self._formula is not None:
            return values, *self._formula(policy, policy.action_net(latent_pi), actions)
        distribution = policy._get_action_dist_from_latent(latent_pi)
        return values, distribution.log_prob(actions), distribution.entropy()

    def _compile(self, rows: torch.Tensor) -> None:
        """Make the two graphs, without an effect on what is trained; where that fails, go on without and say so."""
        self._to_compile = False
        eager = self._encode, self._score
        self._encode, self._score = map(torch.compile, eager)
        try:
            self._improve.rehearse(self._samples, self._settings, rows)
        except RuntimeError as error:  # every error of the compiler is one
            self._encode, self._score = eager
            self.compiled, self.compile_error = False, f"compiling failed: {first_line(error)}"
            warnings.warn(f"rlkit.RecurrentPPO: use_torch_compile is off, because {self.compile_error}", stacklevel=6)

    def _recall(
        self, features: Features, states: RNNStates, remember: Remember
    ) -> tuple[torch.Tensor, torch.Tensor, RNNStates]:
        """What the memories give for policy and value, (n, hidden size) each, and the states after, float32."""
        with self._autocast():
            *outputs, states = recall(self.policy, features, states, remember)
        return *outputs, RNNStates(*(tuple(s.float() for s in pair) for pair in states))

    def _latents(self, for_policy: torch.Tensor, for_value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What action net and value net read, float32 (n, width) each."""
        extractor = self.policy.mlp_extractor
        with self._autocast():
            latent_pi, latent_vf = extractor.forward_actor(for_policy), extractor.forward_critic(for_value)
        return latent_pi.float(), latent_vf.float()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.policy.device.type, self.amp_dtype, enabled=self.amp_dtype is not None)

    def _tensors(self, observations: Any) -> Any:
        return each(lambda array: torch.as_tensor(array, device=self.policy.device), observations)

    def _kept(self, states: RNNStates, starts: np.ndarray) -> RNNStates:
        """The states, zero where an episode starts."""
        if not starts.any():
            return states
        keep = torch.as_tensor(1.0 - starts, dtype=torch.float32, device=self.policy.device)[:, None]
        return RNNStates(*(tuple(state * keep for state in pair) for pair in states))


def for_convolutions(observations: torch.Tensor) -> torch.Tensor:
    """Images (n, channels, height, width) with channels innermost in memory: a CPU's convolutions take a fifth less."""
    images = observations.ndim == 4 and observations.device.type == "cpu"
    return observations.contiguous(memory_format=torch.channels_last) if images else observations


def recall(
    policy: RecurrentActorCriticPolicy, features: Features, states: RNNStates, remember: Remember
) -> tuple[torch.Tensor, torch.Tensor, RNNStates]:
    """What the memories give for policy and value, (n, hidden size) each, and the states after.

    features: one tensor, or a pair where policy and value have extractors of their own. The flow is that of `forward`
    in sb3_contrib/common/recurrent/policies.py.
    """
    pi_features, vf_features = (features, features) if policy.share_features_extractor else features
    for_policy, states_pi = remember(policy.lstm_actor, pi_features, states.pi)
    if policy.lstm_critic is not None:
        for_value, states_vf = remember(policy.lstm_critic, vf_features, states.vf)
    elif policy.shared_lstm:
        for_value, states_vf = for_policy.detach(), tuple(state.detach() for state in states_pi)
    else:
        for_value, states_vf = policy.critic(vf_features), states_pi
    return for_policy, for_value, RNNStates(states_pi, states_vf)


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
