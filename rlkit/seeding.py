"""One way to seed everything, and independent random streams derived from one seed."""

import random
from typing import Any

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


def random_state() -> dict[str, Any]:
    """Where the generators of `seed_everything` stand, as numbers and tensors."""
    import torch

    _, python, python_gauss = random.getstate()
    numpy = np.random.get_state(legacy=False)
    return {
        "python": list(python),
        "python_gauss": python_gauss,
        "numpy": numpy["state"]["key"].tolist(),
        "numpy_pos": numpy["state"]["pos"],
        "numpy_gauss": [numpy["has_gauss"], numpy["gauss"]],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Put the generators back to a `random_state`; those of GPUs only where there are as many."""
    import torch

    random.setstate((3, tuple(state["python"]), state["python_gauss"]))
    has_gauss, gauss = state["numpy_gauss"]
    key = np.array(state["numpy"], np.uint32)
    np.random.set_state(("MT19937", key, state["numpy_pos"], has_gauss, gauss))
    torch.set_rng_state(state["torch"])
    if len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
