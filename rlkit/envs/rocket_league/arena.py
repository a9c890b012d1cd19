"""The shape of the soccar arena: its dimensions, and its walls as stacks of horizontal outlines.

Walk the walls counter-clockwise, and every station knows which way is inwards. The outline shrunk by d is
`base + inward * d`, so that a fillet between floor and wall is that outline shrunk and lifted along a quarter circle.
"""

import math
from dataclasses import dataclass

import numpy as np

HALF_TURN = np.array([-1.0, -1.0, 1.0])  # rotation by pi about the vertical axis: the southern half from the northern


@dataclass(frozen=True)
class ArenaSpec:
    """Dimensions of an arena in Unreal units (uu, about 1 cm): x across, y from goal to goal, z up, kickoff at 0.

    Planes, goal and the 256 uu ramp: RLBot wiki, "Useful game values". "fit": a rounded circle fit to how the game's
    arena curves. With 256 for every fitted radius, thrown balls stray from the game's a little sooner.
    """

    side_wall_x: float = 4096.0  # uu, plane of the side walls
    back_wall_y: float = 5120.0  # uu, plane of the back walls
    ceiling_z: float = 2048.0  # uu, plane of the ceiling
    corner_sum: float = 8064.0  # uu, |x| + |y| on the 45 degree walls
    goal_half_width: float = 892.755  # uu, |x| of the posts
    goal_height: float = 642.775  # uu, z of the crossbar
    goal_depth: float = 880.0  # uu, from back wall to net
    floor_ramp: float = 256.0  # uu, fillet radius, floor to side and corner walls
    back_ramp: float = 160.0  # uu, fillet radius, floor to back wall; fit
    goal_ramp: float = 96.0  # uu, fillet radius, floor to goal sides and net; fit
    ceiling_ramp: float = 512.0  # uu, fillet radius, walls to ceiling; fit
    corner_round: float = 860.0  # uu, radius of the eight upright edges of the corner walls; fit
    post_taper: float = 450.0  # uu, length beside a post over which back_ramp shrinks to goal_ramp; fit
    ramp_facets: int = 14  # flat pieces per fillet
    corner_facets: int = 10  # flat pieces per upright edge
    cell: float = 512.0  # uu, longest piece of a straight run


FIELD = ArenaSpec()  # the standard arena; every constant of this package refers to it


def rings(spec: ArenaSpec) -> tuple[np.ndarray, np.ndarray]:
    """Outlines from bottom to top, two float64 (n_rings, n_stations + 1, 3); the last station is the first again.

    The lower stack, floor to crossbar, goes round the inside of the goals and begins with the `ramp_facets + 1` rings
    of the floor fillet. The upper one, crossbar to ceiling, does not, and ends with those of the ceiling fillet.
    """
    angle = np.linspace(0.0, math.pi / 2, spec.ramp_facets + 1)[:, None]
    base, inward, ramp = _outline(spec, with_goals=True)
    wall = ramp + (spec.goal_height - ramp) * _steps(spec.goal_height - ramp.min(), spec)[1:]
    lower_inset = np.concatenate([ramp * (1.0 - np.sin(angle)), 0.0 * wall])
    lower = _stack(base, inward, lower_inset, np.concatenate([ramp * (1.0 - np.cos(angle)), wall]))

    base, inward, _ = _outline(spec, with_goals=False)
    wall_top, radius = spec.ceiling_z - spec.ceiling_ramp, spec.ceiling_ramp
    wall = spec.goal_height + (wall_top - spec.goal_height) * _steps(wall_top - spec.goal_height, spec)[:-1]
    upper_inset = np.concatenate([0.0 * wall, radius * (1.0 - np.cos(angle))])
    upper = _stack(base, inward, upper_inset, np.concatenate([wall, wall_top + radius * np.sin(angle)]))
    return lower, upper


def goal_roof(spec: ArenaSpec) -> np.ndarray:
    """Grid over the roof of the north goal, float64 (n_y, n_x, 3), its edges split like the walls that meet them."""
    x = spec.goal_half_width * (2.0 * _steps(2.0 * spec.goal_half_width, spec) - 1.0)
    y = spec.back_wall_y + spec.goal_depth * _steps(spec.goal_depth, spec)
    plan = np.meshgrid(x, y)
    return np.stack([*plan, np.full_like(plan[0], spec.goal_height)], axis=2)


def _steps(length: float, spec: ArenaSpec) -> np.ndarray:
    """Fractions 0 to 1 that cut a length into pieces of at most `cell`, as a column (n, 1)."""
    return np.linspace(0.0, 1.0, max(1, math.ceil(length / spec.cell)) + 1)[:, None]


