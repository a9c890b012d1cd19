"""How the kernels of this folder are compiled: entries that Python calls, and parts that vanish into them."""

import functools

import numba

from rlkit import kernels

FAST = {"contract", "reassoc", "nsz"}  # fused and reordered sums are welcome; NaN and infinity stay what they are

nopython = numba.njit(error_model="numpy", fastmath=FAST)  # compiled into the entries that call it
inlined = numba.njit(error_model="numpy", fastmath=FAST, forceinline=True)  # for parts of inner loops
entry = functools.partial(kernels.entry, nogil=True, fastmath=FAST)  # what Python calls, free of the GIL
