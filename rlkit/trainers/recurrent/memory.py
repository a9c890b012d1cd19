"""Forward and backward of a Memory over one packed minibatch, whole sequences at a time.

Products that need no earlier step (inputs, weights' gradients, lower layers) are one product over all rows; only the
one with the state goes step by step. The torch twin is torch.nn.LSTM or GRU on a PackedSequence.
"""

from typing import NamedTuple

import numpy as np

from rlkit.trainers.fast.compiled import nopython
from rlkit.trainers.fast.layout import (
    BIAS,
    DEPTH,
    IN_STEP,
    INPUT,
    N_IN,
    OUTPUT,
    TURNED,
    WEIGHT,
)
from rlkit.trainers.fast.layout import OUT_STEP as TO_STEP
from rlkit.trainers.fast.layout import WIDTH as ACROSS
from rlkit.trainers.fast.network import add_columns, add_outer_products, multiply
from rlkit.trainers.fast.simd import LANES, PANEL, ROWS, load, store
from rlkit.trainers.fast.tiles import half_tile, tile
from rlkit.trainers.recurrent.cells import step_gru, step_lstm, unstep_gru, unstep_lstm
from rlkit.trainers.recurrent.layout import (
    KIND,
    LINEAR,
    LSTM,
    OUT,
    OUT_STEP,
    PREVIOUS_C,
    PREVIOUS_H,
    SLOPES_BACK,
    SLOPES_IN,
    STATE,
    SUM_BIAS,
    WIDTH,
    Memory,
)

ZERO = np.float32(0.0)


class Packing(NamedTuple):
    """How rows make up sequences."""

    offsets: np.ndarray  # int64 (longest + 1,): step t has rows offsets[t] to offsets[t + 1] - 1
    origin: np.ndarray  # int64 (n,): which of the first states belongs to sequence r
    starts: np.ndarray  # float32 (n_rows,): 1 where a row begins an episode


@nopython
def forward_cells(
    mem: Memory, first: int, last: int, packing: Packing, states_h: np.ndarray, states_c: np.ndarray
) -> None:
    """Run cells first to last - 1, one on top of the other, on inputs that stand in the first one's input zone.

    states_h, states_c: float32 (n_layers, n_origins, hidden size), the states before the sequences.
    """
    for k in range(first, last):
        x, into, cell = mem.scratch, mem.layers[2 * k], mem.cells[k]
        bias = cell[SUM_BIAS]
        _sum_biases(mem, k)
        multiply(
            x, into[OUTPUT], into[TO_STEP], into[ACROSS],
            x, bias,
            x, into[INPUT], into[IN_STEP], into[N_IN],
            mem.weights, into[WEIGHT], into[DEPTH], packing.offsets[-1],
        )  # fmt: skip
        if cell[KIND] != LINEAR:
            for t in range(len(packing.offsets) - 1):
                row, rows = packing.offsets[t], packing.offsets[t + 1] - packing.offsets[t]
                _recall(mem, k, packing, t, states_h[k - first], states_c[k - first])
                _add_products(mem, k, row, rows)
                if cell[KIND] == LSTM:
                    step_lstm(mem, k, row, rows)
                else:
                    step_gru(mem, k, row, rows)


@nopython
def _sum_biases(mem: Memory, k: int) -> None:
    """What the input's product begins with: both biases, but for a GRU's last gate, whose other comes in later."""
    into, back, cell = mem.layers[2 * k], mem.layers[2 * k + 1], mem.cells[k]
    for j in range(0, into[ACROSS], LANES):
        both = cell[KIND] == LSTM or (cell[KIND] != LINEAR and j < 2 * cell[WIDTH])
        own = load(mem.weights, into[BIAS] + j)
        store(mem.scratch, cell[SUM_BIAS] + j, own + load(mem.weights, back[BIAS] + j) if both else own)


@nopython
def _recall(mem: Memory, k: int, packing: Packing, t: int, states_h: np.ndarray, states_c: np.ndarray) -> None:
    """The states before step t into the rows of it: zero where an episode starts."""
    x, cell, row = mem.scratch, mem.cells[k], packing.offsets[t]
    step = cell[OUT_STEP]
    for r in range(packing.offsets[t + 1] - row):
        at, keep = (row + r) * step, np.float32(1.0) - packing.starts[row + r]
        if t == 0:
            _enter_state(x, cell[PREVIOUS_H] + at, states_h, packing.origin[r], keep)
            if cell[KIND] == LSTM:
                _enter_state(x, cell[PREVIOUS_C] + at, states_c, packing.origin[r], keep)
        else:
            before = (packing.offsets[t - 1] + r) * step
            for j in range(0, cell[WIDTH], LANES):
                store(x, cell[PREVIOUS_H] + at + j, load(x, cell[OUT] + before + j) * keep)
                if cell[KIND] == LSTM:
                    store(x, cell[PREVIOUS_C] + at + j, load(x, cell[STATE] + before + j) * keep)


@nopython
def _enter_state(x: np.ndarray, at: int, states: np.ndarray, origin: int, keep: float) -> None:
    for j in range(states.shape[1]):
        x[at + j] = states[origin, j] * keep


