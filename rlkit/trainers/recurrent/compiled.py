"""How the kernels of this folder are compiled: as those of `fast`, whose parts they are made of."""

import functools
from pathlib import Path

from rlkit.trainers.fast import compiled

entry = functools.partial(compiled.entry, folders=(Path(compiled.__file__).parent,))
