"""Figures of the curriculum notebook: what is drawn, and that nothing to draw is said."""

import numpy as np
import pandas as pd

from rlkit.diagnostics import curriculum_plots
from rlkit.diagnostics.plots import png

STAGES = pd.DataFrame(
    {"stage": ["a", "b", "a"], "place": [0, 1, 0], "begins": [0, 500, 800], "ends": [500, 800, 1000],
     "reason": ["passed", "failed", ""]}
)  # fmt: skip


def metrics() -> pd.DataFrame:
    steps = np.arange(1, 41) * 25
    terms = {f"reward/t{k}": np.full(40, k * (-1.0) ** k) for k in range(14)}
    return pd.DataFrame(
        {"time/total_timesteps": steps, "rollout/ep_rew_mean": steps / 100, "curriculum/win_rate": 0.5} | terms
    )


def played(seeds: int) -> pd.DataFrame:
    rows = [
        {"arm": arm, "seed": seed, "opponent": opponent, "win_rate": 0.5, "goals_per_minute": seed,
         "touches_per_minute": 10}
        for arm in ("one", "other") for seed in range(seeds) for opponent in ("rule", "basic")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_stages_lie_under_the_curve_with_their_names() -> None:
    figure = curriculum_plots.stage_curve(metrics(), STAGES)
    above, below = figure.axes
    assert [text.get_text() for text in above.texts[1:]] == ["a, passed", "b, failed", "a"]
    bands = [patch.get_facecolor() for patch in below.patches]
    assert len(bands) == 3
    assert bands[0] == bands[2] != bands[1]  # a stage keeps its colour


def test_a_win_rate_of_a_few_episodes_is_not_shown() -> None:
    table = metrics().assign(**{"curriculum/games": np.arange(40)})
    below = curriculum_plots.stage_curve(table, STAGES).axes[1]
    assert below.lines[0].get_xdata().tolist() == list(np.arange(21, 41) * 25)


def test_terms_are_stacked_above_and_below_zero_and_the_small_ones_are_one() -> None:
    (axes,) = curriculum_plots.stacked_terms(metrics()).axes
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["t13", "t12", "t11", "t10", "t9", "t8", "t7", "t6", "t5", "other", "all together"]
    (total,) = [line for line in axes.lines if line.get_label() == "all together"]
    assert np.allclose(total.get_ydata(), sum(k * (-1.0) ** k for k in range(14)))


def test_arms_show_seeds_and_their_mean() -> None:
    figure = curriculum_plots.arm_results(played(3))
    assert [axes.get_title("left") for axes in figure.axes] == list(curriculum_plots.PANELS.values())
    dots = [line.get_xdata() for line in figure.axes[2].lines if len(line.get_xdata()) == 3]
    assert [list(one) for one in dots] == [[0, 1, 2]] * 2
    assert png(curriculum_plots.arm_results(played(1))).startswith(b"\x89PNG")


def test_goal_curves_take_seeds_at_the_same_steps() -> None:
    rows = [{"arm": "a", "seed": seed, "steps": step, "goals": seed} for seed in (0, 1) for step in (0, 10, 20)]
    (axes,) = curriculum_plots.goal_curves(pd.DataFrame(rows)).axes
    assert axes.lines[0].get_ydata().tolist() == [0.5, 0.5, 0.5]


def test_nothing_to_draw_is_said() -> None:
    for figure in (
        curriculum_plots.stage_curve(pd.DataFrame(), STAGES.iloc[:0]),
        curriculum_plots.stacked_terms(pd.DataFrame({"time/total_timesteps": [1]})),
        curriculum_plots.arm_results(pd.DataFrame()),
        curriculum_plots.goal_curves(pd.DataFrame()),
    ):
        assert "no data yet" in [text.get_text() for text in figure.axes[0].texts]
