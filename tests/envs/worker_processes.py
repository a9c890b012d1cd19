"""The worker processes of a test, counted before and after it."""

import contextlib

import psutil


def workers_alive() -> list[int]:
    """Process ids of workers that exist; the resource tracker, multiprocessing's own, is none."""
    alive = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # so is a zombie: ended, and not waited for
            if "spawn_main" in " ".join(child.cmdline()):
                alive.append(child.pid)
    return alive
