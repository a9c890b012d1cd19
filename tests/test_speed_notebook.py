"""The speed notebook runs headless to its end, and leaves its figures, tables and both sides' runs."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat

from rlkit import reporting
from rlkit.runs import all_runs

ROOT = Path(__file__).parents[1]
QUICK = {"env_id": "CartPole-v1", "total_timesteps": 4096, "ablation": "[pinned]", "n_envs": 8}


def test_the_speed_notebook_measures_trains_and_reports() -> None:
    values = [word for name, value in QUICK.items() for word in ("-p", f"{name}={value}")]
    command = [sys.executable, "-m", "rlkit", "run", "speed", "--profile", "testing", *values]
    subprocess.run(command, cwd=ROOT, check=True, timeout=600)
    one, other = all_runs()
    assert {one.status()["state"], other.status()["state"]} == {"done"}
    ours, stock = (one, other) if one.params.fast else (other, one)
    assert stock.params == ours.params.model_copy(update={"fast": False})
    assert ours.status()["switches"]["path"] == "native, 1 thread"
    assert stock.status()["switches"]["path"] == "stable-baselines3"

    tables = ours.tables()
    assert {"parts", "rounds", "ablation", "curves", "trainings", "verdict", "roofline", "claims"} <= set(tables)
    assert set(tables["curves"]["side"]) == {"stable-baselines3", "rlkit.PPO"}
    assert tables["claims"]["measured here"].notna().all()
    assert {"parts", "rounds", "curves", "roofline"} <= set(reporting.figures(ours))
    notebook = nbformat.read(ours.folder / "notebook.ipynb", 4)
    pictures = [out for cell in notebook.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(pictures) == 4
    assert not re.search(r"https?://", (ours.folder / "report.html").read_text("utf-8"))
