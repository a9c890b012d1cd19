"""Every test writes its runs into a folder of its own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """RLKIT_OUTPUTS, fresh for each test."""
    folder = tmp_path / "outputs"
    monkeypatch.setenv("RLKIT_OUTPUTS", str(folder))
    return folder
