"""The callback under stock SB3 and the kit's trainers: stages reach the env, episodes of the old stage do not count."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corridor import Corridor
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

import rlkit
from rlkit.curriculum.callback import CurriculumCallback, check_stages, score
from rlkit.curriculum.stages import Stage
from rlkit.errors import EnvError
from rlkit.experiment import torch_threads


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On a busy machine two torch threads make nets this small many times slower."""
    with torch_threads(1):
        yield


PASSED = {"win_rate": 0.4, "games": 10}
STAGES = [
    {"name": "near", "env": {"length": 1}, "success": "is_success", "passed": PASSED},
    {"name": "middle", "env": {"length": 3}, "success": 1.0, "passed": PASSED, "max_steps": 400},
    {"name": "far", "env": {"length": 5}},
]
MODELS: dict[str, Any] = {
    "PPO": lambda env: PPO("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=4, seed=0, device="cpu"),
    "DQN": lambda env: DQN("MlpPolicy", env, learning_starts=50, train_freq=8, seed=0, device="cpu"),
    "rlkit.PPO": lambda env: rlkit.PPO("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=4, fast=False),
}


def corridors(**kwargs: Any) -> VecEnv:
    return make_vec_env(Corridor, 4, seed=0, env_kwargs=kwargs)


def lengths(env: VecEnv) -> list[list[int]]:
    return env.get_attr("seen")


def changes(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(event["stage"], event["reason"]) for event in events]


@pytest.mark.parametrize("name", MODELS)
def test_any_algorithm_goes_through_the_stages(name: str) -> None:
    env, events = corridors(), []
    callback = CurriculumCallback(STAGES, on_event=lambda kind, **facts: events.append({"kind": kind, **facts}))
    model: BaseAlgorithm = MODELS[name](env)
    model.learn(1500, callback)
    assert changes(events)[:2] == [("near", "start"), ("middle", "passed")]
    assert events[-1]["stage"] == "far"
    assert {event["kind"] for event in events} == {"stage"}
    for row in lengths(env):
        assert row[1:] == sorted(row[1:])  # the first began before the callback
        assert set(row[1:]) == {1, 3, 5}
    assert model.curriculum.stage.name == "far"


def test_episodes_that_began_in_the_stage_before_do_not_count() -> None:
    """Four rows: after the change each ends an episode of the old length first, which is not scored."""
    env = corridors()
    callback = CurriculumCallback(STAGES)
    model = MODELS["PPO"](env)
    model.learn(128, callback)
    callback.curriculum.go_to("middle", model.num_timesteps)
    callback._on_rollout_start()
    for expected in (0, 4):
        callback.locals = {"dones": np.ones(4, bool), "infos": [{"episode": {"r": 1.0}}] * 4}
        callback._on_step()
        assert callback.curriculum.record().games == expected


def test_a_stage_begins_when_an_episode_does_and_keeps_rows_and_statistics() -> None:
    env = VecNormalize(corridors(), norm_obs=True, gamma=0.9)
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=16, seed=0, device="cpu")
    stages = [{"name": "a", "env": {"length": 9}, "until_step": 64}, {"name": "b", "env": {"length": 2}}]
    model.learn(128, CurriculumCallback(stages))
    assert env.num_envs == 4
    assert env.ret_rms.count > 128  # one count for all the steps of both stages
    for row in lengths(env):
        assert set(row[1:3]) == {9}  # 16 steps are an episode of 12 and the beginning of a second, which goes on
        assert row[-1] == 2


def test_what_a_stage_does_not_name_is_as_the_env_was_built() -> None:
    stages = [{"name": "a", "env": {"length": 1}, "until_step": 64}, {"name": "b"}]
    env = corridors(length=4)
    MODELS["PPO"](env).learn(256, CurriculumCallback(stages))
    assert [row[-1] for row in lengths(env)] == [4] * 4
    with pytest.raises(EnvError, match="stage 'b' does not set 'length'"):
        MODELS["PPO"](corridors(told=False)).learn(64, CurriculumCallback(stages))


def test_a_saved_model_knows_its_stage(tmp_path: Path) -> None:
    model = MODELS["PPO"](corridors())
    model.learn(1024, CurriculumCallback(STAGES))
    assert model.curriculum.stage.name == "far"
    model.save(tmp_path / "model")
    env, events = corridors(), []
    again = PPO.load(tmp_path / "model", env, device="cpu")
    callback = CurriculumCallback(STAGES, on_event=lambda kind, **facts: events.append(facts))
    again.learn(128, callback, reset_num_timesteps=False)
    assert changes(events) == [("far", "resumed")]
    assert {length for row in lengths(env) for length in row[1:]} == {5}


def test_weights_move_with_progress() -> None:
    class Weighted(Corridor):
        def set_stage(self, stage: dict[str, Any]) -> None:
            self.got = [*getattr(self, "got", []), stage]

    env = make_vec_env(Weighted, 1, env_kwargs={"length": 2})
    env.get_attr("config")[0]["reward_weights"] = {"arrived": 1.0, "closer": 0.0}
    stages = [
        {"name": "a", "env": {"reward_weights": {"closer": 9.0}}, "until_step": 64},
        {"name": "b"},
    ]
    callback = CurriculumCallback(stages, weights=lambda progress: {"arrived": 1.0 - progress, "closer": 0.5})
    PPO("MlpPolicy", env, n_steps=32, batch_size=32, seed=0, device="cpu").learn(128, callback)
    assert [stage["reward_weights"] for stage in env.get_attr("got")[0]] == [
        {"arrived": 1.0, "closer": 9.0},
        {"arrived": 0.75, "closer": 9.0},
        {"arrived": 0.5, "closer": 0.5},
        {"arrived": 0.25, "closer": 0.5},
    ]


def test_stages_are_tried_before_a_training() -> None:
    env = corridors()
    check_stages(env, [Stage(**stage) for stage in STAGES])
    with pytest.raises(EnvError, match="stage 'wide' does not set 'length'"):
        check_stages(corridors(told=False), [Stage(**STAGES[0]), Stage(name="wide")])


def test_an_env_that_does_not_tell_who_won_is_an_error_with_the_way_out() -> None:
    stage = Stage(name="near", success="arrived", passed=PASSED)
    with pytest.raises(EnvError, match=r"stage 'near' is judged by success='arrived'.*no 'reward_terms'"):
        score(stage, {"episode": {"r": 1.0}})


@pytest.mark.parametrize(
    ("success", "info", "expected"),
    [
        ("is_success", {"is_success": True}, 1.0),
        ("is_success", {"is_success": False}, 0.0),
        (2.0, {"episode": {"r": 2.0}}, 1.0),
        (2.0, {"episode": {"r": 1.9}, "TimeLimit.truncated": True}, 0.5),
        ("goal", {"reward_terms": {"goal": 10.0}, "TimeLimit.truncated": False}, 1.0),
        ("goal", {"reward_terms": {"goal": 0.0}}, 0.0),
        ("concede", {"reward_terms": {"concede": -10.0}}, 1.0),
    ],
)
def test_who_won(success: str | float, info: dict[str, Any], expected: float) -> None:
    assert score(Stage(name="x", success=success), info) == expected