@nopython
def _add_products(mem: Memory, k: int, row: int, rows: int) -> None:
    """Gates of a step's rows = input's share + state's; for a GRU's last gate the state's alone, with its bias."""
    x, into, back, cell = mem.scratch, mem.layers[2 * k], mem.layers[2 * k + 1], mem.cells[k]
    step, shared = back[TO_STEP], back[ACROSS] if cell[KIND] == LSTM else 2 * cell[WIDTH]
    multiply_onto(x, back[OUTPUT] + row * step, step, 0, shared, x, into[OUTPUT] + row * step, step,
                  x, back[INPUT] + row * back[IN_STEP], back[IN_STEP], back[N_IN],
                  mem.weights, back[WEIGHT], back[DEPTH], back[ACROSS], rows)  # fmt: skip
    multiply_onto(x, back[OUTPUT] + row * step, step, shared, back[ACROSS], mem.weights, back[BIAS], 0,
                  x, back[INPUT] + row * back[IN_STEP], back[IN_STEP], back[N_IN],
                  mem.weights, back[WEIGHT], back[DEPTH], back[ACROSS], rows)  # fmt: skip


@nopython
def multiply_onto(
    out: np.ndarray,
    at: int,
    step: int,
    first: int,
    last: int,
    start: np.ndarray,
    start_at: int,
    start_step: int,
    a: np.ndarray,
    a_at: int,
    a_step: int,
    depth: int,
    b: np.ndarray,
    b_at: int,
    b_depth: int,
    b_width: int,
    rows: int,
) -> None:
    """out = start + a b in columns first (of a panel) to last - 1; b of b_width columns in panels of b_depth rows."""
    for j in range(first, last, PANEL):
        panel = b_at + j * b_depth
        if b_width - j >= PANEL:
            for i in range(0, rows, ROWS):
                tile(out, at + i * step + j, step, start, start_at + i * start_step + j, start_step,
                     a, a_at + i * a_step, a_step, 1, b, panel, PANEL, depth)  # fmt: skip
        else:
            for i in range(0, rows, ROWS):
                half_tile(out, at + i * step + j, step, start, start_at + i * start_step + j, start_step,
                          a, a_at + i * a_step, a_step, 1, b, panel, LANES, depth)  # fmt: skip


@nopython
def backward_cells(mem: Memory, first: int, last: int, packing: Packing, gradient: np.ndarray) -> None:
    """Add to `gradient` what comes through cells last - 1 to first, given the slopes by their outputs.

    These stand in the zone mem.slopes, row by row, and are used up.
    """
    x, rows = mem.scratch, packing.offsets[-1]
    for k in range(last - 1, first - 1, -1):
        into, back, cell = mem.layers[2 * k], mem.layers[2 * k + 1], mem.cells[k]
        slopes_in, step = mem.slopes, cell[OUT_STEP]
        if cell[KIND] != LINEAR:
            slopes_in, step = cell[SLOPES_IN], back[TO_STEP]
            _through_time(mem, k, packing)
            add_columns(gradient, back[BIAS], x, cell[SLOPES_BACK], step, back[ACROSS], rows)
            add_outer_products(x, back, cell[SLOPES_BACK], rows, gradient)
        add_columns(gradient, into[BIAS], x, slopes_in, step, into[ACROSS], rows)
        add_outer_products(x, into, slopes_in, rows, gradient)
        if k > first:
            multiply(
                x, mem.slopes, cell[OUT_STEP], into[DEPTH],
                x, 0,
                x, slopes_in, step, into[ACROSS],
                mem.turned, into[TURNED], into[ACROSS], rows,
            )  # fmt: skip


@nopython
def _through_time(mem: Memory, k: int, packing: Packing) -> None:
    """From the slopes by outputs to those by the gates' sums, from the last step to the first."""
    x, back, cell, offsets = mem.scratch, mem.layers[2 * k + 1], mem.cells[k], packing.offsets
    step, reached = cell[OUT_STEP], 0
    for t in range(len(offsets) - 2, -1, -1):
        row, rows = offsets[t], offsets[t + 1] - offsets[t]
        for at in range(reached * step, rows * step):  # sequences that end with this step are told nothing from later
            x[mem.carry_h + at] = ZERO
            x[mem.carry_c + at] = ZERO
        reached = rows
        if cell[KIND] == LSTM:
            unstep_lstm(mem, k, row, rows)
        else:
            unstep_gru(mem, k, row, rows)
        if t > 0:
            multiply(
                x, mem.carry_h, step, back[DEPTH],
                x, 0,
                x, cell[SLOPES_BACK] + row * back[TO_STEP], back[TO_STEP], back[ACROSS],
                mem.turned, back[TURNED], back[ACROSS], rows,
            )  # fmt: skip
            _carry(mem, k, packing, t)


@nopython
def _carry(mem: Memory, k: int, packing: Packing, t: int) -> None:
    """Finish what step t tells the one before: nothing where it begins an episode."""
    x, cell, row = mem.scratch, mem.cells[k], packing.offsets[t]
    for r in range(packing.offsets[t + 1] - row):
        at, keep = r * cell[OUT_STEP], np.float32(1.0) - packing.starts[row + r]
        for j in range(at, at + cell[WIDTH], LANES):
            direct = load(x, mem.carry_c + j)
            if cell[KIND] == LSTM:
                store(x, mem.carry_h + j, load(x, mem.carry_h + j) * keep)
                store(x, mem.carry_c + j, direct * keep)
            else:
                store(x, mem.carry_h + j, (load(x, mem.carry_h + j) + direct) * keep)
                store(x, mem.carry_c + j, 0.0)
