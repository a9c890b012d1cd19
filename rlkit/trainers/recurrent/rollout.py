"""A rollout's share of native work: actions, values and new states for all rows in one call."""

import numpy as np

from rlkit.trainers.fast.compiled import nopython
from rlkit.trainers.fast.heads import choose, prepare, score
from rlkit.trainers.fast.layout import CHUNK, LOG_PROB, OUT_STEP, OUTPUT, Network
from rlkit.trainers.fast.network import forward, take_row
from rlkit.trainers.recurrent import layout
from rlkit.trainers.recurrent.compiled import entry
from rlkit.trainers.recurrent.layout import LINEAR, LSTM, Memory
from rlkit.trainers.recurrent.memory import Packing, forward_cells
from rlkit.trainers.recurrent.update import States, read_outputs


@entry
def act(
    net: Network,
    mem: Memory,
    observations: np.ndarray,
    starts: np.ndarray,
    before: States,
    noise: np.ndarray,
    actions: np.ndarray,
    after: States,
    values: np.ndarray,
    log_probs: np.ndarray,
) -> None:
    """Fill actions (n, n_actions), the states after, values and log_probs (n,) for observations (n, n_inputs).

    All float32; starts (n,) is 1 where an episode begins; states (n_layers, n, hidden size); noise as in
    `fast.rollout.act`. A value without cells of its own leaves the policy's states, as sb3-contrib does.
    """
    packing = _enter(mem, observations, starts)
    forward_cells(mem, 0, mem.n_policy, packing, before[0], before[1])
    _leave(mem, 0, mem.n_policy, after[0], after[1])
    if len(mem.cells) > mem.n_policy:
        forward_cells(mem, mem.n_policy, len(mem.cells), packing, before[2], before[3])
    own = len(mem.cells) > mem.n_policy and mem.cells[mem.n_policy][layout.KIND] != LINEAR
    _leave(mem, mem.n_policy if own else 0, len(mem.cells) if own else mem.n_policy, after[2], after[3])
    for start in range(0, len(observations), CHUNK):
        rows = min(CHUNK, len(observations) - start)
        read_outputs(net, mem, mem.n_policy - 1, start, rows)
        forward(net, 0, net.n_policy, rows)
        prepare(net, rows)
        choose(net, noise, start, rows)
        score(net, rows)
        for i in range(rows):
            log_probs[start + i] = net.scratch[net.per_row + LOG_PROB * CHUNK + i]
            for a in range(net.n_actions):
                actions[start + i, a] = net.scratch[net.actions + i * net.n_actions + a]
    _value(net, mem, values)


@entry
def value(
    net: Network, mem: Memory, observations: np.ndarray, starts: np.ndarray, states: States, values: np.ndarray
) -> None:
    """Fill values (n,) for observations (n, n_inputs) by the value's states before them; all float32."""
    packing = _enter(mem, observations, starts)
    first = mem.n_policy if len(mem.cells) > mem.n_policy else 0
    forward_cells(mem, first, len(mem.cells), packing, states[2], states[3])
    _value(net, mem, values)


@nopython
def _enter(mem: Memory, observations: np.ndarray, starts: np.ndarray) -> Packing:
    """Copy observations into the memory's inputs; a packing of one step."""
    n = len(observations)
    for i in range(n):
        take_row(mem, i, observations, i)
    return Packing(np.array([0, n]), np.arange(n), starts)


@nopython
def _leave(mem: Memory, first: int, last: int, states_h: np.ndarray, states_c: np.ndarray) -> None:
    """Copy out the states that one step has left in cells first to last - 1."""
    x = mem.scratch
    for k in range(first, last):
        cell = mem.cells[k]
        for i in range(states_h.shape[1]):
            row = i * cell[layout.OUT_STEP]
            for j in range(cell[layout.HIDDEN_SIZE]):
                states_h[k - first, i, j] = x[cell[layout.OUT] + row + j]
                states_c[k - first, i, j] = x[cell[layout.STATE] + row + j] if cell[layout.KIND] == LSTM else 0


@nopython
def _value(net: Network, mem: Memory, values: np.ndarray) -> None:
    """Values from the outputs of the last cell."""
    head = net.layers[len(net.layers) - 1]
    for start in range(0, len(values), CHUNK):
        rows = min(CHUNK, len(values) - start)
        read_outputs(net, mem, len(mem.cells) - 1, start, rows)
        forward(net, net.n_policy, len(net.layers), rows)
        for i in range(rows):
            values[start + i] = net.scratch[head[OUTPUT] + i * head[OUT_STEP]]
