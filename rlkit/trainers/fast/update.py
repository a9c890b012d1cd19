"""One epoch of PPO's update in one native call: every minibatch forward, backward, clipped and stepped.

The torch twin is `train` in stable_baselines3/ppo/ppo.py with torch.optim.Adam; on the same order of samples the
results agree to float32's rounding. `threads.py` does the same with several threads to a minibatch.
"""

import math
from typing import NamedTuple

import numpy as np

from rlkit.trainers.fast.compiled import entry, nopython
from rlkit.trainers.fast.heads import differentiate, prepare, score
from rlkit.trainers.fast.layout import (
    ADVANTAGE,
    CHUNK,
    D_LOG_PROB,
    ENTROPY,
    LOG_PROB,
    OLD_LOG_PROB,
    OLD_VALUE,
    RETURN,
    Network,
)
from rlkit.trainers.fast.losses import policy_loss, value_loss
from rlkit.trainers.fast.network import backward, forward, take_row, turn
from rlkit.trainers.fast.simd import LANES, load, splat, square_root, store, total

# Columns of `metrics`: sums over minibatches of SB3's means, then loss and kl of the last one and how many there were
PG_LOSS, VALUE_LOSS, ENTROPY_LOSS, APPROX_KL, CLIP_FRACTION, LAST_LOSS, LAST_KL, N_MINIBATCHES, N_METRICS = range(9)
N_SUMS = 5  # of them, those that are sums over minibatches


class Samples(NamedTuple):
    """A rollout as flat arrays, float32, sample t * n_envs + env."""

    observations: np.ndarray  # (n, n_inputs)
    actions: np.ndarray  # (n, n_actions)
    advantages: np.ndarray  # (n,), as the following
    returns: np.ndarray
    log_probs: np.ndarray
    values: np.ndarray
    n_steps: int
    n_envs: int


class Adam(NamedTuple):
    """Memory of the optimiser, laid out as `Network.weights`, and its settings."""

    gradient: np.ndarray
    exp_avg: np.ndarray
    exp_avg_sq: np.ndarray
    learning_rate: float
    beta1: float
    beta2: float
    eps: float


class Settings(NamedTuple):
    """What of PPO's arguments an update reads; infinity for a limit that is not set."""

    batch_size: int
    normalize_advantage: bool
    clip_range: float
    clip_range_vf: float
    ent_coef: float
    vf_coef: float
    max_grad_norm: float
    kl_limit: float  # 1.5 * target_kl


@entry
def train_epoch(
    net: Network, samples: Samples, order: np.ndarray, adam: Adam, settings: Settings, steps: int, metrics: np.ndarray
) -> int:
    """Number of Adam steps done so far, after an epoch that begins after `steps` of them.

    order: int64 (n,), a permutation of SB3's sample numbers, which count env by env: env * n_steps + t.
    metrics: float64 (N_METRICS,), filled. An epoch ends early, before its step, at the minibatch whose approx_kl
    passes the limit, which N_MINIBATCHES counts in.
    """
    metrics[:] = 0.0
    turn(net)
    for start in range(0, len(order), settings.batch_size):
        batch = order[start : start + settings.batch_size]
        differentiate_loss(net, samples, batch, adam.gradient, settings, metrics)
        if metrics[LAST_KL] > settings.kl_limit:
            break
        steps += 1
        step(net, adam, settings.max_grad_norm, steps)
        turn(net)
    return steps


@nopython
def differentiate_loss(
    net: Network, samples: Samples, batch: np.ndarray, gradient: np.ndarray, settings: Settings, metrics: np.ndarray
) -> None:
    """Replace `gradient` by the derivative of a minibatch's loss, and add the losses to `metrics`."""
    mean, scale = scaling(samples, batch, settings.normalize_advantage)
    sums = np.zeros(N_SUMS)
    gradient[:] = 0
    differentiate_rows(net, samples, batch, mean, scale, 1.0 / len(batch), gradient, settings, sums)
    count(sums, len(batch), settings, metrics)


@nopython
def differentiate_rows(
    net: Network,
    samples: Samples,
    batch: np.ndarray,
    mean: float,
    scale: float,
    share: float,
    gradient: np.ndarray,
    settings: Settings,
    sums: np.ndarray,
) -> None:
    """Add to `gradient` what these samples contribute, and to `sums` their losses; share: 1 / minibatch size."""
    share = np.float32(share)
    for start in range(0, len(batch), CHUNK):
        rows = min(CHUNK, len(batch) - start)
        gather(net, samples, batch[start : start + rows], mean, scale)
        forward(net, 0, net.n_policy, rows)
        prepare(net, rows)
        score(net, rows)
        loss, entropy, kl, clipped = policy_loss(net, rows, np.float32(settings.clip_range), share)
        differentiate(net, rows, np.float32(settings.ent_coef) * share, gradient)
        backward(net, 0, net.n_policy, rows, gradient)
        forward(net, net.n_policy, len(net.layers), rows)
        errors = value_loss(net, rows, np.float32(settings.clip_range_vf), np.float32(settings.vf_coef) * share)
        backward(net, net.n_policy, len(net.layers), rows, gradient)
        for i, amount in enumerate((loss, errors, -entropy, kl, clipped)):
            sums[i] += amount


