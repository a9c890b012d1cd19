"""The report page: whole, offline, escaped, and with a run behind every number."""

import base64
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from rlkit.diagnostics.plots import png, returns
from rlkit.diagnostics.report import Html, Numbers, Plot, Section, Table, Text, cell, render_report
from rlkit.errors import ParamsError

HOSTILE = "<script>alert('x')</script>\"&"
FACTS = {"Parameters": {"n_steps": 128, "reward_weights": {"goal": 10.0}}, "Versions": {"torch": "2.13.0"}, "Empty": {}}


class Page(HTMLParser):
    """Collects tags with attributes and all text, and checks that every tag is closed."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())


def sections(text: str = "plain", run_id: str = "run-1") -> list[Section]:
    frame = pd.DataFrame({text: [text, "b"], "wins": [12_345, 2]}, index=pd.Index([text, "y"], name=text))
    return [
        Numbers(title=text, run_id=run_id, values={text: text, "speed": 11240.4}),
        Plot(title=text, run_id=run_id, figure=returns([1.0, 2.0]), how_to_read=text),
        Table(title=text, run_id=run_id, frame=frame),
        Text(title=text, text=f"{text}\n\nsecond"),
        Html(title=text, run_id=run_id, markup='<iframe sandbox="" srcdoc="&lt;p&gt;"></iframe>'),
    ]


def addresses(page: Page) -> list[str]:
    return [str(value) for _, attrs in page.tags for name, value in attrs.items() if name in ("src", "href")]


def test_page_is_whole_and_offline() -> None:
    html = render_report("Title", "subtitle", sections(), FACTS)
    page = Page(html)
    assert "http" not in html
    assert all(address.startswith(("data:", "#")) for address in addresses(page))
    assert "url(" not in html
    assert "@import" not in html
    assert [tag for tag, _ in page.tags].count("section") == 6  # five parts and the facts
    assert {"Title", "subtitle", "second", "11,240", "12,345"} <= set(page.words)


def test_nothing_a_user_typed_becomes_markup() -> None:
    page = Page(render_report(HOSTILE, HOSTILE, sections(HOSTILE, HOSTILE), {HOSTILE: {HOSTILE: HOSTILE}}))
    tags = [tag for tag, _ in page.tags]
    assert "script" not in tags
    assert tags.count("iframe") == 1  # Html goes in as it is
    assert page.words.count(HOSTILE) > 10
    assert dict(page.tags)["img"]["alt"] == HOSTILE


def test_the_picture_is_in_the_page() -> None:
    image = png(returns([1.0, 2.0]))
    for given in (returns([1.0, 2.0]), image):
        page = Page(render_report("t", "s", [Plot(title="p", run_id="r", figure=given)], {}))
        head, data = dict(page.tags)["img"]["src"].split(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(data) == image


def test_every_result_names_its_run() -> None:
    page = Page(render_report("t", "s", sections(run_id="20261120_s0"), {}))
    assert page.words.count("run 20261120_s0") == 4  # all but Text
    with pytest.raises(ParamsError, match="section 'Speed' shows results of no run"):
        render_report("t", "s", [Numbers(title="Speed", run_id="", values={})], {})


def test_contents_lead_to_the_parts() -> None:
    page = Page(render_report("t", "s", sections(), FACTS))
    ids = {f"#{attrs['id']}" for tag, attrs in page.tags if tag == "section"}
    assert {attrs["href"] for tag, attrs in page.tags if tag == "a"} == ids


def test_facts_are_printed_exactly_and_flat() -> None:
    words = Page(render_report("t", "s", [], FACTS)).words
    facts = words[words.index("Parameters") :]
    assert facts[:8] == ["Parameters", "n_steps", "128", "reward_weights.goal", "10.0", "Versions", "torch", "2.13.0"]
    assert "Empty" not in words


def test_a_long_table_scrolls_and_is_whole() -> None:
    for rows, kind in ((30, "wide"), (31, "wide tall")):
        table = Table(title="t", run_id="r", frame=pd.DataFrame({"wins": range(rows)}))
        page = Page(render_report("Title", "", [table], {}))
        assert ("div", kind) in [(tag, attrs.get("class")) for tag, attrs in page.tags]
        assert [tag for tag, _ in page.tags].count("td") == rows


def test_table_shows_an_index_that_says_something() -> None:
    frame = pd.DataFrame({"wins": [3], "name": ["x"]})
    assert Table(title="t", run_id="r", frame=frame).columns() == [("wins", True), ("name", False)]
    named = Table(title="t", run_id="r", frame=frame.set_index("name"))
    assert named.columns() == [("name", False), ("wins", True)]
    assert named.rows() == [["x", "3"]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.41234, "0.412"),
        (np.float32(0.5), "0.5"),
        (np.int64(1_000_000), "1,000,000"),
        (2048, "2048"),
        (np.bool_(True), "yes"),
        (float("nan"), ""),
        (None, ""),
        (pd.NA, ""),
        ("text", "text"),
    ],
)
def test_cells(value: object, text: str) -> None:
    assert cell(value) == text
