"""Figures: what each one says, how it takes missing data, and that it leaves matplotlib's globals alone."""

import inspect
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text

from rlkit.diagnostics import plots, style
from rlkit.diagnostics.throughput import PARTS

SECONDS = {"env": 1.0, "inference": 0.5, "buffer": 0.5, "update": 7.0, "logging": 0.0, "other": 1.0}


def metrics(rows: int) -> pd.DataFrame:
    steps = np.arange(1, rows + 1) * 2048
    columns = {
        "time/total_timesteps": steps,
        "rollout/ep_rew_mean": np.linspace(0, 100, rows),
        "reward/touch": np.linspace(0, 0.5, rows),
        "reward/concede": np.full(rows, -3.0),
        "train/value_loss": np.linspace(1, 0, rows),
        "train/approx_kl": np.full(rows, 0.01),
    }
    return pd.DataFrame(columns | {f"time/{part}_seconds": SECONDS[part] for part in PARTS})


SUMMARY = pd.DataFrame({"wins": [9, 0], "draws": [1, 0], "losses": [10, 0]}, index=["rule", "nobody"])
LATENCY = pd.DataFrame({"p50_ms": [1.0], "p95_ms": [2.0], "p99_ms": [3.0], "per_second": [1000.0]}, index=[1])
RATES = pd.DataFrame([[np.nan, 0.25], [0.75, np.nan]], index=["a", "b"], columns=["a", "b"])

FULL = {
    "learning_curve": lambda: plots.learning_curve(metrics(60)),
    "reward_terms": lambda: plots.reward_terms(metrics(60)),
    "time_shares": lambda: plots.time_shares(metrics(60)),
    "losses": lambda: plots.losses(metrics(60)),
    "match_results": lambda: plots.match_results(SUMMARY),
    "win_matrix": lambda: plots.win_matrix(RATES),
    "latency": lambda: plots.latency(LATENCY),
    "returns": lambda: plots.returns([1.0, 2.0, 3.0]),
}
EMPTY = {
    "no rows": lambda: plots.learning_curve(metrics(0)),
    "one row": lambda: plots.learning_curve(metrics(1)),
    "no columns": lambda: plots.learning_curve(pd.DataFrame()),
    "all nan": lambda: plots.learning_curve(metrics(5).assign(**{"rollout/ep_rew_mean": np.nan})),
    "no runs": lambda: plots.learning_curve({}),
    "no terms": lambda: plots.reward_terms(metrics(1)),
    "no terms at all": lambda: plots.reward_terms(pd.DataFrame()),
    "no seconds": lambda: plots.time_shares(metrics(5)[["time/total_timesteps"]]),
    "no rollout": lambda: plots.time_shares(pd.DataFrame()),
    "no updates": lambda: plots.losses(metrics(1)),
    "no games": lambda: plots.match_results(SUMMARY[1:]),
    "no opponents": lambda: plots.match_results(pd.DataFrame()),
    "no meetings": lambda: plots.win_matrix(RATES * np.nan),
    "no players": lambda: plots.win_matrix(pd.DataFrame()),
    "no calls": lambda: plots.latency(LATENCY[:0]),
    "no episodes": lambda: plots.returns([]),
    "one episode": lambda: plots.returns([3.0]),
}


def words(figure: Figure) -> list[str]:
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def axes_of(figure: Figure) -> Axes:
    return figure.axes[0]


@pytest.mark.parametrize("draw", FULL.values(), ids=FULL.keys())
def test_every_plot_gives_a_png_and_touches_no_global(draw: Callable[[], Figure]) -> None:
    before = dict(mpl.rcParams)
    image = plots.png(draw())
    assert image.startswith(b"\x89PNG")
    assert image == plots.png(draw())
    assert "no data yet" not in words(draw())
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("draw", EMPTY.values(), ids=EMPTY.keys())
def test_too_little_data_says_so(draw: Callable[[], Figure]) -> None:
    assert "no data yet" in words(draw())


def test_no_pyplot() -> None:
    assert "pyplot" not in inspect.getsource(plots) + inspect.getsource(style).replace("No pyplot", "")


