"""The SB3 callback that writes a training into its run folder: metrics, progress, checkpoints, and the stop."""

import csv
import math
import time
from collections import deque
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.utils import safe_mean

from rlkit.checkpoint import prune_checkpoints, save_checkpoint
from rlkit.diagnostics.machine import versions
from rlkit.diagnostics.throughput import PhaseTimer
from rlkit.edits import apply_edit, in_checkpoint, schedule
from rlkit.errors import RlkitError
from rlkit.files import append_line, read_json, write_atomic
from rlkit.owner import Owner
from rlkit.params import checked_edit
from rlkit.phases import Params
from rlkit.trainers.companions import Companion, states
from rlkit.trainers.state import learned_weights, replay_arrays, training_state

KEEP_CHECKPOINTS = 3
PAUSE_POLL_SECONDS = 0.02
DUMPS = 200  # lines of metrics that an off-policy training writes, whose rollouts are a few steps each
STEPS = "time/total_timesteps"
BEST_AFTER_EPISODES = 50  # a mean over fewer episodes is luck


class MetricsWriter(KVWriter):
    """metrics.csv: one line per dump, appended and fsynced; rewritten whole when a new metric appears."""

    def __init__(self, path: Path, until: int | None = None) -> None:
        """until: the step from which a training goes on; what was written after it is dropped."""
        self.path = path
        self.rows: list[dict[str, Any]] = []
        self.columns: list[str] = []
        if until is not None and path.exists():
            lines = csv.DictReader(StringIO(path.read_text("utf-8")))
            whole = [row for row in lines if None not in row.values()]  # the last line may be torn
            self.rows = [row for row in whole if float(row.get(STEPS) or 0) <= until]
            self.columns = list(lines.fieldnames or ())
            self._rewrite()

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        """SB3's logger calls this at every dump."""
        row = {key: value for key, value in key_values.items() if np.isscalar(value)}
        self.rows.append(row)
        new = sorted(set(row) - set(self.columns))
        if not new:
            return append_line(self.path, self._line(row))
        self.columns = sorted([*self.columns, *new])
        self._rewrite()

    def _rewrite(self) -> None:
        lines = [{column: column for column in self.columns}, *self.rows]
        write_atomic(self.path, "".join(self._line(line) + "\n" for line in lines))

    def _line(self, row: dict[str, Any]) -> str:
        text = StringIO()
        csv.writer(text, lineterminator="").writerow([row.get(column, "") for column in self.columns])
        return text.getvalue()

    def close(self) -> None:
        """Nothing is held open."""


def run_logger(folder: Path, until: int | None = None) -> Logger:
    """An SB3 logger into a run folder: metrics.csv (up to step `until`, if that is given) and TensorBoard's tb/."""
    metrics = MetricsWriter(folder / "metrics.csv", until)
    return Logger(str(folder), [metrics, TensorBoardOutputFormat(str(folder / "tb"))])


