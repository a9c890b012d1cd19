"""What is new in a run folder since the last look: a panel reads only what was appended, however long the training."""

import csv
import json
import os
from array import array
from collections.abc import Collection
from pathlib import Path
from typing import Any

from rlkit.runs import Run

STEPS = "time/total_timesteps"


class Tail:
    """The whole lines of a file that grows, each once; all of them again when the file was replaced."""

    def __init__(self, path: Path) -> None:
        self.path, self._at, self._file = path, 0, (0, b"")

    def read(self) -> tuple[bool, list[str]]:
        """(whether these lines are the first ones of a file, those that are new)."""
        try:
            with open(self.path, "rb") as file:
                facts = os.fstat(file.fileno())
                known = facts.st_ino, file.readline()
                if known != self._file or facts.st_size < self._at:
                    self._at, self._file = 0, known
                begins = self._at == 0
                file.seek(self._at)
                new = file.read()
        except OSError:  # not there yet, or being replaced (Windows)
            return False, []
        whole = new[: new.rfind(b"\n") + 1]  # a line that is being written comes with the next look
        self._at += len(whole)
        return begins, whole.decode("utf-8", "replace").splitlines()


class Feed:
    """The curves and the events of a run, kept up to date by `look`.

    curves: (steps, values) by metric, for the metrics asked for; a name that ends in / stands for all that begin so.
    What train/* tells on a line is of the update before that line's rollout, and its step is that of the line before.
    """

    def __init__(self, run: Run, metrics: Collection[str]) -> None:
        self.curves: dict[str, tuple[array, array]] = {}
        self.events: list[dict[str, Any]] = []
        self._metrics, self._asked = Tail(run.folder / "metrics.csv"), metrics
        self._log = Tail(run.folder / "events.jsonl")
        self._columns: list[str] = []
        self._step = 0.0

    def look(self) -> bool:
        """Take in what was written since the last look; whether there are new points."""
        begins, lines = self._log.read()
        self.events = ([] if begins else self.events) + [json.loads(line) for line in lines if line.strip()]
        begins, lines = self._metrics.read()
        rows = csv.reader(lines)
        if begins:
            self.curves, self._columns, self._step = {}, next(rows, []), 0.0
        for row in rows:
            self._add(dict(zip(self._columns, row, strict=False)))
        return bool(lines)

    def _add(self, row: dict[str, str]) -> None:
        before, self._step = self._step, float(row.get(STEPS) or self._step)
        for name, text in row.items():
            if text and (name in self._asked or name.partition("/")[0] + "/" in self._asked):
                steps, values = self.curves.setdefault(name, (array("d"), array("d")))
                steps.append(before if name.startswith("train/") else self._step)
                values.append(float(text))
