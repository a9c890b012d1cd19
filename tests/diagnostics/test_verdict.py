"""The verdict: hand-worked numbers, a refusal of too few seeds, and its false alarms on runs that do not differ."""

import numpy as np
import pytest

from rlkit.diagnostics.verdict import ALPHA, improvement_chance, judge, seeds_needed
from rlkit.errors import ParamsError


def test_a_clear_difference_is_told_in_both_directions() -> None:
    low, high = np.arange(5.0), np.arange(5.0) + 10
    assert judge(low, high).word == "better"
    assert judge(high, low).word == "worse"
    assert judge(low, high).difference == 10
    assert judge(low, high).p == pytest.approx(2 / 252)  # 2 of the (10 over 5) regroupings differ as much
    assert judge(low, high).improvement == 1.0
    assert str(judge(low, high)).startswith("better: +10 (")


def test_no_difference_cannot_be_told_and_more_seeds_are_named() -> None:
    one, other = np.array([1.0, 2, 3, 4, 5]), np.array([1.5, 2.5, 3.5, 4.5, 5.5])
    verdict = judge(one, other)
    assert verdict.word == "cannot tell"
    # variance 2.5 on both sides, difference 0.5: 2 * 2.5 * (1.95996 + 0.84162)^2 / 0.25 = 156.98
    assert seeds_needed(one, other) == 157
    assert verdict.more_seeds == 152
    assert "about 152 more seeds" in str(verdict)


def test_the_chance_of_improvement_counts_ties_half() -> None:
    # pairs of (1, 2) and (2, 3): 2 > 1, 2 = 2, 3 > 1, 3 > 2
    assert improvement_chance(np.array([1.0, 2.0]), np.array([2.0, 3.0])) == 3.5 / 4


def test_fewer_than_five_seeds_are_refused() -> None:
    with pytest.raises(ParamsError, match=r"4 and 9 seeds.*Train 1 more"):
        judge(np.arange(4.0), np.arange(9.0))


def test_false_alarms_on_runs_that_do_not_differ_are_near_nominal() -> None:
    random = np.random.default_rng(0)
    sets = 400
    alarms = sum(judge(*random.standard_t(3, (2, 5))).word != "cannot tell" for _ in range(sets))
    assert alarms / sets <= ALPHA + 2 * (ALPHA * (1 - ALPHA) / sets) ** 0.5
    assert alarms > 0
