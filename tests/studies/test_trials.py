"""Work of a study that is spread over processes: the same results, in order, and errors that are not lost."""

import math

import pytest

from rlkit.studies.trials import workers


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_spread_work_comes_back_in_order(n_jobs: int) -> None:
    with workers(n_jobs) as spread:
        assert list(spread(math.factorial, [5, 3, 4])) == [120, 6, 24]
    with pytest.raises(ValueError, match="negative"), workers(n_jobs) as spread:
        list(spread(math.factorial, [1, -1]))
