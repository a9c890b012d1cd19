"""A Jupyter kit for reinforcement-learning experiments that measures what it claims.

The names below are the public ones; everything else is by module path. Importing rlkit registers its envs with
Gymnasium, so `gymnasium.make("rlkit/RocketLeague-v0")` works afterwards.
"""

from importlib import import_module
from typing import Any

from rlkit.envs.registry import register

_HOMES = {
    "PPO": "rlkit.trainers.ppo",
    "RecurrentPPO": "rlkit.trainers.recurrent_ppo",
    "DQN": "rlkit.trainers.dqn",
    "load_params": "rlkit.params",
    "make_vec_env": "rlkit.envs",
    "start": "rlkit.experiment",
    "train": "rlkit.experiment",
    "branch": "rlkit.experiment",
    "resume": "rlkit.experiment",
    "attach": "rlkit.runs",
    "evaluate": "rlkit.assess",
    "play": "rlkit.playing",
    "form": "rlkit.widgets.form",
    "compare": "rlkit.comparing",
    "report": "rlkit.reporting",
}
__all__ = list(_HOMES)

register()


def __getattr__(name: str) -> Any:
    """A public name on first use: torch and SB3 take seconds to import, and `rlkit ls` needs neither."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rlkit' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
