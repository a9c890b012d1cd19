"""Whole writes, safe names."""

import os
from pathlib import Path

import pytest

from rlkit import files
from rlkit.errors import RunError

NAMES = [
    "../up",
    "/etc/passwd",
    "C:\\x",
    "a" * 300,
    "🚀",
    "con",
    "NUL",
    "com1",
    "..",
    "",
    " ",
    "a/b",
    "a\0b",
    ".hidden",
    "~",
    "-rf",
]


@pytest.mark.parametrize("name", NAMES)
def test_slug_is_one_safe_folder_name(name: str, tmp_path: Path) -> None:
    made = files.slug(name)
    assert 1 <= len(made) <= files.MAX_SLUG + 4
    assert made.isascii()
    assert not set(made) & set('/\\:.~\0 "')
    assert not made.startswith("-")
    (tmp_path / made).mkdir()
    assert files.inside(tmp_path, made).parent == tmp_path.resolve()


def test_slug_keeps_a_plain_name() -> None:
    assert files.slug("ppo_lr-3") == "ppo_lr-3"
    assert files.slug("Señor Näme") == "Senor-Name"


@pytest.mark.parametrize("name", ["..", "../x", "/etc", "", ".", "a/../../b"])
def test_inside_refuses_what_lies_outside(name: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="outside"):
        files.inside(tmp_path / "root", name)


def test_inside_refuses_a_link_that_leads_out(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with pytest.raises(RunError, match="outside"):
        files.inside(tmp_path / "root", "link/x")


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "status.json"
    files.write_json(path, {"steps": 1})

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        files.write_json(path, {"steps": 2})
    assert files.read_json(path) == {"steps": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["status.json"]


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    files.append_line(path, '{"step": 1}')
    with open(path, "a", encoding="utf-8") as file:
        file.write('{"step": 2')
    assert files.read_lines(path) == [{"step": 1}]
