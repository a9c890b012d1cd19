"""Checkpoints as folders of plain tensors: whole or absent, verified on load, and never code."""

import json
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from rlkit.errors import CheckpointError
from rlkit.sealed import TRAINING, seal, standing, unseal

SENSES = "observation", "features", "image_size", "image_mode", "actions"  # of a configuration
SCHEMA = 2
FILES = ("weights.safetensors", TRAINING)
REPLAY = "replay.npz"  # only where an off-policy training ended or was stopped: it can be large


def save_checkpoint(
    folder: Path,
    weights: dict[str, torch.Tensor],
    training: dict[str, Any],
    facts: dict[str, Any],
    replay: dict[str, np.ndarray] | None = None,
) -> None:
    """Write weights, the state of the training and a manifest to `folder` (a new one), all or nothing.

    training: what torch's weights-only loader reads (optimizers, counters, generators). facts: plain data for the
    manifest, with `env` (the environment's configuration) among them. replay: arrays of a replay buffer.
    CheckpointError when a weight is NaN or infinite: such a checkpoint would only lose the good one before it.
    """
    bad = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if bad:
        raise CheckpointError(f"{folder.name}: {bad[0]} is not finite, so nothing was saved; the run has diverged.")
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    files = {"weights.safetensors": safetensors.torch.save(plain), TRAINING: _bytes_of(torch.save, training)}
    if replay:
        files[REPLAY] = _bytes_of(lambda arrays, file: np.savez(file, **arrays), replay)
    seal(folder, files, {"schema": SCHEMA, **facts})


def _bytes_of(save: Callable[[Any, BytesIO], None], content: Any) -> bytes:
    buffer = BytesIO()
    save(content, buffer)
    return buffer.getvalue()


def load_checkpoint(folder: Path, env: dict[str, Any] | None = None) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """(weights, manifest) of a checkpoint whose files are what the manifest says; runs no code from them.

    env: the configuration of the environment to be played; CheckpointError when it was trained on another one.
    """
    folder = standing(folder)
    manifest = unseal(folder, SCHEMA, FILES)
    if env is not None and _plain(env) != manifest["env"]:
        raise CheckpointError(
            f"{folder} was trained on another environment: {_difference(manifest['env'], _plain(env))}"
        )
    try:
        weights = safetensors.torch.load((folder / "weights.safetensors").read_bytes())
    except SafetensorError as error:
        raise CheckpointError(f"{folder}/weights.safetensors is no safetensors file: {error}") from None
    if not all(torch.isfinite(tensor).all() for tensor in weights.values()):
        raise CheckpointError(f"{folder}/weights.safetensors holds values that are not finite; take an earlier one.")
    return weights, manifest


def check_senses(folder: Path, env: dict[str, Any]) -> None:
    """CheckpointError where `env`, a configuration, shows or takes something else than the checkpoint's.

    Then the numbers mean something else to its net, even where there are as many of them.
    """
    configs = unseal(folder, SCHEMA, FILES)["env"], _plain(env)
    trained, now = ({key: of.get("config", {}).get(key) for key in SENSES} for of in configs)
    if now != trained:
        raise CheckpointError(f"{folder} was trained with other observations or actions: {_difference(trained, now)}")


def load_training(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(state of the training, arrays of its replay buffer or {}) of a verified checkpoint; runs no code from it."""
    manifest = unseal(folder, SCHEMA, FILES)
    training = torch.load(folder / TRAINING, weights_only=True)
    if REPLAY not in manifest["sha256"]:
        return training, {}
    with np.load(folder / REPLAY, allow_pickle=False) as arrays:
        return training, dict(arrays)


def find_checkpoint(run_folder: Path, name: str) -> Path:
    """The folder of a run's checkpoint 'newest', 'best' or a step; CheckpointError for any other word."""
    if name == "newest":
        return newest_checkpoint(run_folder / "checkpoints")
    if name != "best" and not name.isdecimal():
        raise CheckpointError(f"no checkpoint is called '{name}'; give 'newest', 'best' or a step such as '500000'.")
    return run_folder / (name if name == "best" else f"checkpoints/{name}")


def newest_checkpoint(folder: Path) -> Path:
    """The newest whole checkpoint under `folder`, skipping damaged ones; CheckpointError when there is none."""
    candidates = sorted((p for p in folder.glob("[0-9]*") if p.is_dir()), key=lambda p: int(p.name), reverse=True)
    for path in candidates:
        try:
            unseal(path, SCHEMA, FILES)
            return path
        except CheckpointError:
            continue
    raise CheckpointError(f"no whole checkpoint in {folder}: {len(candidates)} found, none as its manifest says.")


def prune_checkpoints(folder: Path, keep: int) -> None:
    """Delete all but the newest `keep` checkpoints."""
    for path in sorted((p for p in folder.glob("[0-9]*")), key=lambda p: int(p.name))[:-keep]:
        shutil.rmtree(path, ignore_errors=True)  # on Windows a reader may hold a file of it


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _difference(trained: dict[str, Any], played: dict[str, Any]) -> str:
    keys = [key for key in sorted({*trained, *played}) if trained.get(key) != played.get(key)]
    parts = [f"{key} was {trained.get(key)!r}, now {played.get(key)!r}" for key in keys]
    return "; ".join(parts) + ". Build it as it was trained."
