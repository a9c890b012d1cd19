"""Curricula that make no sense are refused with the place and the way out."""

from typing import Any

import pytest
from pydantic import ValidationError

from rlkit.curriculum.stages import Stage, check_reach, in_order, shortened

A, B, C = ({"name": name, "until_step": edge} for name, edge in (("a", 100), ("b", 200), ("c", 300)))
LAST = {"name": "last"}


def test_stages_come_in_the_order_of_the_list_or_as_next_says() -> None:
    assert [stage.name for stage in in_order([A, B, LAST])] == ["a", "b", "last"]
    jumping = [A | {"next": "b"}, LAST, B | {"next": "last"}]
    assert [stage.name for stage in in_order([*jumping[:1], jumping[2], jumping[1]])] == ["a", "b", "last"]


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        ([], ["needs a stage"]),
        ([A, A], ["two stages are called 'a'"]),
        ([A, LAST, B], ["'b' cannot be reached", "'last' never ends"]),
        ([A | {"next": "last"}, B, LAST], ["'b' cannot be reached: no stage leads to it"]),
        ([A | {"next": "b"}, B | {"next": "a"}, LAST], ["a circle: a -> b -> a", "failed_below"]),
        ([A | {"next": "a"}, LAST], ["a circle: a -> a"]),
        ([A | {"next": "lst"}, LAST], ["stage 'a': next='lst'", "Did you mean 'last'?"]),
        ([B, A, LAST], ["stages overlap: 'a' ends at step 100, but 'b' before it at 200"]),
        ([A, B | {"until_step": 100}, LAST], ["stages overlap"]),
        ([A, B], ["'b' is the last"]),
        ([A | {"failed_below": 0.1}, LAST], ["'a' is the first", "Leave out failed_below"]),
    ],
)
def test_what_makes_no_curriculum(stages: list[dict[str, Any]], words: list[str]) -> None:
    with pytest.raises(ValueError, match="stage") as caught:
        in_order(stages)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"passed": {"games": 50}}, "asks for nothing"),
        ({"passed": {"elo": 1400}}, "needs opponent_elo"),
        ({"passed": {"win_rate": 0.5, "steps": 100}, "max_steps": 100}, "steps=100 at the earliest"),
        ({"passed": {"win_rate": 0.3}, "failed_below": 0.3}, "lead forwards and back"),
        ({"passed": {"win_rate": 1.5}}, "less than 1"),
        ({"env": {"reward_weights": {"touch": "much"}}}, "the weight of 'touch' is 'much'"),
        ({"env": {"reward_weights": {"touch": True}}}, "the weight of 'touch' is True"),
        ({"env": {"reward_weights": 3}}, "give terms with numbers"),
        ({"until_step": 0}, "greater than or equal to 1"),
        ({"unitl_step": 5}, "Extra inputs are not permitted"),
    ],
)
def test_what_makes_no_stage(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Stage(name="x", **values)


def test_a_stage_is_written_as_it_was_given() -> None:
    given = {"name": "x", "env": {"length": 1}, "success": 1.0, "passed": {"win_rate": 0.5}}
    stage = Stage.model_validate(given)
    assert set(stage.model_dump()) == set(given)
    assert Stage.model_validate(stage.model_dump()) == stage


def test_a_training_that_ends_before_a_stage_begins_is_refused() -> None:
    path = in_order([A, {"name": "quick", "passed": {"win_rate": 0.5, "steps": 50}, "max_steps": 500}, LAST])
    check_reach(path, 151)
    with pytest.raises(ValueError, match="'last' cannot be reached: it begins at step 150 at the earliest"):
        check_reach(path, 150)
    with pytest.raises(ValueError, match="'quick' cannot be reached: it begins at step 100"):
        check_reach(path, 100)


def test_a_shorter_training_has_shorter_stages() -> None:
    stage = Stage(name="x", passed={"win_rate": 0.5, "steps": 50}, max_steps=1000, until_step=400)
    (less,) = shortened([stage], 0.1)
    assert (less.passed.steps, less.max_steps, less.until_step, less.passed.games) == (5, 100, 40, 100)
