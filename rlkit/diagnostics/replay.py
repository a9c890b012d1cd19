"""A recorded match or film: kept as compact bytes, shown as one self-contained page that plays in any browser.

The page is put together from the files in `player/` and asks the network for nothing.
"""

import base64
import html
import io
import json
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rlkit.errors import ParamsError, RunError, did_you_mean

DECISION_SECONDS = 8 / 120  # s per frame of a match: one decision lasts 8 physics ticks of 1/120 s
FORMAT = 1  # version of the file layout
PAGE_PIXELS = 640  # longest side of a picture in the page; larger ones are scaled down
PLAYER = Path(__file__).parent / "player"
SCRIPTS = ("space", "stadium", "actors", "match", "film", "hud", "series", "plots", "mind", "player")  # .js, in order
EXACT = (
    "reward_terms",
    "action",
)  # arrays sent as they are: the page adds rewards up, and steps of int16 would add up too
Shape = tuple[str | int, ...]  # a letter stands for one size throughout a replay: T frames, C cars

REQUIRED: dict[str, dict[str, Shape]] = {
    "rocket_league": {
        "ball_position": ("T", 3),  # uu
        "ball_velocity": ("T", 3),  # uu/s
        "car_position": ("T", "C", 3),  # uu
        "car_forward": ("T", "C", 3),  # unit vector to the nose
        "car_up": ("T", "C", 3),  # unit vector to the roof
        "car_boost": ("T", "C"),  # 0..100
        "pads": ("T", "P"),  # bool: ready to be taken
        "pad_position": ("P", 2),  # uu
        "score": ("T", 2),  # goals of blue and of orange
        "wireframe": ("S", 2, 3),  # line segments of the arena, uu
    },
    "frames": {"frames": ("T", "H", "W", 3)},  # uint8 RGB
}
OPTIONAL: dict[str, Shape] = {
    "touches": ("T", "C"),  # bool: the car has hit the ball since the frame before
    "reward_terms": ("T", "K"),  # plotted and summed: what each term brought since the frame before
    "value": ("T",),  # plotted: what the critic expects
    "action_odds": ("T", "A"),  # plotted: probability of each action
    "action": ("T",),  # number of the action taken, nan where none was
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Replay:
    """Frames of a Rocket League match, or of any environment that renders, and what the agent thought beside them.

    kind: "rocket_league" or "frames". arrays: by name; `REQUIRED` and `OPTIONAL` of this module list shapes and units.
    meta: plain JSON data, all optional: "names" and "teams" (one per car; 0 blue, 1 orange), "result" (text shown at
    the end), "series_names" ({"reward_terms": [...], "action_odds": [...]}), "car" (index of the one whose thoughts
    these are), "autoplay" (starts by itself and loops).
    ParamsError when an array is missing, unknown or does not fit, or meta is not JSON.
    """

    kind: str
    title: str
    seconds_per_frame: float = DECISION_SECONDS
    arrays: dict[str, np.ndarray]
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in REQUIRED:
            raise ParamsError(f"kind={self.kind!r} is no kind of replay. {did_you_mean(self.kind, REQUIRED)}")
        if not 0 < self.seconds_per_frame < np.inf:
            raise ParamsError(f"seconds_per_frame={self.seconds_per_frame} must be above 0.")
        _check_shapes(self.arrays, REQUIRED[self.kind])
        if self.kind == "frames" and self.arrays["frames"].dtype != np.uint8:
            raise ParamsError(f"Array 'frames' is {self.arrays['frames'].dtype}; pictures are uint8, 0..255.")
        for key in ("names", "teams") if self.kind == "rocket_league" else ():
            cars = self.arrays["car_position"].shape[1]
            if len(self.meta.get(key, range(cars))) != cars:
                raise ParamsError(f"meta[{key!r}] has {len(self.meta[key])} entries for {cars} cars; give one per car.")
        try:
            json.dumps(self.meta, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ParamsError(
                f"meta is not plain JSON data: {error}. Use int(), float() or .tolist() on it."
            ) from error

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.arrays["frames" if self.kind == "frames" else "ball_position"])

    def to_bytes(self) -> bytes:
        """A compressed npz file, with kind, title, meta and so on as JSON in its array `head`."""
        head = {"format": FORMAT, "kind": self.kind, "title": self.title, "meta": self.meta}
        head["seconds_per_frame"] = float(self.seconds_per_frame)
        file = io.BytesIO()
        np.savez_compressed(file, head=np.frombuffer(json.dumps(head).encode(), np.uint8), **self.arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Replay":
        """The replay that `to_bytes` wrote; never runs code from the file. RunError when it is damaged or too new."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            head = json.loads(arrays.pop("head").tobytes())
            written = head.pop("format")
        except Exception as error:  # damage makes zipfile, zlib and NumPy raise almost anything, TokenError among them
            raise RunError(
                f"Cannot read this replay of {len(data)} bytes ({type(error).__name__}: {error}). The file is cut off, "
                "damaged or something else. Copy it again from the run's replays/ folder, or record it again."
            ) from error
        if written != FORMAT:
            raise RunError(f"This replay has format {written}, this rlkit reads format {FORMAT}. Update rlkit for it.")
        try:
            return cls(arrays=arrays, **head)
        except (TypeError, ParamsError) as error:
            raise RunError(f"This file holds no replay that can be played: {error} Record it again.") from error

    def to_html(self) -> str:
        """One page that plays the replay, with data, script and style inside and no network address.

        A minute of 1v1 takes 160 kB, with the agent's thoughts 270 kB; 500 pictures of CartPole (600 x 400) 190 kB,
        100 of noise (84 x 84) 670 kB.
        """
        arrays = {name: _pack(array, name in EXACT) for name, array in self.arrays.items() if name != "frames"}
        data = {"kind": self.kind, "frames": len(self), "meta": self.meta, "arrays": arrays}
        data["seconds_per_frame"] = float(self.seconds_per_frame)
        if self.kind == "frames":
            data["images"] = _encode_images(self.arrays["frames"])
        return string.Template(_player_file("player.html")).substitute(
            title=html.escape(self.title),
            style=_player_file("player.css"),
            script="\n".join(_player_file(f"{name}.js") for name in SCRIPTS),
            data=json.dumps(data).replace("<", "\\u003c"),  # so that no text closes the script element
        )

    def poster(self) -> bytes:
        """A PNG of six moments, goals first, and below them the reward so far and the value where they are known."""
        from rlkit.diagnostics import poster  # here: a training needs no matplotlib, which takes a second to import

        if not len(self):
            return poster.empty(self.title)
        if self.kind == "frames":
            return poster.film(self.title, self.arrays, self.seconds_per_frame)
        return poster.match(self.title, self.arrays, self.seconds_per_frame, self.meta)

    def embed(self, height: int = 520) -> str:
        """HTML for the output of a notebook cell: the player over its poster; height in pixels.

        The player is a sandboxed frame. A notebook that is not trusted takes the frame out, and the poster remains.
        """
        from rlkit.diagnostics import poster

        picture = base64.b64encode(self.poster()).decode()
        title, page = html.escape(self.title), html.escape(self.to_html())
        box = f"position:relative;height:{height}px;overflow:hidden;border-radius:10px;background:{poster.DARK}"
        fitted = "display:block;margin:auto;max-width:100%;max-height:100%"
        over = "position:absolute;top:0;left:0;width:100%;height:100%;border:0"
        return (
            f'<div style="{box}"><img style="{fitted}" alt="{title}" src="data:image/png;base64,{picture}">'
            f'<iframe style="{over}" title="{title}" sandbox="allow-scripts" allow="fullscreen" srcdoc="{page}">'
            "</iframe></div>"
        )


def _check_shapes(arrays: dict[str, np.ndarray], required: dict[str, Shape]) -> None:
    """ParamsError unless all required arrays are there, all are known, and their sizes agree."""
    known = required | OPTIONAL
    for name in required:
        if name not in arrays:
            raise ParamsError(f"The replay lacks the array {name!r} of shape {_spell(required[name])}. Record it too.")
    sizes: dict[str | int, int] = {}
    for name, array in arrays.items():
        if name not in known:
            raise ParamsError(f"The player does not know the array {name!r}. {did_you_mean(name, known)}")
        for want, size in zip(known[name], array.shape, strict=False):
            sizes.setdefault(want, want if isinstance(want, int) else size)
        if array.shape != tuple(sizes.get(want) for want in known[name]):
            letters = [want for want in known[name] if isinstance(want, str) and want in sizes]
            given = "".join(f", {letter}={sizes[letter]}" for letter in letters)
            raise ParamsError(f"Array {name!r} has shape {array.shape}; a replay wants {_spell(known[name])}{given}.")


def _spell(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"


def _pack(array: np.ndarray, exact: bool) -> dict[str, Any]:
    """An array for the page: bits, float32, or int16 steps from its lowest to its highest value, -32768 for nan."""
    if array.dtype == bool:
        return {"shape": array.shape, "bits": True, "data": base64.b64encode(np.packbits(array)).decode()}
    if exact:
        return {"shape": array.shape, "exact": True, "data": base64.b64encode(array.astype("<f4").tobytes()).decode()}
    finite = np.isfinite(array)
    low, high = (float(array[finite].min()), float(array[finite].max())) if finite.any() else (0.0, 0.0)
    step = (high - low) / 65534 or 1.0
    steps = np.where(finite, np.rint((np.where(finite, array, low) - low) / step) - 32767, -32768).astype("<i2")
    return {"shape": array.shape, "low": low, "step": step, "data": base64.b64encode(steps.tobytes()).decode()}


def _encode_images(frames: np.ndarray) -> dict[str, Any]:
    """Pictures (T, H, W, 3) as WebP, lossless where that is smaller (flat colours); null where one equals the last."""
    height, width = frames.shape[1:3]
    scale = min(1.0, PAGE_PIXELS / max(height, width, 1))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    data: list[str | None] = []
    lossless = True
    for number, frame in enumerate(frames):
        if number == 0:
            lossless = len(_webp(frame, size, lossless=True)) <= len(_webp(frame, size, lossless=False))
        repeated = number > 0 and np.array_equal(frame, frames[number - 1])
        data.append(None if repeated else _webp(frame, size, lossless))
    return {"mime": "image/webp", "shape": size[::-1], "data": data}


def _webp(frame: np.ndarray, size: tuple[int, int], lossless: bool) -> str:
    """A picture as WebP of size (width, height), base64."""
    picture = Image.fromarray(frame)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", lossless=lossless, quality=80, method=3)
    return base64.b64encode(file.getvalue()).decode()


def _player_file(name: str) -> str:
    return (PLAYER / name).read_text(encoding="utf-8")
