"""How numba kernels that Python calls are kept on disk without going stale."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import IndexDataCacheFile


def entry(function: Callable[..., Any], folders: tuple[Path, ...] = (), **options: Any) -> Callable[..., Any]:
    """The function compiled by numba with `options`, kept on disk until a source file of its folder changes.

    folders: others whose source files have parts in it. numba compares only the file of the function itself, and so
    would go on running a part that was edited elsewhere. The numpy error model divides without checking for zero.
    """
    kernel = numba.njit(cache=True, error_model="numpy", **options)(function)
    cache = getattr(kernel, "_cache", None)  # none where NUMBA_DISABLE_JIT is set
    if cache is not None:
        stamp = _sources(Path(function.__code__.co_filename).parent, *folders)
        cache._cache_file = _Files(cache._cache_path, cache._impl.filename_base, stamp)
    return kernel


class _Files(IndexDataCacheFile):
    """numba's files of one kernel, right also when several processes compile it at once or one is killed meanwhile.

    numba itself numbers the files and writes the index before the code: two processes can give one number to two
    signatures, and whoever reads in between, or after a kill, finds under the new index the code of older sources.
    """

    def __init__(self, folder: str, name: str, stamp: str) -> None:
        super().__init__(folder, name, stamp)
        # numba reads an index only of its own version, and one that names a class which is gone cannot be read
        self._version = f"{self._version} {stamp}"

    def save(self, key: tuple[Any, ...], data: Any) -> None:
        """Keep the code of a signature under a name of its own, and only then say so in the index."""
        name = f"{self._index_name.removesuffix('.nbi')}.{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.nbc"
        self._save_data(name, data)
        self._save_index(self._load_index() | {key: name})


@functools.cache
def _sources(*folders: Path) -> str:
    paths = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
