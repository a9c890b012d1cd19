"""Edits: refused early where they cannot work, answered with the step, and replayed to the same numbers."""

import time
from typing import Any, ClassVar

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from stable_baselines3 import SAC

import rlkit
from rlkit.control import post_request
from rlkit.edits import apply_edit, in_force, tape
from rlkit.envs import ENVS
from rlkit.envs.batch import Batch
from rlkit.errors import EnvError, ParamsError, RunError
from rlkit.experiment import branch, check_env, resume, start
from rlkit.owner import Owner
from rlkit.params import load_params
from rlkit.phases import Params
from rlkit.runs import RUNNING, Run, create_run

SHORT = {"env_id": "CartPole-v1", "n_envs": 4, "n_steps": 64, "batch_size": 64, "n_epochs": 2, "eval_games": 2}
ROLLOUT = 4 * 64  # steps


class Staged(Batch):
    """Episodes of four steps, whose env takes a mix of opponents and a stage; notes what it was told."""

    told: ClassVar[list[Any]] = []

    def __init__(self, n_envs: int, part: tuple[int, int] = (0, 1), *, opponents: Any = None) -> None:
        super().__init__(n_envs, Box(-1, 1, (1,), np.float32), Discrete(2))
        self.config, self.steps = {"opponents": {"self": 1.0}}, 0

    def seed(self, seed: int) -> None:
        self.steps = 0

    def reset(self, rows: np.ndarray | None = None) -> None:
        self.observations[:] = 0

    def step(self, actions: np.ndarray) -> None:
        self.steps += 1
        self.truncated[:] = self.steps % 4 == 0

    def set_opponents(self, opponents: dict[str, float]) -> None:
        if "nobody" in opponents:
            raise EnvError("opponents: unknown 'nobody'.")
        self.told.append(("opponents", opponents))

    def set_stage(self, stage: dict[str, Any]) -> None:
        self.told.append(("stage", stage))


def params(**values: Any) -> Params:
    return load_params("baseline", SHORT | values)


def stop_after(run: Run, step: int) -> None:
    """Stop a training once it has passed a step, and wait for its end."""
    while run.status()["steps"] < step:
        time.sleep(0.05)
    run.stop()
    while run.status()["state"] in RUNNING:
        time.sleep(0.05)


def curve(run: Run) -> list[tuple[float, ...]]:
    metrics = run.metrics()
    names = ["time/total_timesteps", "rollout/ep_rew_mean", "train/loss", "train/learning_rate", "train/clip_range"]
    return metrics[names].fillna(0.0).to_numpy().tolist()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("n_steps", 128, ["'n_steps' cannot be changed while it trains", "rlkit branch RUN -p"]),
        ("learning_rat", 1e-4, ["'learning_rat' cannot be changed", "Did you mean 'learning_rate'?"]),
        ("learning_rate", 7, ["learning_rate=7", "less than or equal to 1"]),
        ("batch_size", 10**6, ["batch_size=1000000 is larger than the rollout"]),
        ("reward_weights", {"touch": "much"}, ["every value must be a finite number"]),
        ("reward_weights", {"touch": float("inf")}, ["every value must be a finite number"]),
        ("reward_weights", 3, ["reward_weights=3: give what changes by name"]),
        ("opponents", {"self": None}, ["opponents={'self': None}: every value must be a finite number"]),
        ("opponents", {}, ["give what changes by name"]),
        ("stage", "hard", ["stage='hard': give what changes by name"]),
    ],
)
def test_an_edit_that_cannot_work_is_refused_before_it_is_sent(name: str, value: Any, words: list[str]) -> None:
    with pytest.raises(ParamsError) as caught:
        params(edits=[{"step": 5, name: value}])
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("edit", [{"gamma": 0.9}, {"step": -1, "gamma": 0.9}, {"step": "soon", "gamma": 0.9}])
def test_a_planned_edit_needs_its_step(edit: dict[str, Any]) -> None:
    with pytest.raises(ParamsError, match="needs the step"):
        params(edits=[edit])


def test_a_plan_for_rewards_that_the_env_does_not_have_ends_before_the_training() -> None:
    with pytest.raises(AttributeError, match="set_reward_weights"):
        check_env(params(edits=[{"step": 5, "reward_weights": {"touch": 1.0}}]))


