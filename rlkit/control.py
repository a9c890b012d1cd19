"""The mailbox of a run folder: requests from any viewer, read by the process that trains."""

from pathlib import Path

from rlkit.files import read_json, write_json

STOP_STATES = ("interrupted", "timeout", "preempted")


def request_stop(folder: Path, reason: str, state: str = "interrupted") -> None:
    """Ask the training in `folder` to stop at its next step, checkpoint, and end in `state` (one of STOP_STATES)."""
    (folder / "control").mkdir(exist_ok=True)
    write_json(folder / "control" / "stop.json", {"state": state, "reason": reason})


def read_stop(folder: Path) -> tuple[str, str] | None:
    """(state, reason) of a stop request, or None."""
    request = read_json(folder / "control" / "stop.json")
    return (request["state"], request["reason"]) if request else None
