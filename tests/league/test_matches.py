import itertools

import numpy as np
import pandas as pd
import pytest
from frozen import make_member

from rlkit.diagnostics.replay import Replay
from rlkit.errors import CheckpointError, EnvError, ParamsError
from rlkit.league.matches import Matches, Policy, play_matches, win_matrix
from rlkit.league.member import Member


def row(result, side="blue", seconds=30.0, touches=5, opponent_touches=1):
    winner = {"win": "blue", "loss": "orange", "draw": "none"}[result]
    kinds = {"own_goal": False, "kickoff_goal": seconds <= 10}
    counts = {"goals": int(result == "win"), "conceded": int(result == "loss")}
    touched = {"touches": touches, "opponent_touches": opponent_touches}
    return {"result": result, "side": side, "winner": winner, "seconds": seconds} | kinds | counts | touched


class Boosting:
    """A Player that only ever boosts straight on, and remembers what it was shown."""

    name, actions, seats = "boosting", "table28", ""

    def __init__(self, observation="local"):
        self.observation, self.shapes = observation, []

    def predict(self, observations):
        self.shapes.append(observations.shape)
        return np.full(len(observations), 7)


def test_summary_by_hand():
    table = pd.DataFrame(
        [row("win")] * 5 + [row("win") | {"own_goal": True}] + [row("loss")] * 2 + [row("draw", seconds=120.0)] * 2
    )
    summary = Matches("one", "two", table).summary().iloc[0]
    assert (summary["games"], summary["wins"], summary["losses"], summary["draws"]) == (10, 6, 2, 2)
    assert summary["wins_by_own_goal"] == 1
    assert summary["minutes"] == 8
    assert summary["win_rate"] == 0.6
    assert summary[["win_rate_low", "win_rate_high"]].tolist() == pytest.approx([0.3127, 0.8318], abs=1e-4)  # Wilson
    assert summary["decided_win_rate"] == 0.75
    assert summary[["decided_win_rate_low", "decided_win_rate_high"]].tolist() == pytest.approx(
        [0.4093, 0.9285], abs=1e-4
    )
    assert summary["goals_per_minute"] == 6 / 8
    assert summary["conceded_per_minute"] == 2 / 8
    assert summary["touches_per_minute"] == 50 / 8


def test_goals_by_kind_and_scores():
    games = [
        row("win", seconds=4.0),
        row("win", seconds=8.0),
        row("loss") | {"own_goal": True},
        row("draw"),
        row("win"),
    ]
    matches = Matches("one", "two", pd.DataFrame(games))
    goals = matches.goals()
    assert goals["made"].to_dict() == {"kickoff": 2, "own goal": 0, "open play": 1}
    assert goals["conceded"].to_dict() == {"kickoff": 0, "own goal": 1, "open play": 0}
    assert goals.loc["kickoff", "median_seconds"] == 6
    assert matches.scores() == [1, 1, 0, 0.5, 1]
    assert matches.summary()["wins_by_kickoff_goal"].item() == 2
    assert Matches("one", "two", pd.DataFrame([row("draw")])).goals()["made"].tolist() == [0, 0, 0]


def test_games_without_a_decision_have_no_decided_rate():
    summary = Matches("one", "two", pd.DataFrame([row("draw")])).summary().iloc[0]
    assert np.isnan(summary["decided_win_rate"])
    assert (summary["decided_win_rate_low"], summary["decided_win_rate_high"]) == (0, 1)


def test_rule_beats_idle_from_both_sides():
    matches = play_matches("rule", "idle", games=40, max_seconds=60.0)
    table = matches.table
    assert (table["result"] == "win").sum() > 2 * (table["result"] == "loss").sum()
    for side in ("blue", "orange"):
        games = table[table["side"] == side]
        assert len(games) == 20
        assert (games[side] == "rule").all()
        assert (games["result"] == "win").sum() >= 8
        assert ((games["winner"] == side) == (games["result"] == "win")).all()
    decided = table[table["winner"] != "none"]
    assert (table["goals"] + table["conceded"] == (table["winner"] != "none")).all()
    assert (decided["seconds"] <= 60).all()
    assert (table[table["winner"] == "none"]["seconds"] == 60).all()
    assert table["touches"].sum() > 4 * table["opponent_touches"].sum()
    lost = table[table["result"] == "loss"]
    assert lost["own_goal"].mean() > 0.5  # an idle car scores by being hit at most


