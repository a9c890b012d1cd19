"""How the kernels of this folder are compiled: entries that Python calls, and parts that vanish into them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

FAST = {"contract", "reassoc", "nsz"}  # fused and reordered sums are welcome; NaN and infinity stay what they are

nopython = numba.njit(error_model="numpy", fastmath=FAST)  # compiled into the entries that call it
inlined = numba.njit(error_model="numpy", fastmath=FAST, forceinline=True)  # for parts of inner loops


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """A compiled function that Python calls, free of the GIL, kept on disk until a source file of this folder changes.

    numba compares only the file of the function itself, and so would go on running a part that was edited elsewhere.
    """
    kernel = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)(function)
    cache_file = getattr(getattr(kernel, "_cache", None), "_cache_file", None)  # none where NUMBA_DISABLE_JIT is set
    if cache_file is not None:
        cache_file._source_stamp = _SOURCES
    return kernel


_SOURCES = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
).hexdigest()