class Recorder(BaseCallback):
    """Follows a training for its Owner: logs reward terms and seconds by part, checkpoints, edits, pauses and stops."""

    def __init__(
        self, owner: Owner, params: Params, facts: dict[str, Any], companions: Sequence[Companion] = ()
    ) -> None:
        """facts: for every checkpoint's manifest. companions: callbacks whose state goes into checkpoints too."""
        super().__init__()
        self.owner, self.params, self.facts, self.companions = owner, params, facts, companions
        self.every, self.total = params.checkpoint_every, params.total_timesteps
        self._planned = deque(schedule(owner.run))
        self._terms: deque[dict[str, float]] = deque(maxlen=100)
        best = read_json(owner.run.folder / "best" / "manifest.json") or {}
        self._best, self._last_saved = best.get("ep_rew_mean", -math.inf), 0
        self.keeps_best = not getattr(params, "eval_every", 0)  # else a BestKeeper does, by playing

    def _on_training_start(self) -> None:
        self._timer, self._since, self._steps = PhaseTimer(self.model), time.perf_counter(), self.num_timesteps
        self._last_saved = self._started_at = self.num_timesteps
        self._paused_seconds = 0.0
        self.owner.progress(self.num_timesteps)
        self._on_policy = isinstance(self.model, OnPolicyAlgorithm)
        self._every = 1 if self._on_policy else max(1, self.total // DUMPS)
        rollout = self.model.n_envs * (self.model.n_steps if self._on_policy else 1)
        whole = -(-self.total // rollout) * rollout  # SB3 trains in whole rollouts
        facts = {"device": str(self.model.device), "switches": getattr(self.model, "switches", {})}
        self.owner.progress(self.num_timesteps, total_timesteps=whole, **facts)

    def _on_rollout_start(self) -> None:
        """Between an update and the next rollout, edits take effect: those planned for a step, then those asked for."""
        while self._planned and self._planned[0][0] <= self.num_timesteps:
            step, name, value = self._planned.popleft()
            if step >= self._started_at or not in_checkpoint(name, value):
                apply_edit(self.model, name, value)
            if step >= self._started_at:  # those before belong to what this training goes on from
                self.owner.event("edit", name=name, value=value, planned=True)
        for request in self.owner.take_requests():
            if request["kind"] == "checkpoint":
                self.checkpoint(request=request["id"])
            elif request["kind"] == "edit":
                self._edit(request)

    def _edit(self, request: dict[str, Any]) -> None:
        """Apply an edit and answer with the step, or with why not: a viewer's mistake must not end a training."""
        asked = {"name": request.get("name", ""), "value": request.get("value"), "request": request["id"]}
        try:
            asked["value"] = checked_edit(self.params, asked["name"], asked["value"])
            apply_edit(self.model, asked["name"], asked["value"])
        except AttributeError:
            self.owner.event("refused", **asked, reason=f"this training has no {asked['name'].replace('_', ' ')}")
        except RlkitError as error:
            self.owner.event("refused", **asked, reason=str(error))
        else:
            self.owner.event("edit", **asked, planned=False)

    def _on_step(self) -> bool:
        while self.owner.paused and self.owner.stop is None:
            time.sleep(PAUSE_POLL_SECONDS)
            self._paused_seconds += PAUSE_POLL_SECONDS
        for info in self.locals["infos"]:
            if info and "reward_terms" in info:
                self._terms.append(info["reward_terms"])
        return self.owner.stop is None

    def _on_rollout_end(self) -> None:
        """Logged before SB3's dump of this rollout; train/* on the same line are of the update before it, as in SB3."""
        if self.num_timesteps - self._steps < self._every:
            return
        for name in self._terms[0] if self._terms else ():
            self.logger.record(f"reward/{name}", float(np.mean([terms[name] for terms in self._terms])))
        self._record_times()
        now, steps = time.perf_counter(), self.num_timesteps
        speed = (steps - self._steps) / (now - self._since - self._paused_seconds)
        self._since, self._steps, self._paused_seconds = now, steps, 0.0
        self.logger.record("time/steps_per_second", speed)
        mean = safe_mean([episode["r"] for episode in self.model.ep_info_buffer]) if self.model.ep_info_buffer else None
        self.owner.progress(steps, steps_per_second=speed, ep_rew_mean=mean)
        if not self._on_policy:  # its `learn` was told to leave that to us, by log_interval=None
            self.model.dump_logs()
        if steps - self._last_saved >= self.every and steps < self.total:  # at the end it follows the last update
            self.checkpoint()
            enough = len(self.model.ep_info_buffer) >= BEST_AFTER_EPISODES
            if self.keeps_best and mean is not None and mean > self._best and enough:
                self._best = mean
                self.save_best(ep_rew_mean=mean)

    def checkpoint(self, last: bool = False, **facts: Any) -> Path:
        """Write checkpoints/<step>/ now and delete the oldest beyond KEEP_CHECKPOINTS.

        During training these are the weights that played the rollout up to <step>; the update on it follows. The last
        one has an off-policy model's replay buffer with it. facts: for the event.
        """
        folder = self.owner.run.folder / "checkpoints"
        self._last_saved = self.num_timesteps
        self.owner.progress(self.num_timesteps)
        self._save(folder / str(self.num_timesteps), replay_arrays(self.model) if last else None)
        prune_checkpoints(folder, KEEP_CHECKPOINTS)
        self.owner.event("checkpoint", folder=f"checkpoints/{self.num_timesteps}", **facts)
        return folder / str(self.num_timesteps)

    def save_best(self, **facts: Any) -> None:
        """Keep the weights of this moment as `best/`, with the facts that say why in its manifest."""
        self._save(self.owner.run.folder / "best", **facts)

    def _save(self, folder: Path, replay: dict[str, np.ndarray] | None = None, **more: Any) -> None:
        facts = self.facts | {"step": self.num_timesteps, "exactness": "statistical", "versions": versions(), **more}
        training = training_state(self.model) | {"companions": states(self.companions)}
        save_checkpoint(folder, learned_weights(self.model), training, facts, replay)

    def _on_training_end(self) -> None:
        """SB3 dumps before each update, so the last one still waits to be written."""
        self._record_times()
        self.logger.record(STEPS, self.num_timesteps)
        self.logger.dump(self.num_timesteps)
        self._timer.uninstall()

    def _record_times(self) -> None:
        seconds = self._timer.take()
        seconds["other"] = max(0.0, seconds["other"] - self._paused_seconds)  # a pause is no training
        for part, spent in seconds.items():
            self.logger.record(f"time/{part}_seconds", spent)
