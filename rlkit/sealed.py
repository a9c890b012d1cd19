"""Folders that are whole or absent, with a manifest of checksums: what checkpoints and league members are kept in."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rlkit.errors import CheckpointError
from rlkit.files import read_json, sha256, sync_folder, write_atomic, write_json

MANIFEST = "manifest.json"
TRAINING = "training.pt"  # of a checkpoint, which a member has not


def seal(folder: Path, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> None:
    """Write files and a manifest of their checksums and the facts as `folder`, all or nothing, in place of an old one.

    facts: plain data with a `schema`, which `unseal` asks for.
    """
    temp = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir(parents=True)
    try:
        for name, content in files.items():
            write_atomic(temp / name, content)
        sums = {path.name: sha256(path) for path in sorted(temp.iterdir())}
        write_json(temp / MANIFEST, {"schema": facts["schema"], **facts, "sha256": sums})
        _swap(temp, folder)
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        raise


def unseal(folder: Path, schema: int, files: Iterable[str], kind: str = "checkpoint") -> dict[str, Any]:
    """The manifest of a folder whose files, at least those named, are what it says; CheckpointError for any other."""
    manifest = read_json(folder / MANIFEST)
    sums = manifest.get("sha256") if isinstance(manifest, dict) and manifest.get("schema") == schema else None
    if not isinstance(sums, dict):
        raise CheckpointError(f"{folder} is no {kind}: {MANIFEST} is missing, damaged or of another version.")
    for name in {*files, *sums}:
        if not (folder / name).is_file() or sha256(folder / name) != sums.get(name):
            raise CheckpointError(f"{folder}/{name} is not the file its manifest names; take another {kind}.")
    return manifest


def standing(folder: Path) -> Path:
    """The folder, or what it was before, if the process was killed just when one took the other's place."""
    return folder if folder.exists() else _old(folder)


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
    return folder.with_name(f".{folder.name}.old")
