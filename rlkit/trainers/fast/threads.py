"""One epoch with several threads to a minibatch, for minibatches that take milliseconds: wide networks, large batches.

Every thread works on its own share of the rows with scratch memory and a gradient of its own. Threads are Python's and
wait by sleeping, so on a busy machine they cost little; numba's own would spin, and abort when two trainings meet.
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from rlkit.trainers.fast.compiled import entry
from rlkit.trainers.fast.layout import CHUNK, Network, aligned
from rlkit.trainers.fast.network import turn
from rlkit.trainers.fast.simd import LANES, load, store
from rlkit.trainers.fast.update import (
    LAST_KL,
    N_SUMS,
    Adam,
    Samples,
    Settings,
    count,
    differentiate_rows,
    scaling,
    step,
    train_epoch,
)

WORTH_ROWS_TIMES_WEIGHTS = 2**23  # of a minibatch: about 0.3 ms of work, against 0.05 ms to share it out
TRIAL_ROUNDS = 5  # of each number of threads, in turns
TRIAL_GAIN = 1.15  # times as fast, or more threads are not worth what they take from others


def quicker(run: Callable[[int], None], n_threads: int) -> int:
    """n_threads where a piece of the real work, run(n_threads), is clearly quicker than run(1) at this moment; else 1.

    Whether more threads pay depends on the work, the machine and what else it does, so nothing is assumed. The median
    of the rounds decides.
    """
    if n_threads == 1:
        return 1

    def seconds(n: int) -> float:
        start = time.perf_counter()
        run(n)
        return time.perf_counter() - start

    rounds = [(seconds(1), seconds(n_threads)) for _ in range(1 + TRIAL_ROUNDS)]
    gains = [one / many for one, many in rounds[1:]]  # the first warms up
    return n_threads if statistics.median(gains) > TRIAL_GAIN else 1


class Team:
    """n_threads threads and the memory they need for one network."""

    def __init__(self, network: Network, n_threads: int) -> None:
        mates = [network._replace(scratch=aligned(len(network.scratch))) for _ in range(n_threads - 1)]
        self._networks = [network, *mates]
        self._gradients = tuple(aligned(len(network.weights)) for _ in mates)
        self._pool = ThreadPoolExecutor(n_threads - 1, "rlkit.PPO") if mates else None

    def shares(self, batch_size: int) -> bool:
        """Whether minibatches of this size are shared out."""
        return self._pool is not None and batch_size * len(self._networks[0].weights) >= WORTH_ROWS_TIMES_WEIGHTS

    def train_epoch(
        self, samples: Samples, order: np.ndarray, adam: Adam, settings: Settings, steps: int, metrics: np.ndarray
    ) -> int:
        """`update.train_epoch`, shared out where that pays; the number of threads decides the order of the sums."""
        network = self._networks[0]
        if not self.shares(min(settings.batch_size, len(order))):
            return train_epoch(network, samples, order, adam, settings, steps, metrics)
        metrics[:] = 0.0
        _turn(network)
        for start in range(0, len(order), settings.batch_size):
            batch = order[start : start + settings.batch_size]
            sums = self.differentiate(samples, batch, adam.gradient, settings)
            if _finish(network, adam, self._gradients, sums, len(batch), settings, steps + 1, metrics):
                break
            steps += 1
        return steps

    def differentiate(
        self, samples: Samples, batch: np.ndarray, gradient: np.ndarray, settings: Settings
    ) -> np.ndarray:
        """Losses (n_threads, N_SUMS) of a minibatch, summed over each thread's rows; the gradients are replaced."""
        mean_scale = _scaling(samples, batch, settings.normalize_advantage)
        share = -(-len(batch) // (len(self._networks) * CHUNK)) * CHUNK  # whole chunks, the last thread has the rest
        sums = np.zeros((len(self._networks), N_SUMS))
        arguments = [
            (network, samples, batch[i * share : (i + 1) * share], *mean_scale, len(batch), own, settings, sums[i])
            for i, (network, own) in enumerate(zip(self._networks, (gradient, *self._gradients), strict=True))
        ]
        others = [self._pool.submit(_differentiate_share, *each) for each in arguments[1:]]
        _differentiate_share(*arguments[0])
        for other in others:
            other.result()
        return sums


@entry
def _turn(net: Network) -> None:
    turn(net)


@entry
def _scaling(samples: Samples, batch: np.ndarray, normalize: bool) -> tuple[float, float]:
    return scaling(samples, batch, normalize)


@entry
def _differentiate_share(
    net: Network,
    samples: Samples,
    rows: np.ndarray,
    mean: float,
    scale: float,
    batch_size: int,
    gradient: np.ndarray,
    settings: Settings,
    sums: np.ndarray,
) -> None:
    gradient[:] = 0
    mean, scale = np.float32(mean), np.float32(scale)  # the types of `update.differentiate_loss`: compiled only once
    differentiate_rows(net, samples, rows, mean, scale, 1.0 / batch_size, gradient, settings, sums)


@entry
def _finish(
    net: Network,
    adam: Adam,
    others: tuple[np.ndarray, ...],
    sums: np.ndarray,
    size: int,
    settings: Settings,
    steps: int,
    metrics: np.ndarray,
) -> bool:
    """Whether approx_kl passed its limit; if not, the threads' gradients are summed and Adam does its step."""
    whole = np.zeros(N_SUMS)
    for part in sums:
        whole += part
    count(whole, size, settings, metrics)
    if metrics[LAST_KL] > settings.kl_limit:
        return True
    for other in others:
        for i in range(0, len(other), LANES):
            store(adam.gradient, i, load(adam.gradient, i) + load(other, i))
    step(net, adam, settings.max_grad_norm, steps)
    turn(net)
    return False
