"""Phase 1: rlkit.PPO with the baseline's hyperparameters and the switches that make it faster."""

from stable_baselines3.common.vec_env import VecEnv

from rlkit.phases.speed import SpeedParams
from rlkit.trainers.baseline import nets, policy_kind, ppo_arguments
from rlkit.trainers.ppo import PPO

SWITCHES = ("fast", "use_amp", "amp_dtype", "use_torch_compile", "compile_mode", "use_pinned_memory")


def speed_ppo(env: VecEnv, params: SpeedParams) -> PPO:
    """A `rlkit.PPO` that differs from `baseline_ppo` by its switches only; with fast=False it is the same training.

    n_threads 0 leaves the choice to rlkit.PPO, which times both. ParamsError for a device that is not there.
    """
    switches = {name: getattr(params, name) for name in SWITCHES} | {"n_threads": params.n_threads or "auto"}
    kind = f"{policy_kind(env)}Policy"
    return PPO(kind, env, **ppo_arguments(params), policy_kwargs=nets(params), **switches)
