"""Writes that are whole or absent, names that stay inside their folder, and checksums."""

import hashlib
import json
import os
import re
import time
import unicodedata
from pathlib import Path
from typing import Any

from rlkit.errors import RunError

MAX_SLUG = 60  # characters: a run id is a folder name, and file systems stop at 255 bytes for all of it
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(10))}  # on Windows


def write_atomic(path: Path, data: bytes | str) -> None:
    """Put `data` at `path` wholly or not at all: temp file beside it, fsync, rename, fsync of the folder."""
    raw = data.encode("utf-8") if isinstance(data, str) else data
    temp = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}.tmp")
    try:
        with open(temp, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        replace(temp, path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise


def replace(source: Path, target: Path) -> None:
    """Rename over `target`, durably; on Windows retried while another process has the target open."""
    for attempt in range(20):
        try:
            os.replace(source, target)
            break
        except PermissionError:
            if os.name != "nt" or attempt == 19:
                raise
            time.sleep(0.05)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut (a no-op on Windows, which cannot open folders)."""
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_json(path: Path, value: Any) -> None:
    """`write_atomic` of plain data as indented JSON."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The JSON in `path`, or None when the file is not there, not whole, or just being replaced (Windows)."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError):
        return None


def append_line(path: Path, line: str) -> None:
    """Add one line to a log and fsync it; a reader may still meet a torn last line after a power cut."""
    with open(path, "ab") as file:
        file.write(line.encode("utf-8") + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[Any]:
    """Every whole JSON line of a log; a torn last line is left out."""
    if not path.exists():
        return []
    lines = path.read_text("utf-8", errors="replace").split("\n")
    return [json.loads(line) for line in lines[:-1] if line.strip()]


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def slug(text: str) -> str:
    """A folder name made from anything a person types: ASCII letters, digits, '-', '_'; never empty or reserved."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", ascii_text).strip("-")[:MAX_SLUG].strip("-")
    return f"run-{name}" if not name or name.lower() in _RESERVED else name


def project_root() -> Path:
    """The folder with `notebooks/` and `params/`: the nearest one above here, else where the package lies."""
    here = Path.cwd().resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[1]):
        if (folder / "notebooks").is_dir() and (folder / "params").is_dir():
            return folder
    return here


def inside(root: Path, name: str) -> Path:
    """`root/name`, refused with a RunError when it lies outside `root` (.., absolute, or through a link)."""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()) or path == root.resolve():
        raise RunError(f"{name!r} points outside {root}. Give the name of a run in that folder; `rlkit ls` lists them.")
    return path
