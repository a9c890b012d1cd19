"""How numba kernels that Python calls are kept on disk without going stale."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba


def entry(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """The function compiled by numba with `options`, kept on disk until a source file of its folder changes.

    numba compares only the file of the function itself, and so would go on running a part that was edited elsewhere.
    The numpy error model divides without checking for zero.
    """
    kernel = numba.njit(cache=True, error_model="numpy", **options)(function)
    cache_file = getattr(getattr(kernel, "_cache", None), "_cache_file", None)  # none where NUMBA_DISABLE_JIT is set
    if cache_file is not None:
        cache_file._source_stamp = _sources(Path(function.__code__.co_filename).parent)
    return kernel


@functools.cache
def _sources(folder: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))).hexdigest()
