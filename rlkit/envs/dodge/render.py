"""A picture of one game as seen from behind and above, for `render()` and for films."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from rlkit.envs.dodge import constants as const
from rlkit.envs.dodge.constants import VX, VZ, X, Z

SIZE = (400, 640)  # pixels, height and width
OVERSAMPLE = 2  # pixels drawn per pixel kept, each way, for smooth edges
EYE, GAZE = np.array([0.0, -19.0, 15.0]), np.array([0.0, 4.2, 0.0])  # u: where the camera is and what it looks at
ZOOM = 1.22  # picture widths that a thing of 1 u takes at a distance of 1 u
FLOOR, GRID = 60.0, 4.0  # u: half size of the floor, and between its lines
TRAIL_SECONDS, TRAIL_DOTS = 0.32, 8  # s of flight that a ball's trail shows, and in how many dots
CIRCLE = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
FIGURE = ((0.25, 0.30), (0.62, 0.36), (1.02, 0.30), (1.42, 0.22))  # the player: height of a ball and its radius, u
MARGIN = 14.0  # pixels that a thrower outside of the picture is kept from its edge

SKY, GROUND, LINE, SHADE = (15, 19, 28), (24, 30, 42), (36, 45, 61), (10, 13, 19)
ZONE, BORDER, TRACK = (38, 60, 88), (104, 158, 220), (46, 54, 70)
PLAYER, HIT, BALL, THROWER, ALARM = (92, 172, 255), (255, 72, 72), (255, 150, 58), (112, 120, 138), (255, 214, 80)

_AHEAD = (GAZE - EYE) / np.linalg.norm(GAZE - EYE)
_UP = np.array([0.0, -_AHEAD[2], _AHEAD[1]])
Colour = tuple[int, int, int]


def draw(row: np.void, rules: np.void) -> np.ndarray:
    """The game in a ROW record, uint8 (400, 640, 3); takes about 2 ms.

    Each ball trails the way it came and has its shadow below. The thrower lights up, and its ring closes, in the last
    `warning_seconds` before a throw. The player turns red when hit. The bar at the top is the episode's time.
    """
    scene = _Scene(_empty_scene().copy())
    balls = row["balls"][: row["n_balls"]]
    feet = float(row["z"] - const.STAND_Z)
    scene.thrower(row, rules)
    scene.shadow((row["x"], row["y"]), const.PLAYER_RADIUS)
    for ball in balls:
        scene.shadow(ball[:2], const.BALL_RADIUS)
    for ball in balls:
        scene.trail(ball)
    offsets = balls[:, :3] - (row["x"], row["y"], row["z"])
    hit = bool((np.linalg.norm(offsets, axis=1) < const.HIT_DISTANCE).any())
    for depth, ball in sorted([(float(ball[1]), ball) for ball in balls], key=lambda pair: -pair[0]):
        if depth > row["y"]:
            scene.ball(ball[:3], const.BALL_RADIUS, BALL)
    scene.player(row, feet, HIT if hit else PLAYER)
    for ball in balls[balls[:, 1] <= row["y"]]:
        scene.ball(ball[:3], const.BALL_RADIUS, BALL)
    scene.time(float(row["steps"] / rules["limit"]))
    return np.asarray(scene.image.reduce(OVERSAMPLE))


class _Scene:
    """A pen over an oversampled image that takes places in u."""

    def __init__(self, image: Image.Image) -> None:
        self.image, self.pen = image, ImageDraw.Draw(image)
        self.width, self.height = image.size

    def pixels(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (n, 2) of places (n, 3), and the length in pixels of 1 u there (n,)."""
        seen = places - EYE
        scale = ZOOM * self.width / np.maximum(seen @ _AHEAD, 1.0)  # what is beside or behind the camera stays finite
        return np.stack([self.width / 2 + seen[:, 0] * scale, self.height / 2 - seen @ _UP * scale], axis=1), scale

    def polygon(self, places: np.ndarray, fill: Colour, **outline: object) -> None:
        """A polygon of places (n, 3)."""
        self.pen.polygon(list(map(tuple, self.pixels(places)[0].tolist())), fill, **outline)

    def ball(self, place: Iterable[float], radius: float, colour: Colour) -> None:
        """A lit sphere."""
        (at,), (scale,) = self.pixels(np.array([place]))
        self.disc(at, radius * scale, tuple(int(0.72 * c) for c in colour))
        self.disc(at - 0.14 * radius * scale, 0.82 * radius * scale, colour)
        self.disc(at - 0.36 * radius * scale, 0.26 * radius * scale, tuple(int(c + 0.6 * (255 - c)) for c in colour))

    def disc(self, at: np.ndarray, r: float, fill: Colour | None, **outline: object) -> None:
        """A disc; place and radius in pixels."""
        u, v = at.tolist()
        self.pen.ellipse((u - r, v - r, u + r, v + r), fill, **outline)

    def shadow(self, place: Iterable[float], radius: float) -> None:
        x, y = place
        self.polygon(np.stack([x + radius * np.cos(CIRCLE), y + radius * np.sin(CIRCLE), 0 * CIRCLE], axis=1), SHADE)

    def trail(self, ball: np.ndarray) -> None:
        """Dots along the parabola behind a ball, back to the floor if it has bounced."""
        seconds = np.linspace(TRAIL_SECONDS, 0.0, TRAIL_DOTS, endpoint=False)[:, None]
        places = ball[X : Z + 1] - ball[VX : VZ + 1] * seconds
        places[:, Z] -= 0.5 * const.GRAVITY * seconds[:, 0] ** 2
        ats, scales = self.pixels(places)
        for share, place, at, scale in zip(1.0 - seconds[:, 0] / TRAIL_SECONDS, places, ats, scales, strict=True):
            if place[Z] >= const.BALL_RADIUS:
                colour = tuple(int(g + 0.5 * share * (c - g)) for g, c in zip(GROUND, BALL, strict=True))
                self.disc(at, (0.3 + 0.5 * share) * const.BALL_RADIUS * scale, colour)

    def player(self, row: np.void, feet: float, colour: Colour) -> None:
        """A figure of balls, the higher the more it leans with its tilt."""
        for height, radius in FIGURE:
            place = row["x"] + height * np.sin(row["roll"]), row["y"] + height * np.sin(row["pitch"]), feet + height
            self.ball(place, radius, colour)

    def thrower(self, row: np.void, rules: np.void) -> None:
        """A disc where the next throw comes from, or at the picture's edge nearest to it, and its closing ring."""
        place = np.array([[row["thrower_x"], row["thrower_y"], row["thrower_z"]]])
        (at,), (scale,) = self.pixels(place)
        edge = MARGIN * OVERSAMPLE
        at = np.clip(at, edge, (self.width - edge, self.height - edge))
        closed = 1.0 - row["wait"] / rules["warning_seconds"]
        r = float(np.clip(0.8 * scale, 7 * OVERSAMPLE, 11 * OVERSAMPLE))
        self.disc(at, 0.6 * r, ALARM if closed >= 0.0 else THROWER)
        if closed > 0.0:
            u, v = at.tolist()
            self.pen.arc((u - r, v - r, u + r, v + r), -90.0, -90.0 + 360.0 * closed, ALARM, width=2 * OVERSAMPLE)

    def time(self, share: float) -> None:
        """A bar that fills from the left."""
        thick = 3 * OVERSAMPLE
        self.pen.rectangle((0, 0, self.width, thick), TRACK)
        self.pen.rectangle((0, 0, self.width * share, thick), BORDER)


