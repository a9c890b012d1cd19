"""Monitor's work for all rows at once, done where the rewards arrive and not in the process that steps an env."""

import time
from typing import Any

import numpy as np


class Episodes:
    """Sums the rewards and steps of each row's running episode."""

    def __init__(self, n_envs: int) -> None:
        self._returns = np.zeros(n_envs)  # float64: sums of thousands of steps
        self._lengths = np.zeros(n_envs, np.int64)
        self._started_at = time.monotonic()

    def restart(self) -> None:
        """Begin all sums again, as a reset of every row does."""
        self._returns[:], self._lengths[:] = 0, 0

    def count(self, rewards: np.ndarray, dones: np.ndarray, infos: list[dict[str, Any]]) -> None:
        """Add a step; the info of each row that is done gets Monitor's `episode`, and its sums begin again.

        rewards, dones: (n_envs,). `episode` is {"r": return, "l": steps, "t": seconds since the env was made}.
        """
        self._returns += rewards
        self._lengths += 1
        rows = np.flatnonzero(dones)
        seconds = round(time.monotonic() - self._started_at, 6)
        for row in rows.tolist():
            infos[row]["episode"] = {"r": round(self._returns.item(row), 6), "l": self._lengths.item(row), "t": seconds}
        self._returns[rows], self._lengths[rows] = 0, 0