def test_same_seed_same_games():
    tables = [play_matches("rule", "basic", games=6, seed=seed, max_seconds=15.0).table for seed in (1, 1, 2)]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert not tables[0]["touches"].equals(tables[2]["touches"])


def test_more_games_than_arenas(monkeypatch):
    monkeypatch.setattr("rlkit.league.matches.ARENAS_AT_ONCE", 4)
    table = play_matches("basic", "basic", games=6, max_seconds=5.0).table
    assert table["game"].tolist() == list(range(6))
    assert table["side"].tolist() == ["blue", "orange"] * 3


def test_a_policy_plays_its_cars_with_its_own_eyes():
    player = Boosting("seed180")
    table = play_matches(player, "idle", games=4, mode="2v2", max_seconds=4.0).table
    assert player.shapes[0] == (8, 180)  # two cars in each of four games
    assert (player.shapes[-1], len(player.shapes)) == ((8, 180), 60)
    assert table["opponent_touches"].sum() == 0
    assert set(table["blue"]) == set(table["orange"]) == {"boosting", "idle"}


def test_unequal_teams_keep_their_sides():
    table = play_matches("basic", "rule", games=4, mode="1v2", max_seconds=2.0).table
    assert (table["side"] == "blue").all()


def test_finished_games_ask_for_no_actions():
    player = Boosting()
    play_matches(player, "idle", games=8, max_seconds=60.0)
    cars = [shape[0] for shape in player.shapes]
    assert cars[0] == 8
    assert all(after <= before for before, after in itertools.pairwise(cars))


def test_recorded_games_are_replays():
    matches = play_matches("rule", "basic", games=3, max_seconds=20.0, record=2)
    assert len(matches.replays) == 2
    for replay, game in zip(matches.replays, matches.table.itertuples(), strict=False):
        assert len(replay) == round(game.seconds * 15) + 1
        assert replay.arrays["score"][-1].tolist() == [game.winner == "blue", game.winner == "orange"]
        assert not replay.arrays["score"][0].any()
        assert replay.arrays["touches"].sum() >= game.touches
        assert replay.meta["names"] == [game.blue, game.orange]
        assert replay.meta["teams"] == [0, 1]
        assert np.abs(np.linalg.norm(replay.arrays["car_forward"], axis=-1) - 1).max() < 1e-3
        assert len(Replay.from_bytes(replay.to_bytes())) == len(replay)


def test_games_away_from_kickoff_and_chosen_films():
    matches = play_matches("rule", "basic", games=6, max_seconds=6.0, record=[1, 4], start="scatter")
    assert [replay.title[-6:] for replay in matches.replays] == ["game 1", "game 4"]
    assert not matches.table["kickoff_goal"].any()
    first = np.array([replay.arrays["ball_position"][0] for replay in matches.replays])
    assert (np.abs(first[:, :2]) > 1).any(axis=1).all()  # no ball waits in the middle
    drill = play_matches("basic", "idle", games=4, max_seconds=8.0, start="open_goal").table
    assert drill["goals"].sum() > 0 == drill["conceded"].sum()


def test_win_matrix():
    matrix = win_matrix(["rule", "idle"], games=20, max_seconds=60.0)
    assert np.isnan(np.diag(matrix)).all()
    assert matrix.loc["rule", "idle"] > 0.4 > matrix.loc["idle", "rule"]
    assert matrix.loc["rule", "idle"] + matrix.loc["idle", "rule"] <= 1


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        ({"player": "ruel"}, EnvError, "Did you mean 'rule'"),
        ({"mode": "4v4"}, EnvError, "unknown mode"),
        ({"games": 0}, ParamsError, "at least one"),
        ({"start": "kickof"}, ParamsError, "Did you mean 'kickoff'"),
        ({"player": Member(*make_member()), "tick_skip": 4}, CheckpointError, "every 8 ticks"),
        ({"player": Policy("odd", np.ravel, observation="pixels")}, EnvError, "pixels"),
    ],
)
def test_wrong_arguments_are_refused(arguments, error, hint):
    with pytest.raises(error, match=hint):
        play_matches(**({"player": "idle", "opponent": "idle", "games": 1, "max_seconds": 1.0} | arguments))
