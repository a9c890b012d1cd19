"""The baseline's learning rate, by hand."""

import pytest

from rlkit.trainers.baseline import linear


@pytest.mark.parametrize(("left", "rate"), [(1.0, 0.8), (0.5, 0.5), (0.0, 0.2), (-0.5, 0.2)])
def test_linear_falls_to_its_end_and_stays(left: float, rate: float) -> None:
    assert linear(0.8, 0.2)(left) == pytest.approx(rate)
