"""The baseline notebook runs headless at its testing profile, by both doors, with the same numbers to the bit."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from rlkit.cli import main
from rlkit.runs import Run, all_runs

ROOT = Path(__file__).parents[1]


def rlkit_run(*more: str) -> Run:
    command = [sys.executable, "-m", "rlkit", "run", "baseline", "--profile", "testing", *more]
    subprocess.run(command, cwd=ROOT, check=True, timeout=600)
    return all_runs()[-1]


def papermill_run(folder: Path, *more: str) -> Run:
    command = [sys.executable, "-m", "papermill", "notebooks/01_baseline.ipynb", str(folder / "out.ipynb")]
    command += ["-f", "params/baseline/testing.yaml", *more]
    subprocess.run(command, cwd=ROOT, check=True, timeout=600)
    return all_runs()[-1]


def numbers(run: Run) -> pd.DataFrame:
    """The metrics of a run, times aside."""
    metrics = run.metrics()
    return metrics[[column for column in metrics if not column.startswith("time/") or column == "time/total_timesteps"]]


def assert_whole(run: Run) -> None:
    """A page that needs no network, the notebook's pictures, TensorBoard's files, a replay."""
    page = (run.folder / "report.html").read_text("utf-8")
    assert not re.search(r"https?://", page)
    assert run.id in page
    notebook = nbformat.read(run.folder / "notebook.ipynb", 4)
    pictures = [out for cell in notebook.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(pictures) == 4  # curve, terms, time, result
    assert list((run.folder / "tb").iterdir())
    assert list((run.folder / "replays").glob("*.html"))


def test_the_baseline_by_rlkit_and_by_papermill(tmp_path: Path) -> None:
    first = rlkit_run("-p", "env_id=CartPole-v1", "-p", "seed=3")
    assert first.status()["state"] == first.notebook_status()["state"] == "done"
    second = papermill_run(tmp_path, "-p", "env_id", "CartPole-v1", "-p", "seed", "3")
    assert second.status()["state"] == "done"
    assert len(numbers(first)) >= 10
    pd.testing.assert_frame_equal(numbers(first), numbers(second), check_exact=True)
    pd.testing.assert_frame_equal(first.tables()["evaluation"], second.tables()["evaluation"], check_exact=True)
    assert_whole(first)


def test_the_baseline_of_rocket_league() -> None:
    pytest.importorskip("RocketSim")
    run = rlkit_run()
    assert len(run.tables()["matches"])
    assert_whole(run)


def test_a_wrong_name_or_value_ends_the_notebook_before_it_trains(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "papermill", "notebooks/01_baseline.ipynb", str(tmp_path / "out.ipynb"), "-p"]
    failed = subprocess.run([*command, "sed", "3"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert failed.returncode == 1
    assert "Did you mean 'seed'?" in failed.stderr
    assert all_runs() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "baselin"], "Did you mean 'baseline'?"),
        (["run", "baseline", "--profile", "testin"], "Did you mean 'testing'?"),
        (["run", "baseline", "--profile", "../../etc/passwd"], "unknown profile"),
        (["run", "baseline", "-p", "n_step=3"], "Did you mean 'n_steps'?"),
        (["run", "baseline", "-p", "seed"], "-p NAME=VALUE"),
        (["run", "baseline", "-p", "learning_rate=high"], "learning_rate='high'"),
        (["show", "nothing"], "no run 'nothing'"),
        (["stop", "../.."], "no run"),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: list[str], words: str, outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys, "argv", ["rlkit", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    told = capsys.readouterr().err
    assert caught.value.code == 2
    assert words in told
    assert "Traceback" not in told
    assert not outputs.exists()


def test_the_command_ends_with_code_2(outputs: Path) -> None:
    command = [sys.executable, "-m", "rlkit", "show", "nothing"]
    failed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert failed.returncode == 2
    assert failed.stderr.startswith("rlkit: no run 'nothing'")
    assert not outputs.exists()


def test_a_terminal_without_unicode_does_not_end_a_run(outputs: Path) -> None:
    code = "import rlkit; from rlkit import runs; runs.create_run(rlkit.load_params('baseline', {'name': 'näme 🚗'}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
    narrow = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    for arguments in (["ls"], ["show", "last"], ["ls", "--json"]):
        command = [sys.executable, "-m", "rlkit", *arguments]
        shown = subprocess.run(command, cwd=ROOT, env=narrow, capture_output=True, timeout=60, check=True).stdout
        assert b"baseline" in shown
    assert json.loads(shown)[0]["state"] == "died"  # its maker is gone
