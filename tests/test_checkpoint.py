"""Checkpoints: the same tensors come back, damage is refused, and no code in a file is ever run."""

import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from rlkit import checkpoint, sealed
from rlkit.errors import CheckpointError

WEIGHTS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4)}
ENV = {"env_id": "CartPole-v1", "config": {}}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    checkpoint.save_checkpoint(tmp_path / "100", WEIGHTS, {"step": torch.tensor(3.0)}, {"env": ENV, "step": 100})
    return tmp_path / "100"


def test_what_was_saved_comes_back(saved: Path) -> None:
    weights, manifest = checkpoint.load_checkpoint(saved, ENV)
    assert all(torch.equal(weights[name], WEIGHTS[name]) for name in WEIGHTS)
    assert manifest["step"] == 100
    assert checkpoint.load_training(saved) == ({"step": torch.tensor(3.0)}, {})


def test_another_environment_is_refused_with_the_difference(saved: Path) -> None:
    with pytest.raises(CheckpointError, match="env_id was 'CartPole-v1', now 'Acrobot-v1'"):
        checkpoint.load_checkpoint(saved, ENV | {"env_id": "Acrobot-v1"})


def test_every_cut_and_bit_flip_is_refused(saved: Path) -> None:
    rng = random.Random(0)
    for name in (*checkpoint.FILES, "manifest.json"):
        whole = (saved / name).read_bytes()
        for _ in range(20):
            cut = rng.randrange(len(whole) - 1)  # the last byte of JSON is a line end, which nobody misses
            (saved / name).write_bytes(whole[:cut])
            with pytest.raises(CheckpointError):
                checkpoint.load_checkpoint(saved, ENV)
        if name == "manifest.json":
            continue  # a flipped letter of a fact is not a wrong weight
        for _ in range(20):
            flipped = np.frombuffer(whole, np.uint8).copy()
            flipped[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
            (saved / name).write_bytes(flipped.tobytes())
            with pytest.raises(CheckpointError, match="is not the file"):
                checkpoint.load_checkpoint(saved, ENV)
        (saved / name).write_bytes(whole)


def test_weights_that_are_not_finite_are_not_saved(saved: Path) -> None:
    with pytest.raises(CheckpointError, match="not finite"):
        checkpoint.save_checkpoint(saved, {"a": torch.tensor([1.0, float("nan")])}, {}, {"env": ENV})
    checkpoint.load_checkpoint(saved, ENV)  # the good one is still there


def test_the_newest_whole_checkpoint_is_found(saved: Path) -> None:
    checkpoint.save_checkpoint(saved.with_name("200"), WEIGHTS, {}, {"env": ENV})
    checkpoint.save_checkpoint(saved.with_name("1000"), WEIGHTS, {}, {"env": ENV})
    (saved.with_name("1000") / "weights.safetensors").write_bytes(b"x")
    assert checkpoint.newest_checkpoint(saved.parent).name == "200"
    checkpoint.prune_checkpoints(saved.parent, keep=2)
    assert sorted(p.name for p in saved.parent.iterdir()) == ["1000", "200"]


def test_a_disk_that_fills_up_while_saving_keeps_the_old_one(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealed, "write_json", full)
    with pytest.raises(OSError, match="space"):
        checkpoint.save_checkpoint(saved, {"a": torch.zeros(1)}, {}, {"env": ENV})
    weights, _ = checkpoint.load_checkpoint(saved, ENV)
    assert "b" in weights
    assert [p.name for p in saved.parent.iterdir()] == ["100"]


def test_a_rename_that_fails_keeps_the_old_one(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename, calls = Path.rename, []

    def failing(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="Input/output"):
        checkpoint.save_checkpoint(saved, {"a": torch.zeros(1)}, {}, {"env": ENV})
    weights, _ = checkpoint.load_checkpoint(saved, ENV)
    assert "b" in weights


def test_a_kill_between_the_renames_loses_nothing(saved: Path) -> None:
    saved.rename(saved.with_name(".100.old"))
    assert checkpoint.load_checkpoint(saved, ENV)[1]["step"] == 100


def test_an_optimizer_file_with_code_in_it_does_not_run(saved: Path, tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    torch.save(Hostile(), saved / "training.pt")
    assert zipfile.is_zipfile(saved / "training.pt")
    with pytest.raises(CheckpointError):
        checkpoint.load_training(saved)
    with pytest.raises(Exception, match=r"(?i)weights.only"):
        torch.load(saved / "training.pt", weights_only=True)
    assert not (tmp_path / "ran").exists()
