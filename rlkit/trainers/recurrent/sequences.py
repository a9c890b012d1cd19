"""How a rollout is cut into sequences and these are dealt out to minibatches: sb3-contrib's way, and shuffled chunks.

A sample's number counts env by env: env * n_steps + t. `starts`, bool (n_steps * n_envs,), is True where an episode
begins. Random draws come from NumPy's global generator, as sb3-contrib's do.
"""

from typing import NamedTuple

import numpy as np
from sb3_contrib.common.recurrent.buffers import RecurrentDictRolloutBuffer, RecurrentRolloutBuffer


class Sequences(NamedTuple):
    """One epoch: runs of samples of one env each, in the order in which minibatches take them."""

    first: np.ndarray  # int64 (n_sequences,): number of each one's first sample
    length: np.ndarray  # int64 (n_sequences,): samples in it
    edges: np.ndarray  # int64 (n_minibatches + 1,): minibatch b has sequences edges[b] to edges[b + 1] - 1


def numbers(sequences: Sequences) -> np.ndarray:
    """Sample numbers, int64, one sequence after the other."""
    before = np.cumsum(sequences.length) - sequences.length
    return np.repeat(sequences.first - before, sequences.length) + np.arange(sequences.length.sum())


def contrib_epoch(starts: np.ndarray, n_steps: int, batch_size: int) -> Sequences:
    """sb3-contrib's own minibatches: the rollout from a random sample on and around, in slices of batch_size.

    Source: `get` in sb3_contrib/common/recurrent/buffers.py. A sequence ends with its episode, rollout or slice.
    """
    n = len(starts)
    order = (np.random.randint(n) + np.arange(n)) % n
    begins = starts[order] | (order % n_steps == 0)
    begins[::batch_size] = True
    return _gathered(order, begins, np.append(np.arange(0, n, batch_size), n))


def chunk_epoch(starts: np.ndarray, n_steps: int, sequence_length: int, batch_size: int) -> Sequences:
    """Chunks of sequence_length steps, shuffled; a chunk may hold an episode's end, and an env's last may be shorter.

    A minibatch takes chunks as long as they fit batch_size, and one at least.
    """
    in_time = np.arange(len(starts)) % n_steps
    return _shuffled(in_time % sequence_length == 0, batch_size)


def episode_epoch(starts: np.ndarray, n_steps: int, batch_size: int) -> Sequences:
    """Whole episodes, shuffled, as far as the rollout holds them; minibatches as `chunk_epoch` fills them."""
    return _shuffled(starts | (np.arange(len(starts)) % n_steps == 0), batch_size)


def cut_at_starts(sequences: Sequences, starts: np.ndarray) -> Sequences:
    """The same minibatches, with a sequence cut in two wherever an episode begins in its midst."""
    order, before = numbers(sequences), np.append(0, np.cumsum(sequences.length))
    begins = starts[order]
    begins[before[:-1]] = True
    return _gathered(order, begins, before[sequences.edges])


def states_at(
    buffer: RecurrentRolloutBuffer | RecurrentDictRolloutBuffer, first: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The memory's state before each of these samples, by sample number: policy's h and c, then the value's.

    Each is float32 (n_layers, n, hidden size). A buffer that was read from before lies env by env already.
    """
    arrays = buffer.hidden_states_pi, buffer.cell_states_pi, buffer.hidden_states_vf, buffer.cell_states_vf
    if not buffer.generator_ready:
        env, t = np.divmod(first, buffer.buffer_size)
        return tuple(np.ascontiguousarray(array[t, :, env].swapaxes(0, 1)) for array in arrays)
    return tuple(np.ascontiguousarray(array[first].swapaxes(0, 1)) for array in arrays)


def _gathered(order: np.ndarray, begins: np.ndarray, batch_edges: np.ndarray) -> Sequences:
    """Sequences that begin where `begins` says among the samples `order`; batch_edges: places where a batch begins."""
    at = np.flatnonzero(begins)
    return Sequences(order[at], np.diff(at, append=len(order)), np.searchsorted(at, batch_edges))


def _shuffled(begins: np.ndarray, batch_size: int) -> Sequences:
    first = np.flatnonzero(begins)
    order = np.random.permutation(len(first))
    length = np.diff(first, append=len(begins))[order]
    edges, filled = [0], 0
    for i, more in enumerate(length.tolist()):
        if filled and filled + more > batch_size:
            edges.append(i)
            filled = 0
        filled += more
    return Sequences(first[order], length, np.array([*edges, len(length)]))
