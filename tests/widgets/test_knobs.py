"""Knobs without a page: a move leaves an edit, an impossible one says why, and the training's answer is shown."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlkit.control import take_requests
from rlkit.edits import in_force
from rlkit.files import append_line, write_json
from rlkit.params import load_params
from rlkit.phases.base import ENV_EDITS
from rlkit.runs import Run, create_run
from rlkit.widgets.knobs import env_knobs, parameter_knobs


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("RLKIT_OUTPUTS", str(tmp_path))
    return create_run(load_params("baseline", {"env_id": "CartPole-v1", "edits": [{"step": 0, "gamma": 0.95}]}))


def edited(name: str, value: Any, request: str = "") -> dict[str, Any]:
    """The event of an edit."""
    return {"kind": "edit", "step": 4096, "name": name, "value": value, "request": request}


def test_knobs_begin_at_what_is_in_force(run: Run) -> None:
    config = {"reward_weights": {"touch": 0.1, "goal": 10.0}, "opponents": {"self": 1.0}, "mode": "1v1"}
    write_json(run.folder / "env.json", {"config": config})
    for name, value in {"reward_weights": {"touch": 0.5}, "stage": {"opponents": {"self": 3.0, "rule": 1.0}}}.items():
        edit = {"step": 0, "kind": "edit", "planned": False, "name": name, "value": value}
        append_line(run.folder / "events.jsonl", json.dumps(edit))
    current, config = in_force(run)
    knobs = {knob.name: knob.control.value for knob in parameter_knobs(run, current)}
    assert knobs["gamma"] == 0.95
    assert knobs["learning_rate"] == pytest.approx(7e-4)
    assert set(knobs) == set(type(run.params).live) - set(ENV_EDITS)
    groups = env_knobs(run, config)
    values = {name: {knob.name: knob.control.value for knob in knobs} for name, knobs in groups.items()}
    assert values == {"reward_weights": {"touch": 0.5, "goal": 10.0}, "opponents": {"self": 0.75, "rule": 0.25}}


def test_a_move_leaves_an_edit_and_shows_the_answer(run: Run) -> None:
    knobs = {knob.name: knob for knob in parameter_knobs(run, in_force(run)[0])}
    knobs["clip_range"].control.value = 0.3 + 1e-12  # as the steps of a slider add up
    (request,) = take_requests(run.folder)
    assert (request["name"], request["value"]) == ("clip_range", 0.3)
    knobs["clip_range"].hear(edited("clip_range", 0.4))  # what somebody else had asked for a moment before
    assert "next rollout" in knobs["clip_range"].said.value
    knobs["clip_range"].hear(edited("clip_range", 0.3, request["id"]))
    assert knobs["clip_range"].said.value == "<b>0.3</b> from step 4,096"
    knobs["clip_range"].control.value = 0.2
    (request,) = take_requests(run.folder)
    knobs["clip_range"].hear(edited("clip_range", 0.2, request["id"]) | {"kind": "refused", "reason": "<why>"})
    assert "refused: &lt;why&gt;" in knobs["clip_range"].said.value


@pytest.mark.parametrize(
    ("name", "value"), [("learning_rate", 1e-9), ("clip_range", 0.9), ("batch_size", 100), ("n_epochs", 50)]
)
def test_a_knob_follows_what_somebody_else_has_set(run: Run, name: str, value: float) -> None:
    knobs = {knob.name: knob for knob in parameter_knobs(run, in_force(run)[0])}
    for knob in knobs.values():
        knob.hear(edited(name, value, "of another panel"))
    assert knobs[name].control.value == pytest.approx(value)
    assert knobs[name].said.value == f"<b>{value:g}</b> from step 4,096"
    assert [knob.name for knob in knobs.values() if knob.said.value] == [name]
    assert take_requests(run.folder) == []


def test_a_reward_weight_is_sent_by_its_name(run: Run) -> None:
    (knob,) = env_knobs(run, {"reward_weights": {"touch": 0.1}})["reward_weights"]
    knob.control.value = 2.0
    (request,) = take_requests(run.folder)
    assert (request["name"], request["value"]) == ("reward_weights", {"touch": 2.0})
    knob.control.value = float("nan")
    assert take_requests(run.folder) == []
    assert "finite" in knob.said.value


def test_opponents_are_sent_together_as_shares(run: Run) -> None:
    first, second = env_knobs(run, {"opponents": {"self": 0.6, "rule": 0.4}})["opponents"]
    second.control.value = 0.0
    (request,) = take_requests(run.folder)
    assert (request["name"], request["value"]) == ("opponents", {"self": 0.6, "rule": 0.0})
    for knob in (first, second):
        knob.hear(edited("opponents", request["value"], request["id"]))
        assert knob.said.value == f"<b>{knob.control.value:g}</b> from step 4,096"
    for knob in (first, second):
        knob.hear(edited("stage", {"opponents": {"self": 0.25, "rule": 0.75}, "mode": "1v1"}))
    assert (first.control.value, second.control.value) == (0.25, 0.75)
    assert take_requests(run.folder) == []


def test_a_stage_is_a_line_of_yaml(run: Run) -> None:
    config = {"mode": "1v1", "starts": {"kickoff": 1.0}, "mutators": {}}
    assert "stage" not in env_knobs(run, {"mode": "1v1"})
    (knob,) = env_knobs(run, config)["stage"]
    assert knob.control.value == "{mode: 1v1, starts: {kickoff: 1.0}, mutators: {}}"
    knob.control.value = "{mode: 2v2}"
    (request,) = take_requests(run.folder)
    assert (request["name"], request["value"]) == ("stage", {"mode": "2v2"})
    knob.hear(edited("stage", {"mode": "2v2"}, request["id"]))
    assert knob.said.value == "<b>{mode: 2v2}</b> from step 4,096"
    knob.control.value = "soon"
    assert "give what changes by name" in knob.said.value


def test_the_stages_of_a_curriculum_are_chosen_by_name() -> None:
    stages = [{"name": "kickoff", "until_step": 100}, {"name": "match"}]
    run = create_run(load_params("curriculum", {"stages": stages}))
    (knob,) = env_knobs(run, {})["stage"]
    (weight,) = env_knobs(run, {"reward_weights": {"touch": 0.5}})["reward_weights"]
    assert knob.control.options == ("kickoff", "match")
    for one in (knob, weight):
        one.hear({"kind": "stage", "step": 128, "stage": "match", "index": 1})
    assert knob.control.value == "match"
    assert knob.said.value == "<b>match</b> from step 128"
    assert knob.value == knob.first  # a branch goes on in the stage of its checkpoint anyway
    assert take_requests(run.folder) == []
    knob.control.value = "kickoff"
    (request,) = take_requests(run.folder)
    assert (request["name"], request["value"]) == ("stage", "kickoff")
    for one in (knob, weight):
        one.hear(edited("stage", "kickoff", request["id"]))
    assert (knob.said.value, weight.said.value) == ("<b>kickoff</b> from step 4,096", "")
