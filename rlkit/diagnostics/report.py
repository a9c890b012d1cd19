"""One offline HTML page from sections and facts: opens anywhere, prints, and names the run behind every number."""

import base64
import math
import numbers
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jinja2
import pandas as pd
from matplotlib.figure import Figure

from rlkit.diagnostics.plots import png
from rlkit.diagnostics.style import brief
from rlkit.errors import ParamsError

TEMPLATE = Path(__file__).with_name("report.html")


@dataclass(frozen=True, kw_only=True)
class Section:
    """What every part of a report has. `run_id` (or several, with commas) says which run it was measured in."""

    title: str
    run_id: str
    how_to_read: str = ""  # one paragraph below: how to read it, and what a bad one looks like
    kind: ClassVar[str]


@dataclass(frozen=True, kw_only=True)
class Numbers(Section):
    """The few figures a reader should leave with, set large: {label: value}, values as text or numbers."""

    values: Mapping[str, object]
    kind: ClassVar[str] = "numbers"

    def rows(self) -> Iterator[tuple[str, str]]:
        """(label, value) as the page shows them."""
        return ((label, cell(value)) for label, value in self.values.items())


@dataclass(frozen=True, kw_only=True)
class Plot(Section):
    """A figure, or the bytes of a PNG."""

    figure: Figure | bytes
    kind: ClassVar[str] = "plot"

    def data_uri(self) -> str:
        """The PNG as an address that holds the picture itself."""
        image = png(self.figure) if isinstance(self.figure, Figure) else self.figure
        return "data:image/png;base64," + base64.b64encode(image).decode("ascii")


@dataclass(frozen=True, kw_only=True)
class Table(Section):
    """A DataFrame; its index is shown unless it only counts the rows."""

    frame: pd.DataFrame
    kind: ClassVar[str] = "table"

    def shown(self) -> pd.DataFrame:
        """The frame with its index as a first column where that says something."""
        counts = isinstance(self.frame.index, pd.RangeIndex) and self.frame.index.name is None
        names = [name or "" for name in self.frame.index.names]
        return self.frame if counts else self.frame.reset_index(names=names, allow_duplicates=True)

    def columns(self) -> list[tuple[str, bool]]:
        """(name, is a number and so set to the right) of each column."""
        frame = self.shown()
        return [(str(name), pd.api.types.is_numeric_dtype(dtype)) for name, dtype in frame.dtypes.items()]

    def rows(self) -> list[list[str]]:
        """The cells as the page shows them."""
        return [[cell(value) for value in row] for row in self.shown().itertuples(index=False, name=None)]


@dataclass(frozen=True, kw_only=True)
class Text(Section):
    """Paragraphs, separated by empty lines; plain text, no markup."""

    text: str
    run_id: str = ""
    kind: ClassVar[str] = "text"

    def paragraphs(self) -> list[str]:
        """The paragraphs, in order."""
        return [paragraph.strip() for paragraph in self.text.split("\n\n") if paragraph.strip()]


@dataclass(frozen=True, kw_only=True)
class Html(Section):
    """Ready markup that goes in as it is, such as a replay's frame: only from code that escapes what users typed."""

    markup: str
    kind: ClassVar[str] = "html"


def render_report(
    title: str, subtitle: str, sections: Sequence[Section], facts: Mapping[str, Mapping[str, object]]
) -> str:
    """The report as one HTML page without any network address in it; everything but Html sections is escaped.

    facts: {"Parameters": {name: value}, "Machine": {...}, "Versions": {...}}, printed exactly, inner mappings by dotted
    names. ParamsError for a section that shows results (all but Text) and names no run.
    """
    for section in sections:
        if not section.run_id and not isinstance(section, Text):
            raise ParamsError(f"section '{section.title}' shows results of no run; give the run_id they came from.")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    tables = {name: dict(_flat(table)) for name, table in facts.items() if table}
    return template.render(title=title, subtitle=subtitle, sections=sections, facts=tables)


def cell(value: object) -> str:
    """A value as a table shows it: yes and no, three digits of a float, thousands apart, nothing for nan or None."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if pd.api.types.is_bool(value):
        return "yes" if value else "no"
    if isinstance(value, numbers.Integral):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return brief(float(value)) if isinstance(value, numbers.Real) else str(value)


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(name, text) of every value, those of inner mappings under a dotted name."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
