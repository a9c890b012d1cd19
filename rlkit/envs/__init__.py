"""The problems, and the adapters that make a VecEnv or a gymnasium.Env of each."""

from typing import Any

from rlkit.envs.registry import ENVS, register

__all__ = ["ENVS", "make_vec_env", "register"]

register()


def __getattr__(name: str) -> Any:
    """`make_vec_env` on first use: it needs stable-baselines3, which takes seconds to import."""
    if name == "make_vec_env":
        from rlkit.envs.make import make_vec_env

        return make_vec_env
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
