"""Figures of the CartPole notebook: what DQN logs about itself, three libraries side by side, and the sweep."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from rlkit.diagnostics import style

STEPS = "time/total_timesteps"
PANELS = {
    "rollout/exploration_rate": "share of random actions",
    "rollout/q_mean": "Q of the action taken",
    "train/loss": "TD loss (Huber)",
    "rollout/buffer_size": "steps in the buffer",
    "rollout/ep_len_mean": "length, last 100 episodes",
    "eval/mean_return": "greedy return",
}
FEW = 40  # points of a curve that are marked one by one


def signals(metrics: pd.DataFrame) -> Figure:
    """Epsilon, Q values, TD loss, buffer, episode length and greedy return of a run over its steps."""
    curves = {name: metrics[[STEPS, name]].dropna() for name in PANELS if name in metrics}
    if not curves:
        return style.no_data("What DQN says about itself", "the run has logged nothing yet")
    figure, axes = style.canvas(height=4.6, rows=2, columns=3)
    figure.supxlabel("environment steps", fontsize=10, color=style.MUTED)
    for panel, (name, curve) in zip(axes, curves.items(), strict=False):
        marker = "o" if len(curve) < FEW else ""
        panel.plot(curve[STEPS], curve[name], color=style.BLUE, linewidth=1.8, marker=marker, markersize=3)
        panel.set_title(PANELS[name], loc="left", fontsize=10, fontweight="bold", color=style.INK)
        panel.xaxis.set_major_formatter(EngFormatter(sep=""))
        panel.set_ylim(0, 1.08 * max(curve[name].max(), 1e-9))
    for panel in axes[len(curves) :]:
        panel.set_visible(False)
    return figure


def race(curves: pd.DataFrame) -> Figure:
    """Greedy return of every training over env steps and over CPU-seconds, a colour per algorithm.

    curves: algorithm, seed, steps, seconds and return, one row per evaluation.
    """
    figure, axes = style.canvas(columns=2, sharey=True)
    for (name, group), (color, dash) in zip(curves.groupby("algorithm", sort=False), style.line_styles(), strict=False):
        for number, (_, one) in enumerate(group.groupby("seed")):
            line = {"color": color, "alpha": 0.75, "linewidth": 1.6, "marker": "o", "markersize": 2.5}
            axes[0].plot(one["steps"], one["return"], dash, label="" if number else name, **line)
            axes[1].plot(one["seconds"], one["return"], dash, **line)
    style.headline(axes[0], "Greedy return", "one line per seed, up to where it was solved")
    style.step_axis(axes[0])
    style.label(axes[1], "CPU-seconds of training")
    axes[0].set_ylim(bottom=0)
    style.log_axis(axes[1])
    figure.legend(frameon=False, fontsize=9.5, labelcolor=style.INK, loc="outside lower center", ncols=3)
    return figure


def sweep(table: pd.DataFrame) -> Figure:
    """Env steps until solved for every setting; table: setting, steps and solved, one row per training."""
    settings = list(dict.fromkeys(table["setting"]))[::-1]
    figure, (axes,) = style.canvas(height=1.2 + 0.45 * len(settings))
    for row, setting in enumerate(settings):
        group = table[table["setting"] == setting]
        _dots(axes, group, row)
        axes.plot(group["steps"].median(), row, "|", color=style.VERMILLION, markersize=16, markeredgewidth=2.5)
    axes.set_yticks(range(len(settings)), settings)
    axes.set(xlim=(0, None), ylim=(-0.6, len(settings) - 0.4))
    style.headline(axes, "Env steps until solved", "a dot per seed, hollow where the steps ran out; the bar: median")
    style.step_axis(axes)
    return figure


def _dots(axes: Axes, group: pd.DataFrame, row: int) -> None:
    for solved, face in ((True, style.BLUE), (False, "none")):
        steps = group.loc[group["solved"] == solved, "steps"]
        axes.plot(steps, np.full(len(steps), row), "o", markeredgecolor=style.BLUE, markerfacecolor=face, markersize=7)
