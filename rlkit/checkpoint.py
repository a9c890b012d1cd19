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
from rlkit.files import read_json, sha256, sync_folder, write_atomic, write_json

SCHEMA = 2
FILES = ("weights.safetensors", "training.pt")
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
    temp = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir(parents=True)
    try:
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        write_atomic(temp / "weights.safetensors", safetensors.torch.save(plain))
        write_atomic(temp / "training.pt", _bytes_of(torch.save, training))
        if replay:
            write_atomic(temp / REPLAY, _bytes_of(lambda arrays, file: np.savez(file, **arrays), replay))
        sums = {path.name: sha256(path) for path in sorted(temp.iterdir())}
        write_json(temp / "manifest.json", {"schema": SCHEMA, "sha256": sums, **facts})
        _swap(temp, folder)
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        raise


def _bytes_of(save: Callable[[Any, BytesIO], None], content: Any) -> bytes:
    buffer = BytesIO()
    save(content, buffer)
    return buffer.getvalue()


def _swap(temp: Path, folder: Path) -> None:
    """Put `temp` in the place of `folder`, whose old content stands until then, or stays when it fails."""
    old = _old(folder)
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    try:
        temp.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise
    sync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _old(folder: Path) -> Path:
    """Where a checkpoint stands while it is replaced, and stays if the process is killed just then."""
    return folder.with_name(f".{folder.name}.old")


def load_checkpoint(folder: Path, env: dict[str, Any] | None = None) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """(weights, manifest) of a checkpoint whose files are what the manifest says; runs no code from them.

    env: the configuration of the environment to be played; CheckpointError when it was trained on another one.
    """
    folder = folder if folder.exists() else _old(folder)
    manifest = _verified_manifest(folder)
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


def load_training(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(state of the training, arrays of its replay buffer or {}) of a verified checkpoint; runs no code from it."""
    manifest = _verified_manifest(folder)
    training = torch.load(folder / "training.pt", weights_only=True)
    if REPLAY not in manifest["sha256"]:
        return training, {}
    with np.load(folder / REPLAY, allow_pickle=False) as arrays:
        return training, dict(arrays)


def newest_checkpoint(folder: Path) -> Path:
    """The newest whole checkpoint under `folder`, skipping damaged ones; CheckpointError when there is none."""
    candidates = sorted((p for p in folder.glob("[0-9]*") if p.is_dir()), key=lambda p: int(p.name), reverse=True)
    for path in candidates:
        try:
            _verified_manifest(path)
            return path
        except CheckpointError:
            continue
    raise CheckpointError(f"no whole checkpoint in {folder}: {len(candidates)} found, none as its manifest says.")


def prune_checkpoints(folder: Path, keep: int) -> None:
    """Delete all but the newest `keep` checkpoints."""
    for path in sorted((p for p in folder.glob("[0-9]*")), key=lambda p: int(p.name))[:-keep]:
        shutil.rmtree(path, ignore_errors=True)  # on Windows a reader may hold a file of it


def _verified_manifest(folder: Path) -> dict[str, Any]:
    manifest = read_json(folder / "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise CheckpointError(f"{folder} is no checkpoint: manifest.json is missing, damaged or of another version.")
    sums = manifest.get("sha256", {})
    for name in {*FILES, *sums}:
        if not (folder / name).is_file() or sha256(folder / name) != sums.get(name):
            raise CheckpointError(f"{folder}/{name} is not the file its manifest names; take an earlier checkpoint.")
    return manifest


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _difference(trained: dict[str, Any], played: dict[str, Any]) -> str:
    keys = [key for key in sorted({*trained, *played}) if trained.get(key) != played.get(key)]
    parts = [f"{key} was {trained.get(key)!r}, now {played.get(key)!r}" for key in keys]
    return "; ".join(parts) + ". Build it as it was trained."
