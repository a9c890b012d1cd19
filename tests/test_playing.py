import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import rlkit
from rlkit.checkpoint import newest_checkpoint
from rlkit.cli import app
from rlkit.diagnostics.replay import Replay
from rlkit.errors import CheckpointError, RunError
from rlkit.experiment import train
from rlkit.league import member
from rlkit.league.importing import from_checkpoint
from rlkit.league.member import load_member, read_member, save_member
from rlkit.params import load_params
from rlkit.playing import find_player

SMALL = {"n_envs": 4, "n_steps": 32, "batch_size": 32, "n_epochs": 1, "total_timesteps": 128, "net_arch": [16, 16]}
TINY = SMALL | {"env_kwargs": {"opponents": {"self": 1.0}}, "n_workers": 1}


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A member made of a short run, beside that run."""
    with pytest.MonkeyPatch.context() as patch:
        outputs = tmp_path_factory.mktemp("outputs")
        patch.setenv("RLKIT_OUTPUTS", str(outputs))
        run = train(load_params("baseline", TINY))
    facts, weights = from_checkpoint(newest_checkpoint(run.folder / "checkpoints"), "young", "tanh")
    save_member(run.folder / "league" / "young", facts, weights)
    return run.folder / "league" / "young"


def test_words_for_players(frozen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = frozen.parents[1]
    monkeypatch.setenv("RLKIT_OUTPUTS", str(run.parents[1]))
    assert find_player("rule") == "rule"
    assert find_player(find_player(str(frozen))).name == "young"
    assert find_player(f"{run.name}/young") == load_member(frozen)
    assert find_player(f"{run.name}/128").name == find_player("last").name == "development"
    monkeypatch.setattr(member, "SHIPPED", frozen.parent)
    assert find_player("young") == load_member(frozen)
    with pytest.raises(RunError, match="Did you mean 'young'"):
        find_player("yuong")


def test_play_on_the_command_line(frozen: Path, tmp_path: Path) -> None:
    words = ["play", str(frozen), "idle", "--games", "4", "--replay", "2", "--out", str(tmp_path / "films"), "--json"]
    found = json.loads(CliRunner().invoke(app, words).output)
    assert (found["summary"]["player"], found["summary"]["games"], len(found["games"])) == ("young", 4, 4)
    assert [game["side"] for game in found["games"]] == ["blue", "orange"] * 2
    assert [row["kind"] for row in found["goals"]] == ["kickoff", "own goal", "open play"]
    (film,) = found["films"]
    assert Path(film).read_text("utf-8").startswith("<!doctype html>")
    assert (
        len(Replay.from_bytes(Path(film).with_suffix(".npz").read_bytes()))
        == round(found["games"][2]["seconds"] * 15) + 1
    )
    table = CliRunner().invoke(app, words[:5]).output
    assert "win_rate_low" in table
    assert "open play" in table


def test_a_training_starts_from_a_member(frozen: Path) -> None:
    run = train(
        load_params("baseline", TINY | {"start_from": str(frozen), "learning_rate": 1e-12, "learning_rate_end": 0})
    )
    weights = read_member(frozen)[1]
    trained = rlkit.checkpoint.load_checkpoint(newest_checkpoint(run.folder / "checkpoints"))[0]
    for name, array in weights.items():
        assert torch.allclose(trained[name], torch.as_tensor(array), atol=1e-4)
    for other in ({"net_arch": [16]}, {"env_kwargs": TINY["env_kwargs"] | {"observation": "seed180"}}):
        with pytest.raises(CheckpointError, match=r"young was trained with (net_arch|observation)="):
            train(load_params("baseline", TINY | other | {"start_from": str(frozen)}))
