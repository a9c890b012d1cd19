"""Replays: what is stored comes back, the page stands alone, posters are drawn."""

import base64
import html.parser
import io
import json
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image
from replays import film, flat_frames, match

from rlkit.diagnostics import poster
from rlkit.diagnostics.replay import PAGE_PIXELS, Replay
from rlkit.errors import ParamsError, RunError


def page_data(page: str) -> dict[str, Any]:
    return json.loads(re.search(r'<script id="replay" type="application/json">(.*?)</script>', page, re.S)[1])


def unpack(packed: dict[str, Any]) -> np.ndarray:
    """What the page's script makes of a packed array."""
    raw = base64.b64decode(packed["data"])
    if packed.get("bits"):
        return np.unpackbits(np.frombuffer(raw, np.uint8))[: np.prod(packed["shape"])].reshape(packed["shape"])
    if packed.get("exact"):
        return np.frombuffer(raw, "<f4").reshape(packed["shape"])
    steps = np.frombuffer(raw, "<i2").astype(np.float64).reshape(packed["shape"])
    return np.where(steps == -32768, np.nan, packed["low"] + (steps + 32767) * packed["step"])


@pytest.mark.parametrize(
    "replay", [match(result="1 : 0"), film(flat_frames(), value=np.ones(12))], ids=lambda r: r.kind
)
def test_bytes_hold_the_whole_replay(replay: Replay) -> None:
    data = replay.to_bytes()
    again = Replay.from_bytes(data)
    assert (again.kind, again.title, again.meta) == (replay.kind, replay.title, replay.meta)
    assert again.seconds_per_frame == replay.seconds_per_frame
    assert again.arrays.keys() == replay.arrays.keys()
    for name, array in replay.arrays.items():
        assert again.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(again.arrays[name], array)
    assert again.to_bytes() == data


def forged(**head: Any) -> bytes:
    """A file whose head says something else."""
    replay = film(flat_frames())
    facts = {"format": 1, "kind": "frames", "title": "", "meta": {}, "seconds_per_frame": 1.0, **head}
    file = io.BytesIO()
    np.savez(file, head=np.frombuffer(json.dumps(facts).encode(), np.uint8), **replay.arrays)
    return file.getvalue()


