"""Ways of training: a table from phase to the function that builds its model on a VecEnv."""

from collections.abc import Callable

from stable_baselines3.common.base_class import BaseAlgorithm

from rlkit.trainers.baseline import baseline_ppo

TRAINERS: dict[str, Callable[..., BaseAlgorithm]] = {"baseline": baseline_ppo}
