"""Recurrent PPO's inner loops in native code on the CPU: for the policies that `plan.native_obstacle` lets through."""

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.buffers import RecurrentRolloutBuffer
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from torch import nn

from rlkit.errors import ParamsError
from rlkit.trainers.fast.flat import FlatPolicy
from rlkit.trainers.fast.update import Samples
from rlkit.trainers.recurrent.layout import GRU, LINEAR, LSTM, make_recurrent_layout
from rlkit.trainers.recurrent.policies import States
from rlkit.trainers.recurrent.rollout import act, value
from rlkit.trainers.recurrent.sequences import Sequences, states_at
from rlkit.trainers.recurrent.update import train_epoch


class NativeEngine(FlatPolicy):
    """Acts with, values by and updates one policy; the twin of TorchEngine.

    capacity: rows of the largest minibatch or rollout step.
    """

    def __init__(self, policy: RecurrentActorCriticPolicy, capacity: int) -> None:
        memories = [policy.lstm_actor] if policy.lstm_critic is None else [policy.lstm_actor, policy.lstm_critic]
        first_critic = [policy.critic] if policy.critic is not None else []
        super().__init__(policy, back=range(len(memories) + len(first_critic)))
        kinds = [[LSTM if isinstance(m, nn.LSTM) else GRU] * m.num_layers for m in memories]
        kinds += [[LINEAR] for _ in first_critic]
        memory = policy.lstm_actor
        self.network, self.memory, places = make_recurrent_layout(
            self.network, memory.input_size, memory.hidden_size, kinds, capacity
        )
        tensors = [tensor for m in memories for layer in m.all_weights for tensor in layer]
        tensors += [tensor for layer in first_critic for tensor in (layer.weight, layer.bias)]
        self._hold([*self._tensors, *tensors], np.append(self._places, places))

    def begin_rollout(self, n_steps: int, n_envs: int) -> None:
        """Before a rollout: present weights, and the randomness for all of it."""
        self.read()
        self._noise = iter(self.noise(n_steps, n_envs))

    def act(
        self, observations: np.ndarray, states: RNNStates, starts: np.ndarray
    ) -> tuple[np.ndarray, torch.Tensor, torch.Tensor, RNNStates]:
        """Actions (n, ...), values (n, 1), log-probabilities (n,) and the states after; starts: episodes that begin."""
        n = len(observations)
        drawn, values, log_probs = (np.empty(shape, np.float32) for shape in ((n, self.network.n_actions), (n, 1), n))
        after = RNNStates(*(tuple(torch.empty_like(state) for state in pair) for pair in states))
        noise = next(self._noise)
        act(
            self.network,
            self.memory,
            _rows(observations),
            starts.astype(np.float32),
            _arrays(states),
            noise,
            drawn,
            _arrays(after),
            values[:, 0],
            log_probs,
        )
        return self._actions(drawn), torch.from_numpy(values), torch.from_numpy(log_probs), after

    def values(self, observations: np.ndarray, states: States, starts: np.ndarray) -> np.ndarray:
        """Values (n,), float32, of observations by the value's states before them."""
        values = np.empty(len(observations), np.float32)
        pairs = _arrays(RNNStates(states, states))
        value(self.network, self.memory, _rows(observations), starts.astype(np.float32), pairs, values)
        return values

    def begin_update(self, model: Any) -> None:
        """Before an update: present weights, the model's rollout, and which losses it wants."""
        self.read()
        self._adam, self._steps = self.read_optimizer()
        self._settings = model._settings()._replace(batch_size=0)  # sequences say it; None would be another type
        self._samples, self._buffer = _samples(model.rollout_buffer), model.rollout_buffer
        self._starts = model._starts().astype(np.float32)

    def train_epoch(self, sequences: Sequences, metrics: np.ndarray) -> None:
        """One epoch; metrics float64 (fast.update.N_METRICS,) are filled."""
        largest = int(np.add.reduceat(sequences.length, sequences.edges[:-1]).max())
        if largest > self.memory.capacity:
            raise ParamsError(
                f"A minibatch has {largest} samples, but when `learn` began the largest possible had "
                f"{self.memory.capacity}: batch_size or n_steps was changed since. Change them between two calls of it."
            )
        self._steps = train_epoch(
            self.network,
            self.memory,
            self._samples,
            self._starts,
            tuple(sequences),
            states_at(self._buffer, sequences.first),
            self._adam,
            self._settings,
            self._steps,
            metrics,
        )

    def end_update(self) -> None:
        """After an update: give the policy and its optimizer what came out."""
        self.write(self._steps)

    def _actions(self, drawn: np.ndarray) -> np.ndarray:
        """Actions in the shape and dtype that SB3 gives them."""
        space = self.policy.action_space
        real = isinstance(space, spaces.Box | spaces.MultiBinary)
        return drawn.astype(np.float32 if real else np.int64).reshape(-1, *space.shape)


def _samples(buffer: RecurrentRolloutBuffer) -> Samples:
    """The rollout buffer as the kernels read it; a buffer that was read from before lies env by env already."""
    sizes = (buffer.values.size, 1) if buffer.generator_ready else (buffer.buffer_size, buffer.n_envs)
    actions = buffer.actions.reshape(buffer.values.size, -1).astype(np.float32, copy=False)
    observations = buffer.observations.reshape(buffer.values.size, *buffer.obs_shape)
    flat = (array.reshape(-1) for array in (buffer.advantages, buffer.returns, buffer.log_probs, buffer.values))
    return Samples(_rows(observations), actions, *flat, *sizes)


def _rows(observations: np.ndarray) -> np.ndarray:
    """Observations (n, ...) as float32 (n, n_inputs), contiguous."""
    return np.ascontiguousarray(observations.reshape(len(observations), -1), np.float32)


def _arrays(states: RNNStates) -> tuple[np.ndarray, ...]:
    """Policy's h and c, value's h and c, on the tensors' memory."""
    return tuple(state.numpy() for pair in states for state in pair)
