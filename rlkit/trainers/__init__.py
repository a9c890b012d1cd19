"""Ways of training: a table from phase to the function that builds its model on a VecEnv."""

from collections.abc import Callable

from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from rlkit.trainers.baseline import baseline_ppo

TRAINERS: dict[str, Callable[..., OnPolicyAlgorithm]] = {"baseline": baseline_ppo}
