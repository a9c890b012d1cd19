"""Figures of a league: how strong it grew and how sure that is, who stands where, and whom each sampler would pick."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from rlkit.diagnostics import style


def elo_course(course: pd.DataFrame, others: Mapping[str, float] | None = None) -> Figure:
    """The learner's rating over its training: from all games with its 95 % interval, and the Elo that followed them.

    course: columns steps, rating, low, high and elo, one row per evaluation. others: ratings of players that stayed the
    same, such as scripts, drawn as lines.
    """
    title = "Rating over the training"
    if len(course) < 2:
        return style.no_data(title, "a course begins with the second evaluation")
    figure, (axes,) = style.canvas()
    last = course.iloc[-1]
    axes.fill_between(course["steps"], course["low"], course["high"], color=style.BLUE, alpha=0.2, linewidth=0)
    axes.plot(course["steps"], course["rating"], color=style.BLUE, linewidth=2.2, label="from all games")
    axes.plot(course["steps"], course["elo"], color=style.VERMILLION, linewidth=1, label="Elo, game by game")
    for name, rating in (others or {}).items():
        axes.axhline(rating, color=style.MUTED, linewidth=0.8, linestyle="--")
        axes.annotate(
            name,
            (1, rating),
            xycoords=("axes fraction", "data"),
            color=style.MUTED,
            fontsize=9.5,
            va="bottom",
            ha="right",
        )
    interval = f"{last['low']:.0f} to {last['high']:.0f}"
    style.headline(
        axes,
        f"Rating {last['rating']:.0f} ({interval}) after {style.brief(last['steps'])} steps",
        "band: 95 % interval of Bradley and Terry's rating from all games; dashed: players that stay the same",
    )
    style.step_axis(axes)
    style.legend(axes, loc="upper left")
    return figure


def standings(ratings: pd.DataFrame, most: int = 24) -> Figure:
    """Who stands where: each player's rating with its interval, best on top; of more than `most`, an even choice.

    ratings: as `league.ratings.rate` gives it, players as index, columns rating, low, high.
    """
    if ratings.empty:
        return style.no_data("Standings", "no game has been played")
    table = ratings.sort_values("rating", ascending=False)
    if len(table) > most:
        table = table.iloc[np.unique(np.linspace(0, len(table) - 1, most).round().astype(int))]
    figure, (axes,) = style.canvas(height=1.4 + 0.28 * len(table))
    rows = np.arange(len(table))
    reach = [table["rating"] - table["low"], table["high"] - table["rating"]]
    axes.errorbar(table["rating"], rows, xerr=reach, fmt="o", color=style.BLUE, ms=5, capsize=3, lw=1.6)
    axes.set_yticks(rows, table.index, color=style.INK)
    axes.set(ylim=(len(table) - 0.5, -0.5))
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color=style.FAINT, linewidth=0.8)
    style.headline(
        axes, "Standings", "ratings from all games with 95 % intervals; without one: fixed, the scale hangs on it"
    )
    style.label(axes, "Elo")
    return figure


def pool_course(pool: pd.DataFrame) -> Figure:
    """The pool over the training: mean Elo of its members, their range, and how many they are.

    pool: columns steps, count, mean, std, min, max, one row per change.
    """
    pool = pool[pool["count"] > 0] if len(pool) else pool
    if len(pool) < 2:
        return style.no_data("The pool", "its course begins with the second member")
    figure, (axes, counts) = style.canvas(height=4.6, rows=2, height_ratios=[3, 1], sharex=True)
    axes.fill_between(pool["steps"], pool["min"], pool["max"], color=style.GREEN, alpha=0.12, linewidth=0, step="post")
    low, high = pool["mean"] - pool["std"], pool["mean"] + pool["std"]
    axes.fill_between(pool["steps"], low, high, color=style.GREEN, alpha=0.25, linewidth=0, step="post")
    axes.step(pool["steps"], pool["mean"], where="post", color=style.GREEN, linewidth=2.2)
    style.headline(
        axes,
        f"The pool: {int(pool['count'].iloc[-1])} members, mean Elo {pool['mean'].iloc[-1]:.0f}",
        "line: mean Elo; dark: one standard deviation; light: weakest to strongest",
    )
    counts.step(pool["steps"], pool["count"], where="post", color=style.MUTED, linewidth=1.6)
    counts.set_ylim(bottom=0)
    style.label(counts, y="members")
    style.step_axis(counts)
    return figure


def sampler_odds(odds: pd.DataFrame) -> Figure:
    """Whom each sampler would pick: its chance for every member, youngest last.

    odds: one row per member with its `steps`, one column per sampler.
    """
    if odds.empty:
        return style.no_data("Whom the samplers pick", "the pool is empty")
    figure, (axes,) = style.canvas()
    for name, (color, dash) in zip(odds.columns.drop("steps"), style.line_styles(), strict=False):
        axes.plot(odds["steps"], odds[name], dash, color=color, linewidth=2, marker="o", markersize=3.5, label=name)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_ylim(bottom=0)
    style.headline(
        axes, "Whom the samplers pick", "chance of each member of this pool, by the step at which it was frozen"
    )
    style.step_axis(axes)
    style.legend(axes, loc="best")
    return figure
