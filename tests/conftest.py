"""Every test writes its runs into a folder of its own; the longest tests come first."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """RLKIT_OUTPUTS, fresh for each test."""
    folder = tmp_path / "outputs"
    monkeypatch.setenv("RLKIT_OUTPUTS", str(folder))
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the notebooks first: the last one, left to the end, would keep one process busy while the others idle."""
    items.sort(key=lambda item: "notebook" not in item.path.name)
