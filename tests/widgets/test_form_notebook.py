"""The control panel's notebook by papermill: the same cells without a person, and a picture where the panel was."""

import subprocess
import sys
from pathlib import Path

import nbformat

from rlkit.runs import all_runs

ROOT = Path(__file__).parents[2]
VALUES = "{values: {env_id: CartPole-v1, n_envs: 4, n_steps: 32, batch_size: 64, total_timesteps: 1024, eval_games: 2}}"


def test_the_control_panel_without_a_person(tmp_path: Path) -> None:
    out = tmp_path / "out.ipynb"
    command = [sys.executable, "-m", "papermill", "notebooks/control_panel.ipynb", str(out)]
    subprocess.run([*command, "-p", "profile", "testing", "-y", VALUES], cwd=ROOT, check=True, timeout=600)
    first, second = all_runs()
    assert (first.status()["state"], second.status()["state"]) == ("done", "done")
    assert first.params.learning_rate == 7e-4
    assert second.params == first.params.model_copy(update={"learning_rate": 1e-4})
    (cell,) = [cell for cell in nbformat.read(out, 4).cells if "run.panel()" in cell.source]
    assert "image/png" in cell.outputs[-1].data
    assert out.stat().st_size < 5_000_000
