"""Telling a process from a later one with its number, here and from another machine."""

import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import psutil

STALE_SECONDS = 60.0  # a heartbeat older than this, from another machine, counts as dead


def is_alive(status: dict[str, Any]) -> bool:
    """Whether the process named in a status still runs: by pid and start time here, by heartbeat elsewhere."""
    if status.get("host") != socket.gethostname():
        return time.time() - status.get("heartbeat", 0) < STALE_SECONDS
    return same_process(status.get("pid", -1), status.get("start_mark", 0.0))


def same_process(pid: int, start: float) -> bool:
    """Whether `pid` is still the process whose `start_mark` this is, and no zombie."""
    try:
        return start_mark(pid) == start and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError, ValueError):
        return False


def start_mark(pid: int) -> float:
    """A number that tells a process from a later one with its pid, and that no change of the clock changes.

    On Linux the clock ticks from boot to its start (field 22 of /proc/PID/stat), since psutil's time moves with the
    clock there; elsewhere the system keeps the time itself.
    """
    if sys.platform == "linux":
        return float(Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19])
    return psutil.Process(pid).create_time()


def identity(pid: int | None = None) -> dict[str, Any]:
    """What `is_alive` needs to recognise a process later, by default this one."""
    pid = pid or os.getpid()
    return {"host": socket.gethostname(), "pid": pid, "start_mark": start_mark(pid), "heartbeat": time.time()}
