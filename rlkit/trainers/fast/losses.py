"""PPO's two losses on a chunk of rows: their sums, and their derivatives where `backward` looks for them.

The torch twin is `train` in stable_baselines3/ppo/ppo.py.
"""

import numpy as np

from rlkit.trainers.fast.compiled import nopython
from rlkit.trainers.fast.functions import exp
from rlkit.trainers.fast.layout import (
    ADVANTAGE,
    CHUNK,
    D_LOG_PROB,
    ENTROPY,
    LOG_PROB,
    OLD_LOG_PROB,
    OLD_VALUE,
    OUT_STEP,
    OUTPUT,
    RETURN,
    Network,
)
from rlkit.trainers.fast.simd import (
    LANES,
    UNIT,
    larger,
    load,
    magnitude,
    smaller,
    splat,
    store,
    total,
    where_at_most,
    where_less,
)

ZERO, TWO = np.float32(0.0), np.float32(2.0)


@nopython
def policy_loss(net: Network, rows: int, clip_range: float, share: float) -> tuple[float, float, float, float]:
    """(loss, entropy, approx_kl, clip_fraction) summed over rows; their derivative by log_prob into D_LOG_PROB.

    share: 1 / batch size, which the derivative takes in. Rows up to the next multiple of LANES hold zeros.
    """
    at, x = net.per_row, net.scratch
    losses, entropies, kls, clips = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    low, high = np.float32(1.0 - clip_range), np.float32(1.0 + clip_range)
    for i in range(at, at + rows, LANES):
        log_ratio = load(x, i + LOG_PROB * CHUNK) - load(x, i + OLD_LOG_PROB * CHUNK)
        ratio, advantage = exp(log_ratio), load(x, i + ADVANTAGE * CHUNK)
        free, clipped = advantage * ratio, advantage * larger(smaller(ratio, high), low)
        losses = losses - where_at_most(free, clipped, free, clipped)
        entropies = entropies + load(x, i + ENTROPY * CHUNK)
        kls = kls + ((ratio - 1.0) - log_ratio)
        clips = clips + where_less(splat(clip_range), magnitude(ratio - 1.0), splat(1.0), splat(0.0))
        slope = where_at_most(free, clipped, free * (0.0 - share), splat(0.0))  # no slope where the ratio is clipped
        store(x, i + D_LOG_PROB * CHUNK, slope)
    return total(losses), total(entropies), total(kls), total(clips)


@nopython
def value_loss(net: Network, rows: int, clip_range: float, slope: float) -> float:
    """Squared errors of the values, summed over rows; their derivative, times `slope`, into `slopes`.

    clip_range: how far from its old value a value may count, infinity for any.
    """
    at, x, head = net.per_row, net.scratch, net.layers[len(net.layers) - 1]
    losses = ZERO
    for i in range(rows):
        value = x[head[OUTPUT] + i * head[OUT_STEP]]
        inside = True
        if clip_range < np.inf:
            old = x[at + OLD_VALUE * CHUNK + i]
            inside = abs(value - old) <= clip_range
            value = old + min(max(value - old, -clip_range), clip_range)
        error = value - x[at + RETURN * CHUNK + i]
        losses += error * error
        for j in range(0, UNIT, LANES):
            store(x, net.slopes + i * head[OUT_STEP] + j, 0.0)
        x[net.slopes + i * head[OUT_STEP]] = TWO * slope * error if inside else ZERO
    return losses
