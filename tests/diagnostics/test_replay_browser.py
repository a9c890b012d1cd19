"""A real browser plays replays as a notebook embeds them; skipped where Chromium or Playwright is missing."""

import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from replays import film, flat_frames, match

from rlkit.diagnostics.replay import Replay

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


class Browser:
    """A page of a real browser that shows replays as a notebook does, and notes errors and requests."""

    def __init__(self, page: Any) -> None:
        self.page, self.problems = page, []
        page.on("console", lambda message: self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self.problems.append(request.url))

    def show(self, replay: Replay) -> Any:
        self.page.set_content(replay.embed())
        frame = self.page.frames[-1]
        wait(frame, "frames !== undefined")
        return frame


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    path = shutil.which("chromium")
    if not path:
        pytest.skip("no chromium here")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=path, args=CHROMIUM)


@pytest.fixture
def browser(chrome: Any) -> Iterator[Browser]:
    browser = Browser(chrome.new_page(viewport={"width": 900, "height": 560}))
    yield browser
    browser.page.close()
    assert browser.problems == []


def wait(frame: Any, condition: str) -> None:
    """Until it holds; condition is JavaScript over frame, playing, view, frames and banner."""
    state = "{...document.body.dataset, banner: document.getElementById('banner').textContent}"
    check = f"(({{frame, frames, playing, view, banner}}) => {condition})({state})"
    for _ in range(400):  # the page forbids eval, and with it Playwright's own waiting
        if frame.evaluate(check):
            return
        frame.wait_for_timeout(25)
    raise AssertionError(f"{condition} does not hold: {frame.evaluate(f'({state})')}")


def settled(frame: Any) -> str:
    """The picture on the stage once its camera has come to rest."""
    picture, before = "", None
    while picture != before:
        frame.wait_for_timeout(150)
        before, picture = picture, frame.evaluate("document.getElementById('view').toDataURL()")
    return picture


def test_browser_plays_a_match(browser: Browser) -> None:
    frame = browser.show(match(result="Ada wins"))
    keyboard = browser.page.keyboard
    wait(frame, "playing === 'false' && frame === '0'")  # nothing moves before it is asked to
    frame.click("#start")
    wait(frame, "playing === 'true' && frame > 5")
    keyboard.press("Space")
    wait(frame, "playing === 'false'")
    stopped = int(frame.evaluate("document.body.dataset.frame"))
    keyboard.press("ArrowRight")
    wait(frame, f"frame === '{stopped + 1}'")
    keyboard.press("Home")
    wait(frame, "frame === '0'")
    assert frame.locator("#score0").inner_text() == "0"

    pictures = set[str]()
    for key, view in zip("1234", ("chase", "side", "top", "free"), strict=True):
        keyboard.press(key)
        wait(frame, f"view === '{view}'")
        pictures.add(settled(frame))
    assert len(pictures) == 4

    box = frame.locator("#scrub").bounding_box()
    browser.page.mouse.click(box["x"] + 8 + (box["width"] - 16) * 42 / 59, box["y"] + 12)
    wait(frame, "Math.abs(frame - 42) < 2")
    assert frame.locator("#score0").inner_text() == "1"
    assert "Ada scores" in frame.locator("#banner").inner_text()
    assert frame.locator("#marks .touch").count() == 2
    assert frame.locator("#marks .goal").count() == 1

    keyboard.press("]")
    keyboard.press("Space")
    wait(frame, "frame === '59' && banner === 'Full timeAda wins'")


def test_browser_shows_the_pictures_of_a_film(browser: Browser) -> None:
    frame = browser.show(film(flat_frames()))
    frame.click("#start")
    wait(frame, "frame > 2")
    frame.press("body", "End")
    wait(frame, "frame === '11'")
    middle = "[...(c => c.getContext('2d').getImageData(c.width / 2 - 30, c.height / 2, 1, 1).data)(view)]"
    assert frame.evaluate(f"(view => {middle})(document.getElementById('view'))") == [200, 0, 0, 255]
    for absent in ("#plots", "#mind", "#views"):
        assert not frame.locator(absent).is_visible()