def test_an_env_takes_its_edits_planned_and_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVS, "test/Staged-v0", f"{__name__}:Staged")
    monkeypatch.setattr(Staged, "told", [])
    mix, stage = {"self": 0.5, "rule": 0.5}, {"opponents": {"rule": 1.0}, "mode": "1v1"}
    planned = params(
        env_id="test/Staged-v0", total_timesteps=4 * ROLLOUT, edits=[{"step": 2 * ROLLOUT, "stage": stage}]
    )
    check_env(planned)
    run = create_run(planned)
    asked = [post_request(run.folder, "edit", name="opponents", value=value) for value in (mix, {"nobody": 1})]
    asked.append(post_request(run.folder, "edit", name="reward_weights", value={"touch": 1}))
    rlkit.train(planned, run)
    assert Staged.told == [("stage", stage), ("opponents", mix), ("stage", stage)]  # the first by `check_env`
    answers = {answer["request"]: answer for answer in run.events() if answer.get("request")}
    assert [answers[one]["kind"] for one in asked] == ["edit", "refused", "refused"]
    assert "unknown 'nobody'" in answers[asked[1]]["reason"]
    assert answers[asked[2]]["reason"] == "this training has no reward weights"
    assert tape(run) == [{"step": answers[asked[0]]["step"], "opponents": mix}, {"step": 2 * ROLLOUT, "stage": stage}]
    assert in_force(run)[1] == stage


def test_edits_of_a_running_training_replay_to_the_same_numbers() -> None:
    run = start(params(total_timesteps=10**7))
    asked = run.edit(learning_rate=1e-4, clip_range=0.1)
    post_request(run.folder, "edit", name="n_steps", value=3)  # what no viewer would send
    post_request(run.folder, "edit", name="reward_weights", value={"touch": 1.0})  # CartPole has none
    answers = run.answers([*asked, run.checkpoint()])
    assert [(a["kind"], a.get("name")) for a in answers] == [
        ("edit", "learning_rate"), ("edit", "clip_range"), ("checkpoint", None),
    ]  # fmt: skip
    refused = {event["name"]: event["reason"] for event in run.events() if event["kind"] == "refused"}
    assert "rlkit branch" in refused["n_steps"]
    assert refused["reward_weights"] == "this training has no reward weights"
    run.answers(run.edit(gamma=0.9))
    stop_after(run, run.status()["steps"] + 2000)
    with pytest.raises(RunError, match="is over"):
        run.edit(gamma=0.8)

    plan = tape(run)
    assert [sorted(set(edit) - {"step"}) for edit in plan] == [["learning_rate"], ["clip_range"], ["gamma"]]
    replayed = start(params(total_timesteps=10**7, edits=plan))
    stop_after(replayed, run.status()["steps"])
    length = min(len(curve(run)), len(curve(replayed))) - 1  # the last line is of the rollout that the stop cut
    assert length > plan[-1]["step"] // ROLLOUT
    assert curve(replayed)[:length] == curve(run)[:length]
    assert [event["planned"] for event in replayed.events() if event["kind"] == "edit"] == [True] * 3


def test_a_pause_holds_the_training_and_changes_nothing() -> None:
    run = start(params(total_timesteps=10**7))
    run.answers([run.checkpoint()])
    run.pause()
    time.sleep(0.5)
    assert run.status()["paused"]
    steps = run.status()["steps"]
    time.sleep(0.5)
    assert run.status()["steps"] == steps
    resume(run)
    run.answers([run.checkpoint()])
    assert not run.status()["paused"]
    run.stop()


def test_a_branch_goes_on_from_a_checkpoint_with_the_edits_until_then() -> None:
    first = rlkit.train(
        params(total_timesteps=1024, edits=[{"step": 256, "gamma": 0.9}, {"step": 10**6, "gamma": 0.5}])
    )
    second = branch(first, "1024", n_steps=32, total_timesteps=1536)
    second.wait()
    assert second.params.start_from == f"{first.id}/1024"
    assert (second.folder / "start" / "manifest.json").exists()
    assert second.params.edits == [{"step": 256, "gamma": 0.9}]
    assert second.metrics()["time/total_timesteps"].iloc[0] == 1024 + 4 * 32
    assert second.status()["steps"] == 1536
    with pytest.raises(ParamsError, match="branch: unknown parameter 'n_step'"):
        branch(first, n_step=3)


def test_a_discount_reaches_the_buffers_that_sum_rewards() -> None:
    model = SAC("MlpPolicy", "Pendulum-v1", buffer_size=10, n_steps=3, device="cpu")
    apply_edit(model, "gamma", 0.5)
    assert (model.gamma, model.replay_buffer.gamma) == (0.5, 0.5)


def test_an_edit_that_comes_too_late_is_refused() -> None:
    run = create_run(params())
    with Owner(run) as owner:
        post_request(run.folder, "edit", name="gamma", value=0.9)
        owner.finish({})
    (answer,) = [event for event in run.events() if event["kind"] == "refused"]
    assert (answer["name"], answer["value"]) == ("gamma", 0.9)
