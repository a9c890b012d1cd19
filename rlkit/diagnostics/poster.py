"""Still pictures of replays, for where nothing can move: untrusted notebooks, PDF, mail."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon, Rectangle

DARK, TEXT, LINE, GRASS = "#0b101b", "#dfe8f5", "#5f7186", "#16242e"
TEAM = ("#409cff", "#ff8c28")  # blue, orange
PANELS = 6  # moments on a poster
SIDE_X, BACK_Y, CORNER, GOAL_X, GOAL_DEPTH = 4096, 5120, 8064, 893, 880  # uu; RLBot wiki, "Useful game values"
CAR = np.array([[300, 0], [-190, 175], [-95, 0], [-190, -175]])  # uu, forward and right: an arrowhead, made to be seen
TRAIL_SECONDS = 1.5  # of the ball's path
JUMP = 1000  # uu from frame to frame: the ball was put there, as at a kickoff
LABEL: dict[str, Any] = {"color": TEXT, "fontsize": 9, "pad": 3}


def match(title: str, arrays: dict[str, np.ndarray], seconds_per_frame: float, meta: dict[str, Any]) -> bytes:
    """PNG of six moments of a match seen from above, blue on the left; arrays and meta as in `Replay`."""
    score = arrays["score"]
    goals = np.flatnonzero((np.diff(score, axis=0) > 0).any(axis=1)) + 1
    teams = meta.get("teams") or [car % 2 for car in range(arrays["car_position"].shape[1])]
    tail = max(1, round(TRAIL_SECONDS / seconds_per_frame))

    def draw(axes: Axes, frame: int) -> None:
        _draw_field(axes)
        _draw_ball(axes, arrays["ball_position"][max(0, frame - tail) : frame + 1])
        for team, position, forward in zip(
            teams, arrays["car_position"][frame], arrays["car_forward"][frame], strict=True
        ):
            _draw_car(axes, position, forward, TEAM[team])
        axes.set_title(f"{_clock(frame * seconds_per_frame)}   {score[frame, 0]:.0f} : {score[frame, 1]:.0f}", **LABEL)

    heading = "   ".join(filter(None, (title, meta.get("result"))))
    return _sheet(heading, _moments(len(score), goals.tolist()), draw, _curves(arrays), seconds_per_frame)


def film(title: str, arrays: dict[str, np.ndarray], seconds_per_frame: float) -> bytes:
    """PNG of six evenly spaced pictures of a film; arrays as in `Replay`."""
    frames = arrays["frames"]

    def draw(axes: Axes, frame: int) -> None:
        axes.imshow(frames[frame])
        axes.set_title(_clock(frame * seconds_per_frame), **LABEL)

    return _sheet(title, _moments(len(frames), []), draw, _curves(arrays), seconds_per_frame)


def empty(title: str) -> bytes:
    """PNG that says that nothing was recorded."""
    figure = Figure(figsize=(9.6, 4.2), dpi=100)
    figure.suptitle(title, color=TEXT)
    figure.text(0.5, 0.5, "This replay holds no frames.", color=TEXT, ha="center", va="center")
    return _png(figure)


def _moments(n_frames: int, telling: Sequence[int]) -> list[int]:
    """Up to PANELS frames in order: evenly spaced, the telling ones each in place of the nearest of those."""
    even = {round(frame) for frame in np.linspace(0, n_frames - 1, PANELS)}
    chosen = set(telling[: PANELS - 2])
    spare = even - chosen
    while len(chosen) + len(spare) > min(PANELS, n_frames):
        spare.remove(min(spare, key=lambda frame: min(abs(frame - other) for other in chosen)))
    return sorted(chosen | spare)


def _curves(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What is drawn over time below the moments, (T,) each, by its name."""
    curves = {}
    if "reward_terms" in arrays:
        curves["reward so far"] = np.nan_to_num(arrays["reward_terms"]).sum(axis=1).cumsum()
    if "value" in arrays:
        curves["value"] = arrays["value"]
    return curves


