"""Run a phase's notebook headless by papermill, and say truly how it ended.

papermill's own cell status cannot be trusted after a crash (a killed kernel leaves every cell `completed`), so the
process that runs it writes `notebook.json`, and stops the training that the notebook had started.
"""

import asyncio
import errno
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import papermill
import psutil
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import LocalHandler, papermill_io

from rlkit.errors import RlkitError, RunError, did_you_mean
from rlkit.files import project_root, read_json, write_atomic, write_json
from rlkit.params import ENV_PREFIX, SETTINGS
from rlkit.phases import Params
from rlkit.processes import identity, is_alive
from rlkit.progress import ProgressLine
from rlkit.runs import RUNNING, Run, create_run, outputs_root

GRACE_SECONDS = 30.0  # for a training to checkpoint and end before it is killed


class Preempted(BaseException):
    """SIGTERM reached the process that runs a notebook."""


class _AtomicHandler(LocalHandler):
    """papermill's file handler truncates its target first; this one writes whole files or none."""

    def write(self, buf: str, path: str) -> None:
        write_atomic(Path(path), buf)


def notebook_path(phase: str) -> Path:
    """The notebook of a phase: notebooks/<phase>.ipynb, with or without a leading number. RunError when absent."""
    folder = project_root() / "notebooks"
    known = {
        path.stem.split("_", 1)[-1] if path.stem[:1].isdigit() else path.stem: path for path in folder.glob("*.ipynb")
    }
    if phase not in known:
        raise RunError(f"no notebook for phase '{phase}' in {folder}. {did_you_mean(phase, known)}")
    return known[phase]


def run_notebook(params: Params, cell_timeout: int | None = None) -> tuple[Run, str]:
    """Execute the phase's notebook in a new run folder; (run, state), a key of `runs.EXIT_CODES`.

    The state is the notebook's, or, when that is done, the training's. cell_timeout: seconds that one cell may take.
    Whatever happens, the notebook so far is in the run folder, and no training that it started goes on alone.
    """
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # after Ctrl-C it reports tasks that nobody waits for
    source, run = notebook_path(params.phase), create_run(params)
    target = run.folder / "notebook.ipynb"
    record = identity() | {"state": "running", "reason": ""}
    write_json(run.folder / "notebook.json", record)
    papermill_io.register(str(target), _AtomicHandler())
    state, reason, outcome = "failed", "", "failed"
    with _child_environment(run), _sigterm_raises(), _progress(run):
        try:
            papermill.execute_notebook(
                source,
                target,
                parameters=params.model_dump(),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                execution_timeout=cell_timeout,
                extra_arguments=["--log-level=CRITICAL"],  # a kernel that is ended mid-cell logs tracebacks about it
                cwd=project_root(),
            )
            state, outcome = "done", _outcome(run)
        except BaseException as error:  # also Ctrl-C and SIGTERM: every end has a name
            state, reason = outcome, _ = _verdict(error)
            _end_training(run, state, reason)
            if not isinstance(error, Exception | KeyboardInterrupt | Preempted | asyncio.CancelledError):
                raise
        finally:
            with suppress(OSError):  # a full disk; the exit code still tells
                write_json(
                    run.folder / "notebook.json", record | {"state": state, "reason": reason, "ended": time.time()}
                )
    return run, outcome


def _outcome(run: Run) -> str:
    """How a run stands whose notebook came to its end: a training that it did not wait for is stopped."""
    _end_training(run, "failed", "it ended before its training")
    return run.status()["state"]


def _verdict(error: BaseException) -> tuple[str, str]:
    match error:
        case CellTimeoutError():
            return "timeout", str(error).splitlines()[0]
        case DeadKernelError():
            return "died", "the notebook's kernel died (killed, or out of memory)"
        case PapermillExecutionError():
            return "failed", f"cell {error.exec_count}: {error.ename}: {error.evalue}"
        case KeyboardInterrupt() | asyncio.CancelledError():
            return "interrupted", "Ctrl-C"
        case Preempted():
            return "preempted", "the system sent SIGTERM"
        case OSError() if error.errno == errno.ENOSPC:
            return "failed", "the disk is full"
    return "failed", f"{type(error).__name__}: {error}"


def _end_training(run: Run, state: str, reason: str) -> None:
    """Stop what the notebook had started; a folder that never trained gets the notebook's own end."""
    status = run.status()
    if status["state"] == "queued" and read_json(run.folder / "launched.json") is None:
        with suppress(OSError):
            write_json(run.folder / "status.json", status | {"state": state, "reason": reason})
        return
    if status["state"] not in RUNNING:
        return
    with suppress(RlkitError, OSError):
        asked = state if state in ("timeout", "preempted") else "interrupted"
        run.stop(f"its notebook ended: {reason}", asked)
    deadline = time.monotonic() + GRACE_SECONDS
    while run.status()["state"] in RUNNING and time.monotonic() < deadline:
        time.sleep(0.1)
    _kill_tree(read_json(run.folder / "launched.json") or {})


def _kill_tree(identity: dict[str, Any]) -> None:
    """Kill a process that outlived its grace, and its children."""
    with suppress(psutil.Error):
        if is_alive(identity):
            process = psutil.Process(identity["pid"])
            for one in [*process.children(recursive=True), process]:
                one.kill()


@contextmanager
def _child_environment(run: Run) -> Iterator[None]:
    """What the kernel inherits: this folder, this supervisor, and no RLKIT_* parameters (they are resolved already)."""
    saved = dict(os.environ)
    for variable in [v for v in os.environ if v.startswith(ENV_PREFIX) and v not in SETTINGS]:
        del os.environ[variable]
    me = identity()
    os.environ |= {
        "RLKIT_RUN": str(run.folder),
        "RLKIT_OUTPUTS": str(outputs_root()),
        "RLKIT_SUPERVISOR": f"{me['pid']}:{me['start_mark']}",
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Turn SIGTERM into Preempted, so that kernels and trainings are cleaned up on the way out."""

    def handler(number: int, frame: FrameType | None) -> None:
        raise Preempted

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress(run: Run) -> Iterator[None]:
    """Show the training's line in this terminal while the notebook runs."""
    over = threading.Event()
    line = ProgressLine()

    def follow() -> None:
        shown: dict[str, Any] = {}
        while not over.wait(0.25):
            status = read_json(run.folder / "status.json") or {}
            if status and (status["state"] == "running" or status["state"] != shown.get("state")):
                shown = status
                line.show(run.progress_text(status))

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        line.end(run.progress_text(run.status()))