def _stack(base: np.ndarray, inward: np.ndarray, inset: np.ndarray, height: np.ndarray) -> np.ndarray:
    """The outline at each inset and height, which are (n_rings, 1 or n_stations)."""
    plan = base + inward * inset[:, :, None]
    plan = np.broadcast_to(plan, (len(inset), *base.shape))
    stack = np.concatenate([plan, np.broadcast_to(height, plan.shape[:2])[:, :, None]], axis=2)
    return np.concatenate([stack, stack[:, :1]], axis=1)


def _corners(spec: ArenaSpec, with_goals: bool) -> np.ndarray:
    """Corners of the outline, counter-clockwise, (n, 5): x, y, ramp radius before and after, 1 when rounded."""
    side, back, small = spec.floor_ramp, spec.back_ramp, spec.goal_ramp
    corner_x, corner_y = spec.corner_sum - spec.back_wall_y, spec.corner_sum - spec.side_wall_x
    wall_y, net_y = spec.back_wall_y, spec.back_wall_y + spec.goal_depth
    post = spec.goal_half_width
    taper = min(post + spec.post_taper, corner_x - _arc_reach(spec))
    net = [(post, net_y, small, small, 0.0), (-post, net_y, small, small, 0.0)] if with_goals else []
    north = [
        (spec.side_wall_x, corner_y, side, side, 1.0),
        (corner_x, wall_y, side, back, 1.0),
        (taper, wall_y, back, back, 0.0),
        (post, wall_y, small, small, 0.0),
        *net,
        (-post, wall_y, small, small, 0.0),
        (-taper, wall_y, back, back, 0.0),
        (-corner_x, wall_y, back, side, 1.0),
        (-spec.side_wall_x, corner_y, side, side, 1.0),
    ]
    return np.concatenate([north, north * np.array([-1.0, -1.0, 1.0, 1.0, 1.0])])


def _arc_reach(spec: ArenaSpec) -> float:
    """How far a rounded upright edge reaches along its two walls, which meet at 135 degrees, in uu."""
    return spec.corner_round * math.tan(math.pi / 8)


def _outline(spec: ArenaSpec, with_goals: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stations along the walls: base (n, 2), inward (n, 2), fillet radius at the floor (n,)."""
    corners = _corners(spec, with_goals)
    points, rounded = corners[:, :2], corners[:, 4] > 0.0
    along = np.roll(points, -1, axis=0) - points
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    normal = along[:, ::-1] * (-1.0, 1.0)  # to the left, where the field is
    before = np.roll(normal, 1, axis=0)
    mitre = (before + normal) / (1.0 + (before * normal).sum(axis=1, keepdims=True))

    stations = []
    for i, corner in enumerate(corners):
        is_round, follows = rounded[i], (i + 1) % len(corners)
        stations.append(_arc(spec, corner, before[i], mitre[i]) if is_round else [(*corner[:2], *mitre[i], corner[3])])
        end = points[follows] - along[i] * (_arc_reach(spec) if rounded[follows] else 0.0)
        stations.append(_straight(spec, stations[-1][-1], (*end, *normal[i], corners[follows, 2])))
    table = np.concatenate(stations)
    return table[:, :2], table[:, 2:4], table[:, 4]


def _arc(spec: ArenaSpec, corner: np.ndarray, normal: np.ndarray, mitre: np.ndarray) -> np.ndarray:
    """Stations (n, 5) round an upright edge, from the wall before it, with that normal, through an eighth of a turn."""
    f = np.linspace(0.0, 1.0, spec.corner_facets + 1)[:, None]
    angle = math.atan2(normal[1], normal[0]) + f * math.pi / 4
    inward = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    base = corner[:2] + (mitre - inward) * spec.corner_round
    return np.concatenate([base, inward, corner[2] + (corner[3] - corner[2]) * f], axis=1)


def _straight(spec: ArenaSpec, start: np.ndarray, end: tuple[float, ...]) -> np.ndarray:
    """Stations (n, 5) strictly between two stations of a flat wall, whose normal `end` holds.

    Where the fillet radius changes it follows a smooth step, in as many pieces as half a fillet has.
    """
    start, end = np.asarray(start), np.asarray(end)
    pieces = max(1, math.ceil(np.linalg.norm(end[:2] - start[:2]) / spec.cell))
    if start[4] != end[4]:
        pieces = max(pieces, spec.ramp_facets // 2)
    f = np.arange(1, pieces)[:, None] / pieces
    base, inward = start[:2] + (end[:2] - start[:2]) * f, np.broadcast_to(end[2:4], (pieces - 1, 2))
    return np.concatenate([base, inward, start[4] + (end[4] - start[4]) * f * f * (3.0 - 2.0 * f)], axis=1)