def test_a_dark_style_sheet_of_the_reader_changes_nothing() -> None:
    with mpl.rc_context({"text.color": "white", "axes.facecolor": "black", "figure.facecolor": "black"}):
        dark = plots.png(plots.learning_curve(metrics(60)))
    assert dark == plots.png(plots.learning_curve(metrics(60)))


def test_learning_curve_tells_the_last_value() -> None:
    """60 rollouts are smoothed over 3; the centred window at the end holds two: (98.3 + 100) / 2 = 99.2."""
    figure = plots.learning_curve(metrics(60))
    assert "Mean episode return: 99.2 after 122,880 steps" in words(figure)
    raw, smooth = axes_of(figure).lines
    assert raw.get_xdata()[-1] == 60 * 2048
    assert smooth.get_ydata()[10] == pytest.approx(raw.get_ydata()[10])


def test_learning_curve_of_several_runs_names_each() -> None:
    drawn = words(plots.learning_curve({"stock": metrics(60), "fast": metrics(30), "queued": metrics(0)}))
    assert [word for word in drawn if word.startswith(("stock", "fast", "queued"))] == ["stock  99.2", "fast  100"]


def test_the_last_update_does_not_stand_above_the_one_before() -> None:
    table = metrics(5)
    last = {"time/total_timesteps": table["time/total_timesteps"].iloc[-1], "train/value_loss": 9.0}
    figure = plots.losses(pd.concat([table, pd.DataFrame([last])]))
    panel = next(axes for axes in figure.axes if axes.get_title(loc="left") == "value_loss")
    steps, values = panel.lines[0].get_data()
    assert values[-1] == 9.0
    assert np.diff(steps).min() > 0


def test_reward_terms_come_largest_first() -> None:
    drawn = words(plots.reward_terms(metrics(60)))
    assert [word for word in drawn if word.startswith(("concede", "touch"))] == ["concede  -3", "touch  0.496"]


def test_time_shares_add_up() -> None:
    figure = plots.time_shares(metrics(4))
    assert "Where the time went: update 70% of 40 s" in words(figure)
    widths = [bar[0].get_width() for bar in axes_of(figure).containers]
    assert widths == pytest.approx([0.1, 0.05, 0.05, 0.7, 0.0, 0.1])
    assert len(plots.time_shares(metrics(1)).axes) == 1  # one rollout has no course


def test_match_results_draw_the_wilson_interval() -> None:
    """9 of 20: Wilson's 95 % interval is 0.258 to 0.658; the opponent without games is left out."""
    axes = axes_of(plots.match_results(SUMMARY.rename_axis("opponent").reset_index()))
    assert [text.get_text() for text in axes.get_yticklabels()] == ["rule  (20 games)"]
    bars = [one for one in axes.containers if isinstance(one, BarContainer)]
    assert [bar[0].get_width() for bar in bars] == pytest.approx([0.45, 0.05, 0.5])
    (whisker,) = next(one for one in axes.containers if isinstance(one, ErrorbarContainer)).lines[2]
    assert whisker.get_segments()[0][:, 0] == pytest.approx([0.258, 0.658], abs=1e-3)


def test_win_matrix_reads_row_against_column() -> None:
    axes = axes_of(plots.win_matrix(RATES))
    cells = {text.get_position(): text.get_text() for text in axes.texts if text.get_text().endswith("%")}
    assert cells == {(1.5, 0.5): "25%", (0.5, 1.5): "75%"}
    assert axes.get_ylim() == (2.0, 0.0)  # the first row on top


def test_returns_show_the_mean_and_its_interval() -> None:
    """1, 2, 3: mean 2, t(2, 97.5 %) = 4.3027, half width 4.3027 / sqrt(3) = 2.48."""
    drawn = words(plots.returns([1, 2, 3]))
    assert {"mean  2", "95% interval  -0.484 to 4.48", "interquartile mean  2"} <= set(drawn)


@pytest.mark.parametrize(
    ("value", "text"), [(0.01234, "0.0123"), (475, "475"), (12300.4, "12,300"), (15_240_000, "15.2M"), (np.nan, "?")]
)
def test_brief_numbers(value: float, text: str) -> None:
    assert style.brief(value) == text
