import numpy as np
import pandas as pd
import pytest

from rlkit.league.contests import contest
from rlkit.league.ratings import expected_score
from rlkit.params import load_params
from rlkit.studies import self_play

ARMS = ["scripts", "uniform", "elo_weighted"]
STRENGTHS = {"scripts": 1200.0, "uniform": 1500.0, "elo_weighted": 1510.0}


def planted(one, other, games, seed):
    rng = np.random.default_rng([seed, int(one), int(other)])
    return (rng.random(games) < expected_score(one, other)).astype(float)


@pytest.fixture(scope="module")
def results():
    params = load_params("self_play", {"arms": ARMS})
    players = {"rule": 1200.0} | {
        f"{arm}/{seed}": elo + 5 * seed for arm, elo in STRENGTHS.items() for seed in range(5)
    }
    return self_play.results(params, contest(players, planted, games=60, seed=1))


def test_a_tournament_tells_what_can_be_told(results):
    assert len(results) == 15
    truth = results["arm"].map(STRENGTHS) + 5 * results["seed"]
    assert (results["rating"] - truth).std() < 35  # all hang on one anchor, so that they may be off together
    summary = self_play.summary(results, ARMS).set_index("arm")
    assert summary.loc["uniform", "rating"] == pytest.approx(1510, abs=80)
    assert (summary["low"] < summary["rating"]).all()
    assert (summary["worst"] < summary["best"]).all()
    verdicts = self_play.verdicts(results, ARMS).set_index("question")
    assert verdicts["verdict"].tolist() == ["better", "better", "cannot tell"]
    assert verdicts.index[2] == "elo_weighted against uniform"


def test_scores_against_scripts_are_the_arms_own():
    games = pd.DataFrame({"one": ["a/0"] * 4, "other": ["rule"] * 4, "game": range(4), "score": [1, 1, 0.5, 0]})
    found = self_play.results(load_params("self_play", {}), games)
    assert found["score against rule"].tolist() == [0.625]


def test_the_arms_differ_by_their_opponents_alone():
    values = {"total_timesteps": 1000, "study_share": 0.5, "member_every": 100, "start_from": "champion"}
    params = load_params("self_play", values)
    arms = {arm: self_play._arm(params, arm) for arm in params.arms}
    assert {arm.start_from for arm in arms.values()} == {""}
    assert {arm.total_timesteps for arm in arms.values()} == {500}
    assert {arm.rate_every for arm in arms.values()} == {125}
    assert {arm.member_every for arm in arms.values()} == {50}
    assert {name: arm.league_share for name, arm in arms.items() if not arm.league_share} == {"scripts": 0, "self": 0}
    assert arms["scripts"].env_kwargs == {"opponents": {"rule": 0.25, "basic": 0.15}}
    assert all(arms[name].sampler == name and arms[name].env_kwargs == {} for name in params.arms[2:])
    load_params("self_play", arms["scripts"].model_dump())  # what its own process reads
