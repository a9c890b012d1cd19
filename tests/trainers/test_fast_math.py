"""The machine code at the bottom: vectors, tiles and transposes against NumPy in double precision."""

import numpy as np
import pytest

from rlkit.trainers.fast.compiled import entry
from rlkit.trainers.fast.functions import exp, tanh
from rlkit.trainers.fast.layout import aligned, make_layout
from rlkit.trainers.fast.simd import (
    LANES,
    PANEL,
    ROWS,
    larger,
    load,
    magnitude,
    smaller,
    square_root,
    store,
    total,
    where_at_most,
    where_less,
)
from rlkit.trainers.fast.tiles import half_tile, tile, transpose


@entry
def exp_all(x, y):
    for i in range(0, len(x), LANES):
        store(y, i, exp(load(x, i)))


@entry
def tanh_all(x, y):
    for i in range(0, len(x), LANES):
        store(y, i, tanh(load(x, i)))


@entry
def assorted(a, b, out):
    x, y = load(a, 0), load(b, 0)
    results = (x + y, x - 1.0, 2.0 * x, x / y, smaller(x, y), larger(x, y), square_root(magnitude(x)))
    for i, result in enumerate(results):
        store(out, i * LANES, result)
    store(out, 7 * LANES, where_less(x, y, x + x, y))
    store(out, 8 * LANES, where_at_most(x, x, x, y))
    return total(x)


@entry
def one_tile(out, start, a, a_row, a_k, b, depth, half):
    if half:
        half_tile(out, 0, LANES, start, 0, 0, a, 0, a_row, a_k, b, 0, LANES, depth)
    else:
        tile(out, 0, PANEL, start, 0, 0, a, 0, a_row, a_k, b, 0, PANEL, depth)


@entry
def one_transpose(out, a):
    transpose(out, 0, LANES, a, 0, LANES)


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def test_tanh_is_exact_to_float32_everywhere():
    x = np.concatenate([np.linspace(-20, 20, 2**17), np.geomspace(1e-30, 1, 2**15)]).astype(np.float32)
    y, expected = np.empty_like(x), np.tanh(x.astype(np.float64))
    tanh_all(x, y)
    assert np.abs(y - expected).max() <= 2e-7
    assert np.nanmax(np.abs(y - expected) / np.abs(expected)) <= 2.5e-7
    assert np.abs(y).max() == 1.0


def test_exp_is_exact_to_float32_and_stays_finite():
    x = np.linspace(-87, 88, 2**17, dtype=np.float32)
    y, expected = np.empty_like(x), np.exp(x.astype(np.float64))
    exp_all(x, y)
    assert np.abs(y / expected - 1).max() <= 2e-7
    edges = np.full(LANES, np.inf, np.float32)
    edges[:3] = -np.inf, np.nan, 0.0
    y = np.empty_like(edges)
    exp_all(edges, y)
    assert 0 < y[0] < 2e-38
    assert np.isnan(y[1])
    assert y[2] == 1.0
    assert 1e38 < y[3] < np.inf


def test_arithmetic_of_vectors():
    a, b = random(2, LANES)
    out = np.empty((9, LANES), np.float32)
    assert assorted(a, b, out.ravel()) == pytest.approx(a.sum(), abs=1e-5)
    expected = [a + b, a - 1, 2 * a, a / b, np.minimum(a, b), np.maximum(a, b), np.sqrt(np.abs(a))]
    expected += [np.where(a < b, a + a, b), a]
    np.testing.assert_allclose(out, expected, rtol=1e-6)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("depth", [0, 1, 65])
def test_a_tile_is_a_product_plus_its_start(half, transposed, depth):
    width = LANES if half else PANEL
    a, b, start = random(ROWS, depth), random(depth, width), random(width)
    out = np.full((ROWS, width), np.nan, np.float32)
    memory = np.ascontiguousarray(a.T if transposed else a).ravel()
    strides = (1, ROWS) if transposed else (depth, 1)
    one_tile(out.ravel(), start, memory, *strides, b.ravel(), depth, half)
    np.testing.assert_allclose(out, a.astype(float) @ b + start, atol=1e-5)


def test_a_transposed_block():
    a, out = random(LANES, LANES), np.empty((LANES, LANES), np.float32)
    one_transpose(out.ravel(), a.ravel())
    assert (out == a.T).all()


def test_memory_starts_at_a_cache_line():
    assert all(aligned(size).ctypes.data % 64 == 0 for size in (1, 7, 1000))


def test_every_parameter_has_a_place_of_its_own():
    layout = make_layout(7, [[33, 5], [70, 48, 1]], 0, [0, 5], 1, False)
    n_parameters = 7 * 33 + 33 + 33 * 5 + 5 + 7 * 70 + 70 + 70 * 48 + 48 + 48 + 1
    assert len(np.unique(layout.places)) == n_parameters
    assert layout.places.max() < len(layout.network.weights)
