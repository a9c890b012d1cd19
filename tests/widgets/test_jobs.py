"""What a panel sets off: an evaluation in a process of its own, a branch with the knobs' values, and their tree."""

import json
import threading
import time
from typing import Any

import pytest

import rlkit
from rlkit.control import take_requests
from rlkit.errors import RlkitError
from rlkit.files import append_line, write_json
from rlkit.params import load_params
from rlkit.runs import Run, create_run
from rlkit.widgets.jobs import result_text
from rlkit.widgets.knobs import env_knobs
from rlkit.widgets.panel import Panel
from rlkit.widgets.tree import family, tree_text

SHORT = {
    "env_id": "CartPole-v1", "n_envs": 2, "n_steps": 16, "batch_size": 16, "n_epochs": 1, "eval_games": 2,
    "total_timesteps": 128, "checkpoint_every": 64,
}  # fmt: skip


@pytest.fixture
def trained() -> Run:
    return rlkit.train(load_params("baseline", SHORT | {"edits": [{"step": 64, "gamma": 0.9}]}))


def branch_of(run: Run, **values: Any) -> Run:
    return create_run(load_params("baseline", SHORT | {"start_from": f"{run.id}/64"} | values))


def test_a_panel_evaluates_and_branches_a_training_that_is_over(trained: Run) -> None:
    panel = Panel(trained)
    while not panel._stop.disabled:  # until its thread has seen the end
        time.sleep(0.05)
    panel.evaluation._do()
    assert "mean return" in panel.evaluation.said.value
    assert "2 episodes" in panel.evaluation.said.value
    assert "iframe" in panel.evaluation.below.children[0].value

    knobs = {knob.name: knob for knob in panel.knobs}
    knobs["clip_range"].control.value = 0.3
    assert knobs["clip_range"].said.value == "for a branch"
    assert panel.branching.changes() == {"clip_range": 0.3, "gamma": 0.9}
    panel.branching.steps.value = 64
    panel.branching._do()
    assert len(panel._branches.children) == 1
    new = rlkit.attach("last")
    assert new.id in panel.branching.said.value
    assert new.params.start_from == f"{trained.id}/128"
    assert new.params.edits == [{"step": 64, "gamma": 0.9}, {"step": 128, "clip_range": 0.3, "gamma": 0.9}]
    assert new.wait().status()["steps"] == 192
    assert new.metrics()["train/clip_range"].iloc[-1] == pytest.approx(0.3)
    assert "└─ from 128: clip_range=0.3, gamma=0.9" in tree_text(trained)


def test_what_cannot_be_done_is_said_in_the_panel() -> None:
    panel = Panel(create_run(load_params("baseline", SHORT)))
    panel.branching._do()
    assert "no whole checkpoint" in panel.branching.said.value
    panel.branching.steps.value = 0
    panel.branching._do()
    assert "no training" in panel.branching.said.value
    assert not panel.branching.button.disabled
    panel.close()


def test_knobs_of_the_env_come_once_the_training_has_built_it() -> None:
    panel = Panel(create_run(load_params("baseline", SHORT)))
    assert panel._folds.titles == ("Parameters", "Branches")
    config = {"reward_weights": {"touch": 0.1}, "opponents": {"self": 0.75, "rule": 0.25}, "mode": "1v1"}
    write_json(panel.run.folder / "env.json", {"config": config})
    panel._refresh()
    assert panel._folds.titles == ("Parameters", "Reward weights", "Opponents", "Branches")
    assert panel.branching.changes() == {}
    panel.env_knobs["opponents"][0].control.value = 0.25
    assert panel.branching.changes() == {"opponents": {"self": 0.25, "rule": 0.25}}
    panel.close()


def test_who_asks_while_the_panel_refreshes_finds_it_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def slow(*arguments: Any) -> Any:
        begun.set()
        time.sleep(0.3)
        return env_knobs(*arguments)

    panel = Panel(create_run(load_params("baseline", SHORT)))
    monkeypatch.setattr("rlkit.widgets.panel.env_knobs", slow)
    write_json(panel.run.folder / "env.json", {"config": {"reward_weights": {"touch": 0.1}, "mode": "1v1"}})
    threading.Thread(target=panel._refresh).start()
    begun.wait()
    panel._refresh()
    assert panel._folds.titles == ("Parameters", "Reward weights", "Branches")
    panel.close()


def test_two_panels_of_one_run_show_the_same() -> None:
    queued = create_run(load_params("baseline", SHORT))
    one, other = Panel(queued), Panel(queued)
    one.knobs[1].control.value = 0.35
    (request,) = take_requests(queued.folder)
    event = {"time": 0.0, "step": 32, "kind": "edit", "name": "clip_range", "value": 0.35, "request": request["id"]}
    append_line(queued.folder / "events.jsonl", json.dumps(event | {"planned": False}))
    for panel in (one, other):
        panel._refresh()
        assert panel.knobs[1].said.value == "<b>0.35</b> from step 32"
        assert panel.knobs[1].control.value == 0.35
        panel.close()
    assert take_requests(queued.folder) == []


def test_a_run_folder_that_is_half_deleted_has_a_clear_message(trained: Run) -> None:
    (trained.folder / "status.json").unlink()
    panel = Panel(trained)
    assert "status.json is missing" in panel._headline.value
    (trained.folder / "params.yaml").unlink()
    with pytest.raises(RlkitError, match=r"params\.yaml"):
        Panel(trained)


def test_the_tree_goes_from_the_first_ancestor_to_every_branch() -> None:
    first = create_run(load_params("baseline", SHORT))
    second = branch_of(first, learning_rate=1e-3, edits=[{"step": 64, "gamma": 0.8}, {"step": 96, "gamma": 0.7}])
    third = branch_of(second)
    other = branch_of(first, total_timesteps=999)
    create_run(load_params("baseline", SHORT))
    assert [(depth, run.id) for depth, run in family(third)] == [
        (0, first.id), (1, second.id), (2, third.id), (1, other.id)
    ]  # fmt: skip
    lines = tree_text(third).splitlines()
    assert lines[1].startswith(f"└─ from 64: learning_rate=0.001, gamma=0.8  {second.id}  queued")
    assert lines[2].startswith("   └─ from 64: learning_rate=0.0007  ")
    assert lines[2].endswith("◀")
    assert "nothing changed" in lines[3]


def test_a_parent_that_is_gone_does_no_harm() -> None:
    lonely = create_run(load_params("baseline", SHORT | {"start_from": "gone/64"}))
    assert len(tree_text(lonely).splitlines()) == 1


def test_results_in_words() -> None:
    played = {"opponent": "basic", "win_rate": 0.5, "win_rate_low": 0.25, "win_rate_high": 0.75}
    assert result_text(played) == "won 50% against basic (25% to 75%)"
