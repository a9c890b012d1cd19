"""Action distributions of a chunk of rows, from the policy's outputs in scratch memory: SB3's formulas.

`prepare` comes first, then `choose` (in a rollout; an update puts the actions in place), `score` and `differentiate`.
Between them the policy's outputs are log-probabilities (categorical) or stay as they are, and the zone `slopes` holds
probabilities. The torch twins are in stable_baselines3/common/distributions.py.
"""

import math

import numpy as np

from rlkit.trainers.fast.compiled import inlined, nopython
from rlkit.trainers.fast.functions import exp
from rlkit.trainers.fast.layout import (
    BERNOULLI,
    CATEGORICAL,
    CHUNK,
    D_LOG_PROB,
    ENTROPY,
    LOG_PROB,
    N_OUT,
    OUT_STEP,
    OUTPUT,
    WIDTH,
    Network,
)
from rlkit.trainers.fast.simd import LANES, load, magnitude, store

HALF_LOG_2_PI = np.float32(0.5 * math.log(2 * math.pi))
ZERO, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)


@nopython
def prepare(net: Network, rows: int) -> None:
    """Probabilities into `slopes` and entropies into their column."""
    if net.kind == CATEGORICAL:
        _softmax(net, rows)
    elif net.kind == BERNOULLI:
        _sigmoid(net, rows)
    else:
        entropy = ZERO
        for a in range(net.n_actions):
            entropy += HALF + HALF_LOG_2_PI + net.weights[net.log_std + a]
        for i in range(rows):
            net.scratch[net.per_row + ENTROPY * CHUNK + i] = entropy


@nopython
def _softmax(net: Network, rows: int) -> None:
    """Categorical: logits become log-probabilities, `slopes` probabilities, segment by segment."""
    x, head, segments = net.scratch, net.layers[net.n_policy - 1], net.segments
    step = head[OUT_STEP]
    for i in range(rows):
        z = head[OUTPUT] + i * step
        for s in range(len(segments) - 1):
            top = x[z + segments[s]]
            for a in range(z + segments[s] + 1, z + segments[s + 1]):
                top = max(top, x[a])
            for a in range(z + segments[s], z + segments[s + 1]):
                x[a] -= top
    for i in range(rows):  # a loop of its own: reading wide what was just written narrow would wait for the writes
        for j in range(0, head[WIDTH], LANES):
            store(x, net.slopes + i * step + j, exp(load(x, head[OUTPUT] + i * step + j)))
    for i in range(rows):
        z, p, entropy = head[OUTPUT] + i * step, net.slopes + i * step, ZERO
        for s in range(len(segments) - 1):
            whole = ZERO
            for a in range(segments[s], segments[s + 1]):
                whole += x[p + a]
            share, log_whole = ONE / whole, np.log(whole)
            for a in range(segments[s], segments[s + 1]):
                x[z + a] -= log_whole
                x[p + a] *= share
                entropy -= x[p + a] * x[z + a]
        x[net.per_row + ENTROPY * CHUNK + i] = entropy


@nopython
def _sigmoid(net: Network, rows: int) -> None:
    """Bernoulli: `slopes` become the probabilities of a 1."""
    x, head = net.scratch, net.layers[net.n_policy - 1]
    step = head[OUT_STEP]
    for i in range(rows):
        for j in range(0, head[WIDTH], LANES):
            store(x, net.slopes + i * step + j, exp(0.0 - magnitude(load(x, head[OUTPUT] + i * step + j))))
    for i in range(rows):
        entropy = ZERO
        for a in range(net.n_actions):
            z, e = x[head[OUTPUT] + i * step + a], x[net.slopes + i * step + a]
            p = (ONE if z >= ZERO else e) / (ONE + e)
            entropy += max(z, ZERO) + np.log1p(e) - z * p
            x[net.slopes + i * step + a] = p
        x[net.per_row + ENTROPY * CHUNK + i] = entropy


@nopython
def choose(net: Network, noise: np.ndarray, first: int, rows: int) -> None:
    """Draw actions; noise (n, n_actions) from row `first`: uniform in [0, 1), for a Gaussian standard normal."""
    x, head = net.scratch, net.layers[net.n_policy - 1]
    for i in range(rows):
        z, p = head[OUTPUT] + i * head[OUT_STEP], net.slopes + i * head[OUT_STEP]
        action = net.actions + i * net.n_actions
        for a in range(net.n_actions):
            u = noise[first + i, a]
            if net.kind == CATEGORICAL:
                x[action + a] = _drawn(x, p, net.segments[a], net.segments[a + 1], u)
            elif net.kind == BERNOULLI:
                x[action + a] = ONE if u < x[p + a] else ZERO
            else:
                x[action + a] = x[z + a] + u * np.exp(net.weights[net.log_std + a])


