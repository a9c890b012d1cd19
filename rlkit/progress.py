"""One progress line that suits a terminal, a notebook and a log, and floods none of them."""

import shutil
import sys
import time
from typing import Any

NOTEBOOK_SECONDS, TERMINAL_SECONDS, LOG_SECONDS = 1.0, 0.25, 30.0  # between two showings of the line


def progress_text(status: dict[str, Any]) -> str:
    """`running  1,200,000 of 2,500,000 steps (48 %)  41,300 steps/s  return 3.21  0:31 left` of a status."""
    steps, total, speed = status.get("steps", 0), status.get("total_timesteps"), status.get("steps_per_second")
    parts = [status["state"]]
    if total:
        parts.append(f"{steps:,} of {total:,} steps ({100 * steps / total:.0f} %)")
    if speed:
        parts.append(f"{speed:,.0f} steps/s")
    if status.get("ep_rew_mean") is not None:
        parts.append(f"return {status['ep_rew_mean']:.2f}")
    if speed and total and status["state"] == "running":
        parts.append(f"{clock((total - steps) / speed)} left")
    if status.get("reason"):
        parts.append(status["reason"].splitlines()[0])
    return "  ".join(parts)


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


class ProgressLine:
    """Shows a line again and again: in place in a notebook or terminal, now and then in a log."""

    def __init__(self) -> None:
        self._last, self._handle = -1e9, None
        self._kernel = _in_kernel()
        self._terminal = not self._kernel and sys.stderr.isatty()
        self._period = NOTEBOOK_SECONDS if self._kernel else TERMINAL_SECONDS if self._terminal else LOG_SECONDS

    def show(self, text: str) -> None:
        """Show the line, unless it was shown a moment ago."""
        if time.monotonic() - self._last >= self._period:
            self._last = time.monotonic()
            self._write(text, "")

    def end(self, text: str) -> None:
        """Show the last line for good."""
        self._write(text, "\n")

    def _write(self, text: str, end: str) -> None:
        if self._kernel:
            self._display({"text/plain": text})
        elif self._terminal:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write("\r" + _encodable(text[:width].ljust(width)) + end)
        else:
            sys.stderr.write(_encodable(text) + "\n")
        sys.stderr.flush()

    def _display(self, bundle: dict[str, str]) -> None:
        if self._handle is None:
            from IPython.display import display

            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def _in_kernel() -> bool:
    shell = sys.modules.get("IPython")
    instance = shell.get_ipython() if shell else None
    return hasattr(instance, "kernel")


def _encodable(text: str) -> str:
    """The text as the terminal can print it: a name in another script must never end a run."""
    encoding = sys.stderr.encoding or "ascii"
    return text.encode(encoding, "replace").decode(encoding)
