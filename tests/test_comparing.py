"""Comparisons of runs: groups, numbers on a common grid, verdicts and refusals, from folders written by hand."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from typer.testing import CliRunner

import rlkit
from rlkit.cli import app
from rlkit.comparing import compare, group_runs
from rlkit.diagnostics.verdict import Verdict
from rlkit.errors import ParamsError, RunError
from rlkit.params import load_params
from rlkit.runs import Run, all_runs, create_run
from rlkit.studies import compare as study

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLKIT_OUTPUTS", str(tmp_path))


def written(seed: int, learning_rate: float, last: float, stretch: int = 1) -> Run:
    """A run whose return rises in a straight line from 0 to `last`, at 2 seconds per line of metrics."""
    run = create_run(load_params("baseline", {"seed": seed, "learning_rate": learning_rate, "env_id": "CartPole-v1"}))
    lines = ["time/total_timesteps,rollout/ep_rew_mean,time/env_seconds,time/update_seconds"]
    lines += [f"{100 * stretch * k},{last * k / 10},0.5,1.5" for k in range(11)]
    (run.folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    return run


def two_sides(gain: float) -> list[Run]:
    slow = [written(seed, 1e-4, 100 + seed) for seed in range(5)]
    return slow + [written(seed, 1e-3, 100 + seed + gain) for seed in range(5)]


def test_groups_are_named_by_what_differs() -> None:
    groups = group_runs(two_sides(50))
    assert {name: len(runs) for name, runs in groups.items()} == {"learning_rate=0.0001": 5, "learning_rate=0.001": 5}


def test_a_run_that_was_edited_is_no_seed_of_the_others() -> None:
    runs = [written(seed, 1e-4, 100) for seed in range(3)]
    edit = {"time": 0.0, "step": 50, "kind": "edit", "name": "gamma", "value": 0.9, "planned": False}
    (runs[2].folder / "events.jsonl").write_text(json.dumps(edit) + "\n")
    assert [len(members) for members in group_runs(runs).values()] == [2, 1]


def test_a_comparison_tells_better_with_its_numbers() -> None:
    runs = two_sides(50)
    found = compare(runs, threshold=75)
    row = found.table.loc["learning_rate=0.0001"]
    assert row["seeds"] == 5
    # the last tenth of a line from 0 to 102 over 100 points: its mean is at point 94.5 of 99
    assert row["mean"] == pytest.approx(102 * 94.5 / 99)
    assert row["mean_over_steps"] == pytest.approx(51)
    assert (row["reached"], row["steps_to"], row["seconds_to"]) == (5, 800, 18)  # 8 of 10 lines, and the one at 0
    assert found.verdicts["learning_rate=0.001"].startswith("better: +47.73")
    assert found.runs["learning_rate=0.001"] == [run.id for run in runs[5:]]
    assert len(found.figure().axes[0].lines) == 2
    assert "better" in found._repr_html_()


def test_a_small_difference_cannot_be_told() -> None:
    assert compare(two_sides(0.1)).verdicts["learning_rate=0.001"].startswith("cannot tell")


def test_few_seeds_get_numbers_and_no_verdict() -> None:
    runs = two_sides(50)
    found = compare(runs[:3] + runs[5:])
    assert found.table.loc["learning_rate=0.0001", "seeds"] == 3
    assert "Train 2 more seeds" in found.verdicts["learning_rate=0.001"]


def test_curves_are_compared_up_to_where_all_have_come() -> None:
    runs = [written(0, 1e-4, 100.0), written(0, 1e-3, 100.0, stretch=2)]
    with pytest.warns(UserWarning, match="only up to step 1,000 of 2,000"):
        found = compare(runs)
    steps, values = found.curves["learning_rate=0.001"]
    assert steps[-1] == 1000
    assert values[0, -1] == pytest.approx(50)
    with pytest.warns(UserWarning, match="only up to"):
        assert np.isnan(compare(runs, threshold=1000.0).table["steps_to"]).all()


def test_what_cannot_be_compared_is_refused() -> None:
    one = written(0, 1e-4, 100.0)
    with pytest.raises(ParamsError, match="nothing to compare"):
        compare([one, written(1, 1e-4, 90.0)])
    with pytest.raises(ParamsError, match=r"seeds \[0, 0\] hold one twice"):
        compare([one, written(0, 1e-4, 90.0)])
    late = written(0, 1e-3, 90.0)
    lines = (late.folder / "metrics.csv").read_text().splitlines()
    (late.folder / "metrics.csv").write_text(f"{lines[0]}\n5000,1,1,1\n6000,2,1,1\n")
    with pytest.raises(RunError, match="no steps in common: one begins at 5,000 and one ends at 1,000"):
        compare([one, late])
    with pytest.raises(RunError, match=r"no curve of eval/x; it has rollout/ep_rew_mean"):
        compare([one, written(0, 1e-3, 90.0)], metric="eval/x")


def test_runs_are_chosen_by_word_and_by_pattern() -> None:
    runs = two_sides(50)
    assert study.choose([runs[3].id, runs[1].id]) == [runs[1], runs[3]]
    assert study.choose(["baseline/*_s2_*", "_s4_"]) == [runs[2], runs[4], runs[7], runs[9]]
    with pytest.raises(RunError, match="no run fits 'speed/"):
        study.choose([runs[0].id, "speed/*"])


def test_equal_sides_are_called_different_about_as_often_as_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "SEEDS", (5,))
    alarms = study.false_alarms(compare(two_sides(50)), trials=100)
    assert alarms["seeds"].tolist() == [5, 5, 5]
    assert (alarms["low"] <= 0.05).all()
    assert alarms["rate"].sum() > 0


def test_a_verdict_that_cries_wolf_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wolf = Verdict("better", 1.0, 0.5, 1.5, 0.01, 1.0, 0)
    monkeypatch.setattr(study, "judge", lambda first, second: wolf)
    assert (study.false_alarms(compare(two_sides(50)), trials=50)["low"] > 0.9).all()


def test_a_report_of_several_runs_names_them_all_and_needs_no_network() -> None:
    runs = two_sides(50)
    page = rlkit.report(*runs)
    text = page.read_text("utf-8")
    assert all(run.id in text for run in runs)
    assert "better: +47.73" in text
    assert "data:image/png;base64," in text
    assert not re.search(r"https?://", text)
    with pytest.raises(ParamsError, match="nothing to compare"):
        rlkit.report(*runs[:2])


def test_the_commands_of_one_run_and_of_several() -> None:
    values = {"env_id": "CartPole-v1", "n_envs": 2, "n_steps": 16, "batch_size": 16}
    run = rlkit.train(load_params("baseline", values | {"total_timesteps": 32, "eval_games": 2}))
    assert '"episodes": 2' in CliRunner().invoke(app, ["eval", run.id, "--json"], catch_exceptions=False).stdout
    assert len(run.tables()["episodes"]) == 2
    others = [one.id for one in two_sides(50)]
    printed = CliRunner().invoke(app, ["report", *others], catch_exceptions=False).stdout
    assert f"{others[0]}_and_9_more.html" in printed


def test_the_notebook_trains_its_study_judges_it_and_is_a_run_of_its_own() -> None:
    command = [sys.executable, "-m", "rlkit", "run", "compare", "--profile", "testing"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=240)
    (run,) = [one for one in all_runs() if one.phase == "compare"]
    assert run.status()["state"] == run.notebook_status()["state"] == "done"
    assert len(all_runs()) == 11
    assert {one.part_of for one in all_runs()} == {run.id, ""}
    (row,) = json.loads(CliRunner().invoke(app, ["ls", "--json"], catch_exceptions=False).stdout)
    assert (row["run"], row["trainings"]) == (run.id, 10)
    assert len(json.loads(CliRunner().invoke(app, ["ls", "--all", "--json"], catch_exceptions=False).stdout)) == 11
    assert run.tables()["groups"]["seeds"].tolist() == [5, 5]
    text = (run.folder / "report.html").read_text("utf-8")
    assert all(one.id in text for one in all_runs() if one != run)
    outputs = [out for cell in nbformat.read(run.folder / "notebook.ipynb", 4).cells for out in cell.get("outputs", [])]
    assert sum("image/png" in out.get("data", {}) for out in outputs) == 1
    assert any("against fast=False" in out.get("data", {}).get("text/html", "") for out in outputs)
