"""Messages and spaces as bytes and JSON, and what is said about those that are none."""

import json

import numpy as np
import pytest
from gym_envs import ACTIONS, SPACES
from gymnasium import spaces

from rlkit.envs.wire import DTYPES, pack, space_from_json, space_to_json, unpack
from rlkit.errors import EnvError


def test_arrays_of_every_dtype_come_back():
    arrays = {dtype: np.arange(6).reshape(2, 3).astype(dtype) for dtype in DTYPES}
    arrays |= {"big-endian": np.arange(3, dtype=">i4"), "strided": np.arange(9.0)[::2], "none": np.zeros((0, 4), bool)}
    header, found = unpack(pack({"op": "step", "n": np.int64(3), "x": np.arange(2)}, arrays))
    assert (header["op"], header["n"], header["x"]) == ("step", 3, [0, 1])
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    assert found["big-endian"].dtype.str == "<i4"


def test_a_message_by_hand():
    """As another language would write it."""
    header, arrays = unpack(
        [b'{"op": "reset", "arrays": [{"name": "a", "dtype": "<i2", "shape": [2]}]}', b"\x01\0\xff\xff"]
    )
    assert header["op"] == "reset"
    assert arrays["a"].tolist() == [1, -1]


@pytest.mark.parametrize(
    ("listed", "frames"),
    [
        ([{"name": "a", "dtype": "O", "shape": [1]}], [b"12345678"]),
        ([{"name": "a", "dtype": "|V8", "shape": [1]}], [b"12345678"]),
        ([{"name": "a", "dtype": "<f4", "shape": [-1]}], [b""]),
        ([{"name": "a", "dtype": "<f4", "shape": [3]}], [b"12345678"]),
        ([{"name": "a", "dtype": "<f4", "shape": [10**30]}], [b"12345678"]),
        ([{"name": "a", "dtype": "<f4", "shape": [float("inf")]}], [b"12345678"]),
        ([{"name": "a", "dtype": "<f4"}], [b"12345678"]),
        ([{"name": "a", "dtype": "<f4", "shape": [2]}], []),
        ({}, [b"12345678"]),
        (None, []),
    ],
)
def test_frames_that_are_no_message(listed, frames):
    with pytest.raises(EnvError):
        unpack([json.dumps({"arrays": listed}).encode(), *frames])


@pytest.mark.parametrize("header", [b"", b"\xff\xfe", b"null", b"[" * 100_000, b'"arrays"'])
def test_headers_that_are_none(header):
    with pytest.raises(EnvError, match="not a message"):
        unpack([header])


@pytest.mark.parametrize("name", sorted({*SPACES, *ACTIONS} - {"tuple"}))
def test_spaces_come_back(name):
    for space in (SPACES.get(name), ACTIONS.get(name)):
        if space is not None:
            assert space_from_json(json.loads(json.dumps(space_to_json(space), allow_nan=False))) == space


def test_bounds_of_every_sort_come_back():
    low = np.array([[-np.inf, 0.1], [1e-7, -3]], np.float32)
    for space in (
        spaces.Box(low, 5.0, dtype=np.float32),
        spaces.Box(-np.inf, np.inf, (), np.float64),
        spaces.Box(0, 255, (84, 84, 4), np.uint8),
        spaces.Discrete(4, start=-2),
    ):
        assert space_from_json(space_to_json(space)) == space
    assert len(json.dumps(space_to_json(spaces.Box(0, 255, (84, 84, 4), np.uint8)))) < 120


@pytest.mark.parametrize(
    "data",
    [
        None,
        7,
        {"type": "Tuple"},
        {"type": "Discrete"},
        {"type": "Discrete", "n": "many"},
        {"type": "Discrete", "n": 10**40},
        {"type": "Box", "low": [1, 2], "high": 3, "shape": [3], "dtype": "<f4"},
        {"type": "Box", "low": 0, "high": 1, "shape": [3], "dtype": "O"},
        {"type": "Dict", "spaces": [1]},
        {"type": "Dict", "spaces": {"a": {"type": "Dict", "spaces": {}}}},
    ],
)
def test_data_that_is_no_space(data):
    with pytest.raises(EnvError, match="is not a space"):
        space_from_json(data)
