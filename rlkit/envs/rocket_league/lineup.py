"""Who drives which car: team sizes, shares of opponents, and how a number of rows fills arenas."""

from dataclasses import dataclass

import numpy as np

from rlkit.errors import EnvError, did_you_mean

MODES = {mode: (int(mode[0]), int(mode[2])) for mode in ("1v1", "1v2", "2v1", "2v2", "3v3")}  # cars of blue and orange


@dataclass(frozen=True)
class Lineup:
    """The cars of a contiguous share of all arenas; car k of arena a has the flat index a * (blue + orange) + k."""

    blue: int  # cars per arena, first
    orange: int  # cars per arena, after the blue ones
    first_arena: int  # number of the first arena among those of all parts
    self_play: np.ndarray  # bool (n_arenas,): all cars learn; else the orange ones follow a script
    rows: np.ndarray  # int64 (n_rows,): flat index of the cars that learn
    scripted: np.ndarray  # int64: flat index of the others


def team_sizes(mode: str) -> tuple[int, int]:
    """Cars of blue and orange in a mode; EnvError for an unknown one."""
    if mode not in MODES:
        raise EnvError(f"unknown mode '{mode}'. {did_you_mean(mode, MODES)}")
    return MODES[mode]


def line_up(n_envs: int, part: tuple[int, int], mode: str, self_share: float) -> Lineup:
    """The Lineup of part k of n, when all parts together have n_envs rows.

    Arenas of self-play are spread evenly, in the number nearest to their share. EnvError, naming the nearest n_envs
    that fit, when no number of them makes n_envs rows; EnvError when there are fewer arenas than parts.
    """
    blue, orange = team_sizes(mode)
    splits = _splits(n_envs, blue, orange, self_share)
    if not splits:
        raise EnvError(
            f"n_envs={n_envs} does not fit {mode} with {self_share:.0%} self-play: an arena of self-play has "
            f"{blue + orange} learning cars, a scripted one {blue}. "
            f"Use n_envs={_nearest(n_envs, blue, orange, self_share)}."
        )
    played, scripted = min(splits, key=lambda split: abs(split[0] / sum(split) - self_share))
    n_arenas = played + scripted
    if n_arenas < part[1]:
        raise EnvError(
            f"n_envs={n_envs} makes {n_arenas} arenas of {mode}, too few for {part[1]} workers. Use {n_arenas}."
        )
    first, end = (n_arenas * (part[0] + i) // part[1] for i in (0, 1))
    self_play = np.diff(np.arange(n_arenas + 1) * played // n_arenas)[first:end] > 0
    learns = self_play[:, None] | (np.arange(blue + orange) < blue)
    return Lineup(blue, orange, first, self_play, np.flatnonzero(learns), np.flatnonzero(~learns))


def _splits(n_envs: int, blue: int, orange: int, self_share: float) -> list[tuple[int, int]]:
    """Numbers of self-play and scripted arenas that have exactly n_envs learning cars, without a kind of share 0."""
    pairs = [(played, n_envs - played * (blue + orange)) for played in range(n_envs // (blue + orange) + 1)]
    return [
        (played, rest // blue)
        for played, rest in pairs
        if n_envs > 0 and rest % blue == 0 and not (played and self_share == 0) and not (rest and self_share == 1)
    ]


def _nearest(n_envs: int, blue: int, orange: int, self_share: float) -> str:
    """The next valid n_envs below and above, such as "2 or 4"."""
    fits = [n for n in range(1, max(n_envs, 0) + 2 * (blue + orange)) if _splits(n, blue, orange, self_share)]
    below, above = [n for n in fits if n < n_envs], [n for n in fits if n > n_envs]
    return " or ".join(str(n) for n in (*below[-1:], above[0]))
