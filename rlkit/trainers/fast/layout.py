"""Where everything lies: two networks, their gradient and the work of one chunk of rows in a few flat arrays.

Weights are kept transposed and cut into panels, PANEL outputs wide (the last may be LANES wide): inside a panel, the
weights of one input to its PANEL outputs stand next to each other, so that a product reads them in order. Widths are
padded with zeros to UNIT, which stay zero through a training because their gradient is zero.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rlkit.trainers.fast.simd import PANEL, ROWS, UNIT

CHUNK = 64  # rows worked on at a time: their activations fit the second-level cache, for layers up to 512 wide
CATEGORICAL, BERNOULLI, GAUSSIAN = range(3)  # kinds of action distribution

# Columns of `Network.layers`; places count floats
N_IN, N_OUT, DEPTH, WIDTH = range(4)  # sizes as in torch; N_IN padded to whole tiles, N_OUT padded to UNIT
WEIGHT, BIAS, TURNED = range(4, 7)  # places in `weights`; place in `turned`, -1 for a first layer
INPUT, IN_STEP, OUTPUT, OUT_STEP = range(7, 11)  # places in `scratch` of a row's input and output; floats between rows
HIDDEN = 11  # 1 where the activation follows, 0 for a head

# Columns, CHUNK floats each, of `Network.per_row` in `scratch`
ADVANTAGE, RETURN, OLD_LOG_PROB, OLD_VALUE, LOG_PROB, ENTROPY, D_LOG_PROB, N_PER_ROW = range(8)


class Network(NamedTuple):
    """A policy net (layers 0 to n_policy - 1) and a value net (the others) with the memory to run them."""

    layers: np.ndarray  # int64 (n_layers, 12), see the columns above
    segments: np.ndarray  # int64: where each categorical begins among the policy's outputs, and the end of the last
    n_policy: int
    n_actions: int  # numbers in one action
    kind: int  # of action distribution
    relu: bool  # else tanh
    log_std: int  # place in `weights` of a Gaussian's n_actions log standard deviations
    per_row: int  # places in `scratch`: of the columns above,
    actions: int  # of the chunk's actions, n_actions a row,
    slopes: int  # and of two zones for the loss's derivative by a layer's output
    other_slopes: int
    weights: np.ndarray  # float32, aligned, as all arrays below
    turned: np.ndarray  # weights the other way round, for the way back: panels of PANEL inputs, one row per output
    scratch: np.ndarray  # begins with PANEL zeros


class Layout(NamedTuple):
    """A Network and the place of each torch parameter in its `weights`."""

    network: Network
    places: np.ndarray  # int64: of the elements of every layer's weight and bias in turn, then of log_std


def make_layout(
    n_inputs: int,
    widths: Sequence[Sequence[int]],
    kind: int,
    segments: Sequence[int],
    n_actions: int,
    relu: bool,
    back: Sequence[int] = (),
) -> Layout:
    """Memory, all zeros, for two networks; widths: outputs of each layer of the policy net and of the value net.

    kind: CATEGORICAL with its segments' starts and their end, BERNOULLI or GAUSSIAN (segments unused). back: numbers
    of the networks that `backward` follows to their inputs, because something that learns makes these.
    """
    places: list[np.ndarray] = []
    weights, turned = Counter(), Counter()
    scratch = Counter(PANEL)
    first_input = scratch.take(CHUNK * row_step(n_inputs))
    layers = []
    for which, net in enumerate(widths):
        n_in, place = n_inputs, first_input
        for number, n_out in enumerate(net):
            turns = number > 0 or which in back
            width = up(n_out, UNIT)
            depth = up(n_in, UNIT if turns else ROWS)
            at, bias = weights.take(width * depth), weights.take(width)
            output = scratch.take(CHUNK * row_step(n_out))
            turn_at = turned.take(width * depth) if turns else -1
            hidden = int(number < len(net) - 1)
            steps = row_step(n_in), row_step(n_out)
            layers.append((n_in, n_out, depth, width, at, bias, turn_at, place, steps[0], output, steps[1], hidden))
            places += [places_of_weight(np.arange(n_out), n_in, width, depth, at), bias + np.arange(n_out)]
            n_in, place = n_out, output
    log_std = weights.take(up(n_actions, UNIT))
    if kind == GAUSSIAN:
        places.append(log_std + np.arange(n_actions))
    widest = max(max(row[10], row[8] if row[6] >= 0 else 0) for row in layers)
    zones = [scratch.take(n) for n in (N_PER_ROW * CHUNK, n_actions * CHUNK, CHUNK * widest, CHUNK * widest)]
    network = Network(
        np.array(layers),
        np.array(segments, np.int64),
        len(widths[0]),
        n_actions,
        kind,
        relu,
        log_std,
        *zones,
        aligned(weights.total),
        aligned(turned.total),
        aligned(scratch.total),
    )
    return Layout(network, np.concatenate(places))


def aligned(size: int) -> np.ndarray:
    """Zeros, float32 (size,), from a cache line's start: half of all wide loads would otherwise touch two lines."""
    memory = np.zeros(size + 16, np.float32)
    skip = -memory.ctypes.data % 64 // 4
    return memory[skip : skip + size]


def places_of_weight(columns: np.ndarray, n_in: int, width: int, depth: int, at: int) -> np.ndarray:
    """Place of each element of a torch weight (n_out, n_in), row by row; columns: where among `width` each row goes."""
    out, into = columns[:, None], np.arange(n_in)
    panel = out // PANEL * PANEL
    step = np.minimum(PANEL, width - panel)
    return (at + panel * depth + into * step + out - panel).ravel()


def up(n: int, multiple: int) -> int:
    """The least multiple from n on."""
    return -(-n // multiple) * multiple


def row_step(n: int) -> int:
    """Floats from one row to the next: padded, and for wide rows not a power of two, which would collide in caches."""
    width = up(n, UNIT)
    return width if width < 128 else width + UNIT


class Counter:
    """Hands out neighbouring zones of one array, each from a cache line's start."""

    def __init__(self, total: int = 0) -> None:
        self.total = up(total, 16)

    def take(self, size: int) -> int:
        """Where the next `size` floats lie."""
        at = self.total
        self.total += up(size, 16)
        return at
