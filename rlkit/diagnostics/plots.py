"""Figures from tables: each function takes metrics or results and gives a matplotlib Figure, drawn nowhere.

`metrics` is a run's metrics.csv: one row per rollout under SB3's names. Too little data gives a figure that says so.
Show one with `IPython.display.Image(png(figure))`.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter

from rlkit.diagnostics import style
from rlkit.diagnostics.statistics import iqm, mean_interval, proportion_interval
from rlkit.diagnostics.throughput import PARTS

STEPS = "time/total_timesteps"
NAMES = {
    "rollout/ep_rew_mean": "Mean episode return",
    "rollout/ep_len_mean": "Mean episode length (steps)",
    "rollout/success_rate": "Success rate",
    "time/steps_per_second": "Steps per second",
}
LOSSES = (
    *("value_loss", "policy_gradient_loss", "entropy_loss", "approx_kl", "clip_fraction", "explained_variance"),
    *("loss", "std", "learning_rate"),
)  # of train/*; PPO's, and those DQN shares
SMOOTHING = 20  # a smoothed point is the mean over 1/20 of the curve, centred: no lag, unlike an exponential mean
PART_COLORS = dict(zip(PARTS, (*style.PALETTE[:5], style.DRAW), strict=True))
LONG_NAME = 8  # letters, of a column of the matrix that is written aslant
LABEL_SHARE = 0.06  # a narrower part of a bar has no room for its percentage
CENTRED = {"ha": "center", "va": "center", "fontsize": 9.5}


def png(figure: Figure) -> bytes:
    """The figure as a PNG, without a date or a version in it: the same data give the same bytes."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=style.DPI, facecolor=style.PAPER, metadata={"Software": None})
    return file.getvalue()


def learning_curve(metrics: pd.DataFrame | Mapping[str, pd.DataFrame], y: str = "rollout/ep_rew_mean") -> Figure:
    """A metric over environment steps, raw in faint and smoothed in full; of one run, or of several by name."""
    runs = metrics if isinstance(metrics, Mapping) else {"": metrics}
    curves = {name: curve for name, frame in runs.items() if len(curve := _curve(frame, y)) > 1}
    title = NAMES.get(y, y)
    if not curves:
        return style.no_data(title, "a curve begins with the second rollout that has finished episodes")
    figure, (axes,) = style.canvas()
    for (name, curve), (color, dash) in zip(curves.items(), style.line_styles(), strict=False):
        smooth = _smooth(curve)
        axes.plot(curve, color=color, alpha=0.25, linewidth=1)
        axes.plot(smooth, dash, color=color, linewidth=2.2, label=f"{name}  {style.brief(smooth.iloc[-1])}")
    if len(curves) == 1:
        title = f"{title}: {style.brief(smooth.iloc[-1])} after {style.brief(curve.index[-1])} steps"
    else:
        style.legend(axes)
    style.headline(axes, title, _smoothing_note(curve))
    style.step_axis(axes)
    return figure


def reward_terms(metrics: pd.DataFrame) -> Figure:
    """Each reward term's weighted sum per episode over steps (columns reward/<term>), largest first, zeros left out."""
    title = "Reward per episode, by term"
    names = [name for name in metrics.columns if name.startswith("reward/") and metrics[name].any()]
    curves = [(name, curve) for name in names if len(curve := _curve(metrics, name)) > 1]
    if not curves:
        return style.no_data(title, "this run has no reward terms, or fewer than two rollouts with finished episodes")
    curves = [(name.removeprefix("reward/"), _smooth(curve)) for name, curve in curves]
    curves.sort(key=lambda named: -abs(named[1].iloc[-1]))
    figure, (axes,) = style.canvas()
    axes.axhline(0, color=style.MUTED, linewidth=0.8)
    for (name, curve), (color, dash) in zip(curves, style.line_styles(), strict=False):
        axes.plot(curve, dash, color=color, linewidth=2, label=f"{name}  {style.brief(curve.iloc[-1])}")
    style.headline(axes, title, "weighted; they add up to the return; latest value beside each name")
    style.step_axis(axes)
    style.legend(axes)
    return figure


