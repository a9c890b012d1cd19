"""The curriculum notebook's tables: arms of equal length, hand-made matches, and the stages of a real run's events."""

import json
from typing import Any

import pandas as pd
import pytest

from rlkit.envs.rocket_league.reward_modes import FAMILIES
from rlkit.errors import ParamsError
from rlkit.files import append_line
from rlkit.params import load_params
from rlkit.phases.curriculum import CurriculumParams
from rlkit.runs import Run, create_run
from rlkit.studies import curriculum


def params(**changes: Any) -> CurriculumParams:
    return load_params("curriculum", {"n_seeds": 2, "study_share": 0.1, "n_envs": 8, "batch_size": 64} | changes)


def played(rates: dict[str, list[float]]) -> pd.DataFrame:
    """Matches against both scripts, with the same win rate, twice as many goals, and ten touches a minute."""
    rows = [
        {"arm": name, "seed": seed, "opponent": opponent, "win_rate": rate, "goals_per_minute": 2 * rate,
         "conceded_per_minute": 1.0, "touches_per_minute": 10.0}
        for name, values in rates.items() for seed, rate in enumerate(values) for opponent in curriculum.OPPONENTS
    ]  # fmt: skip
    return pd.DataFrame(rows)


FIVE = {
    "sparse": [0.0, 0.01, 0.02, 0.0, 0.01],
    "hybrid": [0.5, 0.6, 0.55, 0.45, 0.5],
    "ladder": [0.5, 0.58, 0.56, 0.47, 0.49],
}


def test_the_table_of_modes_names_every_term_that_is_paid_for() -> None:
    table = curriculum.modes().set_index("term")
    assert len(table) == sum(map(len, FAMILIES.values()))
    assert table.loc["goal", ["sparse", "dense", "hybrid"]].tolist() == [10.0, 2.0, 10.0]
    assert table["paid for"].str.len().min() > 10


def test_an_arm_is_its_profile_in_the_notebooks_sizes() -> None:
    ladder = curriculum.arm(params(), "ladder", seed=3)
    assert (ladder.name, ladder.seed, ladder.n_envs, ladder.batch_size) == ("ladder", 3, 8, 64)
    assert ladder.total_timesteps == load_params("curriculum").total_timesteps // 10
    whole = load_params("curriculum", profile="ladder").stages
    assert [stage.max_steps for stage in ladder.stages] == [s.max_steps and s.max_steps // 10 for s in whole]
    assert [stage.name for stage in ladder.stages] == [stage.name for stage in whole]


def test_all_arms_of_the_notebook_have_the_same_steps() -> None:
    asked = load_params("curriculum")
    assert len({curriculum.arm(asked, name, 0).total_timesteps for name in [*asked.arms, "fading"]}) == 1
    with pytest.raises(ParamsError, match="compared at equal steps"):
        curriculum.train_arms(params(arms=["hybrid", "three_stage"], n_envs=96, batch_size=96))


def test_a_training_that_is_done_already_counts_as_its_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = params(arms=["hybrid", "dense"], total_timesteps=200_000, n_workers=1, study_share=0.1)
    done = create_run(asked)
    sent: list[CurriculumParams] = []
    monkeypatch.setattr(curriculum, "warm_up", lambda wanted: None)
    monkeypatch.setattr(
        curriculum, "train_all", lambda wanted, n: sent.extend(wanted) or [create_run(p) for p in wanted]
    )
    runs = curriculum.train_arms(asked, done)
    assert runs["hybrid"][0] is done
    assert [(one.name, one.seed) for one in sent] == [("dense", 0), ("hybrid", 1), ("dense", 1)]
    assert [[run.params.seed for run in group] for group in runs.values()] == [[0, 1], [0, 1]]


def test_summary_and_verdicts_by_hand() -> None:
    table = curriculum.summary(played(FIVE)).set_index(["arm", "opponent"])
    row = table.loc[("hybrid", "rule")]
    assert row[["seeds", "win_rate", "worst seed", "goals/min", "touches/min"]].tolist() == pytest.approx(
        [5, 0.52, 0.45, 1.04, 10]
    )
    assert row["low"] < 0.52 < row["high"]
    found = curriculum.verdicts(played(FIVE)).set_index(["arm", "opponent", "measure"])["verdict"]
    assert found["sparse against hybrid", "rule", "win_rate"] == "worse"
    assert found["ladder against hybrid", "basic", "goals_per_minute"] == "cannot tell"


def test_without_arms_the_tables_are_empty_and_the_run_itself_is_looked_at() -> None:
    run = create_run(params(arms=[]))
    runs = curriculum.train_arms(run.params, run)
    table = curriculum.play_arms(runs, 2)
    assert curriculum.curves(runs).empty
    assert curriculum.summary(table).empty
    assert curriculum.verdicts(table).empty
    assert curriculum.climber(runs, run) is run
    climbing = create_run(curriculum.arm(params(), "ladder", 0))
    assert curriculum.climber({"hybrid": [run], "ladder": [climbing]}, run) is climbing


def test_too_few_seeds_or_no_reference_give_no_verdict() -> None:
    few = {name: values[:2] for name, values in FIVE.items()}
    assert curriculum.verdicts(played(few))["verdict"].str.startswith("no verdict: 2 and 2 seeds").all()
    assert curriculum.verdicts(played({"sparse": FIVE["sparse"]})).empty


def run_with(events: list[tuple[int, str, int, str]]) -> Run:
    run = create_run(params())
    for step, stage, index, reason in events:
        line = {"kind": "stage", "step": step, "stage": stage, "index": index, "reason": reason}
        append_line(run.folder / "events.jsonl", json.dumps(line))
    return run


def test_the_stages_of_a_run_that_went_back_and_was_resumed() -> None:
    run = run_with(
        [
            (0, "a", 0, "start"),
            (100, "b", 1, "passed"),
            (170, "a", 0, "failed"),
            (150, "b", 1, "resumed"),
            (200, "a", 0, "failed"),
        ],
    )
    table = curriculum.stages(run)
    assert table[["stage", "place", "begins", "reason"]].values.tolist() == [
        ["a", 0, 0, "passed"], ["b", 1, 100, "failed"], ["a", 0, 200, ""],
    ]  # fmt: skip
    assert table["ends"].tolist()[:2] == [100, 200]
    assert curriculum.stages(create_run(params())).empty
