"""What the player sees: the table of features, and the compiled observation of a row, as numbers or as a picture.

Numbers: player x, y, z; player vx, vy; then SLOTS balls of (x, y, z, vx, vy, vz), empty slots 0. Features change it:
"""

from collections.abc import Collection

import gymnasium
import numpy as np

from rlkit.envs.dodge import constants as const
from rlkit.envs.dodge.constants import SLOTS, VX, VY, X, Y, Z
from rlkit.envs.dodge.image import IMAGE_MODES, paint
from rlkit.envs.dodge.physics import Ball, inlined, put, squared_distance, take
from rlkit.errors import EnvError, did_you_mean

FEATURES = {
    "scaled": "fixed scales bring every number near -1..1",
    "nearest": "balls nearest first, those that fly away last; else the oldest first",
    "relative": "balls and thrower as seen from the player",
    "threat": "in place of a ball, its offset from the player when nearest over ground, vx, vy, the seconds till then",
    "mask": "at the end, 1 for each slot that holds a ball",
    "warning": "after the balls, the next thrower's x, y, z and the share left of warning_seconds; before them 0",
}
OBSERVATIONS = ("numbers", "image")
N_PLAYER, N_BALL, N_WARNING = 5, 6, 4  # numbers of the player, of a ball, of the warning
BOUND = 100.0  # of the space; no number comes near to it
PLAYER_SCALE, BALL_SCALE, HEIGHT_SCALE, VELOCITY_SCALE = 0.2, 0.1, 0.2, 0.05  # per u and u/s; the player's z stays
THREAT_SCALE, THREAT_SECONDS = 0.2, (-1.0, 2.0)  # per u of an offset; s, within which the time is kept
AHEAD = 3.0  # s, beyond which a ball's way is not followed
AWAY = 1e6  # u^2, added to the squared distance of balls that fly away: sorts them last


def observation_space(
    observation: str, features: Collection[str], image_size: int, image_mode: str
) -> gymnasium.spaces.Box:
    """The space of an observation; EnvError for unknown names, and for features that it does not have."""
    if observation not in OBSERVATIONS:
        raise EnvError(f"unknown observation '{observation}'. {did_you_mean(observation, OBSERVATIONS)}")
    if isinstance(features, str):
        raise EnvError(f"features='{features}' must be a list of names, such as ['{features}'].")
    for feature in features:
        if feature not in FEATURES:
            raise EnvError(f"features: unknown '{feature}'. {did_you_mean(feature, FEATURES)}")
    if observation == "numbers":
        width = N_PLAYER + SLOTS * N_BALL + N_WARNING * ("warning" in features) + SLOTS * ("mask" in features)
        return gymnasium.spaces.Box(-BOUND, BOUND, (width,), np.float32)
    if features:
        raise EnvError(f"features {sorted(features)} are of numbers; observation='image' takes none. Leave them out.")
    if image_mode not in IMAGE_MODES:
        raise EnvError(f"unknown image_mode '{image_mode}'. {did_you_mean(image_mode, IMAGE_MODES)}")
    return gymnasium.spaces.Box(0, 255, (int(image_size), int(image_size), IMAGE_MODES[image_mode]), np.uint8)


@inlined
def observe(row: np.void, rules: np.void, out: np.ndarray, i: int) -> None:
    """Fill the observation of row i: float32 (n_envs, width), or uint8 (n_envs, size, size, channels)."""
    if out.ndim == 4:
        paint(row, out, i)
    else:
        if rules.nearest:
            sort_balls(row)
        describe(row, rules, out, i)


@inlined
def describe(row: np.void, rules: np.void, out: np.ndarray, i: int) -> None:
    """Fill the numbers of row i."""
    player = PLAYER_SCALE if rules.scaled else 1.0
    out[i, 0], out[i, 1], out[i, 2] = row.x * player, row.y * player, row.z
    out[i, 3], out[i, 4] = row.vx * player, row.vy * player
    shown, at = min(row.n_balls, SLOTS), N_PLAYER
    for j in range(shown):
        if rules.threat:
            show_threat(row, j, rules, out, i)
        else:
            show_ball(row, j, rules, out, i)
    out[i, N_PLAYER + shown * N_BALL :] = 0.0
    at += SLOTS * N_BALL
    if rules.warning:
        if row.wait <= rules.warning_seconds:
            x, y, z = place((row.thrower_x, row.thrower_y, row.thrower_z), row, rules)
            out[i, at], out[i, at + 1], out[i, at + 2] = x, y, z
            out[i, at + 3] = max(row.wait, 0.0) / rules.warning_seconds
        at += N_WARNING
    if rules.mask:
        out[i, at : at + shown] = 1.0


@inlined
def show_ball(row: np.void, j: int, rules: np.void, out: np.ndarray, i: int) -> None:
    """Fill slot j with ball j: place and velocity."""
    at, scale = N_PLAYER + j * N_BALL, VELOCITY_SCALE if rules.scaled else 1.0
    x, y, z = place((row.balls[j, X], row.balls[j, Y], row.balls[j, Z]), row, rules)
    out[i, at], out[i, at + 1], out[i, at + 2] = x, y, z
    for k in range(3):
        out[i, at + 3 + k] = row.balls[j, VX + k] * scale


@inlined
def place(at: tuple[float, float, float], row: np.void, rules: np.void) -> tuple[float, float, float]:
    """A place as the features show it."""
    x, y, z = at
    if rules.relative:
        x, y, z = x - row.x, y - row.y, z - row.z
    return (x * BALL_SCALE, y * BALL_SCALE, z * HEIGHT_SCALE) if rules.scaled else (x, y, z)


@inlined
def show_threat(row: np.void, j: int, rules: np.void, out: np.ndarray, i: int) -> None:
    """Fill slot j with what ball j will be like when it is nearest to a player that stands still."""
    at = N_PLAYER + j * N_BALL
    x, y, z, vx, vy, vz = take(row.balls, j)
    dx, dy = x - row.x, y - row.y
    seconds = -(dx * vx + dy * vy) / (vx * vx + vy * vy + 1e-6)
    flown = min(max(seconds, 0.0), AHEAD)
    height = max(z + (vz - 0.5 * const.GRAVITY * flown) * flown, const.BALL_RADIUS) - row.z
    offset, speed = (THREAT_SCALE, VELOCITY_SCALE) if rules.scaled else (1.0, 1.0)
    out[i, at] = (dx + vx * flown) * offset
    out[i, at + 1] = (dy + vy * flown) * offset
    out[i, at + 2] = height * offset
    out[i, at + 3], out[i, at + 4] = vx * speed, vy * speed
    out[i, at + 5] = min(max(seconds, THREAT_SECONDS[0]), THREAT_SECONDS[1])


@inlined
def sort_balls(row: np.void) -> None:
    """Bring the balls in the order of `urgency`, by insertion: from step to step it hardly changes."""
    for j in range(1, row.n_balls):
        ball, k = take(row.balls, j), j
        key = urgency(row, ball)
        while k > 0 and urgency(row, take(row.balls, k - 1)) > key:
            put(row.balls, k, take(row.balls, k - 1))
            k -= 1
        put(row.balls, k, ball)


@inlined
def urgency(row: np.void, ball: Ball) -> float:
    """What "nearest" sorts by: the squared distance (u^2), and AWAY more for a ball that flies away and cannot hit."""
    squared = squared_distance(ball, row.x, row.y, row.z)
    leaving = (ball[X] - row.x) * ball[VX] + (ball[Y] - row.y) * ball[VY] > 0.0
    return squared + AWAY if leaving and squared > const.HIT_DISTANCE * const.HIT_DISTANCE else squared