def time_shares(metrics: pd.DataFrame) -> Figure:
    """Where the wall time went: one bar over the whole training, and the shares over its course."""
    seconds = metrics.reindex(columns=[STEPS, *(f"time/{part}_seconds" for part in PARTS)]).fillna(0.0)
    seconds = seconds.set_index(STEPS).set_axis(PARTS, axis="columns")
    seconds = seconds[seconds.sum(axis="columns") > 0]
    if seconds.empty:
        return style.no_data("Where the time goes", "the first rollout has not ended, or this run was not timed")
    totals, course = seconds.sum(), len(seconds) > 1
    shares = totals / totals.sum()
    figure, axes = style.canvas(height=4.6 if course else 1.6, rows=1 + course, height_ratios=[1, 5][: 1 + course])
    total = style.brief(totals.sum())
    style.headline(axes[0], f"Where the time went: {shares.idxmax()} {shares.max():.0%} of {total} s")
    _share_bar(axes[0], shares)
    if course:
        over_time = seconds.div(seconds.sum(axis="columns"), axis="index").apply(_smooth)
        colors = [PART_COLORS[part] for part in PARTS]
        axes[1].stackplot(over_time.index, over_time.T, colors=colors, edgecolor=style.PAPER, linewidth=0.8)
        axes[1].set(xlim=(over_time.index[0], over_time.index[-1]), ylim=(0, 1))
        axes[1].yaxis.set_major_formatter(PercentFormatter(1))
        style.step_axis(axes[1])
        style.label(axes[1], axes[1].get_xlabel(), "share of each rollout")
    style.legend(axes[-1], handles=axes[0].get_legend_handles_labels()[0])
    return figure


def match_results(summary: pd.DataFrame) -> Figure:
    """Won, drawn and lost games per opponent, the win rate with its 95 % Wilson interval on top.

    summary: whole numbers in columns wins, draws, losses; the opponent's name is the index or the column `opponent`.
    """
    table = summary.set_index("opponent") if "opponent" in summary else summary
    games = table[["wins", "draws", "losses"]].sum(axis="columns") if len(table) else pd.Series(dtype=int)
    table, games = table[games > 0], games[games > 0]
    if table.empty:
        return style.no_data("Match results", "no game has been played")
    figure, (axes,) = style.canvas(height=1.5 + 0.55 * len(table))
    rows, left = np.arange(len(table)), np.zeros(len(table))
    for column, color, ink in (
        ("wins", style.WIN, style.PAPER),
        ("draws", style.DRAW, style.INK),
        ("losses", style.LOSS, style.PAPER),
    ):
        share = (table[column] / games).to_numpy()
        axes.barh(rows, share, left=left, color=color, height=0.5, label=column)
        for row in np.flatnonzero(share >= LABEL_SHARE):
            axes.text(left[row] + share[row] / 2, row, f"{share[row]:.0%}", color=ink, **CENTRED)
        left += share
    rate = (table["wins"] / games).to_numpy()
    low, high = zip(*(proportion_interval(*counts) for counts in zip(table["wins"], games, strict=True)), strict=True)
    axes.errorbar(rate, rows + 0.36, xerr=[rate - low, high - rate], fmt="o", color=style.INK, ms=4, capsize=3, lw=1.4)
    axes.set_yticks(rows, [f"{name}  ({of} games)" for name, of in games.items()], color=style.INK)
    axes.set(xlim=(0, 1), ylim=(len(table) - 0.4, -0.4))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(visible=False)
    style.headline(axes, "Match results", "share of all games; the bracket below a bar: 95% interval of the win rate")
    style.legend(axes)
    return figure


def win_matrix(table: pd.DataFrame) -> Figure:
    """Win rate of the row's player against the column's, 0..1, as a coloured square of numbers; nan stays empty."""
    if table.empty or not table.notna().any(axis=None):
        return style.no_data("Win rates", "no two players have met")
    figure, (axes,) = style.canvas(height=1.6 + 0.55 * len(table))
    rates = table.to_numpy(float)
    axes.pcolormesh(np.ma.masked_invalid(rates), cmap="RdBu", vmin=0, vmax=1, edgecolors=style.PAPER, linewidth=3)
    for row, column in np.argwhere(np.isfinite(rates)):
        rate = rates[row, column]
        ink = style.PAPER if abs(rate - 0.5) > 0.3 else style.INK
        axes.text(column + 0.5, row + 0.5, f"{rate:.0%}", color=ink, **CENTRED)
    long = {"rotation": 30, "ha": "right"} if table.columns.map(len).max() > LONG_NAME else {}
    axes.set_xticks(np.arange(table.shape[1]) + 0.5, table.columns, color=style.INK, **long)
    axes.set_yticks(np.arange(table.shape[0]) + 0.5, table.index, color=style.INK)
    axes.set(ylim=(len(table), 0), frame_on=False)
    axes.grid(visible=False)
    style.headline(axes, "Win rates", "of the player on the left against the player below")
    return figure


