"""The curriculum notebook runs headless to its end: arms are trained, played and judged, and the ladder is climbed."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from rlkit import reporting
from rlkit.runs import all_runs

ROOT = Path(__file__).parents[1]


def test_the_curriculum_notebook_trains_plays_and_reports() -> None:
    pytest.importorskip("RocketSim")
    command = [sys.executable, "-m", "rlkit", "run", "curriculum", "--profile", "testing", "-p", "eval_games=2"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=600)
    ours, ladder = all_runs()  # the hybrid arm is the notebook's own training
    assert {run.status()["state"] for run in (ours, ladder)} == {"done"}
    assert (ours.params.name, ladder.params.name) == ("testing", "ladder")
    assert ours.params.total_timesteps == ladder.params.total_timesteps

    tables = ours.tables()
    assert {"modes", "goals", "arms", "summary", "verdicts", "stages"} <= set(tables)
    assert tables["arms"].groupby(["arm", "opponent"]).size().to_dict() == {
        (arm, opponent): 1 for arm in ("hybrid", "ladder") for opponent in ("rule", "basic")
    }
    assert tables["stages"]["stage"].tolist() == ["touch", "open goal", "kickoff", "basic", "everybody"]
    assert {"goals", "arms"} <= set(reporting.figures(ours))
    assert {path.stem for path in reporting.replays(ours)} == {"before", "after"}
    notebook = nbformat.read(ours.folder / "notebook.ipynb", 4)
    pictures = [out for cell in notebook.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(pictures) == 4  # terms, goals, arms, stages
    assert not re.search(r"https?://", (ours.folder / "report.html").read_text("utf-8"))
