"""A tiny problem for the adapters' tests: each row counts to a random goal by its own action."""

import os
import threading
import time

import gymnasium
import numpy as np

from rlkit.envs.batch import Batch
from rlkit.errors import EnvError

CLOCK = 7  # steps until an episode is truncated


class Counter(Batch):
    """Rows count up by their action (0..2) and terminate at a goal drawn per episode from 3..9."""

    reward_terms = ("progress", "noise")

    def __init__(self, n_envs, part=(0, 1), *, step_size=1.0):
        k, n = part
        first, last = n_envs * k // n, n_envs * (k + 1) // n
        space = gymnasium.spaces.Box(-20.0, 20.0, (3,), np.float32)
        super().__init__(last - first, space, gymnasium.spaces.Discrete(3))
        self.config = {"step_size": step_size}
        self.step_size, self.first = step_size, first
        self.count, self.goal, self.time = (np.zeros(self.n_envs) for _ in range(3))

    def seed(self, seed):
        self.streams = [np.random.default_rng([seed, self.first + row]) for row in range(self.n_envs)]

    def reset(self, rows=None):
        for row in np.flatnonzero(np.ones(self.n_envs, bool) if rows is None else rows):
            self.goal[row] = self.streams[row].integers(3, 10)
            self.count[row] = self.time[row] = 0
        self.observe()

    def step(self, actions):
        if np.any((actions < 0) | (actions > 2)):
            raise EnvError(f"actions {actions} are not all in 0..2")
        self.count += self.step_size * actions
        self.time += 1
        self.terms[:, 0] = actions
        self.terms[:, 1] = [generator.normal() for generator in self.streams]
        self.rewards[:] = self.terms.sum(1)
        self.terminated[:] = self.count >= self.goal
        self.truncated[:] = self.time >= CLOCK
        self.observe()

    def observe(self):
        self.observations[:] = np.stack([self.count, self.goal, self.time], 1)

    def render(self):
        return np.full((4, 6, 3), int(self.count[0]), np.uint8)


class FaultyCounter(Counter):
    """A Counter whose second part goes wrong at its third step: by "raise", "exit" or "sleep"."""

    def __init__(self, n_envs, part=(0, 1), *, fault):
        super().__init__(n_envs, part)
        self.fault, self.countdown = fault, 3 if part[0] == 1 else -1

    def step(self, actions):
        super().step(actions)
        self.countdown -= 1
        if self.countdown == 0 and self.fault == "raise":
            raise ZeroDivisionError("planted in the second part")
        if self.countdown == 0 and self.fault == "exit":
            os._exit(7)
        if self.countdown == 0 and self.fault == "sleep":
            time.sleep(3600)


class UnbuildableCounter(Counter):
    """A Counter whose second part cannot be built."""

    def __init__(self, n_envs, part=(0, 1)):
        if part[0] == 1:
            raise OSError("planted while building")
        super().__init__(n_envs, part)


def process_id(batch):
    return os.getpid()


def thread_counts(batch):
    """Threads torch would use here, and what numba was told."""
    import torch

    return torch.get_num_threads(), os.environ.get("NUMBA_NUM_THREADS")


def lock_of(batch):
    """A value that cannot be pickled."""
    return threading.Lock()
