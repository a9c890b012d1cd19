"""The look every figure shares: a quiet canvas, colours all eyes can tell apart, readable numbers.

Set on each artist and not through matplotlib's rcParams, which are global: a figure drawn in a widget's thread would
change those of the notebook, and a reader's own style sheet would change ours. No pyplot either, for the same reason
(github.com/jupyterlab/jupyterlab/issues/19719): a Figure here is an object that nobody else holds.
"""

from itertools import cycle, product
from math import isfinite
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator

INK, MUTED, FAINT, PAPER = "#1f2430", "#667085", "#e4e7ec", "#ffffff"
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
PALETTE = (
    BLUE,
    VERMILLION,
    GREEN,
    PURPLE,
    ORANGE,
    SKY,
)  # Okabe and Ito's, without yellow and black (jfly.uni-koeln.de)
DASHES = ("-", "--", ":")
WIN, DRAW, LOSS = BLUE, "#cbd2dc", VERMILLION
WIDTH, HEIGHT, DPI = 8.0, 4.2, 120  # inches, inches, pixels an inch: 960 pixels wide, the width of a notebook's column


def canvas(height: float = HEIGHT, rows: int = 1, columns: int = 1, **grid: Any) -> tuple[Figure, list[Axes]]:
    """A figure and its styled axes, row by row; `grid` as `Figure.subplots` takes it."""
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    axes = list(figure.subplots(rows, columns, squeeze=False, **grid).flat)
    for one in axes:
        _quiet(one)
    return figure, axes


def no_data(title: str, why: str = "") -> Figure:
    """The figure of nothing to show: the title, and "no data yet" with the reason."""
    figure, (axes,) = canvas(height=2.2)
    headline(axes, title)
    axes.set_axis_off()
    axes.text(0.5, 0.55, "no data yet", ha="center", va="center", fontsize=15, color=MUTED, transform=axes.transAxes)
    axes.text(0.5, 0.25, why, ha="center", va="center", fontsize=9.5, color=MUTED, transform=axes.transAxes)
    return figure


def headline(axes: Axes, title: str, note: str = "") -> None:
    """Say in bold what is shown, and in a quiet line below it how."""
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=INK, pad=24 if note else 10)
    above = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}  # so far from the title always
    axes.annotate(note, (0, 1), (0, 7), fontsize=9.5, color=MUTED, **above)


def label(axes: Axes, x: str = "", y: str = "") -> None:
    """Name the two axes."""
    axes.set_xlabel(x, fontsize=10, color=MUTED)
    axes.set_ylabel(y, fontsize=10, color=MUTED)


def step_axis(axes: Axes) -> None:
    """An x axis of environment steps: 250k, 1.5M."""
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    label(axes, "environment steps", axes.get_ylabel())


def log_axis(axes: Axes) -> None:
    """A logarithmic x axis with plain numbers, three to a decade: 1, 2, 5, 10."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()


def legend(axes: Axes, **options: Any) -> None:
    """A frameless legend; to the right of the axes unless `loc` says where."""
    beside = {} if "loc" in options else {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
    axes.legend(frameon=False, fontsize=9.5, labelcolor=INK, handlelength=1.4, **beside, **options)


def line_styles() -> Any:
    """Endless (colour, dash) pairs, so that a seventh line still differs from the first."""
    return cycle((color, dash) for dash, color in product(DASHES, PALETTE))


def brief(value: float) -> str:
    """A number as people write it: 0.0123, 4.57, 475, 12,300, 15.2M; "?" when it is not finite."""
    if not isfinite(value):
        return "?"
    if abs(value) >= 1e6:
        return EngFormatter(places=1, sep="")(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _quiet(axes: Axes) -> None:
    """Grid lines behind the data on one side only, no box, no tick marks."""
    axes.set_facecolor(PAPER)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set(visible=True, color=FAINT)
    axes.tick_params(length=0, labelsize=9.5, labelcolor=MUTED, pad=5)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