def figures(frame: Any, part: str) -> dict[str, str]:
    """Name and figure of the rows of a list in the panel, the name of the action taken in capitals."""
    texts = "rows.map(r => [r.querySelector('span').innerText, r.querySelector('b').innerText, r.className])"
    rows = frame.evaluate(f"(rows => {texts})([...document.querySelectorAll('#mind .{part} li')])")
    return {name.upper() if kind == "taken" else name: figure for name, figure, kind in rows}


def test_browser_shows_what_the_agent_thought_at_the_playhead(browser: Browser) -> None:
    odds = np.tile(np.float32([0.5, 0.25, 0.25]), (12, 1))
    odds[-1] = np.nan
    action = np.array([0, 2] * 5 + [1, np.nan])
    terms = np.stack([np.full(12, 0.1), np.where(np.arange(12) == 6, -5.0, 0.0)], axis=1)
    names = {"reward_terms": ["near_ball", "fall"], "action_odds": ["left", "right", "up"]}
    values = np.append(np.linspace(0, 1, 11), np.nan)
    frame = browser.show(film(flat_frames(), names, value=values, action_odds=odds, action=action, reward_terms=terms))
    assert frame.locator("#plots").is_visible()
    frame.locator("#plots").click(position={"x": frame.locator("#plots").bounding_box()["width"] * 5.5 / 11, "y": 30})
    wait(frame, "frame === '5'")
    assert frame.locator("#mind .value b").inner_text() == "0.50"
    assert figures(frame, "terms") == {"near ball": "0.60", "fall": "0.00"}
    assert figures(frame, "odds") == {"left": "50 %", "right": "25 %", "UP": "25 %"}
    browser.page.keyboard.press("ArrowRight")
    wait(frame, "frame === '6'")
    assert figures(frame, "terms") == {"near ball": "0.70", "fall": "\u22125.00"}
    assert frame.locator("#mind .reward b").inner_text() == "\u22124.30"
    browser.page.keyboard.press("End")
    wait(frame, "frame === '11'")
    assert frame.locator("#mind .value b").inner_text() == "-"
    assert figures(frame, "odds") == {"left": "-", "right": "-", "up": "-"}
    browser.page.set_viewport_size({"width": 600, "height": 560})
    assert not frame.locator("#mind").is_visible()  # a narrow page keeps the picture, with the plots below it
    assert frame.locator("#plots").is_visible()


def test_browser_sums_up_the_unlikely_of_many_actions(browser: Browser) -> None:
    odds = np.tile(np.arange(1, 29, dtype=np.float32), (60, 1))
    replay = match(series_names={"action_odds": [f"a{k}" for k in range(28)]}, car=1)
    arrays = replay.arrays | {"action_odds": odds / odds[0].sum(), "action": np.where(np.arange(60) < 9, 27.0, 3.0)}
    frame = browser.show(Replay(kind="rocket_league", title="", arrays=arrays, meta=replay.meta))
    assert frame.locator("#mind .whose").inner_text().strip() == "Bob"
    assert frame.locator("#car").input_value() == "1"
    shown = figures(frame, "odds")
    assert list(shown) == [*(f"a{k}" for k in range(21, 27)), "A27", "21 others"]
    assert shown["A27"] == "7 %"
    assert shown["21 others"] == "57 %"
    frame.click("#next")
    browser.page.keyboard.press("End")
    wait(frame, "frame === '59'")
    assert "OTHERS: A3" in figures(frame, "odds")


def test_browser_loops_on_autoplay_and_explains_emptiness(browser: Browser) -> None:
    frame = browser.show(match(n_frames=8, goal_at=99, autoplay=True))
    wait(frame, "playing === 'true' && frame > 3")
    wait(frame, "playing === 'true' && frame < 3")
    for nothing in (match(0), film(flat_frames()[:0])):
        frame = browser.show(nothing)
        assert "Nothing to play" in frame.locator("#empty").inner_text()
        assert not frame.locator("#controls").is_visible()
