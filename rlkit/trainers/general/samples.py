"""A rollout as flat tensors on the policy's device, its observations put there step by step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from stable_baselines3.common.buffers import RolloutBuffer

Observations = torch.Tensor | dict[str, torch.Tensor]
OLD_VALUE, OLD_LOG_PROB, ADVANTAGE, RETURN, ACTION = range(5)  # columns of `Samples.table`; actions fill the rest


def each(function: Callable[..., Any], first: Any, *others: Any) -> Any:
    """function(first, *others), or a dict of what it gives for every key where the observations are a Dict's."""
    if isinstance(first, dict):
        return {key: function(value, *(other[key] for other in others)) for key, value in first.items()}
    return function(first, *others)


class Samples(NamedTuple):
    """The samples of a rollout, in the order in which the buffer's memory holds them."""

    observations: Observations  # (n, ...), in the space's dtype
    table: torch.Tensor  # float32 (n, ACTION + n_actions)

    def take(self, rows: torch.Tensor) -> "Samples":
        """A minibatch: the samples of rows, int64 (batch,)."""
        observations = each(lambda column: column.index_select(0, rows), self.observations)
        return Samples(observations, self.table.index_select(0, rows))


class Store:
    """Where a rollout's observations lie: in the buffer's memory on the CPU, and in the device's as well elsewhere.

    Each crosses over once, for the policy to act on, and stays: SB3 sends every minibatch again, n_epochs times.
    pinned: they cross from page-locked memory, which does not hold up the CPU; needs CUDA.
    """

    def __init__(self, device: torch.device, pinned: bool = False) -> None:
        self._device, self._pinned = device, pinned
        self._here: Any = None  # the buffer's own array(s), as of the rollout's start
        self._there: Any = None  # their copies on the device, the same memory from rollout to rollout
        self._stage: Any = None  # page-locked, for one step
        self._table: torch.Tensor | None = None

    def start(self, buffer: RolloutBuffer) -> None:
        """Prepare for a rollout into a buffer that was just reset."""
        before, self._here = self._here, buffer.observations
        if self._device.type == "cpu" or (before is not None and _layout(before) == _layout(self._here)):
            return
        self._there = each(self._send, self._here)
        if self._pinned:
            self._stage = each(lambda array: torch.from_numpy(array[0]).pin_memory(), self._here)

    def put(self, step: int, observations: Any) -> Observations:
        """The observations (n_envs, ...) of a step as the policy takes them, kept in the buffer and on the device."""
        rows = each(lambda array: array[step], self._here)
        each(lambda row, new: np.copyto(row, new.reshape(row.shape), casting="unsafe"), rows, observations)
        tensors = each(torch.from_numpy, rows)
        if self._pinned:  # the last step's copy is over, because its actions have come back
            tensors = each(lambda stage, row: stage.copy_(row), self._stage, tensors)
        if self._there is not None:
            places = each(lambda memory: memory[step], self._there)
            tensors = each(lambda place, row: place.copy_(row, non_blocking=self._pinned), places, tensors)
        return each(lambda tensor, new: tensor.view(new.shape), tensors, observations)

    def samples(self, buffer: RolloutBuffer) -> Samples:
        """The buffer's samples on the device. What was written into its arrays since the rollout counts.

        Only observations off the CPU are those of the rollout itself, unless the buffer has got new arrays since.
        """
        n = buffer.values.size
        scalars = (buffer.values, buffer.log_probs, buffer.advantages, buffer.returns)
        columns = [*(column.reshape(n, 1) for column in scalars), buffer.actions.reshape(n, -1)]
        table = self._send(np.concatenate(columns, axis=1, dtype=np.float32))
        if self._table is None or self._table.shape != table.shape:
            self._table = torch.empty_like(table)
        self._table.copy_(table)  # always the same memory, which CUDA graphs ask for
        kept = self._there is not None and buffer.observations is self._here and not buffer.generator_ready
        observations = self._there if kept else each(self._send, buffer.observations)
        return Samples(
            each(lambda tensor, shape: tensor.reshape(n, *shape), observations, buffer.obs_shape), self._table
        )

    def _send(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self._device)


def _layout(arrays: Any) -> Any:
    return each(lambda array: (array.shape, array.dtype), arrays)
