"""Figures of the curriculum notebook: stages under the curve, rewards by term, and what arms reach in matches.

As in `plots`, each takes tables and gives a matplotlib Figure, and too little data gives one that says so.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from rlkit.diagnostics import style
from rlkit.diagnostics.bands import curve_bands
from rlkit.diagnostics.plots import STEPS
from rlkit.diagnostics.statistics import mean_interval

TERMS = 9  # that a stacked figure tells apart; the smaller ones are one
SMOOTHING = 20  # a stacked figure's terms are means over 1/20 of the training
RATE = "curriculum/win_rate"
ENOUGH = 20  # episodes that a win rate is shown of
PANELS = {  # columns of the table of matches, and how they are called
    ("win_rate", "rule"): "Won against RulePolicy",
    ("win_rate", "basic"): "Won against the ball chaser",
    ("goals_per_minute", "rule"): "Goals per minute, RulePolicy",
    ("touches_per_minute", "rule"): "Touches per minute, RulePolicy",
}


def goal_curves(table: pd.DataFrame) -> Figure:
    """Goals per minute of training play over env steps: the mean over seeds of each arm, with its interval.

    table: columns arm, seed, steps, goals, every seed of an arm at the same steps.
    """
    if table.empty:
        return style.no_data("Goals per minute while it trains", "nothing was trained")
    groups = {}
    for name, group in table.groupby("arm", sort=False):
        wide = group.pivot(index="seed", columns="steps", values="goals")
        groups[str(name)] = (wide.columns.to_numpy(float), wide.to_numpy(float))
    return curve_bands(groups, "Goals per minute while it trains")


def stage_curve(metrics: pd.DataFrame, stages: pd.DataFrame) -> Figure:
    """The return over env steps with the stages as bands under it, and below it the win rate that decides about them.

    stages: columns stage, place, begins, ends, reason. metrics: a run's, with curriculum/win_rate if there is one.
    """
    title = "Through the stages"
    if stages.empty or metrics.get("rollout/ep_rew_mean", pd.Series(dtype=float)).notna().sum() < 2:
        return style.no_data(title, "this run has no stages, or fewer than two rollouts with finished episodes")
    figure, axes = style.canvas(height=5.4, rows=2, height_ratios=[3, 2], sharex=True)
    told = metrics.assign(**{RATE: metrics.get(RATE, np.nan)})
    told.loc[metrics.get("curriculum/games", pd.Series(ENOUGH, metrics.index)) < ENOUGH, RATE] = np.nan
    for panel, column, name in zip(axes, ("rollout/ep_rew_mean", RATE), ("return", "won"), strict=True):
        shown = told.reindex(columns=[STEPS, column]).dropna()
        panel.plot(shown[STEPS], shown[column], color=style.INK, linewidth=1.6)
        style.label(panel, "", name)
        _bands(panel, stages)
    axes[1].set_ylim(0, 1)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    style.headline(axes[0], title, "above: mean return; below: share of the stage's last episodes that were won")
    _name_bands(axes[0], stages)
    style.step_axis(axes[1])
    return figure


def _bands(axes: Axes, stages: pd.DataFrame) -> None:
    """Shade the steps of each stage, a colour per stage."""
    for stage in stages.itertuples():
        color = style.PALETTE[stage.place % len(style.PALETTE)]
        axes.axvspan(stage.begins, stage.ends, color=color, alpha=0.14, linewidth=0)


def _name_bands(axes: Axes, stages: pd.DataFrame) -> None:
    """Write each stage's name into its band, upright, at its beginning, with how it was left."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.35 * (high - low))
    width = stages["ends"].max() - stages["begins"].min()
    for stage in stages.itertuples():
        if stage.ends - stage.begins > 0.015 * width:
            left = {"passed": ", passed", "steps": ", out of steps", "failed": ", failed"}.get(stage.reason, "")
            axes.text(
                stage.begins + 0.004 * width, 0.98, f"{stage.stage}{left}", rotation=90, va="top", fontsize=8.5,
                color=style.INK, transform=axes.get_xaxis_transform(),
            )  # fmt: skip


def stacked_terms(metrics: pd.DataFrame) -> Figure:
    """Each reward term's weighted sum per episode, stacked over env steps: what is earned above 0, what is lost below.

    metrics: a run's, with columns reward/<term>; the smallest terms are added up as "other".
    """
    title = "Reward per episode, by term"
    names = [name for name in metrics if name.startswith("reward/")]
    table = metrics.reindex(columns=[STEPS, *names]).dropna()
    if len(table) < 2 or not names:
        return style.no_data(title, "this run has no reward terms, or fewer than two rollouts with finished episodes")
    terms = table.set_index(STEPS).rename(columns=lambda name: name.removeprefix("reward/"))
    terms = terms.rolling(max(1, len(terms) // SMOOTHING), min_periods=1, center=True).mean()
    order = terms.abs().mean().sort_values(ascending=False).index
    shown = terms[order[:TERMS]].assign(other=terms[order[TERMS:]].sum(axis="columns"))
    figure, (axes,) = style.canvas(height=4.8)
    colors = [*style.PALETTE, "#8c6d31", "#7f3c8d", "#80ba5a", style.DRAW]
    for part, labels in ((shown.clip(lower=0), list(shown)), (shown.clip(upper=0), ())):
        axes.stackplot(part.index, part.T, labels=labels, colors=colors, edgecolor=style.PAPER, linewidth=0.4)
    axes.plot(terms.sum(axis="columns"), color=style.INK, linewidth=1.6, label="all together")
    axes.axhline(0, color=style.MUTED, linewidth=0.8)
    axes.set_xlim(shown.index[0], shown.index[-1])
    style.headline(axes, title, "weighted, mean of the last 100 episodes; above 0 earned, below 0 lost")
    style.step_axis(axes)
    style.legend(axes)
    return figure


def arm_results(played: pd.DataFrame) -> Figure:
    """What each arm reaches in matches: faint dots are seeds, the bold one is their mean with its 95 % interval.

    played: one row per arm, seed and opponent, with the columns of PANELS.
    """
    if played.empty:
        return style.no_data("Matches", "nothing was played")
    arms = list(played["arm"].unique())
    figure, panels = style.canvas(height=2.4 + 0.7 * len(arms), rows=2, columns=2, sharey=True)
    for axes, ((column, opponent), title) in zip(panels, PANELS.items(), strict=True):
        for row, name in enumerate(arms):
            values = played.loc[(played["arm"] == name) & (played["opponent"] == opponent), column].to_numpy(float)
            color = style.PALETTE[row % len(style.PALETTE)]
            axes.plot(values, np.full(len(values), row), "o", color=color, alpha=0.3, markersize=5)
            low, high = mean_interval(values)
            error = [[values.mean() - low], [high - values.mean()]] if len(values) > 1 else None
            axes.errorbar(values.mean(), row + 0.22, xerr=error, fmt="D", color=color, ms=5, capsize=3, lw=1.6)
        axes.set_yticks(range(len(arms)), arms, color=style.INK)
        axes.set_ylim(len(arms) - 0.5, -0.5)
        axes.grid(axis="x", color=style.FAINT, linewidth=0.8)
        axes.grid(axis="y", visible=False)
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=style.INK)
        if column == "win_rate":
            axes.set_xlim(-0.03, 1.03)
            axes.xaxis.set_major_formatter(PercentFormatter(1))
        else:
            axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    return figure
