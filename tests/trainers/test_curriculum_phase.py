"""The curriculum phase: what is refused before training, what its trainer builds, and runs through stages."""

import sys
from pathlib import Path
from typing import Any

import pytest
from stable_baselines3.common.vec_env import VecNormalize

import rlkit
from rlkit.assess import play, player
from rlkit.checkpoint import load_training, newest_checkpoint
from rlkit.control import post_request
from rlkit.curriculum.callback import CurriculumCallback
from rlkit.edits import in_force
from rlkit.errors import EnvError, ParamsError
from rlkit.experiment import build_model, check_env, make_params_env, train
from rlkit.params import dump_yaml, load_params, profile_path, read_params
from rlkit.phases.curriculum import CurriculumParams
from rlkit.runs import Run, create_run, requeue
from rlkit.trainers.companions import companions_of
from rlkit.trainers.ppo import PPO
from rlkit.trainers.state import go_on_from, learned_weights, training_state

sys.path.append(str(Path(__file__).parents[1] / "curriculum"))  # where the corridor is

STAGES = [
    {"name": "near", "env": {"length": 1}, "until_step": 256},
    {"name": "middle", "env": {"length": 3}, "success": "is_success", "passed": {"win_rate": 0.99, "games": 500},
     "max_steps": 512},
    {"name": "far", "env": {"length": 5}},
]  # fmt: skip
SMALL = {
    "env_id": "corridor:test/Corridor-v0", "reward_mode": "env", "n_envs": 4, "n_steps": 32, "batch_size": 32,
    "n_epochs": 1, "net_arch": [8], "total_timesteps": 1024, "checkpoint_every": 128, "eval_games": 4, "n_workers": 1,
}  # fmt: skip


def params(**values: Any) -> CurriculumParams:
    return load_params("curriculum", SMALL | {"stages": STAGES} | values)


def entered(run: Run) -> list[tuple[int, str, str]]:
    return [(e["step"], e["stage"], e["reason"]) for e in run.events() if e["kind"] == "stage"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"stages": [{"name": "a"}, {"name": "b"}]}, ["stages=", "'b' cannot be reached: 'a' never ends"]),
        ({"stages": [{"name": "a", "until_step": 2000}, {"name": "b"}]}, ["'b' cannot be reached", "ends at 1,024"]),
        ({"stages": [{"name": "a", "env": {"reward_weights": {"touch": "x"}}}]}, ["stages[0]", "'touch' is 'x'"]),
        ({"stages": [{"name": "a", "passed": {"win_rate": "high"}}]}, ["stages[0].passed.win_rate='high'", "number"]),
        ({"reward_mode": "hybrid"}, ["is for rlkit/RocketLeague-v0; give reward_mode=env"]),
        ({"reward_scales": {"ball": 1}}, ["give reward_mode=env"]),
        ({"env_id": "rlkit/RocketLeague-v0", "reward_mode": "hybrd"}, ["reward_mode='hybrd'", "'hybrid'"]),
        ({"env_id": "rlkit/RocketLeague-v0", "reward_mode": "dense", "reward_scales": {"bal": 1}}, ["mean 'ball'?"]),
        ({"env_id": "rlkit/RocketLeague-v0", "reward_mode": "dense", "reward_scales": {"ball": "x"}}, ["ball"]),
        ({"env_id": "rlkit/RocketLeague-v0", "reward_mode": "dense", "reward_scales": {"ball": [1]}}, ["at the start"]),
        ({"env_id": "rlkit/RocketLeague-v0", "reward_mode": "dense", "gamma": 0.98}, ["gamma=0.98", "gamma=0.99"]),
        ({"edits": [{"step": 5, "stage": "farr"}]}, ["no stage of this training. Did you mean 'far'?"]),
        ({"edits": [{"step": 5, "stage": {"length": 3}}]}, ["no stage of this training"]),
    ],
)
def test_what_cannot_train_is_refused_with_the_place(values: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ParamsError) as caught:
        params(**values)
    assert all(word in str(caught.value) for word in words)