@lru_cache(maxsize=1)
def _empty_scene() -> Image.Image:
    """The floor and the zone without anything that moves, oversampled."""
    height, width = SIZE
    scene = _Scene(Image.new("RGB", (width * OVERSAMPLE, height * OVERSAMPLE), SKY))
    near = EYE[1] + 6.0  # the floor below the camera would turn over
    scene.polygon(np.array([(-FLOOR, near, 0), (FLOOR, near, 0), (FLOOR, FLOOR, 0), (-FLOOR, FLOOR, 0)]), GROUND)
    for at in np.arange(-FLOOR, FLOOR + GRID, GRID):
        scene.polygon(np.array([(at, near, 0.0), (at, FLOOR, 0.0), (at, near, 0.0)]), LINE, outline=LINE)
        if at > near:
            scene.polygon(np.array([(-FLOOR, at, 0.0), (FLOOR, at, 0.0), (-FLOOR, at, 0.0)]), LINE, outline=LINE)
    x, y = const.ZONE_X + const.PLAYER_RADIUS, const.ZONE_Y + const.PLAYER_RADIUS
    zone = np.array([(-x, -y, 0.0), (x, -y, 0.0), (x, y, 0.0), (-x, y, 0.0)])
    scene.polygon(zone, ZONE, outline=BORDER, width=2 * OVERSAMPLE)
    return scene.image
