"""Ways of training: a table from phase to the function that builds its model on a VecEnv."""

from collections.abc import Callable

from stable_baselines3.common.base_class import BaseAlgorithm

from rlkit.trainers.baseline import baseline_ppo
from rlkit.trainers.cartpole import cartpole_dqn
from rlkit.trainers.curriculum import curriculum_ppo
from rlkit.trainers.dodge import dodge_model
from rlkit.trainers.memory import memory_ppo
from rlkit.trainers.self_play import self_play_ppo
from rlkit.trainers.speed import speed_ppo

TRAINERS: dict[str, Callable[..., BaseAlgorithm]] = {
    "baseline": baseline_ppo,
    "speed": speed_ppo,
    "recurrent": memory_ppo,
    "curriculum": curriculum_ppo,
    "self_play": self_play_ppo,
    "dodge": dodge_model,
    "cartpole": cartpole_dqn,
}
