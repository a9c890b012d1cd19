"""One step of LSTM and GRU cells on neighbouring rows, and the way back: torch.nn.LSTM's and torch.nn.GRU's formulas.

Arguments named `row` count rows of a minibatch from its beginning; the products with the weights are in `memory.py`.
"""

from rlkit.trainers.fast.compiled import nopython
from rlkit.trainers.fast.functions import sigmoid, tanh
from rlkit.trainers.fast.layout import OUTPUT
from rlkit.trainers.fast.simd import LANES, load, store
from rlkit.trainers.recurrent.layout import (
    GATES,
    GATES_STEP,
    OUT,
    OUT_STEP,
    PREVIOUS_C,
    PREVIOUS_H,
    SLOPES_BACK,
    SLOPES_IN,
    STATE,
    STATE_TANH,
    WIDTH,
    Memory,
)


@nopython
def step_lstm(mem: Memory, k: int, row: int, rows: int) -> None:
    """Gates from their sums, then c = f c' + i g and h = o tanh(c)."""
    x, cell = mem.scratch, mem.cells[k]
    width = cell[WIDTH]
    for r in range(row, row + rows):
        gates, state = cell[GATES] + r * cell[GATES_STEP], r * cell[OUT_STEP]
        for j in range(0, width, LANES):
            i, f = sigmoid(load(x, gates + j)), sigmoid(load(x, gates + width + j))
            g, o = tanh(load(x, gates + 2 * width + j)), sigmoid(load(x, gates + 3 * width + j))
            c = f * load(x, cell[PREVIOUS_C] + state + j) + i * g
            bent = tanh(c)
            store(x, gates + j, i)
            store(x, gates + width + j, f)
            store(x, gates + 2 * width + j, g)
            store(x, gates + 3 * width + j, o)
            store(x, cell[STATE] + state + j, c)
            store(x, cell[STATE_TANH] + state + j, bent)
            store(x, cell[OUT] + state + j, o * bent)


@nopython
def step_gru(mem: Memory, k: int, row: int, rows: int) -> None:
    """r and z from their sums, n = tanh(in + r back) and h = (1 - z) n + z h'; `back` is kept as the cell's state."""
    x, cell, sums = mem.scratch, mem.cells[k], mem.layers[2 * k][OUTPUT]
    width = cell[WIDTH]
    for at in range(row, row + rows):
        gates, state = cell[GATES] + at * cell[GATES_STEP], at * cell[OUT_STEP]
        new = sums + at * cell[GATES_STEP] + 2 * width
        for j in range(0, width, LANES):
            r, z = sigmoid(load(x, gates + j)), sigmoid(load(x, gates + width + j))
            back = load(x, gates + 2 * width + j)
            n = tanh(load(x, new + j) + r * back)
            store(x, gates + j, r)
            store(x, gates + width + j, z)
            store(x, gates + 2 * width + j, n)
            store(x, cell[STATE] + state + j, back)
            store(x, cell[OUT] + state + j, n + z * (load(x, cell[PREVIOUS_H] + state + j) - n))


@nopython
def unstep_lstm(mem: Memory, k: int, row: int, rows: int) -> None:
    """Slopes by the gates' sums, from those by h in `mem.slopes` and by the states carried; c's is carried on."""
    x, cell = mem.scratch, mem.cells[k]
    width = cell[WIDTH]
    for r in range(rows):
        at, state = row + r, (row + r) * cell[OUT_STEP]
        gates, slopes = cell[GATES] + at * cell[GATES_STEP], cell[SLOPES_IN] + at * cell[GATES_STEP]
        carry = r * cell[OUT_STEP]
        for j in range(0, width, LANES):
            i, f = load(x, gates + j), load(x, gates + width + j)
            g, o = load(x, gates + 2 * width + j), load(x, gates + 3 * width + j)
            bent = load(x, cell[STATE_TANH] + state + j)
            dh = load(x, mem.slopes + state + j) + load(x, mem.carry_h + carry + j)
            dc = load(x, mem.carry_c + carry + j) + dh * o * (1.0 - bent * bent)
            store(x, slopes + j, dc * g * i * (1.0 - i))
            store(x, slopes + width + j, dc * load(x, cell[PREVIOUS_C] + state + j) * f * (1.0 - f))
            store(x, slopes + 2 * width + j, dc * i * (1.0 - g * g))
            store(x, slopes + 3 * width + j, dh * bent * o * (1.0 - o))
            store(x, mem.carry_c + carry + j, dc * f)


@nopython
def unstep_gru(mem: Memory, k: int, row: int, rows: int) -> None:
    """Slopes by the gates' sums on the input's and the state's side; z's direct share of h' is put into `carry_c`."""
    x, cell = mem.scratch, mem.cells[k]
    width = cell[WIDTH]
    for sequence in range(rows):
        at, state = (row + sequence) * cell[GATES_STEP], (row + sequence) * cell[OUT_STEP]
        gates, carry = cell[GATES] + at, sequence * cell[OUT_STEP]
        for j in range(0, width, LANES):
            r, z, n = load(x, gates + j), load(x, gates + width + j), load(x, gates + 2 * width + j)
            dh = load(x, mem.slopes + state + j) + load(x, mem.carry_h + carry + j)
            dn = dh * (1.0 - z) * (1.0 - n * n)
            dz = dh * (load(x, cell[PREVIOUS_H] + state + j) - n) * z * (1.0 - z)
            dr = dn * load(x, cell[STATE] + state + j) * r * (1.0 - r)
            for side in (cell[SLOPES_IN], cell[SLOPES_BACK]):
                store(x, side + at + j, dr)
                store(x, side + at + width + j, dz)
            store(x, cell[SLOPES_IN] + at + 2 * width + j, dn)
            store(x, cell[SLOPES_BACK] + at + 2 * width + j, dn * r)
            store(x, mem.carry_c + carry + j, dh * z)
