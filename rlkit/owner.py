"""The training's side of a run folder: the one process that owns it, its heartbeat, and how it ends."""

import errno
import json
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from rlkit import runs
from rlkit.control import is_paused, read_stop, take_requests
from rlkit.diagnostics.machine import versions
from rlkit.errors import RunError
from rlkit.files import append_line, sha256, write_atomic, write_json
from rlkit.processes import identity, same_process

HEARTBEAT_SECONDS = 2.0
LOCK_SECONDS = 2.0  # a viewer holds the lock for a moment when it writes a death down
POLL_SECONDS = 0.1  # how soon a stop request is seen
BALLAST_BYTES = 64 * 1024  # freed when the disk is full, so that the last status can still be written


class Owner:
    """Holds a run folder while a training runs; leaving the `with` block writes the final state, whatever happened.

    `stop` is (state, reason) once somebody asked for an end: the mailbox, SIGTERM (preempted), Ctrl-C (interrupted,
    a second one forces), or the loss of the supervising process. The training looks at it on every step, and at
    `paused`; it takes what else was asked of it with `take_requests`.
    """

    def __init__(self, run: runs.Run, supervisor: str = "") -> None:
        self.run = run
        self.stop: tuple[str, str] | None = None
        self.paused = False
        self._requests: deque[dict[str, Any]] = deque()
        self._supervisor = supervisor
        self._lock = FileLock(run.folder / "lock", timeout=LOCK_SECONDS)
        self._ended = threading.Event()
        self._writing = threading.Lock()
        self._handlers: dict[int, Any] = {}
        self._status = identity() | {"phase": run.phase, "state": "running", "reason": "", "steps": 0}
        self._status |= {"started": time.time(), "versions": versions()}

    def __enter__(self) -> Self:
        try:
            self._lock.acquire()
        except Timeout:
            raise RunError(f"run {self.run.id} is owned by another process; see `rlkit show {self.run.id}`.") from None
        try:
            state = self.run.status()["state"]
            if state != "queued":
                raise RunError(
                    f"run {self.run.id} is {state}, and training it again would overwrite it; make a new run."
                )
            write_atomic(self.run.folder / "ballast", b"\0" * BALLAST_BYTES)
            self._read_mailbox()  # what was asked before the training came is in force from its first step
            self._write_status()
        except BaseException:
            self._lock.release()
            raise
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._handlers[number] = signal.signal(number, self._on_signal)
        self._thread = threading.Thread(target=self._watch, name="rlkit-heartbeat", daemon=True)
        self._thread.start()
        return self

    def progress(self, steps: int, **facts: Any) -> None:
        """Note env steps done and any other plain facts; the next heartbeat writes them."""
        self._status |= {"steps": steps, **facts}

    def take_requests(self) -> Iterator[dict[str, Any]]:
        """The requests that came in since the last call, oldest first."""
        while self._requests:
            yield self._requests.popleft()

    def event(self, kind: str, **facts: Any) -> None:
        """Append to events.jsonl, with the step and the time."""
        line = {"time": time.time(), "step": self._status["steps"], "kind": kind, **facts}
        append_line(self.run.folder / "events.jsonl", json.dumps(line))

    def finish(self, result: dict[str, Any]) -> None:
        """Write result.json; only with it, unharmed, does a run count as done."""
        path = self.run.folder / "result.json"
        write_json(path, result)
        self._status["result_sha256"] = sha256(path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._ended.set()
        self._thread.join()
        with suppress(OSError):  # a full disk
            self._refuse_the_rest()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        state, reason = self._verdict(error)
        self._status |= {"state": state, "reason": reason, "ended": time.time(), "paused": False}
        if error is not None and state == "failed":
            self._status["traceback"] = "".join(traceback.format_exception(error))[-20_000:]
        try:
            if self.stop is not None:
                with suppress(OSError):  # a full disk; the status says it too
                    self.event("stop", state=self.stop[0], reason=self.stop[1])
            self._write_last_status()
        finally:
            self._lock.release()
        return isinstance(error, KeyboardInterrupt)

    def _refuse_the_rest(self) -> None:
        """Answer the edits that came too late to take effect, so that nobody waits for them."""
        self._requests.extend(take_requests(self.run.folder))
        for request in self.take_requests():
            if request["kind"] == "edit":
                asked = {"name": request.get("name", ""), "value": request.get("value"), "request": request["id"]}
                self.event("refused", **asked, reason="the training ended before its next rollout")

    def _verdict(self, error: BaseException | None) -> tuple[str, str]:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return "failed", f"the disk is full: {self.run.folder}. Earlier checkpoints are intact."
        if isinstance(error, KeyboardInterrupt):
            return "interrupted", "Ctrl-C, twice"
        if error is not None:
            return "failed", f"{type(error).__name__}: {error}"
        if "result_sha256" in self._status:  # before the stop: one that comes after the last step changes nothing
            return "done", ""
        return self.stop or ("failed", "the training ended without a result")

    def _write_status(self) -> None:
        with self._writing:
            write_json(self.run.folder / "status.json", self._status | {"heartbeat": time.time()})

    def _write_last_status(self) -> None:
        ballast = self.run.folder / "ballast"
        try:
            self._write_status()
        except OSError:
            ballast.unlink(missing_ok=True)
            self._write_status()
        ballast.unlink(missing_ok=True)

    def _read_mailbox(self) -> None:
        self.stop = self.stop or read_stop(self.run.folder)
        self._requests.extend(take_requests(self.run.folder))
        self.paused = self._status["paused"] = is_paused(self.run.folder)

    def _watch(self) -> None:
        beat = 0.0
        while not self._ended.wait(POLL_SECONDS):
            before = self.paused
            self._read_mailbox()
            beat = beat if before == self.paused else 0.0  # whoever pauses sees it at once
            if time.monotonic() - beat < HEARTBEAT_SECONDS:
                continue
            beat = time.monotonic()
            if self._supervisor and not supervisor_lives(self._supervisor):
                self.stop = self.stop or ("interrupted", "the process that ran it is gone")
            try:
                self._write_status()
            except OSError:  # a full disk: the training itself will meet it, and says so in the last status
                continue

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.stop is not None:
            raise KeyboardInterrupt
        asked = ("interrupted", "Ctrl-C") if number == signal.SIGINT else ("preempted", "the system sent SIGTERM")
        self.stop = self.stop or asked


def supervisor_lives(supervisor: str) -> bool:
    """Whether the process written as `pid:start time` (RLKIT_SUPERVISOR) still runs."""
    pid, _, start = supervisor.partition(":")
    return same_process(int(pid), float(start))
