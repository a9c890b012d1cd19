"""Figures of the recurrent notebook: learning with and without memory, what the memory holds, and what it costs.

As in `plots`, each takes a table and gives a matplotlib Figure, and too little data gives one that says so.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from rlkit.diagnostics import style

GRID = 100  # points at which the seeds' curves are averaged
COLORS = {"MLP": style.MUTED, "frame stack": style.ORANGE, "GRU": style.GREEN, "LSTM": style.BLUE}
RATIOS = (0.5, 1, 1.5, 2, 3, 5, 7, 10, 20, 50, 100)  # ticks


def learning(curves: pd.DataFrame) -> Figure:
    """Return over env steps, a panel per problem and a colour per memory: thin lines are seeds, bold ones their mean.

    curves: columns problem, memory, seed, steps, return, one row per rollout.
    """
    title = "Return while it learns"
    if curves.empty or curves.groupby(["problem", "memory", "seed"]).size().lt(2).all():
        return style.no_data(title, "a curve begins with the second rollout that has finished episodes")
    problems = curves["problem"].unique()
    figure, panels = style.canvas(height=3.9, columns=len(problems))
    for axes, name in zip(panels, problems, strict=True):
        of_problem = curves[curves["problem"] == name]
        for memory, trainings in of_problem.groupby("memory", sort=False):
            _mean_curve(axes, trainings, str(memory))
        style.step_axis(axes)
        axes.set_title(name, loc="left", fontsize=12, fontweight="bold", color=style.INK)
        axes.set_xlim(left=0)
        axes.xaxis.get_major_locator().set_params(nbins=4)
    lines = panels[0].get_legend_handles_labels()
    figure.legend(*lines, frameon=False, fontsize=9.5, labelcolor=style.INK, loc="outside lower center", ncols=4)
    _caption(figure, f"{title}; thin: each seed, bold: their mean")
    return figure


def _mean_curve(axes: Axes, trainings: pd.DataFrame, memory: str) -> None:
    lines = [one.sort_values("steps") for _, one in trainings.groupby("seed")]
    color = COLORS[memory]
    for line in lines:
        axes.plot(line["steps"], line["return"], color=color, alpha=0.22, linewidth=0.9)
    starts, ends = max(line["steps"].iloc[0] for line in lines), min(line["steps"].iloc[-1] for line in lines)
    grid = np.linspace(starts, ends, GRID)
    mean = np.mean([np.interp(grid, line["steps"], line["return"]) for line in lines], axis=0)
    axes.plot(grid, mean, color=color, linewidth=2.3, label=memory)


def states(table: pd.DataFrame) -> Figure:
    """Heat maps of what the memory holds, a panel per episode: a row per unit, a column per step, colours its output.

    table: columns episode, step, h0, h1...; the units stand in one order in all panels, those on top that differ most
    between the episodes at the last step that all of them have.
    """
    title = "What the memory holds"
    if table.empty:
        return style.no_data(title, "this agent has no memory")
    units = [name for name in table if name.startswith("h")]
    episodes = [one.sort_values("step")[units].to_numpy(float) for _, one in table.groupby("episode")]
    shared = min(map(len, episodes)) - 1
    spread = np.std([episode[shared] for episode in episodes], axis=0)
    order = np.argsort(-spread if len(episodes) > 1 else -np.abs(episodes[0][shared]))
    limit = max(np.abs(episode).max() for episode in episodes)
    figure, panels = style.canvas(height=4.4, columns=len(episodes), sharey=True)
    for number, (axes, episode) in enumerate(zip(panels, episodes, strict=True), start=1):
        mesh = axes.pcolormesh(episode[:, order].T, cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set(ylim=(len(units), 0))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(visible=False)
        axes.set_title(f"episode {number}", loc="left", fontsize=11, fontweight="bold", color=style.INK)
        style.label(axes, "step")
    style.label(panels[0], "step", "units, those that differ most on top")
    bar = figure.colorbar(mesh, ax=panels, shrink=0.8, aspect=30)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=9, labelcolor=style.MUTED)
    _caption(figure, f"{title}, unit by unit, in episodes that begin differently")
    return figure


def _caption(figure: Figure, text: str) -> None:
    """What all panels show, above them."""
    figure.suptitle(text, x=0.02, ha="left", fontsize=11, color=style.MUTED)


def costs(table: pd.DataFrame) -> Figure:
    """How many times the MLP's cost each memory has, with its interval, a row per measure; shaded: what was promised.

    table: columns measure, memory, ratio, low, high, promised_low, promised_high. The axis is logarithmic.
    """
    title = "What memory costs"
    if table.empty:
        return style.no_data(title, "nothing was measured")
    measures, memories = list(table["measure"].unique()), list(table["memory"].unique())[1:]
    figure, (axes,) = style.canvas(height=1.9 + 0.75 * len(measures))
    axes.axvline(1, color=style.MUTED, linewidth=1.2)
    for row, measure in enumerate(measures):
        group = table[table["measure"] == measure].set_index("memory")
        low, high = group[["promised_low", "promised_high"]].iloc[0]
        if np.isfinite(low):
            label = "promised of an LSTM" if row == 0 else None
            axes.fill_betweenx([row - 0.4, row + 0.4], low, high, color=style.VERMILLION, alpha=0.2, lw=0, label=label)
        for k, memory in enumerate(memories):
            one, at = group.loc[memory], row + 0.24 * (k - (len(memories) - 1) / 2)
            error = [[one["ratio"] - one["low"]], [one["high"] - one["ratio"]]]
            options = {"fmt": "o", "color": COLORS[memory], "ms": 6, "capsize": 3, "lw": 1.5}
            axes.errorbar(one["ratio"], at, xerr=error, label=memory if row == 0 else None, **options)
            axes.annotate(f"{one['ratio']:.2f}x", (one["high"], at), (8, 0), textcoords="offset points", va="center",
                          fontsize=9, color=style.INK)  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(RATIOS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.set_yticks(range(len(measures)), measures, color=style.INK)
    axes.set(ylim=(len(measures) - 0.5, -0.5), xlim=(0.8 * table["low"].min(), 1.6 * table["high"].max()))
    axes.grid(axis="x", color=style.FAINT, linewidth=0.8)
    axes.grid(axis="y", visible=False)
    style.headline(axes, title, "times the MLP's, with the 95% interval of the median; left is cheaper")
    style.legend(axes)
    return figure
