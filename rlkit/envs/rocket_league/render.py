"""A picture of an arena from above, for `render()` and for looking at a match in a notebook."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from rlkit.envs.rocket_league import simulation as sim
from rlkit.envs.rocket_league.arena import FIELD, rings
from rlkit.envs.rocket_league.simulation import Simulation

OVERSAMPLE = 2  # pixels drawn per pixel kept, each way, for smooth edges
MARGIN = 120.0  # uu of background around side walls and nets
CAR_HALF_LENGTH, CAR_HALF_WIDTH = 195.0, 125.0  # uu; three times a real car, to be seen
BALL_SIZE = 150.0  # uu, radius of the drawn ball on the floor
GROWTH = 1 / 2000  # how much larger a thing is drawn, per uu of its height
SHADOW = 0.25  # uu by which a shadow moves aside, per uu of height
CAR_OUTLINE = np.array([(-1.0, -1.0), (-1.0, 1.0), (0.35, 1.0), (1.0, 0.55), (1.0, -0.55), (0.35, -1.0)])
CAR_WINDOW = np.array([(0.0, -0.65), (0.0, 0.65), (0.42, 0.6), (0.42, -0.6)])  # towards the nose

BACKGROUND, WALL, LINE, SHADE = (16, 18, 24), (48, 55, 68), (96, 108, 126), (20, 23, 31)
HALVES, GOALS, TEAMS = ((32, 44, 66), (56, 46, 44)), ((33, 66, 122), (128, 76, 32)), ((72, 148, 255), (255, 140, 46))
BALL, GLASS, BOOST, EMPTY = (240, 242, 245), (22, 26, 34), (255, 208, 70), (84, 84, 84)


def draw(simulation: Simulation, arena: int = 0, size: tuple[int, int] = (480, 640)) -> np.ndarray:
    """The arena as last read, uint8 (height, width, 3) with size = (height, width); takes 1 to 2 ms.

    Blue's goal is on the left. Yellow discs are boost pads to take, grey rings pads that are gone for a while. The bar
    under a car is its boost. Whatever is in the air looks larger and leaves its shadow. Demolished cars are not drawn.
    """
    canvas = _Canvas(_empty_field(*size).copy())
    for pad, active in enumerate(simulation.pads[arena, 0]):
        canvas.pad(pad, active > 0.0)
    cars = simulation.cars[arena * simulation.n_cars : (arena + 1) * simulation.n_cars, 0]
    cars = sorted(cars[cars[:, sim.CAR_DEMOED] == 0.0], key=lambda car: car[sim.CAR_POSITION][2])
    ball = simulation.ball[arena, 0, sim.BALL_POSITION]
    for place in (ball, *(car[sim.CAR_POSITION] for car in cars)):
        canvas.shadow(place)
    for car in cars:
        canvas.car(car)
    canvas.ball(ball)
    return np.asarray(canvas.image.reduce(OVERSAMPLE))


class _Canvas:
    """A pen over an oversampled image that takes places and lengths in uu."""

    def __init__(self, image: Image.Image) -> None:
        self.image, self.pen = image, ImageDraw.Draw(image)
        self.centre = np.array(image.size) / 2
        reach = np.array([FIELD.back_wall_y + FIELD.goal_depth, FIELD.side_wall_x]) + MARGIN
        self.scale = float((self.centre / reach).min())

    def pixels(self, places: np.ndarray) -> np.ndarray:
        """Pixels of places (..., 2 or more): y runs to the right and x upwards, as seen from above."""
        return self.centre + places[..., 1::-1] * (self.scale, -self.scale)

    def disc(self, place: np.ndarray, radius: float, fill: tuple[int, ...] | None, **outline: object) -> None:
        """A disc of a radius in uu."""
        u, v = self.pixels(place).tolist()
        r = radius * self.scale
        self.pen.ellipse((u - r, v - r, u + r, v + r), fill, **outline)

    def polygon(self, places: np.ndarray, fill: Sequence[int] | None, **outline: object) -> None:
        """A polygon of places (n, 2 or more)."""
        self.pen.polygon(list(map(tuple, self.pixels(places).tolist())), fill, **outline)

    def pad(self, pad: int, active: bool) -> None:
        radius = 110.0 if pad in sim.BIG_PADS else 48.0
        if active:
            self.disc(sim.PADS[pad], radius, BOOST)
        else:
            self.disc(sim.PADS[pad], radius, None, outline=EMPTY, width=OVERSAMPLE)

    def shadow(self, place: np.ndarray) -> None:
        aside = SHADOW * place[2]
        self.disc(np.add(place[:2], (-aside, aside)), 110.0, SHADE)

    def car(self, car: np.ndarray) -> None:
        """The car as its own axes turn it, dark from below, and its boost bar."""
        place, forward, right = car[sim.CAR_POSITION], car[sim.CAR_FORWARD], car[sim.CAR_RIGHT]
        size = 1.0 + place[2] * GROWTH
        axes = np.stack([forward * CAR_HALF_LENGTH, right * CAR_HALF_WIDTH]) * size
        colour, upright = TEAMS[int(car[sim.CAR_TEAM])], car[sim.CAR_UP][2] > 0.0
        self.polygon(place + CAR_OUTLINE @ axes, colour if upright else SHADE, outline=colour, width=2 * OVERSAMPLE)
        if upright:
            self.polygon(place + CAR_WINDOW @ axes, GLASS)
        self._bar(place, size, car[sim.CAR_BOOST] / sim.CAR_BOOST_MAX)

    def _bar(self, place: np.ndarray, size: float, share: float) -> None:
        u, v = self.pixels(place).tolist()
        half, top = 200.0 * self.scale, v + 240.0 * size * self.scale
        bottom = top + 55.0 * self.scale
        self.pen.rectangle((u - half, top, u + half, bottom), EMPTY)
        if share > 0.0:
            self.pen.rectangle((u - half, top, u - half + 2.0 * half * share, bottom), BOOST)

    def ball(self, place: np.ndarray) -> None:
        self.disc(place, BALL_SIZE * (1.0 + place[2] * GROWTH), BALL, outline=SHADE, width=OVERSAMPLE)


@lru_cache(maxsize=4)
def _empty_field(height: int, width: int) -> Image.Image:
    """The field without anything that moves, oversampled."""
    canvas = _Canvas(Image.new("RGB", (width * OVERSAMPLE, height * OVERSAMPLE), BACKGROUND))
    lower, _ = rings(FIELD)
    floor, wall = lower[0, :, :2], lower[-1, :, :2]
    canvas.polygon(wall, WALL)
    for side, floor_colour, goal_colour in zip((-1.0, 1.0), HALVES, GOALS, strict=True):
        canvas.polygon(np.stack([floor[:, 0], side * np.maximum(side * floor[:, 1], 0.0)], axis=1), floor_colour)
        x, y, net = FIELD.goal_half_width, side * FIELD.back_wall_y, side * (FIELD.back_wall_y + FIELD.goal_depth)
        canvas.polygon(np.array([(-x, y), (x, y), (x, net), (-x, net)]), goal_colour)
    canvas.polygon(wall, None, outline=LINE, width=2 * OVERSAMPLE)
    halfway = FIELD.side_wall_x - FIELD.floor_ramp
    canvas.polygon(np.array([(-halfway, 0.0), (halfway, 0.0)]), None, outline=LINE, width=OVERSAMPLE)
    canvas.disc(np.zeros(2), 900.0, None, outline=LINE, width=OVERSAMPLE)
    return canvas.image
