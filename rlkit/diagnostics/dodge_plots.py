"""Figures of the Dodge notebook: success while it is learned, and success rates with their intervals side by side.

As in `plots`, each takes a table and gives a matplotlib Figure, and too little data gives one that says so.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from rlkit.diagnostics import style

ROW_HEIGHT = 0.42  # inches


def learning(curves: pd.DataFrame) -> Figure:
    """Success rate over CPU-seconds of training: a thin line per seed, a bold one for the seeds' median, by setting.

    curves: columns setting, seed, seconds, success, one row per evaluation. The axis of seconds is logarithmic: one
    setting can take a hundred times those of another.
    """
    title = "Success while it learns"
    seeds = [rows for _, rows in curves.groupby(["setting", "seed"], sort=False) if len(rows) > 1]
    if not seeds:
        return style.no_data(title, "a curve begins with the second evaluation of a training")
    figure, (axes,) = style.canvas()
    styles = dict(zip(curves["setting"].unique(), style.line_styles(), strict=False))
    for rows in seeds:
        color, dash = styles[rows["setting"].iloc[0]]
        axes.plot(rows["seconds"], rows["success"], dash, color=color, alpha=0.25, linewidth=1)
    for setting, (color, dash) in styles.items():
        middle = _median(curves[curves["setting"] == setting])
        label = f"{setting}  {middle['success'].iloc[-1]:.0%}"
        axes.plot(middle["seconds"], middle["success"], dash, color=color, linewidth=2.2, label=label)
    style.log_axis(axes)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    style.headline(axes, title, "in the episodes that choose the best weights; thin: each seed; bold: their median")
    style.label(axes, "CPU-seconds of training, without evaluations")
    style.legend(axes)
    return figure


def success_rates(table: pd.DataFrame, title: str = "Success") -> Figure:
    """Success rate with its 95 % interval, a row each, named by the first column; a diamond is what others report.

    table: a column of names, then success, low, high, episodes and, where there is something to compare, author.
    """
    if table.empty:
        return style.no_data(title, "nothing was played")
    figure, (axes,) = style.canvas(height=1.5 + ROW_HEIGHT * len(table))
    rows = np.arange(len(table))
    rate, low, high = (table[name].to_numpy(float) for name in ("success", "low", "high"))
    axes.barh(rows, rate, height=0.5, color=style.BLUE, alpha=0.25)
    axes.errorbar(rate, rows, xerr=[rate - low, high - rate], fmt="o", color=style.BLUE, ms=5, capsize=3, lw=1.6)
    note = "successes among fresh episodes, with their 95% interval"
    if "author" in table and table["author"].notna().any():
        axes.plot(table["author"].to_numpy(float), rows, "D", color=style.VERMILLION, ms=6)
        note += "; diamond: what the game's author reports"
    for row, (value, episodes) in enumerate(zip(rate, table["episodes"], strict=True)):
        text = f"{value:.1%} of {episodes:,}"
        axes.text(1.02, row, text, transform=axes.get_yaxis_transform(), va="center", fontsize=10, color=style.INK)
    axes.set_yticks(rows, [str(name) for name in table.iloc[:, 0]], color=style.INK)
    axes.set(xlim=(-0.02, 1.02), ylim=(len(table) - 0.5, -0.5))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="x", color=style.FAINT, linewidth=0.8)
    axes.grid(axis="y", visible=False)
    style.headline(axes, title, note)
    return figure


def _median(curves: pd.DataFrame) -> pd.DataFrame:
    """Medians over seeds, evaluation by evaluation: trainings of a setting evaluate at the same steps."""
    number = curves.groupby("seed").cumcount()
    return curves.groupby(number)[["seconds", "success"]].median()
