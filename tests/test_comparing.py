"""Comparisons of runs: groups, numbers on a common grid, verdicts and refusals, from folders written by hand."""

from pathlib import Path

import numpy as np
import pytest

from rlkit.comparing import compare, group_runs
from rlkit.errors import ParamsError, RunError
from rlkit.params import load_params
from rlkit.runs import Run, create_run


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
    found = compare(runs)
    steps, values = found.curves["learning_rate=0.001"]
    assert steps[-1] == 1000
    assert values[0, -1] == pytest.approx(50)
    assert np.isnan(compare(runs, threshold=1000.0).table["steps_to"]).all()


def test_what_cannot_be_compared_is_refused() -> None:
    one = written(0, 1e-4, 100.0)
    with pytest.raises(ParamsError, match="nothing to compare"):
        compare([one, written(1, 1e-4, 90.0)])
    with pytest.raises(ParamsError, match=r"seeds \[0, 0\] hold one twice"):
        compare([one, written(0, 1e-4, 90.0)])
    with pytest.raises(RunError, match=r"no curve of eval/x; it has rollout/ep_rew_mean"):
        compare([one, written(0, 1e-3, 90.0)], metric="eval/x")
