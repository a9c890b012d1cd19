"""Training in this process, evaluation of what it left, and the refusals in between."""

import json
from pathlib import Path

import pytest
import torch

import rlkit
from rlkit import assess, reporting
from rlkit.checkpoint import load_checkpoint
from rlkit.errors import CheckpointError, ParamsError, RunError
from rlkit.experiment import load_model, make_params_env
from rlkit.params import load_params
from rlkit.runs import Run

SMALL = {
    "n_envs": 4,
    "n_steps": 64,
    "batch_size": 64,
    "total_timesteps": 2000,
    "checkpoint_every": 500,
    "eval_games": 4,
}


@pytest.fixture
def cartpole() -> Run:
    return rlkit.train(load_params("baseline", SMALL | {"env_id": "CartPole-v1"}))


def test_a_run_holds_what_the_contract_names(cartpole: Run) -> None:
    assert cartpole.status()["state"] == "done"
    names = {path.name for path in cartpole.folder.iterdir()}
    assert names >= {"params.yaml", "status.json", "metrics.csv", "events.jsonl", "checkpoints", "tb", "result.json"}
    metrics = cartpole.metrics()
    assert {"rollout/ep_rew_mean", "train/approx_kl", "time/fps", "time/total_timesteps"} <= set(metrics)
    assert metrics["time/total_timesteps"].tolist() == [*range(256, 2049, 256), 2048]  # the last line: the last update
    assert metrics["train/learning_rate"].iloc[-1] == cartpole.params.learning_rate_end
    checkpoints = sorted((cartpole.folder / "checkpoints").iterdir(), key=lambda p: int(p.name))
    assert [path.name for path in checkpoints] == ["1024", "1536", "2048"]  # three are kept
    assert not (cartpole.folder / "ballast").exists()


def test_the_loaded_model_is_the_trained_one(cartpole: Run) -> None:
    env = make_params_env(cartpole.params, n_envs=2)
    model = load_model(cartpole, env)
    weights, manifest = load_checkpoint(cartpole.folder / "checkpoints" / "2048")
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.policy.state_dict().items())
    assert manifest["step"] == 2048
    with pytest.raises(CheckpointError, match="missing"):
        load_model(cartpole, env, "512")
    env.close()


def test_an_evaluation_is_the_same_twice_and_makes_a_report(cartpole: Run) -> None:
    first = rlkit.evaluate(cartpole)
    assert first.equals(rlkit.evaluate(cartpole))
    assert first["episodes"].item() == 4
    assert {"curve", "returns", "losses", "time"} <= set(reporting.figures(cartpole))
    with pytest.raises(RunError, match="Figures: curve"):
        reporting.figure(cartpole, "matches")
    page = rlkit.report(cartpole).read_text("utf-8")
    assert "http://" not in page
    assert "https://" not in page
    assert page.count(cartpole.id) >= 6
    assert "iframe" in reporting.watch(cartpole).data


def test_another_environment_than_the_trained_one_is_refused(cartpole: Run) -> None:
    changed = cartpole.params.model_copy(update={"env_kwargs": {"sutton_barto_reward": True}})
    (cartpole.folder / "params.yaml").write_text(json.dumps(changed.model_dump()))
    with pytest.raises(CheckpointError, match="sutton_barto_reward"):
        rlkit.evaluate(cartpole)


def test_only_players_of_the_game_play_it(cartpole: Run) -> None:
    with pytest.raises(ParamsError, match="trained on CartPole-v1"):
        rlkit.play(cartpole.id, "idle", games=2)


def test_two_runs_play_each_other(tmp_path: Path) -> None:
    pytest.importorskip("RocketSim")
    changes = {"env_kwargs": {"opponents": {"self": 1.0}}, "total_timesteps": 512, "n_workers": 1}
    run = rlkit.train(load_params("baseline", SMALL | changes))
    matches = rlkit.play(run.id, "basic", games=4, record=1)
    assert len(matches.table) == 4
    path = assess.keep_replay(run, "../game", matches.replays[0])
    assert path.parent == run.folder / "replays"
    assert path.with_suffix(".html").read_text("utf-8").startswith("<!doctype html>")


def test_an_env_of_this_notebook_is_refused_a_process_of_its_own() -> None:
    import gymnasium
    from gymnasium.envs.classic_control import CartPoleEnv

    local = type("Local", (CartPoleEnv,), {"__module__": "__main__"})
    gymnasium.register("Local-v0", entry_point=local)
    with pytest.raises(RunError, match=r"rlkit\.train\(params\)"):
        rlkit.start(load_params("baseline", {"env_id": "Local-v0"}))
    del gymnasium.registry["Local-v0"]
