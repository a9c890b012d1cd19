import numpy as np
import pandas as pd
import pytest

from rlkit.errors import ParamsError
from rlkit.league.contests import contest
from rlkit.league.ratings import PRIOR, START, Elo, expected_score, rate

STRENGTHS = {"novice": 1000.0, "rookie": 1250.0, "middling": 1500.0, "strong": 1700.0, "master": 2000.0}


def planted(one, other, games, seed, draws=0.2):
    """Games of players who are nothing but their true rating; some are drawn, at the same expected score."""
    chance = float(expected_score(one, other))
    drawn = 2 * draws * min(chance, 1 - chance)
    rng = np.random.default_rng([seed, int(one), int(other)])
    return rng.choice([1.0, 0.5, 0.0], games, p=[chance - drawn / 2, drawn, 1 - chance - drawn / 2])


def table(*rows):
    return pd.DataFrame(rows, columns=["one", "other", "score"])


def test_expected_scores():
    assert expected_score(1500, 1500) == 0.5
    assert expected_score(1900, 1500) == pytest.approx(10 / 11)
    assert expected_score(1500, np.array([1500, 1900])) == pytest.approx([0.5, 1 / 11])


def test_elo_by_hand():
    elo = Elo({"rule": 1200.0})
    elo.played("me", "rule", [1])
    gain = 32 * (1 - 1 / (1 + 10 ** (-300 / 400)))
    assert elo["me"] == pytest.approx(1500 + gain)
    assert elo["rule"] == 1200
    elo.played("me", "you", [0.5, 0])
    assert elo["me"] + elo["you"] == pytest.approx(3000 + gain)  # what one wins, the other loses
    assert elo["me"] < 1500 < elo["you"]
    assert elo.games == {"me": 3, "rule": 1, "you": 2}
    with pytest.raises(ParamsError, match=r"score 2"):
        elo.played("me", "you", [2])


def test_elo_goes_on_where_it_was():
    elo = Elo({"rule": 1200.0})
    elo.joins("old me", 1650.0)
    elo.played("me", "rule", [1, 1, 0])
    again = Elo({"rule": 1200.0})
    again.restore(elo.state())
    for each in (elo, again):
        each.played("me", "old me", [1, 0.5])
    assert (elo.ratings, elo.games) == (again.ratings, again.games)


def test_elo_finds_the_planted_order():
    games = contest(STRENGTHS, planted, games=150, seed=1).sample(frac=1, random_state=1)
    elo = Elo()
    for game in games.itertuples():
        elo.played(game.one, game.other, [game.score])
    assert sorted(STRENGTHS, key=elo.__getitem__) == list(STRENGTHS)


def test_two_players_by_hand():
    found = rate(table(*[("a", "b", 1.0)] * 30, *[("b", "a", 1.0)] * 10), anchors={"b": 1500.0})
    assert found.loc["b", ["rating", "low", "high"]].tolist() == [1500, 1500, 1500]
    assert found.loc["a", "rating"] == pytest.approx(1500 + 400 * np.log10(3), abs=3)  # the prior holds it a little
    spread = 400 / np.log(10) / np.sqrt(40 * 0.75 * 0.25)
    assert found.loc["a", "high"] - found.loc["a", "low"] == pytest.approx(2 * 1.96 * spread, rel=0.03)
    assert found.loc["a", ["games", "score"]].tolist() == [40, 0.75]
    assert found.index[0] == "a"


def test_draws_are_half_wins():
    drawn = rate(table(*[("a", "b", 0.5)] * 20))
    split = rate(table(*[("a", "b", 1.0)] * 10, *[("a", "b", 0.0)] * 10))
    pd.testing.assert_frame_equal(drawn, split)
    assert drawn["rating"].tolist() == [START, START]


def test_the_order_of_games_does_not_matter():
    games = contest(STRENGTHS, planted, games=20, seed=2)
    swapped = games.sample(frac=1, random_state=0)
    swapped = swapped.assign(one=swapped["other"], other=swapped["one"], score=1 - swapped["score"])
    pd.testing.assert_frame_equal(rate(games), rate(swapped), rtol=1e-6)


def test_an_unbeaten_player_has_a_finite_rating_and_a_wide_interval():
    found = rate(table(*[("a", "b", 1.0)] * 10), anchors={"b": 1200.0})
    assert 1500 < found.loc["a", "rating"] < 1200 + 2 * PRIOR
    drawn = rate(table(*[("a", "b", 0.5)] * 4), anchors={"b": 1200.0})
    assert drawn.loc["a", "rating"] == pytest.approx(1200)  # the prior does not pull an equal away
    assert found.loc["a", "high"] - found.loc["a", "low"] > 400


def test_without_anchors_the_mean_is_the_start_and_without_a_link_little_is_known():
    games = table(*[("a", "b", 1.0), ("b", "a", 1.0)] * 20, *[("c", "d", 1.0), ("d", "c", 1.0)] * 20)
    found = rate(games)
    assert found["rating"].mean() == pytest.approx(START)
    linked = rate(pd.concat([games, table(*[("a", "c", 1.0), ("c", "a", 1.0)] * 20)]))
    width = [each.loc["a", "high"] - each.loc["a", "low"] for each in (found, linked)]
    assert width[0] > 3 * width[1]


def test_intervals_hold_the_planted_strength_as_often_as_they_say():
    anchor = {"middling": STRENGTHS["middling"]}
    inside = []
    for seed in range(50):
        found = rate(contest(STRENGTHS, planted, games=40, seed=seed), anchor).drop("middling")
        truth = found.index.map(STRENGTHS)
        inside += list((found["low"] <= truth) & (truth <= found["high"]))
    assert 0.91 <= np.mean(inside) <= 1.0  # of 200; nominal 0.95, and draws make the intervals wide
    assert list(found.index) == [name for name in reversed(STRENGTHS) if name != "middling"]


@pytest.mark.parametrize("games", [table(), table(("a", "a", 1.0)), table(("a", "b", 1.5)), table(("a", "b", np.nan))])
def test_games_that_are_none_are_refused(games):
    with pytest.raises(ParamsError, match=r"play|game"):
        rate(games)
