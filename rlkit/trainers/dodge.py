"""The notebook of Dodge: PPO, DQN or SAC, one builder each, chosen by name."""

from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from rlkit.phases.dodge import DodgeParams
from rlkit.trainers.baseline import nets, ppo_arguments
from rlkit.trainers.dqn import DQN
from rlkit.trainers.ppo import PPO
from rlkit.trainers.replay_memory import check_replay_memory

OFF_POLICY = ("batch_size", "gamma", "seed", "buffer_size", "learning_starts", "train_freq", "gradient_steps", "tau")
DQN_ALONE = ("target_update_interval", "exploration_fraction", "exploration_final_eps", "max_grad_norm")


def dodge_model(env: VecEnv, params: DodgeParams) -> BaseAlgorithm:
    """A `rlkit.PPO`, `rlkit.DQN` or stable-baselines3 `SAC` on `env`, by `algorithm`: 'ppo', 'dqn' or 'sac'.

    Each algorithm takes its own of the parameters. They are SB3's, but for `return_steps`, which is SAC's `n_steps`;
    `target_update_interval` counts env steps, as SB3 does. ParamsError for a device that is not there, and for a replay
    buffer that does not fit in memory.
    """
    ppo = ppo_arguments(params)
    if params.algorithm == "ppo":
        return PPO("MlpPolicy", env, policy_kwargs=nets(params), **ppo)
    check_replay_memory(env, params.buffer_size)
    common = {name: getattr(params, name) for name in OFF_POLICY}
    common |= {name: ppo[name] for name in ("learning_rate", "device")}
    if params.algorithm == "dqn":
        own = {name: getattr(params, name) for name in DQN_ALONE}
        return DQN("MlpPolicy", env, policy_kwargs=nets(params), **common, **own)
    return SAC("MlpPolicy", env, policy_kwargs=nets(params), n_steps=params.return_steps, **common)
