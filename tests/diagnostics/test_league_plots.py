import numpy as np
import pandas as pd
import pytest

from rlkit.diagnostics import league_plots
from rlkit.diagnostics.plots import png


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def course():
    steps = np.arange(1, 6) * 500_000
    rating = 1200.0 + steps / 5000
    return pd.DataFrame({"steps": steps, "rating": rating, "low": rating - 50, "high": rating + 60, "elo": rating + 9})


def test_the_course_shows_the_interval_and_the_others():
    figure = league_plots.elo_course(course(), {"rule": 1200.0})
    assert "Rating 1700 (1650 to 1760) after 2.5M steps" in texts(figure)
    band = figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (1250, 1760)
    assert "rule" in texts(figure)


@pytest.mark.parametrize("players", [3, 24])
def test_the_title_stands_clear_of_the_note_however_tall_the_figure(players):
    ratings = pd.DataFrame({"rating": range(players), "low": range(players), "high": range(players)})
    figure = league_plots.standings(ratings)
    figure.canvas.draw()
    axes = figure.axes[0]
    assert axes._left_title.get_window_extent().y0 > axes.texts[0].get_window_extent().y1


def test_standings_are_sorted_and_thinned_evenly():
    ratings = course().assign(player=[f"p{k}" for k in range(5)]).set_index("player")
    shown = [label.get_text() for label in league_plots.standings(ratings).axes[0].get_yticklabels()]
    assert shown == ["p4", "p3", "p2", "p1", "p0"]
    shown = [label.get_text() for label in league_plots.standings(ratings, most=3).axes[0].get_yticklabels()]
    assert shown == ["p4", "p2", "p0"]


def test_the_pool_and_the_odds():
    first, second = (1e5, 1, 1500, 0, 1500, 1500), (2e5, 2, 1550, 50, 1500, 1600)
    pool = pd.DataFrame([(0, 0), first, second], columns=["steps", "count", "mean", "std", "min", "max"])
    assert "2 members, mean Elo 1550" in texts(league_plots.pool_course(pool))
    odds = pd.DataFrame({"steps": [1e5, 2e5], "uniform": [0.5, 0.5], "elo_weighted": [0.2, 0.8]})
    axes = league_plots.sampler_odds(odds).axes[0]
    assert [line.get_label() for line in axes.lines] == ["uniform", "elo_weighted"]
    assert axes.lines[1].get_ydata().tolist() == [0.2, 0.8]


@pytest.mark.parametrize(
    "figure",
    [
        league_plots.elo_course(course().head(1)),
        league_plots.standings(pd.DataFrame()),
        league_plots.pool_course(pd.DataFrame()),
        league_plots.sampler_odds(pd.DataFrame()),
    ],
)
def test_too_little_data_is_said(figure):
    assert "no data yet" in texts(figure)
    assert png(figure)
