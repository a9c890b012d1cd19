"""The table of reward modes: every name is one, the scales are the source's, and weights are worked out by hand."""

import pytest

from rlkit.envs.rocket_league.reward_modes import FAMILIES, MODES, SHAPED, mode_weights
from rlkit.envs.rocket_league.rewards import REWARDS
from rlkit.errors import EnvError


def test_every_term_of_the_table_is_one_and_stands_in_one_family():
    terms = [term for family in FAMILIES.values() for term in family]
    assert len(set(terms)) == len(terms)
    assert {*terms, *SHAPED} <= set(REWARDS)
    assert all(set(scales) == set(FAMILIES) for scales in MODES.values())


def test_the_modes_by_hand():
    sparse, dense, hybrid = (mode_weights(mode) for mode in ("sparse", "dense", "hybrid"))
    assert list(sparse) == list(REWARDS)
    assert {term for term, weight in sparse.items() if weight} == set(FAMILIES["sparse"])
    assert (sparse["goal"], sparse["concede"], sparse["save"]) == (10.0, -10.0, 3.0)
    assert (dense["goal"], dense["touch"], dense["own_goal"]) == (2.0, 0.1, -5.0)
    assert (hybrid["goal"], hybrid["touch"], hybrid["ball_progress"]) == pytest.approx((10.0, 0.05, 1.4))


def test_a_scale_moves_with_progress_and_stays_at_its_end():
    fading = {"ball": (1.0, 0.2), "goal": 0.5}
    touch = [mode_weights("hybrid", fading, progress)["touch"] for progress in (0.0, 0.5, 1.0, 1.5)]
    assert touch == pytest.approx([0.1, 0.06, 0.02, 0.02])
    assert mode_weights("hybrid", fading, 0.5)["ball_progress"] == 1.0


def test_unknown_names_are_refused():
    with pytest.raises(EnvError, match="Did you mean 'sparse'"):
        mode_weights("sprase")
    with pytest.raises(EnvError, match="Did you mean 'aerial'"):
        mode_weights("hybrid", {"areal": 1.0})