def test_damaged_files_say_so() -> None:
    data = match().to_bytes()
    pickled = io.BytesIO()
    np.savez(pickled, head=np.array([{"format": 1}], dtype=object))
    flipped = bytearray(data)
    flipped[500] ^= 16  # inside ball_position
    for broken in (b"", b"GIF89a", data[:-1], data[: len(data) // 2], bytes(flipped), pickled.getvalue()):
        with pytest.raises(RunError, match=r"Cannot read this replay of \d+ bytes"):
            Replay.from_bytes(broken)
    with pytest.raises(RunError, match="format 2"):
        Replay.from_bytes(forged(format=2))
    for head in ({"kind": "opera"}, {"kind": "rocket_league"}, {"colour": "red"}, {"seconds_per_frame": 0}):
        with pytest.raises(RunError, match="no replay that can be played"):
            Replay.from_bytes(forged(**head))


def test_arrays_and_meta_are_checked() -> None:
    good = match()

    def build(drop: str = "", meta: dict[str, Any] | None = None, **arrays: np.ndarray) -> Replay:
        kept = {name: array for name, array in (good.arrays | arrays).items() if name != drop}
        return Replay(kind="rocket_league", title="", arrays=kept, meta=meta or {})

    with pytest.raises(ParamsError, match=r"lacks the array 'car_up' of shape \(T, C, 3\)"):
        build(drop="car_up")
    with pytest.raises(ParamsError, match="Did you mean 'value'"):
        build(valeu=np.zeros(60))
    with pytest.raises(ParamsError, match=r"'score' has shape \(59, 2\); a replay wants \(T, 2\), T=60"):
        build(score=np.zeros((59, 2)))
    with pytest.raises(ParamsError, match="'wireframe' has shape"):
        build(wireframe=np.zeros((2, 3)))
    with pytest.raises(ParamsError, match="meta is not plain JSON data"):
        build(meta={"result": np.float32(1)})
    with pytest.raises(ParamsError, match=r"meta\['teams'\] has 3 entries for 2 cars"):
        build(meta={"teams": [0, 1, 1]})
    with pytest.raises(ParamsError, match="'frames' is float64"):
        film(np.zeros((2, 4, 4, 3)))


def test_the_page_stands_alone() -> None:
    page = match(result="</script><b>http").to_html()
    outside = re.sub(r'<script id="replay".*?</script>', "", page, flags=re.S)
    assert not re.search(r"https?:|url\(|@import|<link|src=", outside)
    assert "default-src 'none'" in page
    assert page.count("</script>") == 2  # the data and the player; no text can end them early
    assert "<title>One &amp; &lt;two&gt;</title>" in page
    assert page_data(page)["meta"]["result"] == "</script><b>http"


def test_page_arrays_are_close_to_the_recording() -> None:
    replay = match()
    data = page_data(replay.to_html())
    assert data["frames"] == len(replay) == 60
    for name, array in replay.arrays.items():
        shown = unpack(data["arrays"][name])
        half_step = 0 if array.dtype == bool else np.nanmax(array) / 65534 - np.nanmin(array) / 65534
        np.testing.assert_allclose(shown, array, rtol=0, atol=half_step, err_msg=name)
    assert np.isnan(unpack(data["arrays"]["value"])[3])


def test_rewards_and_actions_are_sent_exactly() -> None:
    terms = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32) * np.float32([10, 0.001])
    action = np.append(np.arange(11), np.nan).astype(np.float32)
    sent = page_data(film(flat_frames(), reward_terms=terms, action=action).to_html())["arrays"]
    np.testing.assert_array_equal(unpack(sent["reward_terms"]), terms)
    np.testing.assert_array_equal(unpack(sent["action"]), action)


def test_a_minute_of_1v1_stays_small() -> None:
    replay = match(n_frames=900)
    rng = np.random.default_rng(0)
    noisy = {n: a + rng.normal(0, 9, a.shape) if a.dtype != bool else a for n, a in replay.arrays.items()}
    noisy["wireframe"] = np.zeros((1000, 2, 3), np.float32)
    noisy |= {
        "reward_terms": rng.normal(size=(900, 17)),
        "action_odds": rng.random((900, 28)),
        "action": noisy["value"],
    }
    assert len(Replay(kind="rocket_league", title="", arrays=noisy).to_html()) < 350_000


def test_films_are_sent_as_pictures() -> None:
    frames = flat_frames()
    images = page_data(film(frames).to_html())["images"]
    assert images["shape"] == [40, 60]
    assert [code is None for code in images["data"]] == [False] * 11 + [True]  # the last equals the one before
    for code, frame in zip(images["data"], frames[:-1], strict=False):
        np.testing.assert_array_equal(Image.open(io.BytesIO(base64.b64decode(code))).convert("RGB"), frame)

    noise = np.random.default_rng(0).integers(0, 256, (2, 90, 900, 3), dtype=np.uint8)
    images = page_data(film(noise).to_html())["images"]
    assert images["shape"] == [64, PAGE_PIXELS]
    assert len(images["data"][0]) < 64 * PAGE_PIXELS * 3 / 2  # flat pictures are sent exactly, noise is not


@pytest.mark.parametrize("n_frames", [0, 1, 5, 60])
def test_posters(n_frames: int) -> None:
    for replay in (match(n_frames, result="Blue wins"), film(flat_frames(60)[:n_frames])):
        picture = Image.open(io.BytesIO(replay.poster()))
        assert picture.format == "PNG"
        assert picture.width == 960
        assert len(np.unique(np.asarray(picture.convert("L")))) > 20  # something is drawn
    assert b"http" not in match().poster()


def test_posters_show_value_and_reward_below_the_moments() -> None:
    terms = np.float32([[1, -2]] * 12)
    assert poster._curves({"reward_terms": terms})["reward so far"].tolist() == [-1.0 * step for step in range(1, 13)]
    plain, noted = (
        film(flat_frames(), **more).poster() for more in ({}, {"value": np.ones(12), "reward_terms": terms})
    )
    assert Image.open(io.BytesIO(noted)).height == Image.open(io.BytesIO(plain)).height + 110


def test_posters_show_goals() -> None:
    assert poster._moments(901, []) == [0, 180, 360, 540, 720, 900]
    assert poster._moments(901, [350, 880]) == [0, 180, 350, 540, 720, 880]
    assert poster._moments(3, [1]) == [0, 1, 2]
    assert poster._moments(60, list(range(1, 30))) == [1, 2, 3, 4, 47, 59]


class Tags(html.parser.HTMLParser):
    """Tags of a text with their attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_embedding_is_a_sandboxed_frame_over_its_poster() -> None:
    replay = match()
    (_, box), (_, picture), (_, frame) = tags = Tags(replay.embed(height=333)).seen
    assert [tag for tag, _ in tags] == ["div", "img", "iframe"]
    assert "height:333px" in box["style"]
    assert base64.b64decode(picture["src"].removeprefix("data:image/png;base64,")) == replay.poster()
    assert frame["sandbox"] == "allow-scripts"
    assert frame["srcdoc"] == replay.to_html()


def test_a_training_needs_no_matplotlib() -> None:
    code = "import sys, rlkit.experiment; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
