"""How numba kernels that Python calls are kept on disk without going stale."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba


def entry(function: Callable[..., Any], folders: tuple[Path, ...] = (), **options: Any) -> Callable[..., Any]:
    """The function compiled by numba with `options`, kept on disk until a source file of its folder changes.

    folders: others whose source files have parts in it. numba compares only the file of the function itself, and so
    would go on running a part that was edited elsewhere. The numpy error model divides without checking for zero.
    """
    kernel = numba.njit(cache=True, error_model="numpy", **options)(function)
    cache_file = getattr(getattr(kernel, "_cache", None), "_cache_file", None)  # none where NUMBA_DISABLE_JIT is set
    if cache_file is not None:
        cache_file._source_stamp = stamp = _sources(Path(function.__code__.co_filename).parent, *folders)
        # numba reads an index only of its own version, and one that names a class which is gone cannot be read
        cache_file._version = f"{cache_file._version} {stamp}"
    return kernel


@functools.cache
def _sources(*folders: Path) -> str:
    paths = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
