"""The notebook of self-play runs headless to its end, and leaves its figures, tables and every arm's runs."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np

from rlkit import reporting
from rlkit.runs import all_runs
from rlkit.studies import self_play

ROOT = Path(__file__).parents[1]


def test_the_self_play_notebook_trains_rates_and_reports() -> None:
    command = [sys.executable, "-m", "rlkit", "run", "self_play", "--profile", "testing"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=600)
    runs = all_runs()
    assert {run.status()["state"] for run in runs} == {"done"}
    (ours,) = [run for run in runs if run.params.name == "testing"]
    assert sorted(run.params.name for run in runs if run is not ours) == ["scripts", "uniform"]

    assert {"course", "pool", "picks", "standings", "matrix"} <= set(reporting.figures(ours))
    tables = ours.tables()
    assert tables["course"]["steps"].is_monotonic_increasing
    assert (tables["course"]["low"] < tables["course"]["rating"]).all()
    assert tables["standings"].set_index("player").loc["rule", ["rating", "low", "high"]].tolist() == [1200] * 3
    assert np.allclose(tables["picks"].drop(columns="steps").sum(), 1)
    assert tables["verdicts"]["verdict"].str.startswith("no verdict").all()  # one seed tells nothing
    assert set(tables["results"]["arm"]) == {"scripts", "uniform"}
    games = tables["tournament"]
    assert {"scripts/0", "uniform/0", "rule", "basic"} == {*games["one"], *games["other"]}
    assert [member.facts["steps"] for member in self_play.members(ours)] == [384, 768, 1152, 1536, 1920]

    notebook = nbformat.read(ours.folder / "notebook.ipynb", 4)
    pictures = [out for cell in notebook.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(pictures) == 6  # course, pool, picks, standings, matrix, arms
    assert any("best" in path.stem for path in reporting.replays(ours))
    assert not re.search(r"https?://", (ours.folder / "report.html").read_text("utf-8"))
