import numpy as np
import pytest

from rlkit.errors import ParamsError
from rlkit.league.ratings import expected_score
from rlkit.league.samplers import SAMPLERS, Taste, odds

RATINGS, STEPS = [1000.0, 1400.0, 1500.0, 1900.0], [0, 1e6, 2e6, 3e6]


def test_uniform():
    assert odds("uniform", RATINGS, STEPS, 1500.0) == pytest.approx([0.25] * 4)


def test_elo_weighted_prefers_equals():
    found = odds("elo_weighted", RATINGS, STEPS, 1500.0)
    assert found / found[2] == pytest.approx(np.exp([-2.5, -0.5, 0, -2]))
    assert found.sum() == pytest.approx(1)
    assert odds("elo_weighted", RATINGS, STEPS, 1500.0, Taste(window=10)).argmax() == 2


def test_recent_weighted_prefers_the_young():
    found = odds("recent_weighted", RATINGS, STEPS, 1500.0)
    assert found / found[3] == pytest.approx(np.exp([-1.5, -1.0, -0.5, 0]))
    young = odds("recent_weighted", RATINGS, [0, 1e5, 2e5, 3e5], 1500.0)
    assert young.max() / young.min() < 1.2  # nearly uniform, as the module says
    assert odds("recent_weighted", RATINGS, STEPS, 1500.0, Taste(temperature=10))[3] > 0.99


def test_difficulty_adjusted_prefers_the_wanted_score():
    found = odds("difficulty_adjusted", RATINGS, STEPS, 1500.0)
    away = np.abs(expected_score(1500.0, np.array(RATINGS)) - 0.5)
    assert found / found[2] == pytest.approx(np.exp(-away / 0.5))
    assert found.max() / found.min() < np.e  # all it can do at its own temperature
    sharp = Taste(temperature=0.05)
    assert odds("difficulty_adjusted", RATINGS, STEPS, 1500.0, sharp).argmax() == 2
    easy = Taste(temperature=0.05, target_win_rate=0.95)
    assert odds("difficulty_adjusted", RATINGS, STEPS, 1500.0, easy).argmax() == 0


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_picks_come_as_often_as_promised(sampler):
    promised = odds(sampler, RATINGS, STEPS, 1450.0)
    drawn = np.random.default_rng(0).multinomial(20_000, promised) / 20_000
    assert drawn == pytest.approx(promised, abs=0.02)
    assert odds(sampler, [5000.0], [1e9], 0.0).tolist() == [1.0]  # extremes stay finite


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("unifrom", RATINGS, STEPS, 1500.0), "Did you mean 'uniform'"),
        (("uniform", [], [], 1500.0), "empty"),
        (("uniform", RATINGS, STEPS, 1500.0, Taste(temperature=0)), "above 0"),
        (("uniform", RATINGS, STEPS, 1500.0, Taste(window=-1)), "above 0"),
    ],
)
def test_wrong_arguments_are_refused(arguments, hint):
    with pytest.raises(ParamsError, match=hint):
        odds(*arguments)