def test_what_stages_set_is_not_edited_beside_them() -> None:
    weighted = [{"name": "a", "env": {"reward_weights": {"touch": 1}}}]
    with pytest.raises(ParamsError, match="'reward_weights' is set by the stages"):
        params(stages=weighted, edits=[{"step": 1, "reward_weights": {"touch": 2}}])


def test_params_come_back_from_their_file(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(dump_yaml(params()))
    assert read_params("curriculum", tmp_path / "params.yaml") == params()


def test_stages_are_tried_on_the_env_before_a_run_is_made() -> None:
    check_env(params())
    with pytest.raises(EnvError, match="stage 'far' does not set 'length'"):
        check_env(params(stages=[*STAGES[:2], {"name": "far"}], env_kwargs={"told": False}))


def test_without_anything_that_moves_it_is_plain_ppo() -> None:
    assert companions_of(params(stages=[]), Path(), print) == []
    (leader,) = companions_of(params(), Path(), print)
    assert isinstance(leader, CurriculumCallback)


def test_normalized_rewards_keep_their_statistics() -> None:
    asked = params(normalize_reward=True, stages=[])
    model = build_model(asked, make_params_env(asked))
    assert type(model) is PPO
    assert isinstance(model.env, VecNormalize)
    model.learn(128)
    state = training_state(model)
    fresh = build_model(asked, make_params_env(asked))
    go_on_from(fresh, learned_weights(model), state)
    for name in ("mean", "var", "count"):
        assert getattr(fresh.env.ret_rms, name) == getattr(model.env.ret_rms, name)
    assert fresh.env.ret_rms.count > 128


def test_a_run_goes_through_its_stages() -> None:
    run = train(params())
    assert entered(run) == [(0, "near", "start"), (256, "middle", "steps"), (768, "far", "steps")]
    metrics = run.metrics().set_index("time/total_timesteps")
    assert metrics["curriculum/stage"].dropna().astype(int).to_dict() == {
        128: 0, 256: 0, 384: 1, 512: 1, 640: 1, 768: 1, 896: 2, 1024: 2,
    }  # fmt: skip


def test_a_stopped_run_goes_on_in_its_stage_with_its_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in the middle of the second stage by an error: its limit counts from where it was entered."""
    on_step = CurriculumCallback._on_step

    def broken(self: CurriculumCallback) -> bool:
        assert self.num_timesteps < 600
        return on_step(self)

    monkeypatch.setattr(CurriculumCallback, "_on_step", broken)
    with pytest.raises(AssertionError):
        train(params())
    run = rlkit.attach("last")
    folder = newest_checkpoint(run.folder / "checkpoints")
    saved = load_training(folder)[0]["companions"]["CurriculumCallback"]
    assert (folder.name, saved["stage"], saved["entered_at"]) == ("512", "middle", 256)
    assert len(saved["scores"]) > 4
    monkeypatch.setattr(CurriculumCallback, "_on_step", on_step)
    requeue(run)
    train(run.params, run)
    assert entered(run)[2:] == [(512, "middle", "resumed"), (768, "far", "steps")]


def test_a_stage_that_somebody_asks_for_holds_from_the_next_rollout_on() -> None:
    run = create_run(params(edits=[{"step": 512, "stage": "near"}]))
    post_request(run.folder, "edit", name="stage", value="farr")
    train(run.params, run)
    (refused,) = [event for event in run.events() if event["kind"] == "refused"]
    assert "Did you mean 'far'?" in refused["reason"]
    assert [(e["step"], e["value"], e["planned"]) for e in run.events() if e["kind"] == "edit"] == [(512, "near", True)]
    assert entered(run)[2:4] == [(516, "near", "asked"), (640, "middle", "steps")]
    assert in_force(run)[0]["stage"] == "near"  # what was asked for last, as the panel shows it


def test_an_edit_that_a_checkpoint_knows_is_not_made_again() -> None:
    """Asked for at 512, left by its limit at 640, stopped after 768: it goes on in the stage it was in."""
    run = train(params(edits=[{"step": 512, "stage": "near"}], total_timesteps=768))
    longer = rlkit.load_params("curriculum", run.params.model_dump() | {"start_from": run.id, "total_timesteps": 1024})
    branch = train(longer)
    assert entered(branch)[0] == (768, "middle", "resumed")


PROFILES = sorted(path.stem for path in profile_path("curriculum", "testing").parent.glob("*.yaml"))


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_can_train(name: str) -> None:
    pytest.importorskip("RocketSim")
    asked = load_params("curriculum", profile=name)
    if asked.moves or name == "testing":  # the others differ in numbers only
        check_env(asked)


def test_stages_have_to_fit_the_rows_of_every_process() -> None:
    """6 rows are 3 arenas of 1v1, or 2 of 1v2; of two processes one has 2 of the rows, which no arena of 1v2 fits."""
    pytest.importorskip("RocketSim")
    stages = [{"name": "a", "env": {"mode": "1v1"}, "max_steps": 100}, {"name": "b", "env": {"mode": "1v2"}}]
    asked = {"stages": stages, "n_envs": 6, "env_kwargs": {"seats": "2v2", "opponents": {"self": 1}}, "n_steps": 200}
    check_env(load_params("curriculum", asked | {"n_workers": 1}))
    with pytest.raises(EnvError, match=r"stage 'b': n_envs=[24] does not fit 1v2"):
        check_env(load_params("curriculum", asked | {"n_workers": 2}))


def test_a_player_that_went_through_stages_plays_the_whole_task() -> None:
    """Its last stage is 2v2 at the goal; checkpoints keep the task that it was asked for, which is 1v1."""
    pytest.importorskip("RocketSim")
    stages = [{"name": "a", "until_step": 64}, {"name": "b", "env": {"mode": "2v2", "starts": {"open_goal": 1}}}]
    small = {"n_envs": 4, "n_steps": 16, "batch_size": 32, "n_epochs": 1, "net_arch": [8], "n_workers": 1}
    asked = small | {"stages": stages, "total_timesteps": 192, "env_kwargs": {"seats": "2v2", "opponents": {"self": 1}}}
    run = train(load_params("curriculum", asked))
    assert [event["stage"] for event in run.events() if event["kind"] == "stage"] == ["a", "b"]
    games = play(player(run), "idle", 2)
    assert len(games.table) == 2
    assert run.metrics()["time/total_timesteps"].iloc[-1] == 192


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ({"env": {"mutators": {"gravty": -300}}}, "stage 'a': mutators: unknown 'gravty'. Did you mean 'gravity'?"),
        ({"env": {"reward_weights": {"tuoch": 1}}}, "stage 'a': reward_weights: unknown term 'tuoch'. Did you mean"),
        ({"env": {"starts": {"kick": 1}}}, "stage 'a': starts: unknown 'kick'"),
        ({"env": {"mod": "2v2"}}, "stage 'a': a stage cannot set 'mod'. Did you mean 'mode'?"),
        ({"env": {"mode": "2v2"}}, "has no room|larger teams"),
        (
            {"success": "tuoch", "passed": {"win_rate": 0.5}},
            "stage 'a': success='tuoch' is no reward term with a weight",
        ),
        ({"passed": {"win_rate": 0.5}}, "stage 'a': in games against itself one side wins whatever was learned"),
    ],
)
def test_what_rocket_league_cannot_do_is_refused_with_the_stage(stage: dict[str, Any], words: str) -> None:
    pytest.importorskip("RocketSim")
    stages = [{"name": "a", "max_steps": 100, **stage}, {"name": "b"}]
    with pytest.raises(EnvError, match=words):
        check_env(load_params("curriculum", {"stages": stages, "n_envs": 8}))
