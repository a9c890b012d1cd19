"""Figures of the speed phase: where an env step's time goes, what each switch does, and the same curve sooner.

As in `plots`, each takes a table and gives a matplotlib Figure, and too little data gives one that says so.
"""

from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter

from rlkit.diagnostics import style
from rlkit.diagnostics.ablation import ratio
from rlkit.diagnostics.plots import CENTRED, PART_COLORS
from rlkit.diagnostics.throughput import PARTS

LABEL_SHARE = 0.06  # of the longest bar: a narrower part has no room for its number
SIDE_COLORS = (style.VERMILLION, style.BLUE)  # the first side is the one to compare with


def time_per_step(parts: pd.DataFrame) -> Figure:
    """Stacked bars of microseconds per env step by part, one per side; column `side` and one per part."""
    title = "Time of one env step"
    if parts.empty:
        return style.no_data(title, "nothing was timed")
    table = parts.set_index("side")[list(PARTS)]
    totals = table.sum(axis="columns")
    figure, (axes,) = style.canvas(height=1.3 + 0.75 * len(table))
    rows, left = np.arange(len(table)), np.zeros(len(table))
    for part in PARTS:
        widths = table[part].to_numpy()
        axes.barh(rows, widths, left=left, height=0.55, color=PART_COLORS[part], edgecolor=style.PAPER, label=part)
        for row in np.flatnonzero(widths >= LABEL_SHARE * totals.max()):
            ink = style.INK if part == "other" else style.PAPER
            axes.text(left[row] + widths[row] / 2, row, style.brief(widths[row]), color=ink, **CENTRED)
        left += widths
    for row, total in enumerate(totals):
        axes.text(total + 0.01 * totals.max(), row, f"{total:.3g} us", va="center", fontsize=10.5, color=style.INK)
    axes.set_yticks(rows, table.index, color=style.INK)
    axes.set(xlim=(0, 1.1 * totals.max()), ylim=(len(table) - 0.5, -0.5))
    axes.grid(visible=False)
    style.headline(axes, f"{title}, by part", "microseconds of wall time; shorter is faster")
    style.label(axes, "microseconds")
    style.legend(axes)
    return figure


def ablation(rounds: pd.DataFrame) -> Figure:
    """Speed of every variant, a faint dot per round and a bold one for the median, the first being the one to beat.

    rounds: columns variant, round, steps_per_second. The text is the ratio to the first variant with its interval.
    """
    title = "What each switch does"
    if rounds.empty:
        return style.no_data(title, "no round was measured")
    table = rounds.pivot(index="round", columns="variant", values="steps_per_second")[rounds["variant"].unique()]
    figure, (axes,) = style.canvas(height=1.5 + 0.42 * table.shape[1])
    base = table.iloc[:, 0]
    axes.axvline(base.median(), color=style.VERMILLION, linewidth=1.2, alpha=0.6)
    for row, speeds in enumerate(table.to_numpy().T):
        found, color = ratio(base.to_numpy(), speeds), SIDE_COLORS[row > 0]
        axes.plot(speeds, np.full(len(speeds), row), "o", color=color, alpha=0.25, markersize=6, markeredgewidth=0)
        axes.plot(np.median(speeds), row, "o", color=color, markersize=9, markeredgecolor=style.PAPER)
        text = f"{found.middle:.2f}x  ({found.low:.2f} to {found.high:.2f})" if row else "1x"
        axes.text(1.02, row, text, transform=axes.get_yaxis_transform(), va="center", fontsize=10, color=style.INK)
    axes.set_yticks(range(table.shape[1]), table.columns, color=style.INK)
    axes.set(xlim=(0, 1.05 * table.max(axis=None)), ylim=(table.shape[1] - 0.5, -0.5))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(axis="x", color=style.FAINT, linewidth=0.8)
    style.headline(axes, title, f"env steps per second in {len(table)} rounds; right: times the first, 95% interval")
    style.label(axes, "env steps per second")
    return figure


