"""Figures of the speed phase: what each says, and how it takes missing data."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from rlkit.diagnostics import plots, speed_plots
from rlkit.diagnostics.throughput import PARTS

PARTS_TABLE = pd.DataFrame(
    [["stock", 1, 2, 1, 30, 0.5, 2], ["ours", 1, 0.5, 0.1, 3, 0.5, 0.1]], columns=["side", *PARTS]
)
ROUNDS = pd.DataFrame(
    [(variant, i, speed + i) for i in range(6) for variant, speed in (("stock", 1000), ("ours", 4000))],
    columns=["variant", "round", "steps_per_second"],
)
CURVES = pd.DataFrame(
    [
        (side, seed, 100 * k, k * second, k + seed)
        for side, second in (("stock", 2.0), ("ours", 0.5))
        for seed in (0, 1)
        for k in range(1, 6)
    ],
    columns=["side", "seed", "steps", "seconds", "return"],
)
ROOFLINE = pd.DataFrame(
    [("product", "limit", 100.0), ("stock", "update", 5.0), ("stock", "training", 1.0), ("ours", "update", 50.0)],
    columns=["name", "kind", "gflops"],
)
FULL = {
    "parts": lambda: speed_plots.time_per_step(PARTS_TABLE),
    "rounds": lambda: speed_plots.ablation(ROUNDS),
    "curves": lambda: speed_plots.race(CURVES),
    "roofline": lambda: speed_plots.roofline(ROOFLINE),
}
EMPTY = {
    "nothing timed": lambda: speed_plots.time_per_step(PARTS_TABLE[:0]),
    "no rounds": lambda: speed_plots.ablation(ROUNDS[:0]),
    "one point": lambda: speed_plots.race(CURVES[CURVES["steps"] == 100]),
    "no trainings": lambda: speed_plots.race(CURVES[:0]),
    "only limits": lambda: speed_plots.roofline(ROOFLINE[:1]),
}


def words(figure: Figure) -> list[str]:
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("draw", FULL.values(), ids=FULL.keys())
def test_every_figure_is_a_png_and_the_same_again(draw: Callable[[], Figure]) -> None:
    assert plots.png(draw()) == plots.png(draw())
    assert "no data yet" not in words(draw())


@pytest.mark.parametrize("draw", EMPTY.values(), ids=EMPTY.keys())
def test_too_little_data_says_so(draw: Callable[[], Figure]) -> None:
    assert "no data yet" in words(draw())


def test_the_bars_are_as_long_as_the_step_takes() -> None:
    told = words(FULL["parts"]())
    assert {"36.5 us", "5.2 us"} <= set(told)


def test_the_ablation_tells_the_ratio_to_the_first_variant() -> None:
    """Rounds 4000 + i over 1000 + i: 4 falls to 4005 / 1005 = 3.985; the middle of six is between i = 2 and 3."""
    told = words(FULL["rounds"]())
    assert "1x" in told
    assert "3.99x  (3.99 to 4.00)" in told


def test_the_mean_curve_is_the_mean_of_the_seeds() -> None:
    """Seeds 0 and 1 differ by one everywhere, so that the mean of the last rollout is 5.5."""
    steps, seconds = FULL["curves"]().axes
    bold = [line for line in steps.lines if line.get_label() in ("stock", "ours")]
    assert [line.get_ydata()[-1] for line in bold] == [5.5, 5.5]
    ends = {line.get_label(): line.get_xdata()[-1] for line in seconds.lines}
    assert (ends["stock"], ends["ours"]) == (10.0, 2.5)


def test_a_side_that_reached_the_limit_stands_on_it() -> None:
    figure = speed_plots.roofline(ROOFLINE.assign(gflops=10.0))
    xs = [float(np.atleast_1d(line.get_xdata())[0]) for line in figure.axes[0].lines if len(line.get_xdata())]
    assert set(xs) == {10.0}
