"""Three libraries' DQN with the same hyperparameters, checked the same way: TorchRL's, stable-baselines3's and ours."""

import functools

import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from rlkit.envs.make import make_vec_env
from rlkit.phases.cartpole import CartPoleParams
from rlkit.trainers import dqn
from rlkit.trainers.greedy_check import Checked, GreedyCheck
from rlkit.trainers.replay_memory import check_replay_memory

SHARED = (  # by all three libraries, in the same units
    *("seed", "learning_rate", "buffer_size", "learning_starts", "batch_size", "tau", "gamma"),
    *("exploration_initial_eps", "exploration_final_eps", "max_grad_norm"),
)
TORCHRL_ALONE = "frames_per_batch", "updates_per_batch", "target_update_interval", "exploration_steps", "double_dqn"


class StockDQN(Checked, stable_baselines3.DQN):
    """stable-baselines3's DQN under a GreedyCheck."""


class FastDQN(Checked, dqn.DQN):
    """rlkit.DQN under a GreedyCheck."""


def cartpole_dqn(env: VecEnv, params: CartPoleParams) -> BaseAlgorithm:
    """A DQN model on `env`, of the library that `algorithm` names, on the CPU.

    Where the libraries count in different units, the values are converted: SB3 counts steps of the VecEnv between
    rounds of updates, env steps between changes of the target net, and gives the exploration's length as a share of
    the training. One thing cannot be: SB3 changes its target net only between rounds of updates, so that with a
    target_update_interval below updates_per_batch only TorchRL changes it as often as asked. ParamsError for a replay
    buffer that does not fit in memory.
    """
    check_replay_memory(env, params.buffer_size)
    common = {name: getattr(params, name) for name in SHARED}
    common |= {"policy_kwargs": {"net_arch": params.net_arch}, "device": "cpu"}
    if params.algorithm == "torchrl":
        from rlkit.trainers.torchrl_dqn import CheckedTorchRLDQN  # here: TorchRL takes seconds to import

        own = {name: getattr(params, name) for name in TORCHRL_ALONE}
        own["priorities"] = (params.priority_alpha, params.priority_beta) if params.prioritized else None
        model = CheckedTorchRLDQN("MlpPolicy", env, params.env_id, params.env_kwargs, **own, **common)
    else:
        frames, updates = params.frames_per_batch, params.updates_per_batch
        common |= {"train_freq": frames // env.num_envs, "gradient_steps": updates}
        common["target_update_interval"] = max(1, params.target_update_interval * frames // updates)
        common["exploration_fraction"] = min(1.0, params.exploration_steps / params.total_timesteps)
        model = {"sb3": StockDQN, "rlkit": FastDQN}[params.algorithm]("MlpPolicy", env, **common)
    make_env = functools.partial(make_vec_env, params.env_id, n_workers=1, **params.env_kwargs)  # it plays briefly
    check = params.greedy_every, params.greedy_episodes, params.eval_games, params.goal_return, params.stop_when_solved
    model.check = GreedyCheck(make_env, *check)
    return model
