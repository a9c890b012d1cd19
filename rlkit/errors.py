"""The kit's errors: what happened, why, and how to fix it, with the values in hand."""

import difflib
from collections.abc import Iterable


class RlkitError(Exception):
    """Base of every error the kit raises on purpose."""


class ParamsError(RlkitError, ValueError):
    """A parameter is unknown, of the wrong type or out of range."""


class RunError(RlkitError):
    """A run folder cannot be made, read or owned."""


class CheckpointError(RlkitError):
    """A checkpoint is missing, damaged or made for another environment."""


class EnvError(RlkitError, ValueError):
    """An environment cannot be built, or was asked for something it does not do."""


class WorkerError(RlkitError, RuntimeError):
    """A worker process died, hung or raised; the message names it and carries its traceback."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean 'n_steps'?` for the closest known name, else the known names (a dozen at most)."""
    names = sorted(known)
    close = difflib.get_close_matches(str(word), names, n=1, cutoff=0.6)
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(names[:12])}{more}."
