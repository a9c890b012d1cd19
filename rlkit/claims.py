"""Figures of a text held against the measurements they were taken from, so that none can go stale unseen.

A comment after a paragraph or table of Markdown names the source and, for every number there, in order, its key:

    It is 24.8x faster with 64 envs.
    <!-- from benchmarks/results/ppo.json: W1.ratio, - -->

`-` stands for a number that was not measured. Comments after one paragraph follow on one another. In a comment after a
table a key with a `*` binds a column, whose rows are the entries of the file: `-, *.sb3, *.rlkit, *.ratio`.

A source is a file of `write_results`, found from the text's folder; or `run ID`, with the last value of a column of its
metrics.csv (`time/fps`), a value of its status (`status.steps`) or of a table (`evaluation.0.mean_return`). A
percentage is a hundred times its value. Code is not looked at.
"""

import math
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from rlkit.diagnostics.machine import machine
from rlkit.errors import ParamsError, RlkitError, RunError, did_you_mean
from rlkit.files import read_json, write_json
from rlkit.runs import attach

FACTS = ("machine", "versions", "date", "command")  # what a file of results tells besides them
COMMENT = re.compile(r"<!--\s*from\s+(?P<source>.+?)\s*:\s+(?P<keys>.*?)\s*-->", re.DOTALL)
HIDDEN = re.compile(r"`[^`]*`|\]\([^)]*\)|<!--.*?-->|<[^>]*>", re.DOTALL)  # code, addresses, comments, tags
NUMBER = re.compile(
    r"(?<![\w.])(?:(?<!\w)[-\u2212])?(?P<digits>\d+(?:,\d{3})*(?:\.(?P<decimals>\d+))?)(?![\d.,]*\d)"
    r"(?P<scale> ?[kM](?!\w))?"
    r"(?:(?P<unit>x(?!\w)|\s?(?:\u00d7(?!\s?\d)|%)|(?:\s[A-Za-z-]+){0,2}\s?(?:/s\b|\sper\s(?:CPU-)?second\b))|(?!\w))"
)
SCALES = {"k": 1e3, "M": 1e6}


@dataclass(frozen=True)
class Claim:
    """A figure of a text. state: "holds", "wrong", or "unbound": looks measured, and no comment names its source."""

    where: str  # file:line of the paragraph
    claimed: str
    found: str  # the value in the source, or why there is none
    state: str
    source: str = ""
    key: str = ""


@dataclass
class _Block:
    """A paragraph or a table, and the (source, key) pairs of the comments after it."""

    line: int
    text: str
    bindings: list[tuple[str, str]] = field(default_factory=list)

    def rows(self) -> list[list[str]]:
        """The cells of a table's rows below its header; none in a paragraph."""
        lines = [line.strip().strip("|").split("|") for line in self._visible()]
        return lines[2:] if self.text.lstrip().startswith("|") else []

    def numbers(self) -> list[tuple[int, re.Match[str]]]:
        """(line of the file, number) of every number in order, those of a table's header left out."""
        rows = self.rows()
        first, body = (self.line + 2, ["|".join(row) for row in rows]) if rows else (self.line, self._visible())
        return [(first + at, number) for at, line in enumerate(body) for number in NUMBER.finditer(line)]

    def _visible(self) -> list[str]:
        return HIDDEN.sub(lambda hidden: " " + "\n" * hidden[0].count("\n"), self.text).splitlines()


def check_claims(path: Path) -> list[Claim]:
    """Every bound figure of a Markdown file with what its source says, and the unbound ones that look measured.

    Those are ratios (3.3x), shares (12 %) and rates (per second, /s). A figure holds when its source, rounded as it is
    printed, says the same. ParamsError when the file is not there.
    """
    if not path.is_file():
        raise ParamsError(f"{path} is not there: give a Markdown file, such as README.md.")
    load = cache(lambda source: _load(source, path.parent))
    claims = []
    for block in _blocks(path.read_text("utf-8")):
        if not block.bindings:
            claims += [
                Claim(f"{path.name}:{line}", number[0].strip(), "bound to nothing", "unbound")
                for line, number in block.numbers()
                if number["unit"]
            ]
            continue
        try:
            claims += [_judge(f"{path.name}:{line}", *claim, load) for line, *claim in _pairs(block, load)]
        except RlkitError as error:
            what = f"{len(block.bindings)} keys"
            claims.append(Claim(f"{path.name}:{block.line}", what, str(error), "wrong", *block.bindings[0]))
    return claims


def write_results(path: Path, results: Mapping[str, Any], command: str = "") -> None:
    """Write measurements as a source of claims: `results` (nested, plain numbers) with all that a repetition needs.

    command: what was run, by default this process's own command line.
    """
    facts = machine()
    versions = facts.pop("versions")
    if hasattr(os, "getloadavg"):
        facts["load"] = round(os.getloadavg()[1], 1)  # over five minutes: above the number of cores, it was disturbed
    command = command or shlex.join(["python", *sys.argv])
    date = datetime.now(UTC).date().isoformat()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(
        path, {"command": command, "date": date, "machine": facts, "versions": versions, "results": dict(results)}
    )


