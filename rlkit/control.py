"""The mailbox of a run folder: requests from any viewer, read by the process that trains."""

from pathlib import Path

from rlkit.errors import RunError, did_you_mean
from rlkit.files import read_json, write_json

STOP_STATES = ("interrupted", "timeout", "preempted")


def request_stop(folder: Path, reason: str, state: str = "interrupted") -> None:
    """Ask the training in `folder` to stop at its next step, checkpoint, and end in `state` (one of STOP_STATES)."""
    if state not in STOP_STATES:
        raise RunError(f"a stop cannot end in state '{state}'. {did_you_mean(state, STOP_STATES)}")
    (folder / "control").mkdir(exist_ok=True)
    write_json(folder / "control" / "stop.json", {"state": state, "reason": reason})


def read_stop(folder: Path) -> tuple[str, str] | None:
    """(state, reason) of a stop request, or None; what is no request is none."""
    request = read_json(folder / "control" / "stop.json")
    if not isinstance(request, dict) or request.get("state") not in STOP_STATES:
        return None
    return request["state"], str(request.get("reason", ""))