@inlined
def _drawn(x: np.ndarray, p: int, start: int, stop: int, u: float) -> float:
    """The action of one categorical whose share of [0, 1) holds u."""
    below = ZERO
    for a in range(start, stop - 1):
        below += x[p + a]
        if u < below:
            return np.float32(a - start)
    return np.float32(stop - 1 - start)


@nopython
def score(net: Network, rows: int) -> None:
    """Log-probabilities of the chunk's actions into their column."""
    x, head = net.scratch, net.layers[net.n_policy - 1]
    for i in range(rows):
        z, action = head[OUTPUT] + i * head[OUT_STEP], net.actions + i * net.n_actions
        log_prob = ZERO
        for a in range(net.n_actions):
            if net.kind == CATEGORICAL:
                log_prob += x[z + net.segments[a] + int(x[action + a])]
            elif net.kind == BERNOULLI:
                log_prob += x[action + a] * x[z + a] - max(x[z + a], ZERO) - np.log1p(np.exp(-abs(x[z + a])))
            else:
                log_std = net.weights[net.log_std + a]
                t = (x[action + a] - x[z + a]) * np.exp(-log_std)
                log_prob -= HALF * t * t + log_std + HALF_LOG_2_PI
        x[net.per_row + LOG_PROB * CHUNK + i] = log_prob


@nopython
def differentiate(net: Network, rows: int, bonus: float, gradient: np.ndarray) -> None:
    """The loss's derivative by the policy's outputs into `slopes`; by log_std it is added to `gradient`.

    The loss is D_LOG_PROB * log_prob - bonus * entropy, summed over rows; bonus is ent_coef / batch size.
    """
    if net.kind == CATEGORICAL:
        _differentiate_categorical(net, rows, bonus)
    elif net.kind == BERNOULLI:
        _differentiate_bernoulli(net, rows, bonus)
    else:
        _differentiate_gaussian(net, rows, bonus, gradient)
    x, head = net.scratch, net.layers[net.n_policy - 1]
    for i in range(rows):
        for a in range(head[N_OUT], head[WIDTH]):
            x[net.slopes + i * head[OUT_STEP] + a] = ZERO


@nopython
def _differentiate_categorical(net: Network, rows: int, bonus: float) -> None:
    x, head, segments = net.scratch, net.layers[net.n_policy - 1], net.segments
    for i in range(rows):
        z, p = head[OUTPUT] + i * head[OUT_STEP], net.slopes + i * head[OUT_STEP]
        action, d = net.actions + i * net.n_actions, x[net.per_row + D_LOG_PROB * CHUNK + i]
        for s in range(len(segments) - 1):
            entropy = ZERO
            for a in range(segments[s], segments[s + 1]):
                entropy -= x[p + a] * x[z + a]
            for a in range(segments[s], segments[s + 1]):
                x[p + a] *= bonus * (x[z + a] + entropy) - d
            x[p + segments[s] + int(x[action + s])] += d


@nopython
def _differentiate_bernoulli(net: Network, rows: int, bonus: float) -> None:
    x, head = net.scratch, net.layers[net.n_policy - 1]
    for i in range(rows):
        z, p = head[OUTPUT] + i * head[OUT_STEP], net.slopes + i * head[OUT_STEP]
        action, d = net.actions + i * net.n_actions, x[net.per_row + D_LOG_PROB * CHUNK + i]
        for a in range(net.n_actions):
            q = x[p + a]
            x[p + a] = d * (x[action + a] - q) + bonus * x[z + a] * q * (ONE - q)


@nopython
def _differentiate_gaussian(net: Network, rows: int, bonus: float, gradient: np.ndarray) -> None:
    x, head = net.scratch, net.layers[net.n_policy - 1]
    for a in range(net.n_actions):
        inverse = np.exp(-net.weights[net.log_std + a])
        for i in range(rows):
            d = x[net.per_row + D_LOG_PROB * CHUNK + i]
            t = (x[net.actions + i * net.n_actions + a] - x[head[OUTPUT] + i * head[OUT_STEP] + a]) * inverse
            x[net.slopes + i * head[OUT_STEP] + a] = d * t * inverse
            gradient[net.log_std + a] += d * (t * t - ONE) - bonus
