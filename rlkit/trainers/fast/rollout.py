"""A rollout's share of native work: actions for all rows in one call, values, and advantages."""

import numpy as np

from rlkit.trainers.fast.compiled import entry, nopython
from rlkit.trainers.fast.heads import choose, prepare, score
from rlkit.trainers.fast.layout import CHUNK, LOG_PROB, OUT_STEP, OUTPUT, Network
from rlkit.trainers.fast.network import forward, take_row


@entry
def act(
    net: Network,
    observations: np.ndarray,
    noise: np.ndarray,
    actions: np.ndarray,
    values: np.ndarray,
    log_probs: np.ndarray,
) -> None:
    """Fill actions (n, n_actions), values and log_probs (n,) for observations (n, n_inputs); all float32.

    noise (n, n_actions): uniform in [0, 1), or standard normal for a Gaussian. The torch twin is `forward` in
    stable_baselines3/common/policies.py, with its sampling done by `noise`.
    """
    for start in range(0, len(observations), CHUNK):
        rows = _enter(net, observations, start)
        forward(net, 0, net.n_policy, rows)
        prepare(net, rows)
        choose(net, noise, start, rows)
        score(net, rows)
        for i in range(rows):
            log_probs[start + i] = net.scratch[net.per_row + LOG_PROB * CHUNK + i]
            for a in range(net.n_actions):
                actions[start + i, a] = net.scratch[net.actions + i * net.n_actions + a]
        _value(net, start, rows, values)


@entry
def value(net: Network, observations: np.ndarray, values: np.ndarray) -> None:
    """Fill values (n,) for observations (n, n_inputs), float32; SB3's `predict_values`."""
    for start in range(0, len(observations), CHUNK):
        _value(net, start, _enter(net, observations, start), values)


@nopython
def _enter(net: Network, observations: np.ndarray, start: int) -> int:
    """Copy a chunk of observations into scratch memory; its number of rows."""
    rows = min(CHUNK, len(observations) - start)
    for i in range(rows):
        take_row(net, i, observations, start + i)
    return rows


@nopython
def _value(net: Network, start: int, rows: int, values: np.ndarray) -> None:
    forward(net, net.n_policy, len(net.layers), rows)
    head = net.layers[len(net.layers) - 1]
    for i in range(rows):
        values[start + i] = net.scratch[head[OUTPUT] + i * head[OUT_STEP]]


@entry
def gae(
    rewards: np.ndarray,
    values: np.ndarray,
    episode_starts: np.ndarray,
    last_values: np.ndarray,
    dones: np.ndarray,
    gamma: float,
    gae_lambda: float,
    advantages: np.ndarray,
) -> None:
    """Fill advantages by GAE(lambda), arXiv:1506.02438 eq. 16; all float32 (n_steps, n_envs).

    last_values float32 and dones bool, (n_envs,), belong to the step after the last. The twin is
    `compute_returns_and_advantage` in stable_baselines3/common/buffers.py.
    """
    gamma, decay = np.float32(gamma), np.float32(gamma * gae_lambda)
    n_steps, n_envs = rewards.shape
    for t in range(n_steps - 1, -1, -1):
        for env in range(n_envs):
            last = t == n_steps - 1
            goes_on = np.float32(1.0) - (np.float32(dones[env]) if last else episode_starts[t + 1, env])
            following = last_values[env] if last else values[t + 1, env]
            later = np.float32(0.0) if last else advantages[t + 1, env]
            delta = rewards[t, env] + gamma * following * goes_on - values[t, env]
            advantages[t, env] = delta + decay * goes_on * later
