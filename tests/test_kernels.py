"""Kernels on disk: right after an edit, a kill, and when processes compile the same one at once."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlkit import kernels


def kernel(folder: Path, factor: int) -> Callable[[Any], Any]:
    """As a new process finds it: x * factor, from a source file that says so."""
    path = folder / "times.py"
    path.write_text(f"def times(x):\n    return x * {factor}\n")
    spec = importlib.util.spec_from_file_location("times", path)
    module = importlib.util.module_from_spec(spec)
    exec(compile(path.read_text(), path, "exec"), module.__dict__)  # and not its bytecode, which is as old as a second
    kernels._sources.cache_clear()
    return kernels.entry(module.times)


def from_disk(found: Any) -> int:
    return sum(found.stats.cache_hits.values())


def killed(*_: Any) -> None:
    raise KeyboardInterrupt


def test_it_is_kept_until_a_source_changes(tmp_path: Path) -> None:
    assert kernel(tmp_path, 2)(3) == 6
    again = kernel(tmp_path, 2)
    assert (again(3), from_disk(again)) == (6, 1)
    changed = kernel(tmp_path, 5)
    assert (changed(3), from_disk(changed)) == (15, 0)


def test_a_kill_while_it_is_written_leaves_no_older_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernel(tmp_path, 2)(3) == 6
    for step in ("_save_data", "_save_index"):
        writer = kernel(tmp_path, 5)
        monkeypatch.setattr(writer._cache._cache_file, step, killed)
        with pytest.raises(KeyboardInterrupt):
            writer(3)
        assert kernel(tmp_path, 5)._cache._cache_file._load_index() == {}
    assert kernel(tmp_path, 5)(3) == 15


def test_two_processes_that_compile_it_for_other_types_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, real = kernel(tmp_path, 2), kernel(tmp_path, 2)
    for each in (whole, real):  # each has looked before the other wrote
        monkeypatch.setattr(each._cache._cache_file, "_load_index", dict)
    write = real._cache._cache_file._save_index

    def write_and_be_overtaken(index: dict) -> None:
        write(index)
        whole(3)

    monkeypatch.setattr(real._cache._cache_file, "_save_index", write_and_be_overtaken)
    real(1.5)
    later = kernel(tmp_path, 2)
    assert isinstance(later(3), int)
    assert (later(3), later(1.5)) == (6, 3.0)