@nopython
def count(sums: np.ndarray, size: int, settings: Settings, metrics: np.ndarray) -> None:
    """Take a minibatch's sums over samples into the metrics."""
    means = sums / size
    metrics[:N_SUMS] += means
    metrics[LAST_LOSS] = means[PG_LOSS] + settings.ent_coef * means[ENTROPY_LOSS] + settings.vf_coef * means[VALUE_LOSS]
    metrics[LAST_KL] = means[APPROX_KL]
    metrics[N_MINIBATCHES] += 1


@nopython
def sample_row(samples: Samples, number: int) -> int:
    """Row in `samples` of one of SB3's sample numbers."""
    return number % samples.n_steps * samples.n_envs + number // samples.n_steps


@nopython
def scaling(samples: Samples, batch: np.ndarray, normalize: bool) -> tuple[float, float]:
    """(mean, 1 / deviation) that normalise a minibatch's advantages; (0, 1) without, or for a single sample."""
    if not normalize or len(batch) < 2:
        return np.float32(0.0), np.float32(1.0)
    mean, squares = 0.0, 0.0
    for number in batch:
        mean += samples.advantages[sample_row(samples, number)]
    mean /= len(batch)
    for number in batch:
        squares += (samples.advantages[sample_row(samples, number)] - mean) ** 2
    return np.float32(mean), np.float32(1.0 / (math.sqrt(squares / (len(batch) - 1)) + 1e-8))


@nopython
def gather(net: Network, samples: Samples, batch: np.ndarray, mean: float, scale: float) -> None:
    """Copy a chunk's samples into scratch memory, observations as the networks' inputs."""
    for i in range(len(batch)):
        take_row(net, i, samples.observations, sample_row(samples, batch[i]))
    take_targets(net, samples, batch, mean, scale)


@nopython
def take_targets(net: Network, samples: Samples, batch: np.ndarray, mean: float, scale: float) -> None:
    """Copy a chunk's actions, normalised advantages and the like, and zeros up to a multiple of LANES."""
    x = net.scratch
    for i in range(len(batch)):
        row = sample_row(samples, batch[i])
        for j in range(net.n_actions):
            x[net.actions + i * net.n_actions + j] = samples.actions[row, j]
        at = net.per_row + i
        x[at + ADVANTAGE * CHUNK] = (samples.advantages[row] - mean) * scale
        x[at + RETURN * CHUNK] = samples.returns[row]
        x[at + OLD_LOG_PROB * CHUNK] = samples.log_probs[row]
        x[at + OLD_VALUE * CHUNK] = samples.values[row]
    for i in range(len(batch), -(-len(batch) // LANES) * LANES):
        for column in (ADVANTAGE, OLD_LOG_PROB, LOG_PROB, ENTROPY, D_LOG_PROB):
            x[net.per_row + column * CHUNK + i] = 0


@nopython
def step(net: Network, adam: Adam, max_grad_norm: float, steps: int) -> None:
    """Adam's step number `steps` (from 1) on the gradient clipped to a norm; arXiv:1412.6980, in torch's order."""
    weights, gradient, exp_avg, exp_avg_sq = net.weights, adam.gradient, adam.exp_avg, adam.exp_avg_sq
    clip = np.float32(min(1.0, max_grad_norm / (norm(gradient) + 1e-6)))  # torch.nn.utils.clip_grad_norm_
    keep1, keep2 = np.float32(adam.beta1), np.float32(adam.beta2)
    take1, take2 = np.float32(1.0 - adam.beta1), np.float32(1.0 - adam.beta2)
    rate = np.float32(adam.learning_rate / (1.0 - adam.beta1**steps))
    correction = np.float32(1.0 / math.sqrt(1.0 - adam.beta2**steps))
    eps = np.float32(adam.eps)
    for i in range(0, len(weights), LANES):
        g = load(gradient, i) * clip
        m = load(exp_avg, i) * keep1 + g * take1
        v = load(exp_avg_sq, i) * keep2 + g * g * take2
        store(exp_avg, i, m)
        store(exp_avg_sq, i, v)
        store(weights, i, load(weights, i) - m * rate / (square_root(v) * correction + eps))


@nopython
def norm(gradient: np.ndarray) -> float:
    """Euclidean norm, over LANES sums at a time."""
    squares, more = splat(0.0), splat(0.0)
    for i in range(0, len(gradient), 2 * LANES):
        a = load(gradient, i)
        squares = squares + a * a
        if i + LANES < len(gradient):
            b = load(gradient, i + LANES)
            more = more + b * b
    return math.sqrt(total(squares + more))
