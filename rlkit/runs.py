"""A run is a folder, and the folder is the only truth about it: where it lies, what it holds, how it stands."""

import json
import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
from filelock import FileLock, Timeout

from rlkit.control import clear_mailbox, post_request, request_stop, set_pause
from rlkit.errors import RunError, did_you_mean
from rlkit.files import append_line, inside, project_root, read_json, read_lines, sha256, slug, write_atomic, write_json
from rlkit.params import checked_edit, dump_yaml, read_params
from rlkit.phases import Params
from rlkit.processes import identity, is_alive
from rlkit.progress import ProgressLine, progress_text

RUNNING = ("queued", "running")
EXIT_CODES = {"done": 0, "failed": 1, "timeout": 124, "interrupted": 130, "died": 138, "preempted": 143}  # by state
MIN_FREE_BYTES = 32 * 2**20  # a run that starts with less disk than this would die at its first checkpoint


@dataclass(frozen=True, repr=False)
class Run:
    """A view of one run folder. It reaches a training only by its mailbox; besides, it keeps tables for the report."""

    folder: Path

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.status()['state']}>"

    @property
    def id(self) -> str:
        """The folder's name: date-time_name_seed_random."""
        return self.folder.name

    @property
    def phase(self) -> str:
        """The phase the run belongs to, also when its folder was copied elsewhere."""
        return (read_json(self.folder / "status.json") or {}).get("phase", self.folder.parent.name)

    @property
    def params(self) -> Params:
        """The parameters, as they were resolved when the run was made."""
        return read_params(self.phase, self.folder / "params.yaml")

    @property
    def part_of(self) -> str:
        """The id of the run whose notebook made this one, as studies do; "" for a run of its own."""
        return (read_json(self.folder / "part_of.json") or {}).get("run", "")

    def status(self) -> dict[str, Any]:
        """`status.json`, corrected: a training whose process is gone has `died`, whatever it last wrote."""
        status = read_json(self.folder / "status.json")
        if not isinstance(status, dict) or "state" not in status:
            return {"state": "died", "reason": "status.json is missing or damaged", "steps": 0}
        process = status if status["state"] == "running" else read_json(self.folder / "launched.json") or status
        if status["state"] in RUNNING and not is_alive(process):
            return self._bury(status)
        if status["state"] == "done" and not self._result_is_whole(status):
            status |= {"state": "failed", "reason": "result.json is missing or not what was written"}
        return status

    def log_tail(self, lines: int = 5) -> str:
        """The last lines that the training printed."""
        path = self.folder / "train.log"
        return "\n".join(path.read_text("utf-8", "replace").splitlines()[-lines:]) if path.exists() else ""

    def keep_tables(self, **tables: pd.DataFrame) -> None:
        """Store tables by name, as `tables/<name>.csv`, for figures and the report."""
        for name, table in ((name, table) for name, table in tables.items() if len(table.columns)):
            path = self.folder / "tables" / f"{slug(name)}.csv"
            path.parent.mkdir(exist_ok=True)
            write_atomic(path, table.to_csv(index=False))

    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table that was kept, by name."""
        return {path.stem: pd.read_csv(path) for path in sorted(self.folder.glob("tables/*.csv"))}

    def stop(self, reason: str = "somebody asked it to stop", state: str = "interrupted") -> None:
        """Ask the training to stop at its next step and checkpoint; RunError when it is over already."""
        status = self.status()
        if status["state"] not in RUNNING:
            raise RunError(f"run {self.id} is over ({status['state']}); there is nothing to stop.")
        request_stop(self.folder, reason, state)

    def pause(self, on: bool = True) -> None:
        """Hold the training at its next step, or let it go on; RunError when it is over already."""
        self._training()
        set_pause(self.folder, on)

    def edit(self, **changes: Any) -> list[str]:
        """Ask the training to change parameters at the start of its next rollout, such as learning_rate=1e-4.

        Returns the ids by which `events()` answers, with the step or with a reason. ParamsError for a change that
        cannot be made while it trains, RunError when it is over already.
        """
        self._training()
        params = self.params
        values = {name: checked_edit(params, name, value) for name, value in changes.items()}
        return [post_request(self.folder, "edit", name=name, value=value) for name, value in values.items()]

    def checkpoint(self) -> str:
        """Ask the training for a checkpoint before its next rollout; the id by which `events()` answers."""
        self._training()
        return post_request(self.folder, "checkpoint")

    def panel(self) -> None:
        """Show the run's control panel in a notebook: it follows the training and steers it."""
        import_module("rlkit.widgets.panel").show_panel(self)  # by name: widgets look at runs, which know no widgets

    def answers(self, requests: list[str], timeout: float = 60.0) -> list[dict[str, Any]]:
        """The events that answer these requests, once all are there; RunError when the training ends before.

        A request waits for the end of the rollout and its update; after `timeout` seconds the answers so far.
        """
        deadline = time.monotonic() + timeout
        while True:
            over = self.status()["state"] not in RUNNING
            found = [event for event in self.events() if event.get("request") in requests]
            if len(found) == len(requests) or time.monotonic() > deadline:
                return found
            if over:
                raise RunError(f"run {self.id} ended before it took what was asked of it.")
            time.sleep(0.05)

    def _training(self) -> None:
        status = self.status()
        if status["state"] not in RUNNING:
            raise RunError(f"run {self.id} is over ({status['state']}); there is nothing to steer.")

    def wait(self, timeout: float | None = None) -> "Run":
        """Follow the training on one progress line until it is over, or for `timeout` seconds.

        RunError when it failed or died; a training that somebody stopped on purpose is no error.
        """
        line, deadline = ProgressLine(), time.monotonic() + (float("inf") if timeout is None else timeout)
        while (status := self.status())["state"] in RUNNING and time.monotonic() < deadline:
            line.show(self.progress_text(status))
            time.sleep(0.2)
        line.end(self.progress_text(status))
        if status["state"] not in (*RUNNING, "done", "interrupted"):
            tail = self.log_tail() if status["state"] == "died" else ""
            raise RunError(f"run {self.id} {status['state']}: {status['reason']}\n{tail}".rstrip())
        return self

    def progress_text(self, status: dict[str, Any]) -> str:
        """One line: state, steps, steps/s, return, time left."""
        return f"{self.id}  " + progress_text(status)

    def metrics(self) -> pd.DataFrame:
        """One row per rollout with SB3's metric names; a torn last line is left out."""
        path = self.folder / "metrics.csv"
        text = path.read_text("utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        return pd.read_csv(StringIO(whole)) if whole else pd.DataFrame()

    def events(self) -> list[dict[str, Any]]:
        """Stops, checkpoints and other events, oldest first."""
        return read_lines(self.folder / "events.jsonl")

    def notebook_status(self) -> dict[str, Any]:
        """How the notebook's headless execution stands: `notebook.json`, corrected as `status` is."""
        status = read_json(self.folder / "notebook.json") or {"state": "", "reason": ""}
        if status["state"] == "running" and not is_alive(status):
            status |= {"state": "died", "reason": "the process that ran the notebook ended without a word"}
        return status

    def _result_is_whole(self, status: dict[str, Any]) -> bool:
        path = self.folder / "result.json"
        return path.exists() and sha256(path) == status.get("result_sha256")

    def _bury(self, status: dict[str, Any]) -> dict[str, Any]:
        """Write a death down, unless somebody owns the folder after all, or had ended it by the time we looked."""
        death = {"state": "died", "reason": "its process ended without a word (killed, or out of memory)"}
        try:
            with FileLock(self.folder / "lock", timeout=0):
                latest = read_json(self.folder / "status.json") or status
                if latest["state"] not in RUNNING:
                    return latest
                write_json(self.folder / "status.json", latest | death | {"ended": time.time()})
        except Timeout:
            return status
        except OSError:  # a full or read-only disk: true all the same
            pass
        return status | death


def outputs_root() -> Path:
    """Where run folders go: RLKIT_OUTPUTS, else `outputs/` in the project."""
    chosen = os.environ.get("RLKIT_OUTPUTS")
    return Path(chosen).expanduser().resolve() if chosen else project_root() / "outputs"


def create_run(params: Params) -> Run:
    """A new run folder in state `queued`; RunError when it cannot be made or the disk is nearly full."""
    now = datetime.now(UTC)  # to the millisecond, and without summer time, so that names sort by age
    run_id = f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}_{slug(params.name)}_s{params.seed}_{uuid4().hex[:6]}"
    folder = inside(outputs_root(), f"{params.phase}/{run_id}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder.parent).free < MIN_FREE_BYTES:
            raise RunError(
                f"{folder.parent} has under {MIN_FREE_BYTES >> 20} MiB free; make room or set RLKIT_OUTPUTS."
            )
        folder.mkdir()  # exclusive: two runs never share a folder
        write_atomic(folder / "params.yaml", dump_yaml(params))
        status = {"phase": params.phase, "state": "queued", "reason": "", "steps": 0}
        write_json(folder / "status.json", identity() | status)
        if notebook := os.environ.get("RLKIT_RUN"):
            write_json(folder / "part_of.json", {"run": Path(notebook).name})
    except OSError as error:
        raise RunError(
            f"cannot write run folders under {folder.parent}: {error.strerror}. Give a folder you may write to, "
            f"with RLKIT_OUTPUTS or `rlkit run --outputs`."
        ) from None
    return Run(folder)


def requeue(run: Run) -> None:
    """Make a training that is over ready to go on from its newest checkpoint; RunError where it cannot."""
    status = run.status()
    if status["state"] in RUNNING:
        raise RunError(f"run {run.id} is {status['state']}; only a training that is over can be resumed.")
    if status["state"] == "done":
        raise RunError(f"run {run.id} is done: it has trained its total_timesteps. Start a new run with more.")
    if not any((run.folder / "checkpoints").glob("[0-9]*")):
        raise RunError(f"run {run.id} has no checkpoint to go on from; start a new run with its params.yaml.")
    (run.folder / "launched.json").unlink(missing_ok=True)
    clear_mailbox(run.folder)
    queued = {"phase": run.phase, "state": "queued", "reason": "", "steps": status.get("steps", 0)}
    write_json(run.folder / "status.json", identity() | queued)
    line = {"time": time.time(), "step": queued["steps"], "kind": "resume", "after": status["state"]}
    append_line(run.folder / "events.jsonl", json.dumps(line))


def all_runs() -> list[Run]:
    """Every run folder under the outputs root, oldest first; the folders are the index."""
    folders = {path.parent for name in ("params.yaml", "status.json") for path in outputs_root().glob(f"*/*/{name}")}
    return [Run(folder) for folder in sorted(folders, key=lambda folder: folder.name)]


def list_runs(every: bool = False) -> list[dict[str, Any]]:
    """A row for each run, oldest first; trainings that a notebook made besides its own are counted in the row of its
    run, or with `every` have a row of their own."""
    runs = {run.id: run for run in all_runs()}
    parents = {name: run.part_of for name, run in runs.items()}
    parts, rows = list(parents.values()), []
    for name, run in runs.items():
        if parents[name] in runs and not every:
            continue
        status, notebook = run.status(), run.notebook_status()["state"]
        row = {"run": name, "phase": run.phase, "state": status["state"], "steps": status.get("steps", 0)}
        row |= {"trainings": parts.count(name) or None, "return": status.get("ep_rew_mean"), "notebook": notebook}
        rows.append(row | {"reason": status.get("reason", "")})
    return rows


def attach(name: str | Path) -> Run:
    """The run with this id, part of an id, or folder; `last` is the newest. RunError unless just one fits."""
    if isinstance(name, Path) or (Path(name) / "params.yaml").is_file():
        folder = Path(name).resolve()
        if not (folder / "params.yaml").is_file():
            raise RunError(f"{folder} is no run folder: it holds no params.yaml. `rlkit ls` lists the runs.")
        return Run(folder)
    runs = all_runs()
    if name == "last" and runs:
        return runs[-1]
    found = [run for run in runs if run.id == name] or [run for run in runs if name and name in run.id]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(run.id for run in found[:5])
        raise RunError(f"{name!r} fits {len(found)} runs: {several}. Give more of the id.")
    if not runs:
        raise RunError(f"no run {name!r}: there are no runs under {outputs_root()} yet.")
    raise RunError(f"no run {name!r} under {outputs_root()}. {did_you_mean(name, [run.id for run in runs[-10:]])}")
