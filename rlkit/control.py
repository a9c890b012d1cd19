"""The mailbox of a run folder: requests from any viewer, read by the process that trains.

`control/stop.json` ends the training, `control/pause.json` holds it while it is there, and each request
`control/request-*.json` is taken once, oldest first.
"""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from rlkit.errors import RunError, did_you_mean
from rlkit.files import read_json, write_json

STOP_STATES = ("interrupted", "timeout", "preempted")


def request_stop(folder: Path, reason: str, state: str = "interrupted") -> None:
    """Ask the training in `folder` to stop at its next step, checkpoint, and end in `state` (one of STOP_STATES)."""
    if state not in STOP_STATES:
        raise RunError(f"a stop cannot end in state '{state}'. {did_you_mean(state, STOP_STATES)}")
    write_json(_mailbox(folder) / "stop.json", {"state": state, "reason": reason})


def read_stop(folder: Path) -> tuple[str, str] | None:
    """(state, reason) of a stop request, or None; what is no request is none."""
    request = read_json(folder / "control" / "stop.json")
    if not isinstance(request, dict) or request.get("state") not in STOP_STATES:
        return None
    return request["state"], str(request.get("reason", ""))


def set_pause(folder: Path, on: bool) -> None:
    """Hold the training in `folder` at its next step, or let it go on."""
    if on:
        write_json(_mailbox(folder) / "pause.json", {"since": time.time()})
    else:
        (folder / "control" / "pause.json").unlink(missing_ok=True)


def is_paused(folder: Path) -> bool:
    """Whether somebody holds the training in `folder`."""
    return (folder / "control" / "pause.json").exists()


def post_request(folder: Path, kind: str, **facts: Any) -> str:
    """Leave a request for the training in `folder`; its id, by which an event will answer."""
    request = {"id": uuid4().hex[:12], "kind": kind, "sent": time.time(), **facts}
    write_json(_mailbox(folder) / f"request-{time.time_ns()}-{request['id']}.json", request)
    return request["id"]


def take_requests(folder: Path) -> list[dict[str, Any]]:
    """The requests that wait in `folder`, oldest first; they are gone then. What is no request is thrown away."""
    taken = []
    for path in sorted((folder / "control").glob("request-*.json")):
        request = read_json(path)
        path.unlink(missing_ok=True)
        if isinstance(request, dict) and {"id", "kind"} <= set(request):
            taken.append(request)
    return taken


def clear_mailbox(folder: Path) -> None:
    """Throw away whatever was asked of a training that is over."""
    for path in (folder / "control").glob("*.json"):
        path.unlink(missing_ok=True)


def _mailbox(folder: Path) -> Path:
    (folder / "control").mkdir(exist_ok=True)
    return folder / "control"
