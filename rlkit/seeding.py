"""One way to seed everything, and independent random streams derived from one seed."""

import random

import numpy as np


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators (torch covers every device)."""
    import torch  # here: env workers need `stream` alone, and torch would cost each a second and 120 MB

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def stream(seed: int, *keys: int) -> np.random.Generator:
    """A generator that depends only on (seed, keys): stream(seed, arena) is the same in any process."""
    return np.random.default_rng([seed, *keys])
