"""Forward and backward through the layers of a Network, for one chunk of rows in its scratch memory."""

import numpy as np

from rlkit.trainers.fast.compiled import inlined, nopython
from rlkit.trainers.fast.functions import tanh
from rlkit.trainers.fast.layout import (
    BIAS,
    DEPTH,
    HIDDEN,
    IN_STEP,
    INPUT,
    N_IN,
    N_OUT,
    OUT_STEP,
    OUTPUT,
    TURNED,
    WEIGHT,
    WIDTH,
    Network,
)
from rlkit.trainers.fast.simd import LANES, PANEL, ROWS, LanesType, larger, load, splat, store, where_less
from rlkit.trainers.fast.tiles import half_tile, tile, transpose


@nopython
def turn(net: Network) -> None:
    """Renew `turned` after a change of `weights`."""
    for row in range(len(net.layers)):
        layer = net.layers[row]
        if layer[TURNED] >= 0:
            depth, width = layer[DEPTH], layer[WIDTH]
            for k in range(0, depth, LANES):
                across = min(PANEL, depth - k // PANEL * PANEL)
                to = layer[TURNED] + k // PANEL * PANEL * width + k % PANEL
                for j in range(0, width, LANES):
                    step = min(PANEL, width - j // PANEL * PANEL)
                    at = layer[WEIGHT] + j // PANEL * PANEL * depth + k * step + j % PANEL
                    transpose(net.turned, to + j * across, across, net.weights, at, step)


@inlined
def take_row(net: Network, i: int, observations: np.ndarray, row: int) -> None:
    """Make a row of float32 (n, n_inputs) the networks' input number i of this chunk."""
    first = net.layers[0]
    at, source, size = first[INPUT] + i * first[IN_STEP], row * first[N_IN], first[N_IN]
    whole = size - size % LANES
    for j in range(0, whole, LANES):
        store(net.scratch, at + j, load(observations, source + j))
    for j in range(whole, size):
        net.scratch[at + j] = observations[row, j]


@nopython
def forward(net: Network, first: int, last: int, rows: int) -> None:
    """Run layers first to last - 1 on `rows` rows (up to ROWS - 1 more are computed and mean nothing)."""
    for row in range(first, last):
        layer = net.layers[row]
        multiply(
            net.scratch, layer[OUTPUT], layer[OUT_STEP], layer[WIDTH],
            net.weights, layer[BIAS],
            net.scratch, layer[INPUT], layer[IN_STEP], layer[N_IN],
            net.weights, layer[WEIGHT], layer[DEPTH], rows,
        )  # fmt: skip
        if layer[HIDDEN]:
            activate(net.scratch, layer[OUTPUT], layer[OUT_STEP], layer[WIDTH], rows, net.relu)


@nopython
def backward(net: Network, first: int, last: int, rows: int, gradient: np.ndarray) -> int:
    """Add to `gradient` (laid out as `weights`) the loss's derivative, given that by layer last - 1's output.

    That stands in the zone `slopes`, rows OUT_STEP of the last layer apart, with zeros in its padding. Gives back the
    place in scratch memory of the derivative by the inputs, rows IN_STEP apart, if the layout goes back to them.
    """
    slopes, others = net.slopes, net.other_slopes
    for row in range(last - 1, first - 1, -1):
        layer = net.layers[row]
        step = layer[OUT_STEP]
        add_columns(gradient, layer[BIAS], net.scratch, slopes, step, layer[WIDTH], rows)
        add_outer_products(net.scratch, layer, slopes, rows, gradient)
        if layer[TURNED] >= 0:
            multiply(
                net.scratch, others, layer[IN_STEP], layer[DEPTH],
                net.scratch, 0,
                net.scratch, slopes, step, layer[N_OUT],
                net.turned, layer[TURNED], layer[WIDTH], rows,
            )  # fmt: skip
            slopes, others = others, slopes
        if row > first:
            deactivate(net.scratch, slopes, layer[INPUT], layer[IN_STEP], layer[DEPTH], rows, net.relu)
    return slopes


@nopython
def multiply(
    out: np.ndarray,
    at: int,
    step: int,
    width: int,
    bias: np.ndarray,
    bias_at: int,
    a: np.ndarray,
    a_at: int,
    a_step: int,
    depth: int,
    b: np.ndarray,
    b_at: int,
    b_depth: int,
    rows: int,
) -> None:
    """out = a b + bias: out (rows, width), a (rows, depth), b in panels of b_depth rows; see `Network`.

    The bias is one row of `width` floats, or PANEL zeros at bias_at 0 of the scratch memory.
    """
    bias_move = 1 if bias_at > 0 else 0
    for j in range(0, width, PANEL):
        panel, start = b_at + j * b_depth, bias_at + j * bias_move
        if width - j >= PANEL:
            for i in range(0, rows, ROWS):
                tile(out, at + i * step + j, step, bias, start, 0,
                     a, a_at + i * a_step, a_step, 1, b, panel, PANEL, depth)  # fmt: skip
        else:
            for i in range(0, rows, ROWS):
                half_tile(out, at + i * step + j, step, bias, start, 0,
                          a, a_at + i * a_step, a_step, 1, b, panel, LANES, depth)  # fmt: skip


@nopython
def add_outer_products(scratch: np.ndarray, layer: np.ndarray, slopes: int, rows: int, gradient: np.ndarray) -> None:
    """Add input^T slopes, the derivative by a layer's weights, to its panels in `gradient`."""
    step, a, a_step = layer[OUT_STEP], layer[INPUT], layer[IN_STEP]
    for j in range(0, layer[WIDTH], PANEL):
        panel = layer[WEIGHT] + j * layer[DEPTH]
        if layer[WIDTH] - j >= PANEL:
            for k in range(0, layer[DEPTH], ROWS):
                at = panel + k * PANEL
                tile(gradient, at, PANEL, gradient, at, PANEL, scratch, a + k, 1, a_step,
                     scratch, slopes + j, step, rows)  # fmt: skip
        else:
            for k in range(0, layer[DEPTH], ROWS):
                at = panel + k * LANES
                half_tile(gradient, at, LANES, gradient, at, LANES, scratch, a + k, 1, a_step,
                          scratch, slopes + j, step, rows)  # fmt: skip


@nopython
def add_columns(out: np.ndarray, at: int, array: np.ndarray, first: int, step: int, width: int, rows: int) -> None:
    """out[at + j] += sum over rows of array[first + i * step + j]."""
    for j in range(0, width, LANES):
        sums = load(out, at + j)
        for i in range(rows):
            sums = sums + load(array, first + i * step + j)
        store(out, at + j, sums)


@nopython
def activate(array: np.ndarray, first: int, step: int, width: int, rows: int, relu: bool) -> None:
    """tanh or relu of (rows, width) numbers, in place."""
    for i in range(rows):
        for j in range(0, width, LANES):
            at = first + i * step + j
            x = load(array, at)
            store(array, at, larger(x, 0.0) if relu else tanh(x))


@nopython
def deactivate(array: np.ndarray, slopes: int, outputs: int, step: int, width: int, rows: int, relu: bool) -> None:
    """Turn the derivative by an activation's outputs into that by its inputs: times 1 - y^2, or y > 0 for relu."""
    for i in range(rows):
        for j in range(0, width, LANES):
            at = slopes + i * step + j
            slope, y = load(array, at), load(array, outputs + i * step + j)
            store(array, at, through(slope, y, relu))


@inlined
def through(slope: LanesType, y: LanesType, relu: bool) -> LanesType:
    """The derivative by an activation's input; relu's is 0 at 0, as torch has it."""
    return where_less(splat(0.0), y, slope, splat(0.0)) if relu else slope * (1.0 - y * y)
