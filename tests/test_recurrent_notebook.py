"""The notebook of memory runs headless to its end, and leaves its figures, tables and every memory's runs."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat

from rlkit import reporting
from rlkit.runs import all_runs

ROOT = Path(__file__).parents[1]


def test_the_recurrent_notebook_trains_compares_and_reports() -> None:
    command = [sys.executable, "-m", "rlkit", "run", "recurrent", "--profile", "testing", "-p", "problems=[recall]"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=600)
    runs = all_runs()
    assert {run.status()["state"] for run in runs} == {"done"}
    (ours,) = [run for run in runs if run.params.name == "testing"]
    others = [run.params.memory for run in runs if run.params.name == "recall"]
    assert sorted(others) == ["gru", "lstm", "none", "stack"]

    tables = ours.tables()
    assert {"memories", "states", "costs", "results", "summary", "verdicts", "claims"} <= set(tables)
    assert tables["claims"]["measured here"].notna().all()
    assert {"memories", "states", "costs"} <= set(reporting.figures(ours))
    notebook = nbformat.read(ours.folder / "notebook.ipynb", 4)
    pictures = [out for cell in notebook.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(pictures) == 4  # curve, states, learning, costs
    assert not re.search(r"https?://", (ours.folder / "report.html").read_text("utf-8"))
