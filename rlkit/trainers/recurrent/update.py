"""One epoch of recurrent PPO's update in one native call; the torch twin is TorchEngine.train_epoch."""

import numpy as np

from rlkit.trainers.fast.compiled import nopython
from rlkit.trainers.fast.heads import differentiate, prepare, score
from rlkit.trainers.fast.layout import CHUNK, IN_STEP, INPUT, Network
from rlkit.trainers.fast.losses import policy_loss, value_loss
from rlkit.trainers.fast.network import backward, forward, take_row, turn
from rlkit.trainers.fast.simd import LANES, load, store
from rlkit.trainers.fast.update import (
    LAST_KL,
    N_SUMS,
    Adam,
    Samples,
    Settings,
    count,
    sample_row,
    scaling,
    step,
    take_targets,
)
from rlkit.trainers.recurrent.compiled import entry
from rlkit.trainers.recurrent.layout import OUT, OUT_STEP, WIDTH, Memory
from rlkit.trainers.recurrent.memory import Packing, backward_cells, forward_cells

States = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # policy's h and c, value's h and c


@entry
def train_epoch(
    net: Network,
    mem: Memory,
    samples: Samples,
    starts: np.ndarray,
    sequences: tuple[np.ndarray, np.ndarray, np.ndarray],
    states: States,
    adam: Adam,
    settings: Settings,
    steps: int,
    metrics: np.ndarray,
) -> int:
    """Number of Adam steps done so far, after an epoch that begins after `steps` of them.

    starts: float32 (n,), by sample number; sequences: the three arrays of `Sequences`; states: those before each
    sequence, float32 (n_layers, n_sequences, hidden size). metrics as in `fast.update.train_epoch`.
    """
    first, length, edges = sequences
    metrics[:] = 0.0
    turn(net)
    turn(mem)
    for b in range(len(edges) - 1):
        batch, packing = pack(first, length, edges[b], edges[b + 1], starts)
        differentiate_loss(net, mem, samples, batch, packing, states, adam.gradient, settings, metrics)
        if metrics[LAST_KL] > settings.kl_limit:
            break
        steps += 1
        step(net, adam, settings.max_grad_norm, steps)
        turn(net)
        turn(mem)
    return steps


@nopython
def pack(first: np.ndarray, length: np.ndarray, begin: int, end: int, starts: np.ndarray) -> tuple[np.ndarray, Packing]:
    """(sample number of each row, their packing) for sequences begin to end - 1."""
    order = begin + np.argsort(-length[begin:end], kind="mergesort")
    longest, total = length[order[0]], length[begin:end].sum()
    offsets, batch = np.zeros(longest + 1, np.int64), np.empty(total, np.int64)
    rows, row = len(order), 0
    for t in range(longest):
        while length[order[rows - 1]] <= t:
            rows -= 1
        for r in range(rows):
            batch[row + r] = first[order[r]] + t
        row += rows
        offsets[t + 1] = row
    return batch, Packing(offsets, order, starts[batch])


@nopython
def differentiate_loss(
    net: Network,
    mem: Memory,
    samples: Samples,
    batch: np.ndarray,
    packing: Packing,
    states: States,
    gradient: np.ndarray,
    settings: Settings,
    metrics: np.ndarray,
) -> None:
    """Replace `gradient` by the derivative of a minibatch's loss, and add the losses to `metrics`."""
    mean, scale = scaling(samples, batch, settings.normalize_advantage)
    sums, n_cells = np.zeros(N_SUMS), len(mem.cells)
    gradient[:] = 0
    for i in range(len(batch)):
        take_row(mem, i, samples.observations, sample_row(samples, batch[i]))
    forward_cells(mem, 0, mem.n_policy, packing, states[0], states[1])
    for start in range(0, len(batch), CHUNK):
        part = batch[start : start + CHUNK]
        take_targets(net, samples, part, mean, scale)
        improve_policy(net, mem, start, len(part), 1.0 / len(batch), gradient, settings, sums)
    backward_cells(mem, 0, mem.n_policy, packing, gradient)
    if n_cells > mem.n_policy:
        forward_cells(mem, mem.n_policy, n_cells, packing, states[2], states[3])
    for start in range(0, len(batch), CHUNK):
        part = batch[start : start + CHUNK]
        take_targets(net, samples, part, mean, scale)
        improve_value(net, mem, start, len(part), 1.0 / len(batch), gradient, settings, sums)
    if n_cells > mem.n_policy:
        backward_cells(mem, mem.n_policy, n_cells, packing, gradient)
    count(sums, len(batch), settings, metrics)


@nopython
def improve_policy(
    net: Network,
    mem: Memory,
    start: int,
    rows: int,
    share: float,
    gradient: np.ndarray,
    settings: Settings,
    sums: np.ndarray,
) -> None:
    """Policy's part of `fast.update.differentiate_rows`, from the memory's outputs and back to their slopes."""
    share = np.float32(share)
    read_outputs(net, mem, mem.n_policy - 1, start, rows)
    forward(net, 0, net.n_policy, rows)
    prepare(net, rows)
    score(net, rows)
    loss, entropy, kl, clipped = policy_loss(net, rows, np.float32(settings.clip_range), share)
    differentiate(net, rows, np.float32(settings.ent_coef) * share, gradient)
    slopes = backward(net, 0, net.n_policy, rows, gradient)
    write_slopes(net, mem, slopes, start, rows)
    sums[0] += loss
    sums[2] -= entropy
    sums[3] += kl
    sums[4] += clipped


@nopython
def improve_value(
    net: Network,
    mem: Memory,
    start: int,
    rows: int,
    share: float,
    gradient: np.ndarray,
    settings: Settings,
    sums: np.ndarray,
) -> None:
    """Value's part of it; what a policy's memory that it shares gave it is not followed back."""
    slope = np.float32(settings.vf_coef) * np.float32(share)
    read_outputs(net, mem, len(mem.cells) - 1, start, rows)
    forward(net, net.n_policy, len(net.layers), rows)
    sums[1] += value_loss(net, rows, np.float32(settings.clip_range_vf), slope)
    slopes = backward(net, net.n_policy, len(net.layers), rows, gradient)
    if len(mem.cells) > mem.n_policy:
        write_slopes(net, mem, slopes, start, rows)


@nopython
def read_outputs(net: Network, mem: Memory, k: int, start: int, rows: int) -> None:
    """Cell k's outputs of rows start to start + rows - 1 as the heads' inputs."""
    cell, first = mem.cells[k], net.layers[0]
    for i in range(rows):
        at, source = first[INPUT] + i * first[IN_STEP], cell[OUT] + (start + i) * cell[OUT_STEP]
        for j in range(0, cell[WIDTH], LANES):
            store(net.scratch, at + j, load(mem.scratch, source + j))


@nopython
def write_slopes(net: Network, mem: Memory, slopes: int, start: int, rows: int) -> None:
    """The heads' slopes by their inputs as the memory's by its outputs."""
    cell, step = mem.cells[0], net.layers[0][IN_STEP]
    for i in range(rows):
        at = mem.slopes + (start + i) * cell[OUT_STEP]
        for j in range(0, cell[WIDTH], LANES):
            store(mem.scratch, at + j, load(net.scratch, slopes + i * step + j))
