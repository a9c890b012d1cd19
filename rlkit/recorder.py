"""The SB3 callback that writes a training into its run folder: metrics, progress, checkpoints, and the stop."""

import csv
import math
import time
from collections import deque
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from stable_baselines3.common.utils import safe_mean

from rlkit.checkpoint import prune_checkpoints, save_checkpoint
from rlkit.diagnostics.machine import versions
from rlkit.diagnostics.throughput import PhaseTimer
from rlkit.files import append_line, write_atomic
from rlkit.owner import Owner

KEEP_CHECKPOINTS = 3
BEST_AFTER_EPISODES = 50  # a mean over fewer episodes is luck


class MetricsWriter(KVWriter):
    """metrics.csv: one line per dump, appended and fsynced; rewritten whole when a new metric appears."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        self.columns: list[str] = []

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        """SB3's logger calls this at every dump."""
        row = {key: value for key, value in key_values.items() if np.isscalar(value)}
        self.rows.append(row)
        new = sorted(set(row) - set(self.columns))
        if not new:
            return append_line(self.path, self._line(row))
        self.columns = sorted([*self.columns, *new])
        lines = [{column: column for column in self.columns}, *self.rows]
        write_atomic(self.path, "".join(self._line(line) + "\n" for line in lines))

    def _line(self, row: dict[str, Any]) -> str:
        text = StringIO()
        csv.writer(text, lineterminator="").writerow([row.get(column, "") for column in self.columns])
        return text.getvalue()

    def close(self) -> None:
        """Nothing is held open."""


def run_logger(folder: Path) -> Logger:
    """An SB3 logger into a run folder: metrics.csv and TensorBoard's tb/."""
    return Logger(str(folder), [MetricsWriter(folder / "metrics.csv"), TensorBoardOutputFormat(str(folder / "tb"))])


class Recorder(BaseCallback):
    """Follows a training for its Owner: logs reward terms and seconds by part, checkpoints, and stops when asked."""

    def __init__(self, owner: Owner, facts: dict[str, Any], checkpoint_every: int, total_timesteps: int) -> None:
        super().__init__()
        self.owner, self.facts, self.every, self.total = owner, facts, checkpoint_every, total_timesteps
        self._terms: deque[dict[str, float]] = deque(maxlen=100)
        self._best, self._last_saved = -math.inf, 0

    def _on_training_start(self) -> None:
        self._timer, self._since, self._steps = PhaseTimer(self.model), time.perf_counter(), 0
        rollout = self.model.n_steps * self.model.n_envs
        whole = -(-self.total // rollout) * rollout  # SB3 trains in whole rollouts
        self.owner.progress(0, total_timesteps=whole, device=str(self.model.device))

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if info and "reward_terms" in info:
                self._terms.append(info["reward_terms"])
        return self.owner.stop is None

    def _on_rollout_end(self) -> None:
        """Logged before SB3's dump of this rollout; train/* on the same line are of the update before it, as in SB3."""
        for name in self._terms[0] if self._terms else ():
            self.logger.record(f"reward/{name}", float(np.mean([terms[name] for terms in self._terms])))
        self._record_times()
        now, steps = time.perf_counter(), self.num_timesteps
        speed = (steps - self._steps) / (now - self._since)
        self._since, self._steps = now, steps
        self.logger.record("time/steps_per_second", speed)
        mean = safe_mean([episode["r"] for episode in self.model.ep_info_buffer]) if self.model.ep_info_buffer else None
        self.owner.progress(steps, steps_per_second=speed, ep_rew_mean=mean)
        if steps - self._last_saved >= self.every and steps < self.total:  # at the end it follows the last update
            self.checkpoint()
            if mean is not None and mean > self._best and len(self.model.ep_info_buffer) >= BEST_AFTER_EPISODES:
                self._best = mean
                self._save(self.owner.run.folder / "best", ep_rew_mean=mean)

    def checkpoint(self) -> Path:
        """Write checkpoints/<step>/ now and delete the oldest beyond KEEP_CHECKPOINTS.

        During training these are the weights that played the rollout up to <step>; the update on it follows.
        """
        folder = self.owner.run.folder / "checkpoints"
        self._last_saved = self.num_timesteps
        self.owner.progress(self.num_timesteps)
        self._save(folder / str(self.num_timesteps))
        prune_checkpoints(folder, KEEP_CHECKPOINTS)
        self.owner.event("checkpoint", folder=f"checkpoints/{self.num_timesteps}")
        return folder / str(self.num_timesteps)

    def _save(self, folder: Path, **more: Any) -> None:
        policy = self.model.policy
        facts = self.facts | {"step": self.num_timesteps, "exactness": "statistical", "versions": versions(), **more}
        save_checkpoint(folder, policy.state_dict(), policy.optimizer.state_dict(), facts)

    def _on_training_end(self) -> None:
        """SB3 dumps before each update, so the last one still waits to be written."""
        self._record_times()
        self.logger.record("time/total_timesteps", self.num_timesteps)
        self.logger.dump(self.num_timesteps)
        self._timer.uninstall()

    def _record_times(self) -> None:
        for part, seconds in self._timer.take().items():
            self.logger.record(f"time/{part}_seconds", seconds)
