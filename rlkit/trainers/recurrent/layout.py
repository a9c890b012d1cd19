"""Where a recurrent policy lies in memory: the heads as `fast.layout` has them, and cells, each with its work space.

A minibatch is packed: sequences are sorted by length, longest first, and its rows stand step by step, so that row r of
step t belongs to sequence r and the rows of a step are neighbours. Rows are long-lived: forward leaves in a cell's
zones what backward needs. The gates of a cell stand side by side, each padded with zeros to UNIT; padding stays zero.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rlkit.trainers.fast.layout import Counter, Network, aligned, places_of_weight, row_step, up
from rlkit.trainers.fast.simd import PANEL, ROWS, UNIT

LSTM, GRU, LINEAR = range(3)  # kinds of cell; LINEAR is the layer of a critic without memory
N_GATES = {LSTM: 4, GRU: 3}

# Columns of `Memory.cells`; places count floats
KIND, HIDDEN_SIZE, WIDTH = range(3)  # the size as in torch, and padded to UNIT
SUM_BIAS, SLOPES_IN, SLOPES_BACK = range(3, 6)  # bias of both products; slopes by the input's and the state's gates
GATES, GATES_STEP = range(6, 8)  # rows of activated gates; floats between rows
OUT, OUT_STEP = range(8, 10)  # rows of outputs h; floats between rows, here and in the following
STATE, STATE_TANH = range(10, 12)  # an LSTM's c and tanh(c); a GRU's share of the state in its new value
PREVIOUS_H, PREVIOUS_C = range(12, 14)  # the states that a row begins with


class Memory(NamedTuple):
    """The cells of a policy (0 to n_policy - 1) and of a value (the others; none where it reads the policy's)."""

    layers: np.ndarray  # int64 (2 * n_cells, 12), columns of fast.layout: input's and state's product of each cell
    cells: np.ndarray  # int64 (n_cells, 14), columns above
    n_policy: int
    capacity: int  # rows of the largest minibatch
    slopes: int  # zones: the loss's derivative by outputs (OUT_STEP apart),
    carry_h: int  # and by the states that a step leaves to the next one, a row per sequence
    carry_c: int
    weights: np.ndarray  # float32, those of the heads first; aligned, as the following
    turned: np.ndarray
    scratch: np.ndarray  # begins with PANEL zeros


class RecurrentLayout(NamedTuple):
    """The heads with room for all weights, the memory, and the place of each torch parameter of it in `weights`."""

    heads: Network
    memory: Memory
    places: np.ndarray  # int64: of every cell's weight_ih, weight_hh, bias_ih, bias_hh; weight and bias if LINEAR


def make_recurrent_layout(
    heads: Network, n_inputs: int, hidden_size: int, kinds: Sequence[Sequence[int]], capacity: int
) -> RecurrentLayout:
    """Memory, all zeros, for heads with hidden_size inputs; kinds: those of the policy's and of the value's cells.

    capacity: rows of the largest minibatch or rollout step.
    """
    n_rows = up(capacity, ROWS) + ROWS  # products of the last step's rows write up to ROWS - 1 more
    weights, turned, scratch = Counter(len(heads.weights)), Counter(len(heads.turned)), Counter(PANEL)
    width, step = up(hidden_size, UNIT), row_step(hidden_size)
    first_input = scratch.take(n_rows * row_step(n_inputs))
    widest = max([N_GATES.get(kind, 1) for net in kinds for kind in net])
    slopes_in, slopes_back, before = (scratch.take(n_rows * row_step(widest * width)) for _ in range(3))
    slopes, carry_h, carry_c = (scratch.take(n_rows * step) for _ in range(3))
    layers, cells, places = [], [], []
    for net in kinds:
        n_in, place = n_inputs, first_input
        for number, kind in enumerate(net):
            gates = N_GATES.get(kind, 1)
            across, gates_step = gates * width, row_step(gates * width)
            depth = up(n_in, UNIT if number else ROWS)
            in_at, back_at = weights.take(across * depth), weights.take(across * width)
            in_bias, back_bias = weights.take(across), weights.take(across)
            out, previous_h, state, state_tanh, previous_c = (scratch.take(n_rows * step) for _ in range(5))
            stored, bias = scratch.take(n_rows * gates_step), scratch.take(across)
            turns = turned.take(across * depth) if number else -1, turned.take(across * width)
            columns = (np.arange(gates)[:, None] * width + np.arange(hidden_size)).ravel()
            into = (n_in, across, depth, across, in_at, in_bias, turns[0], place, row_step(n_in))
            if kind == LINEAR:
                layers += [(*into, out, step, 0), (0,) * 6 + (-1,) + (0,) * 5]
                places += [places_of_weight(columns, n_in, across, depth, in_at), in_bias + columns]
            else:
                back = (width, across, width, across, back_at, back_bias, turns[1], previous_h, step)
                layers += [(*into, before, gates_step, 0), (*back, stored, gates_step, 0)]
                places += [places_of_weight(columns, n_in, across, depth, in_at)]
                places += [places_of_weight(columns, hidden_size, across, width, back_at)]
                places += [in_bias + columns, back_bias + columns]
            back_slopes = slopes_in if kind == LSTM else slopes_back
            zones = bias, slopes_in, back_slopes, stored, gates_step, out, step, state, state_tanh
            cells.append((kind, hidden_size, width, *zones, previous_h, previous_c))
            n_in, place = hidden_size, out
    all_weights, all_turned = aligned(weights.total), aligned(turned.total)
    tables = np.array(layers), np.array(cells), len(kinds[0])
    memory = Memory(*tables, capacity, slopes, carry_h, carry_c, all_weights, all_turned, aligned(scratch.total))
    return RecurrentLayout(heads._replace(weights=all_weights, turned=all_turned), memory, np.concatenate(places))
