"""Learning curves of several seeds: a line for the mean and a band for how sure it is."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from rlkit.diagnostics import style
from rlkit.diagnostics.plots import NAMES
from rlkit.diagnostics.statistics import mean_interval


def curve_bands(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], metric: str) -> Figure:
    """Mean over seeds with its 95 % interval, of groups by name: steps (n,) and values (n_seeds, n).

    A group of one seed is a thin line, because one seed has no interval.
    """
    figure, (axes,) = style.canvas()
    for (name, (steps, values)), (color, dash) in zip(curves.items(), style.line_styles(), strict=False):
        seeds, mean = len(values), values.mean(axis=0)
        label = f"{name}  {style.brief(mean[-1])}  ({seeds} seed{'s' * (seeds > 1)})"
        axes.plot(steps, mean, dash, color=color, linewidth=2.2 if seeds > 1 else 1, label=label)
        if seeds > 1:
            low, high = np.transpose([mean_interval(column) for column in values.T])
            axes.fill_between(steps, low, high, color=color, alpha=0.15, linewidth=0)
    style.headline(axes, NAMES.get(metric, metric), "mean over seeds, band: its 95 % interval (Student's t)")
    style.step_axis(axes)
    style.legend(axes, loc="best")
    return figure