def latency(table: pd.DataFrame) -> Figure:
    """Time of one policy call and observations per second over batch size; table as `measure_inference` gives it."""
    if table.empty:
        return style.no_data("Inference", "nothing was measured")
    figure, (time, rate) = style.canvas(columns=2)
    for column, name, color, dash in (
        ("p99_ms", "99%", style.VERMILLION, ":"),
        ("p95_ms", "95%", style.VERMILLION, "--"),
        ("p50_ms", "50%", style.BLUE, "-"),
    ):
        time.plot(table[column], dash, marker="o", markersize=4, color=color, linewidth=2, label=name)
    rate.plot(table["per_second"], marker="o", markersize=4, color=style.BLUE, linewidth=2)
    style.headline(time, "Time of one policy call", "milliseconds, by share of the calls")
    style.headline(rate, "Throughput of the policy", "observations per second")
    for axes in (time, rate):
        axes.set_xscale("log", base=2)
        axes.set_xticks(table.index, [str(size) for size in table.index])
        axes.minorticks_off()
        style.label(axes, "observations in the batch")
        axes.set_ylim(bottom=0)
    rate.yaxis.set_major_formatter(EngFormatter(sep=""))
    style.legend(time, loc="upper left")
    return figure


def losses(metrics: pd.DataFrame) -> Figure:
    """The optimizer's own metrics (train/*) over steps, one small panel each."""
    curves = {name: curve for name in LOSSES if len(curve := _curve(metrics, f"train/{name}")) > 1}
    if not curves:
        return style.no_data("Training metrics", "they are logged from the second rollout on; this needs two of them")
    rows = -(-len(curves) // 3)
    figure, axes = style.canvas(height=1.9 * rows + 0.5, rows=rows, columns=3, sharex=True)
    figure.supxlabel("environment steps", fontsize=10, color=style.MUTED)
    for panel, (name, curve) in zip(axes, curves.items(), strict=False):
        panel.plot(curve, color=style.BLUE, alpha=0.25, linewidth=1)
        panel.plot(_smooth(curve), color=style.BLUE, linewidth=1.8)
        panel.set_title(name, loc="left", fontsize=10.5, fontweight="bold", color=style.INK)
        panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    for panel in axes[len(curves) :]:
        panel.set_visible(False)
    return figure


def returns(values: Sequence[float] | np.ndarray) -> Figure:
    """Histogram of episode returns with their mean, its 95 % interval, and the interquartile mean."""
    flat = np.asarray(values, float).ravel()
    if flat.size < 2:
        return style.no_data("Episode returns", "a spread needs two episodes")
    figure, (axes,) = style.canvas()
    low, high = mean_interval(flat)
    middle, brief = iqm(flat), style.brief
    bins = int(np.clip(2 * np.sqrt(flat.size), 5, 40)) | 1  # odd: where all are equal, the bar stands on its value
    axes.hist(flat, bins=bins, color=style.BLUE, alpha=0.75, edgecolor=style.PAPER)
    interval = f"95% interval  {brief(low)} to {brief(high)}"
    axes.axvspan(low, high, color=style.VERMILLION, alpha=0.2, linewidth=0, label=interval)
    axes.axvline(flat.mean(), color=style.VERMILLION, linewidth=2, label=f"mean  {brief(flat.mean())}")
    axes.axvline(middle, color=style.INK, linestyle="--", label=f"interquartile mean  {brief(middle)}")
    style.headline(axes, f"Return of {flat.size} episodes", "how often each value came up")
    style.label(axes, "return of one episode", "episodes")
    style.legend(axes)
    return figure


def _curve(metrics: pd.DataFrame, name: str) -> pd.Series:
    """The finite values of a metric indexed by environment steps; empty when the column or the steps are missing.

    What train/* tells on a line is of the update before that line's rollout, and so of the step of the line before.
    """
    if name not in metrics or STEPS not in metrics:
        return pd.Series(dtype=float)
    steps = metrics[STEPS].to_numpy(float)
    if name.startswith("train/"):
        steps = np.append(0.0, steps)[:-1]
    curve = pd.Series(metrics[name].to_numpy(float), index=steps)
    return curve[np.isfinite(curve)]


def _smooth(curve: pd.Series) -> pd.Series:
    return curve.rolling(max(1, len(curve) // SMOOTHING), min_periods=1, center=True).mean()


def _smoothing_note(curve: pd.Series) -> str:
    window = max(1, len(curve) // SMOOTHING)
    return f"faint: each rollout; bold: mean over {window} rollouts" if window > 1 else ""


def _share_bar(axes: Axes, shares: pd.Series) -> None:
    """One horizontal bar of shares that add up to 1, the wide ones labelled."""
    left = 0.0
    for part, share in shares.items():
        axes.barh(0, share, left=left, color=PART_COLORS[part], edgecolor=style.PAPER, label=f"{part}  {share:.1%}")
        if share >= LABEL_SHARE:
            ink = style.INK if part == "other" else style.PAPER
            axes.text(left + share / 2, 0, f"{share:.0%}", color=ink, fontweight="bold", **CENTRED)
        left += share
    axes.set(xlim=(0, 1), ylim=(-0.4, 0.4))
    axes.set_axis_off()