def _sheet(
    title: str,
    moments: list[int],
    draw: Callable[[Axes, int], None],
    curves: dict[str, np.ndarray],
    seconds_per_frame: float,
) -> bytes:
    columns = min(3, len(moments))
    rows = -(-len(moments) // columns)
    heights = [2.45] * rows + [1.1] * bool(curves)  # inches
    figure = Figure(figsize=(9.6, 0.4 + sum(heights)), dpi=100, layout="constrained")
    figure.suptitle(title, color=TEXT, fontsize=12)
    parts = np.atleast_1d(figure.subfigures(len(heights), height_ratios=heights))
    for row, part in enumerate(parts[:rows]):
        for column, frame in enumerate(moments[row * columns : (row + 1) * columns]):
            axes = part.add_subplot(1, columns, column + 1)
            axes.set_axis_off()
            draw(axes, frame)
    for column, (name, curve) in enumerate(curves.items()):
        _draw_curve(parts[-1].add_subplot(1, len(curves), column + 1), name, curve, seconds_per_frame, moments)
    return _png(figure)


def _draw_curve(axes: Axes, name: str, curve: np.ndarray, seconds_per_frame: float, moments: list[int]) -> None:
    """A value over time in seconds, with a line at each moment of the sheet."""
    for frame in moments:
        axes.axvline(frame * seconds_per_frame, color=LINE, linewidth=0.7)
    axes.plot(np.arange(len(curve)) * seconds_per_frame, curve, color=TEAM[0], linewidth=1.1)
    axes.set_title(name, **LABEL)
    axes.set_facecolor(DARK)
    axes.tick_params(colors=LINE, labelcolor=TEXT, labelsize=7, length=2)
    axes.locator_params(axis="y", nbins=3)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_field(axes: Axes) -> None:
    """Floor, lines and goals; the long axis y runs to the right, x upwards."""
    corner_x, corner_y = CORNER - BACK_Y, CORNER - SIDE_X
    half = [(-corner_y, SIDE_X), (corner_y, SIDE_X), (BACK_Y, corner_x), (BACK_Y, -corner_x)]
    axes.add_patch(Polygon([*half, *((-y, -x) for y, x in half)], facecolor=GRASS, edgecolor=LINE, linewidth=0.8))
    for left, colour in zip((-BACK_Y - GOAL_DEPTH, BACK_Y), TEAM, strict=True):
        axes.add_patch(Rectangle((left, -GOAL_X), GOAL_DEPTH, 2 * GOAL_X, color=colour, alpha=0.45))
    axes.plot([0, 0], [-SIDE_X, SIDE_X], color=LINE, linewidth=0.7)
    axes.add_patch(Circle((0, 0), 1150, fill=False, edgecolor=LINE, linewidth=0.7))
    axes.set(xlim=(-6100, 6100), ylim=(-4200, 4200), aspect="equal")


def _draw_ball(axes: Axes, path: np.ndarray) -> None:
    """The ball at the end of its path (n, 3), which fades backwards to the last jump."""
    jumps = np.flatnonzero(np.linalg.norm(np.diff(path, axis=0), axis=1) > JUMP)
    path = path[jumps[-1] + 1 if len(jumps) else 0 :, 1::-1]
    for step in range(1, len(path)):
        axes.plot(*path[step - 1 : step + 1].T, color="white", alpha=0.6 * step / len(path), linewidth=1.5)
    axes.plot(*path[-1], "o", color="white", markersize=5, zorder=4)


def _draw_car(axes: Axes, position: np.ndarray, forward: np.ndarray, colour: str) -> None:
    ahead = forward[1::-1] / max(np.linalg.norm(forward[:2]), 1e-6)
    corners = position[1::-1] + CAR @ np.stack([ahead, [-ahead[1], ahead[0]]])
    axes.add_patch(Polygon(corners, facecolor=colour, edgecolor="white", linewidth=0.5, zorder=3))


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", facecolor=DARK, metadata={"Software": None})  # its text names a web site
    return file.getvalue()
