"""The numbers of Dodge, and the records that its kernels work on.

Lengths in u (the game's unit), angles in rad, x to the right, y away from the viewer, z up. Source: the game
ggand0/bevy-3d-dodge, which this one re-tells, except where a line says else.
"""

import math
from typing import NamedTuple

import numpy as np

# The player
SPEED = 5.0  # u/s, reached at once: there is no inertia
STAND_Z = 1.0  # u, height of the centre of a player on the ground, who starts at (0, 0, STAND_Z)
ZONE_X, ZONE_Y = 5.0, 4.0  # u, half sizes of the zone that holds the player
PLAYER_RADIUS = 0.5  # u
JUMP_SPEED = 7.0  # u/s upwards
PLAYER_GRAVITY = 20.0  # u/s^2; a jump is 1.225 u high and takes 0.7 s
TILT_MAX = math.radians(30.0)  # rad; a tilt is to be seen, it changes no physics

# The balls
BALL_RADIUS = 0.3  # u
GRAVITY = 9.8  # u/s^2
RESTITUTION = 0.7  # upward speed after a bounce over downward speed before it
FLOOR_GRIP = 0.95  # horizontal speed after a bounce over before it
HIT_DISTANCE = PLAYER_RADIUS + BALL_RADIUS  # u between centres, below which the player is hit
FAR_X, BEHIND_Y, BEYOND_Y = 30.0, -25.0, 30.0  # u, a ball is gone at |x| > FAR_X, y < BEHIND_Y, y > BEYOND_Y

MAX_BALLS = 25  # in the air at once
SLOTS = 10  # balls that an observation shows
MAX_SUBSTEP = 1 / 30  # s; below 30 Hz a step is divided, so that no ball flies through the player


class Level(NamedTuple):
    """Where a level's balls come from and how fast; each is aimed at where the player is when it is thrown."""

    distance: float  # u from the middle of the zone
    height: float  # u
    half_width: float  # u, balls come from a straight line of this half width; 0: from an arc
    half_angle: float  # degrees, half of that arc, whose middle is at +y; 180 is all around
    flight_seconds: float  # s from the throw to the player
    throw_seconds: float  # s between throws, and before the first


LEVELS = {
    1: Level(20.0, 2.5, 1.5, 0.0, 2.0, 2.0),
    2: Level(20.0, 1.5, 0.0, 60.0, 0.8, 0.5),
    3: Level(20.0, 1.5, 0.0, 90.0, 0.8, 0.5),  # its author planned a wider arc and no more; 90 was the first of 3 steps
}

# Columns of a row's `balls`: place in u, velocity in u/s
X, Y, Z, VX, VY, VZ = range(6)

ROW = np.dtype(  # one row of a batch
    [
        ("random", "u8"),  # state of the random numbers
        ("steps", "i8"),  # physics steps since the episode began
        ("n_balls", "i8"),  # balls in the air, the first ones of `balls`
        ("x", "f8"), ("y", "f8"), ("z", "f8"),  # u, centre of the player
        ("vx", "f8"), ("vy", "f8"), ("vz", "f8"),  # u/s, as the last action asked; vz of a jump
        ("pitch", "f8"), ("roll", "f8"),  # rad
        ("wait", "f8"),  # s until the next throw
        ("aimed", "i8"), ("aim", "f8"),  # whether a learned thrower says from where, and that: -1 (left end) to 1
        ("thrower_x", "f8"), ("thrower_y", "f8"), ("thrower_z", "f8"),  # u, where it will come from
        ("balls", "f8", (MAX_BALLS, 6)),
    ],
    align=True,
)  # fmt: skip

RULES = np.dtype(  # what does not change within an episode
    [
        ("seconds", "f8"),  # s per substep
        ("substeps", "i8"),  # per physics step
        ("repeat", "i8"),  # physics steps per decision
        ("limit", "i8"),  # physics steps in an episode
        ("distance", "f8"), ("height", "f8"), ("half_width", "f8"),  # u, of the level
        ("half_angle", "f8"),  # rad
        ("flight_seconds", "f8"), ("throw_seconds", "f8"), ("warning_seconds", "f8"),  # s
        ("max_balls", "i8"),
        ("stagger", "i8"),  # 1: the first throw comes after a random part of throw_seconds
        ("sprint", "f8"),  # share of SPEED that a full sprint adds
        ("sprint_column", "i8"), ("jump_column", "i8"), ("pitch_column", "i8"),  # of continuous actions; -1: none
        ("near", "f8"),  # u between centres, below which a miss is a near one
        ("weights", "f8", (3,)),  # of the reward's terms, in their order
        ("scaled", "i8"), ("nearest", "i8"), ("relative", "i8"), ("threat", "i8"), ("mask", "i8"), ("warning", "i8"),
    ],
    align=True,
)  # fmt: skip
