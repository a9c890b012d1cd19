"""Live charts: what is drawn is the data, thinned and scaled, and names cannot break the page."""

import re

import numpy as np

from rlkit.widgets.sparkline import HEIGHT, MOST_POINTS, WIDTH, chart


def points(svg: str) -> np.ndarray:
    (text,) = re.findall(r"points='([^']*)'", svg)
    return np.array([pair.split(",") for pair in text.split()], float)


def test_a_line_goes_from_corner_to_corner() -> None:
    drawn = points(chart("t", {"a": (np.array([0.0, 5.0, 10.0]), np.array([1.0, 2.0, 3.0]))}))
    assert drawn.tolist() == [[0, HEIGHT], [WIDTH / 2, HEIGHT / 2], [WIDTH, 0]]


def test_long_curves_are_thinned_and_keep_their_last_point() -> None:
    x = np.arange(10_001.0)
    text = chart("t", {"a": (x, x)})
    assert len(points(text)) <= MOST_POINTS
    assert points(text)[-1].tolist() == [WIDTH, 0]
    assert ">1e+04<" in text
    assert "a 1e+04" in chart("t", {"a": (x, x), "b": (x, -x)})


def test_what_is_not_finite_is_left_out() -> None:
    drawn = points(chart("t", {"a": (np.arange(3.0), np.array([np.nan, 1.0, np.inf]))}))
    assert drawn.tolist() == [[WIDTH / 2, HEIGHT / 2]]
    assert "after the first rollouts" in chart("t", {"a": (np.zeros(0), np.zeros(0))})


def test_names_are_text() -> None:
    assert "<script>" not in chart("<script>", {"<script>": (np.zeros(1), np.zeros(1))})
