"""DQN's native work: greedy actions for all envs, and any number of gradient steps, in one call each.

The torch twin is `train` in stable_baselines3/dqn/dqn.py with torch.optim.Adam; on the same transitions the results
agree to float32's rounding. The network is a `Network` with a Q net in the policy net's place and no value net.
"""

from typing import NamedTuple

import numpy as np

from rlkit.trainers.fast.compiled import entry, nopython
from rlkit.trainers.fast.layout import CHUNK, N_OUT, OUT_STEP, OUTPUT, RETURN, WIDTH, Network
from rlkit.trainers.fast.network import backward, forward, take_row, turn
from rlkit.trainers.fast.simd import LANES, store
from rlkit.trainers.fast.update import Adam, step

ZERO, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)


class Transitions(NamedTuple):
    """Steps to learn from; float32 where nothing else is said."""

    observations: np.ndarray  # (n, n_inputs)
    next_observations: np.ndarray  # (n, n_inputs)
    actions: np.ndarray  # int64 (n,)
    rewards: np.ndarray  # (n,)
    dones: np.ndarray  # (n,), 1 where an episode ended
    timeouts: np.ndarray  # (n,), 1 where the clock ended it, so that the future still counts
    discounts: np.ndarray  # (n,), or (1,) for all


@entry
def greedy(net: Network, observations: np.ndarray, actions: np.ndarray) -> None:
    """Fill actions, int64 (n,), with those of the highest Q value for observations, float32 (n, n_inputs)."""
    for start in range(0, len(observations), CHUNK):
        n_rows = min(CHUNK, len(observations) - start)
        for i in range(n_rows):
            take_row(net, i, observations, start + i)
        forward(net, 0, net.n_policy, n_rows)
        for i in range(n_rows):
            actions[start + i] = best_action(net, i)


@entry
def learn(
    net: Network,
    target: Network,
    data: Transitions,
    rows: np.ndarray,
    adam: Adam,
    max_grad_norm: float,
    steps: int,
    losses: np.ndarray,
) -> int:
    """Number of Adam steps done so far, after one on each minibatch, that is row of `rows`; `steps` were done before.

    rows: int64 (gradient_steps, batch_size), which transitions; losses: float64 (gradient_steps,), filled.
    """
    for k in range(len(rows)):
        turn(net)
        adam.gradient[:] = 0
        losses[k] = differentiate(net, target, data, rows[k], adam.gradient)
        steps += 1
        step(net, adam, max_grad_norm, steps)
    return steps


@nopython
def differentiate(net: Network, target: Network, data: Transitions, batch: np.ndarray, gradient: np.ndarray) -> float:
    """A minibatch's mean Huber loss; its derivative is added to `gradient`."""
    share, loss = np.float32(1.0 / len(batch)), ZERO
    for start in range(0, len(batch), CHUNK):
        chunk = batch[start : start + CHUNK]
        bootstrap(target, data, chunk)
        for i in range(len(chunk)):
            take_row(net, i, data.observations, chunk[i])
        forward(net, 0, net.n_policy, len(chunk))
        loss += huber(net, data, chunk, share)
        backward(net, 0, net.n_policy, len(chunk), gradient)
    return loss * share


@nopython
def bootstrap(target: Network, data: Transitions, chunk: np.ndarray) -> None:
    """What each Q value should be, reward + discount * highest Q value of what follows, into the column RETURN."""
    for i in range(len(chunk)):
        take_row(target, i, data.next_observations, chunk[i])
    forward(target, 0, target.n_policy, len(chunk))
    head = target.layers[target.n_policy - 1]
    for i in range(len(chunk)):
        row = chunk[i]
        value = target.scratch[head[OUTPUT] + i * head[OUT_STEP] + best_action(target, i)]
        goes_on = ONE - data.dones[row] * (ONE - data.timeouts[row])
        future = goes_on * data.discounts[row % len(data.discounts)] * value
        target.scratch[target.per_row + RETURN * CHUNK + i] = data.rewards[row] + future


@nopython
def huber(net: Network, data: Transitions, chunk: np.ndarray, share: float) -> float:
    """torch's smooth_l1_loss (d^2 / 2 up to |d| = 1, then |d| - 1 / 2) summed; its derivative goes to `slopes`."""
    head, loss = net.layers[net.n_policy - 1], ZERO
    for i in range(len(chunk)):
        action, at = data.actions[chunk[i]], i * head[OUT_STEP]
        for j in range(0, head[WIDTH], LANES):
            store(net.scratch, net.slopes + at + j, 0.0)
        error = net.scratch[head[OUTPUT] + at + action] - net.scratch[net.per_row + RETURN * CHUNK + i]
        size = abs(error)
        loss += HALF * error * error if size < ONE else size - HALF
        net.scratch[net.slopes + at + action] = share * min(max(error, -ONE), ONE)
    return loss


@nopython
def best_action(net: Network, i: int) -> int:
    """The first output of row i that is as high as any."""
    head = net.layers[net.n_policy - 1]
    at, best = head[OUTPUT] + i * head[OUT_STEP], 0
    for action in range(1, head[N_OUT]):
        if net.scratch[at + action] > net.scratch[at + best]:
            best = action
    return best
