"""The top of a panel: which run, how it stands, how far it has come, in the colours of the page's own theme."""

import html
from typing import Any

from rlkit.progress import clock

INK, MUTED = "var(--jp-ui-font-color1,#1f2430)", "var(--jp-ui-font-color2,#667085)"
FAINT, RED = "var(--jp-border-color2,#e4e7ec)", "var(--jp-error-color1,#b42318)"
STATES = {"running": "#009e73", "paused": "#b26a00", "queued": "#667085", "done": "#0072b2"}  # others are RED
BAR = "height:6px;border-radius:3px"


def headline(run_id: str, status: dict[str, Any]) -> str:
    """HTML of a run's status: its state as a badge, its id, a bar of the steps done, and the figures of now."""
    paused = status.get("paused") and status["state"] == "running"
    state = "paused" if paused else status["state"]
    pill = f"background:{STATES.get(state, RED)};color:#fff;border-radius:10px;padding:1px 10px;font-size:12px"
    first = f"<span style='{pill}'>{state}</span> <b style='margin-left:6px'>{html.escape(run_id)}</b>"
    if status.get("reason"):
        first += f" <span style='color:{MUTED}'>{html.escape(status['reason'].splitlines()[0])}</span>"
    steps, total = status.get("steps", 0), status.get("total_timesteps")
    share = min(1.0, steps / total) if total else 0.0
    done = f"<div style='{BAR};width:{share:.1%};background:{STATES.get(state, RED)}'></div>"
    bar = f"<div style='{BAR};background:{FAINT};margin:7px 0 5px'>{done}</div>"
    figures = "".join(
        f"<span style='margin-right:22px'><b>{value}</b> <span style='color:{MUTED}'>{name}</span></span>"
        for name, value in _figures(status, state).items()
    )
    return f"<div style='color:{INK};line-height:1.5'>{first}{bar}<div style='font-size:13px'>{figures}</div></div>"


def _figures(status: dict[str, Any], state: str) -> dict[str, str]:
    """What a person wants to know of a training, by what it is."""
    steps, total, speed = status.get("steps", 0), status.get("total_timesteps"), status.get("steps_per_second")
    found = {f"of {total:,} steps" if total else "steps": f"{steps:,}"}
    if speed:
        found["steps per second"] = f"{speed:,.0f}"
    if status.get("ep_rew_mean") is not None:
        found["mean return"] = f"{status['ep_rew_mean']:.2f}"
    if speed and total and state == "running":
        found["left"] = clock((total - steps) / speed)
    return found
