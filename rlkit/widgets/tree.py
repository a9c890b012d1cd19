"""The tree of branches: which run went on from which checkpoint of which other, and with what changed."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from rlkit.comparing import UNTOLD
from rlkit.errors import RlkitError
from rlkit.phases import Params
from rlkit.progress import progress_text
from rlkit.runs import Run, all_runs

LINEAGE = {*UNTOLD, "start_from", "total_timesteps", "edits"}  # what says where a branch begins, and not what it tries


def family(run: Run) -> list[tuple[int, Run]]:
    """(depth, run) of the run's first ancestor and of all that branched from it, each below its parent, by age."""
    runs = {one.id: one for one in (*all_runs(), run)}
    parents = {name: _origin(one)[0] for name, one in runs.items()}
    first, seen = run.id, {run.id}
    while (above := parents[first]) in runs and above not in seen:
        first = above
        seen.add(first)
    found: list[tuple[int, Run]] = []

    def descend(name: str, depth: int) -> None:
        found.append((depth, runs[name]))
        for child in sorted(one for one, parent in parents.items() if parent == name):
            descend(child, depth + 1)

    descend(first, 0)
    return found


def tree_text(run: Run) -> str:
    """The family as lines of text: what each branch changed at which step, and how it stands; an arrow marks `run`."""
    members = family(run)
    runs = {one.id: one for _, one in members}
    lines = []
    for depth, one in members:
        parent, step = _origin(one)
        begin = f"{'   ' * (depth - 1)}└─ from {step}: {_changes(one, runs[parent])}  " if depth else ""
        lines.append(f"{begin}{one.id}  {progress_text(one.status())}{'  ◀' if one.id == run.id else ''}")
    return "\n".join(lines)


def _origin(run: Run) -> tuple[str, str]:
    """(id of the parent, step) of a branch, ("", "") of any other run and of a damaged one."""
    params = _params(run.folder)
    parent, _, step = params.start_from.partition("/") if params else ("", "", "")
    return parent, f"{int(step):,}" if step.isdecimal() else "its newest"


def _changes(run: Run, parent: Run) -> str:
    """What a branch changed, as name=value: its parameters against the parent's, and its edits at the first step."""
    own, above = _params(run.folder), _params(parent.folder)
    if own is None or above is None:
        return "?"
    before: dict[str, Any] = above.model_dump()
    changed = {name: value for name, value in own.model_dump(exclude=LINEAGE).items() if before.get(name) != value}
    step = own.start_from.partition("/")[2]
    for edit in own.edits:
        if str(edit["step"]) == step:
            changed |= {name: value for name, value in edit.items() if name != "step"}
    return ", ".join(f"{name}={value}" for name, value in changed.items()) or "nothing changed"


@lru_cache(maxsize=10_000)
def _params(folder: Path) -> Params | None:
    """The parameters of a run folder, which never change; None where they cannot be read."""
    try:
        return Run(folder).params
    except RlkitError:
        return None
