"""The state of a curriculum, step by step: promotion by the lower end of an interval, limits, the way back, a stop."""

import math

import pytest

from rlkit.curriculum.curriculum import Curriculum
from rlkit.errors import ParamsError

PASSED = {"win_rate": 0.5, "games": 20, "steps": 100}
LADDER = [
    {"name": "low", "passed": PASSED, "max_steps": 1000},
    {"name": "middle", "passed": PASSED, "failed_below": 0.3, "until_step": 5000},
    {"name": "high"},
]


def play(curriculum: Curriculum, wins: int, losses: int) -> None:
    for score in [1.0] * wins + [0.0] * losses:
        curriculum.scored(score)


def test_promotion_waits_for_games_steps_and_the_lower_end_of_the_interval() -> None:
    """Wilson's interval of 14 of 20 begins at 0.481, of 15 of 20 at 0.531."""
    curriculum = Curriculum(LADDER)
    play(curriculum, 19, 0)
    assert curriculum.decide(500) is None  # one game too few
    play(curriculum, 0, 6)  # the last 20: 14 won
    assert curriculum.decide(500) is None
    play(curriculum, 0, 20)
    play(curriculum, 15, 0)
    play(curriculum, 0, 5)
    assert curriculum.decide(99) is None  # too few steps
    change = curriculum.decide(500)
    assert change == {
        "reason": "passed", "left": "low", "steps_in_stage": 500, "games": 20, "wins": 15, "low": 0.5313,
        "high": 0.8881,
    }  # fmt: skip
    assert (curriculum.stage.name, curriculum.entered_at, curriculum.record().games) == ("middle", 500, 0)


def test_a_limit_of_steps_ends_a_stage_whatever_was_won() -> None:
    curriculum = Curriculum(LADDER)
    assert curriculum.decide(999) is None
    assert curriculum.decide(1000)["reason"] == "steps"
    assert curriculum.decide(4999) is None
    assert curriculum.decide(5000)["left"] == "middle"
    assert curriculum.decide(10**9) is None


def test_regress_leads_back_and_the_counts_begin_again() -> None:
    curriculum = Curriculum(LADDER)
    play(curriculum, 20, 0)
    curriculum.decide(500)
    play(curriculum, 2, 17)
    assert curriculum.decide(900) is None  # 19 games
    play(curriculum, 0, 1)
    assert curriculum.decide(900) is None  # 2 of 20 may be 30 %: Wilson's upper end is 0.301
    play(curriculum, 0, 20)
    assert curriculum.decide(900)["reason"] == "failed"
    assert (curriculum.stage.name, curriculum.record().games) == ("low", 0)
    assert curriculum.decide(1899) is None  # its limit counts from 900 on


def test_there_is_no_way_back_to_a_stage_that_is_over() -> None:
    curriculum = Curriculum([{"name": "low", "until_step": 100}, LADDER[1], LADDER[2]])
    curriculum.decide(100)
    play(curriculum, 0, 20)
    assert curriculum.decide(200) is None


def test_elo_is_the_lower_end_of_the_score_against_rated_opponents() -> None:
    """16 points of 20, draws counted half: Wilson's lower end is 0.584, which is 59 points above 1200."""
    stage = {"name": "low", "passed": {"elo": 1250, "games": 20}, "opponent_elo": 1200}
    curriculum = Curriculum([stage, {"name": "high"}])
    for score in [1.0] * 14 + [0.5] * 4 + [0.0] * 2:
        curriculum.scored(score)
    assert curriculum.record().elo == pytest.approx(1200 + 400 * math.log10(0.58398 / 0.41602), abs=0.1)
    assert curriculum.decide(1)["elo"] == pytest.approx(1258.9, abs=0.1)


def test_without_wins_there_is_no_elo() -> None:
    stage = {"name": "low", "passed": {"elo": 1250, "games": 5}, "opponent_elo": 1200}
    curriculum = Curriculum([stage, {"name": "high"}])
    play(curriculum, 0, 5)
    assert math.isnan(curriculum.record().elo)
    assert curriculum.decide(1) is None


def test_a_stage_that_somebody_asks_for() -> None:
    curriculum = Curriculum(LADDER)
    assert curriculum.go_to("high", 70)["reason"] == "asked"
    assert (curriculum.stage.name, curriculum.entered_at) == ("high", 70)
    with pytest.raises(ParamsError, match="Did you mean 'middle'"):
        curriculum.go_to("midle", 80)


def test_a_stopped_curriculum_goes_on_as_if_it_had_not() -> None:
    first = Curriculum(LADDER)
    first.decide(1000)
    play(first, 14, 5)
    second = Curriculum(LADDER)
    second.restore(first.state())
    assert second.state() == first.state()
    for curriculum in (first, second):
        play(curriculum, 1, 0)
    assert second.decide(1200) == first.decide(1200)
    assert second.stage.name == "high"


def test_a_stage_that_is_gone_leads_to_the_first() -> None:
    curriculum = Curriculum(LADDER)
    curriculum.restore({"stage": "other", "entered_at": 5, "scores": [1.0]})
    assert (curriculum.stage.name, curriculum.record().games) == ("low", 0)


def test_nonsense_is_a_params_error() -> None:
    with pytest.raises(ParamsError, match="stages: two stages are called 'high'"):
        Curriculum([LADDER[2], LADDER[2]])