def race(curves: pd.DataFrame) -> Figure:
    """The same trainings over env steps and over seconds: faint lines are seeds, bold ones their mean, by side.

    curves: columns side, seed, steps, seconds, return, one row per rollout.
    """
    title = "Mean episode return"
    if curves.groupby(["side", "seed"]).size().lt(2).all():
        return style.no_data(title, "a curve begins with the second rollout that has finished episodes")
    figure, panels = style.canvas(columns=2, sharey=True)
    colors = dict(zip(curves["side"].unique(), SIDE_COLORS, strict=True))
    for axes, x in zip(panels, ("steps", "seconds"), strict=True):
        for side, trainings in curves.groupby("side", sort=False):
            _mean_curve(axes, trainings, x, colors[side], side)
        axes.set_xlim(left=0)
    style.step_axis(panels[0])
    style.label(panels[1], "seconds of training")
    style.headline(panels[0], f"{title}, by steps", "the two should lie on each other")
    style.headline(panels[1], "by seconds", "the earlier, the faster")
    style.legend(panels[0], loc="lower right")
    return figure


def _mean_curve(axes: Axes, trainings: pd.DataFrame, x: str, color: str, side: str) -> None:
    """One faint line per seed, and the mean at the k-th rollout of all that came so far."""
    lines = [one.sort_values(x) for _, one in trainings.groupby("seed")]
    for line in lines:
        axes.plot(line[x], line["return"], color=color, alpha=0.25, linewidth=1)
    ends = min(line[x].iloc[-1] for line in lines)
    starts = max(line[x].iloc[0] for line in lines)
    grid = np.linspace(starts, ends, 200)
    mean = np.mean([np.interp(grid, line[x], line["return"]) for line in lines], axis=0)
    axes.plot(grid, mean, color=color, linewidth=2.4, label=side)


def roofline(table: pd.DataFrame) -> Figure:
    """Achieved operations per second of each side, in the update and over the whole training, below the limits.

    table: columns name, kind ("limit", "update" or "training") and gflops.
    """
    title = "Arithmetic done, and what one core could do"
    points, limits = table[table["kind"] != "limit"], table[table["kind"] == "limit"]
    if points.empty:
        return style.no_data(title, "nothing was measured")
    names = list(points["name"].unique())
    figure, (axes,) = style.canvas(height=2.3 + 0.7 * len(names) + 0.2 * len(limits))
    for (name, gflops), dash in zip(limits[["name", "gflops"]].itertuples(index=False), cycle(style.DASHES)):
        axes.axvline(gflops, color=style.INK, linestyle=dash, linewidth=1.4, label=f"{name}  {style.brief(gflops)}")
    for kind, marker, offset in (("update", "o", -0.16), ("training", "D", 0.16)):
        label = {"update": "during the update", "training": "over the whole training"}[kind]
        axes.plot([], [], marker, color=style.MUTED, markersize=8, linewidth=0, label=label)
        for name, gflops in points[points["kind"] == kind][["name", "gflops"]].itertuples(index=False):
            row = names.index(name)
            axes.plot(gflops, row + offset, marker, color=SIDE_COLORS[row > 0], markersize=9)
            text = {"va": "center", "fontsize": 10.5, "color": style.INK}
            axes.annotate(style.brief(gflops), (gflops, row + offset), (9, 0), textcoords="offset points", **text)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.brief(value)))
    axes.minorticks_off()
    axes.set_yticks(range(len(names)), names, color=style.INK)
    axes.set(xlim=(table["gflops"].min() / 2, table["gflops"].max() * 2), ylim=(len(names) - 0.5, -0.5))
    axes.grid(axis="x", color=style.FAINT, linewidth=0.8)
    style.headline(axes, title, "billions of float32 operations per second in matrix products; logarithmic")
    style.label(axes, "GFLOP/s")
    style.legend(axes, loc="upper center", bbox_to_anchor=(0.4, -0.2), ncols=2)
    return figure