def _blocks(text: str) -> Iterator[_Block]:
    """The paragraphs and tables in order, each with the comments that follow it; code blocks are left out."""
    text = re.sub(r"^(```|~~~).*?^\1", lambda code: "\n" * code[0].count("\n"), text, flags=re.DOTALL | re.MULTILINE)
    text = COMMENT.sub(lambda comment: comment[0].replace("\n", " ") + "\n" * comment[0].count("\n"), text)
    block, ended = _Block(1, ""), True
    for number, line in enumerate(text.splitlines(), 1):
        comments = list(COMMENT.finditer(line))
        for comment in comments:
            block.bindings += [(comment["source"], key.strip()) for key in comment["keys"].split(",")]
        if comments or not line.strip():
            ended = True
        elif not ended:
            block.text += "\n" + line
        elif not line.startswith(("    ", "\t")):
            yield block
            block, ended = _Block(number, line), False
    yield block


def _pairs(block: _Block, load: Any) -> Iterator[tuple[int, re.Match[str], str, str]]:
    """(line, number, source, key) of every bound number; RunError where keys and numbers do not pair up."""
    if any("*" in key for _, key in block.bindings):
        yield from _cells(block, load)
        return
    numbers = block.numbers()
    if len(numbers) != len(block.bindings):
        listed = ", ".join(number["digits"] for _, number in numbers)
        raise RunError(f"they bind {len(numbers)} numbers: {listed}. Give a key for each, - if it was not measured")
    for (line, number), (source, key) in zip(numbers, block.bindings, strict=True):
        if key != "-":
            yield line, number, source, key


def _cells(block: _Block, load: Any) -> Iterator[tuple[int, re.Match[str], str, str]]:
    """As `_pairs`, for a table whose columns are bound."""
    rows = block.rows()
    for column, (source, key) in enumerate(block.bindings):
        if key == "-":
            continue
        head, _, tail = key.partition("*")
        entries = _look_up(load(source), head)
        names = list(entries) if isinstance(entries, Mapping) else list(range(len(entries)))
        if len(names) != len(rows) or any(len(row) != len(block.bindings) for row in rows):
            raise RunError(
                f"the table has {len(rows)} rows of {len(rows[0]) if rows else 0} columns, and {source} {len(names)} "
                "entries. Give a key for each column and a row for each entry"
            )
        for at, (name, row) in enumerate(zip(names, rows, strict=True)):
            numbers = list(NUMBER.finditer(row[column]))
            if len(numbers) != 1:
                raise RunError(f"the cell '{row[column].strip()}' of {key} holds {len(numbers)} numbers, not one")
            yield block.line + 2 + at, numbers[0], source, f"{head}{name}{tail}"


def _judge(where: str, number: re.Match[str], source: str, key: str, load: Any) -> Claim:
    """The claim that a number makes, with what its source says."""
    claimed, unit = number[0].strip(), number["unit"] or ""
    try:
        value = _look_up(load(source), key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise RunError(f"{key} is {str(value)[:40]!r}, no number")
    except RlkitError as error:
        return Claim(where, claimed, str(error), "wrong", source, key)
    scale, decimals = SCALES.get((number["scale"] or "").strip(), 1.0), len(number["decimals"] or "")
    printed = value * (100 if "%" in unit else 1) / scale
    sign = -1 if claimed[0] in "-\u2212" else 1
    error = abs(printed - sign * float(number["digits"].replace(",", "")))
    holds = error <= 0.5 * 10**-decimals * (1 + 1e-9)
    return Claim(where, claimed, f"{printed:,.{decimals if holds else decimals + 2}f}", "holds" if holds else "wrong",
                 source, key)  # fmt: skip


def _load(source: str, folder: Path) -> Any:
    """What a source measured, as nested plain data; RunError when it is not there or does not say how."""
    if source.startswith("run "):
        return _run_values(source.removeprefix("run ").strip())
    document = read_json(folder / source)
    if not isinstance(document, dict):
        raise RunError(f"{source} is not there, or no JSON; write it with the benchmark's command")
    missing = [name for name in (*FACTS, "results") if not document.get(name)]
    if missing:
        raise RunError(f"{source} does not tell its {', '.join(missing)}; write it again with the benchmark's command")
    return document["results"]


def _run_values(name: str) -> dict[str, Any]:
    """A run's last metrics by name, its status, and its tables as lists of rows."""
    run = attach(name)
    if run.id != name:
        raise RunError(f"run '{name}' is not a whole id; write {run.id}")
    metrics = run.metrics()
    last = {column: metrics[column].dropna().iloc[-1].item() for column in metrics if metrics[column].notna().any()}
    return last | {"status": run.status()} | {name: table.to_dict("records") for name, table in run.tables().items()}


def _look_up(document: Any, key: str) -> Any:
    """The value under a dotted key; RunError with the closest name where there is none."""
    for part in filter(None, key.split(".")):
        names = (
            document if isinstance(document, Mapping) else range(len(document)) if isinstance(document, list) else ()
        )
        found = {str(name): name for name in names}
        if part not in found:
            raise RunError(f"there is no '{part}' of {key}. {did_you_mean(part, found)}")
        document = document[found[part]]
    return document
