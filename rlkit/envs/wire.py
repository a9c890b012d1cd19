"""Messages between an env's server and its client: a JSON header and raw arrays, nothing that runs code.

A message is a ZeroMQ multipart message. Its first frame is a JSON object; `arrays` in it lists the frames that follow,
in order, as {"name", "dtype", "shape"}: little-endian numbers in C order, dtype one of DTYPES. What the messages say
stands in remote.py.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from rlkit.errors import EnvError

PROTOCOL = "rlkit-env"
VERSION = 1
MAX_BYTES = 1 << 30  # of one frame; 64 rows of 84 x 84 x 4 bytes are 1.8 MB, so more than this is no env's
DTYPES = ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8")

Arrays = dict[str, np.ndarray]


def pack(header: dict[str, Any], arrays: Arrays | None = None) -> list[bytes]:
    """The frames of a message; EnvError for a value in the header that JSON does not have."""
    little = {name: np.asarray(a, a.dtype.newbyteorder("<"), order="C") for name, a in (arrays or {}).items()}
    listed = [{"name": name, "dtype": a.dtype.str, "shape": list(a.shape)} for name, a in little.items()]
    try:
        text = json.dumps({**header, "arrays": listed}, default=_plain)
    except (TypeError, ValueError) as error:
        raise EnvError(f"a {header.get('op', 'reply')} cannot be sent: {error}. Infos must be plain data.") from error
    return [text.encode(), *(a.tobytes() for a in little.values())]


def unpack(frames: Sequence[bytes]) -> tuple[dict[str, Any], Arrays]:
    """The header and the arrays of a message; EnvError when the frames are none."""
    try:
        header = json.loads(frames[0])
        listed = [(str(one["name"]), str(one["dtype"]), [int(n) for n in one["shape"]]) for one in header["arrays"]]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise EnvError(f"not a message of {PROTOCOL}: its header is {frames[0][:80]!r} ({error!r})") from error
    if len(listed) != len(frames) - 1:
        raise EnvError(f"not a message of {PROTOCOL}: {len(listed)} arrays are listed and {len(frames) - 1} came")
    arrays = {}
    for (name, dtype, shape), frame in zip(listed, frames[1:], strict=True):
        if dtype not in DTYPES or min(shape, default=0) < 0:
            raise EnvError(f"array '{name}' has dtype '{dtype}' and shape {shape}; dtypes are {', '.join(DTYPES)}")
        if math.prod(shape) * np.dtype(dtype).itemsize != len(frame):
            raise EnvError(f"array '{name}' of shape {shape} and dtype {dtype} came with {len(frame)} bytes")
        arrays[name] = np.frombuffer(frame, dtype).reshape(shape)
    return header, arrays


def array_name(name: str, key: str | None) -> str:
    """The name of an observation's array: "observation", or "observation/key" for a key of a Dict space."""
    return name if key is None else f"{name}/{key}"


def expect(arrays: Arrays, name: str, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """The array `name`, writable; EnvError unless it has this dtype and shape."""
    array = arrays.get(name)
    if array is None:
        raise EnvError(f"the message has no array '{name}', only {sorted(arrays)}")
    if array.dtype != dtype or array.shape != shape:
        raise EnvError(f"array '{name}' is {array.dtype} {array.shape} in place of {dtype} {shape}")
    return array.astype(dtype)  # in this machine's byte order, and a copy of its own


def space_to_json(space: spaces.Space) -> dict[str, Any]:
    """A space as plain data; EnvError for kinds other than Box, Discrete, MultiDiscrete, MultiBinary, Dict of these."""
    if isinstance(space, spaces.Box):
        bounds = {"low": _bound(space.low), "high": _bound(space.high)}
        return {"type": "Box", "shape": list(space.shape), "dtype": space.dtype.newbyteorder("<").str, **bounds}
    if isinstance(space, spaces.Discrete):
        return {"type": "Discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.MultiDiscrete):
        return {"type": "MultiDiscrete", "nvec": space.nvec.tolist()}
    if isinstance(space, spaces.MultiBinary):
        return {"type": "MultiBinary", "n": np.asarray(space.n).tolist()}
    if isinstance(space, spaces.Dict):
        return {"type": "Dict", "spaces": {key: space_to_json(part) for key, part in space.items()}}
    raise EnvError(f"{space} cannot be told to another process; Box, Discrete, MultiDiscrete, MultiBinary and Dict can")


def space_from_json(data: Any) -> spaces.Space:
    """The space that `space_to_json` wrote; EnvError when the data is none, or a Dict in a Dict."""
    try:
        kind = data["type"]
        if kind == "Box":
            shape, dtype = tuple(data["shape"]), np.dtype(data["dtype"]).newbyteorder("=")
            ends = (np.array(_unbound(data[end], sign)) for end, sign in (("low", -math.inf), ("high", math.inf)))
            low, high = (np.broadcast_to(end if end.ndim == 0 else end.reshape(shape), shape) for end in ends)
            return spaces.Box(low.astype(dtype), high.astype(dtype), shape, dtype.type)
        if kind == "Discrete":
            return spaces.Discrete(data["n"], start=data.get("start", 0))
        if kind == "MultiDiscrete":
            return spaces.MultiDiscrete(data["nvec"])
        if kind == "MultiBinary":
            return spaces.MultiBinary(data["n"])
        if kind == "Dict":
            parts = {key: space_from_json(part) for key, part in data["spaces"].items()}
            if not any(isinstance(part, spaces.Dict) for part in parts.values()):
                return spaces.Dict(parts)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, AssertionError) as error:
        raise EnvError(f"{str(data)[:200]} is not a space ({error!r})") from error
    raise EnvError(f"{str(data)[:200]} is not a space: type Box, Discrete, MultiDiscrete, MultiBinary or Dict")


def _bound(values: np.ndarray) -> Any:
    """One number where all are equal, else a flat list; null stands for no bound."""
    flat = [value if math.isfinite(value) else None for value in values.ravel().tolist()]
    return flat[0] if flat and flat.count(flat[0]) == len(flat) else flat


def _unbound(bound: Any, infinity: float) -> Any:
    if isinstance(bound, list):
        return [infinity if value is None else value for value in bound]
    return infinity if bound is None else bound


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's, which is all that JSON lacks in most infos."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{value!r} is a {type(value).__name__}")
