"""Three libraries' DQN with the same hyperparameters, checked the same way: TorchRL's, stable-baselines3's and ours."""

import functools
from typing import Any

import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from rlkit.envs.make import make_vec_env
from rlkit.trainers import dqn
from rlkit.trainers.greedy_check import Checked, GreedyCheck
from rlkit.trainers.replay_memory import check_replay_memory


class StockDQN(Checked, stable_baselines3.DQN):
    """stable-baselines3's DQN under a GreedyCheck."""


class FastDQN(Checked, dqn.DQN):
    """rlkit.DQN under a GreedyCheck."""


def cartpole_dqn(
    env: VecEnv,
    *,
    algorithm: str,
    env_id: str,
    env_kwargs: dict[str, Any],
    seed: int,
    total_timesteps: int,
    net_arch: list[int],
    learning_rate: float,
    gamma: float,
    buffer_size: int,
    batch_size: int,
    learning_starts: int,
    frames_per_batch: int,
    updates_per_batch: int,
    target_update_interval: int,
    tau: float,
    exploration_initial_eps: float,
    exploration_final_eps: float,
    exploration_steps: int,
    max_grad_norm: float,
    double_dqn: bool,
    prioritized: bool,
    priority_alpha: float,
    priority_beta: float,
    greedy_every: int,
    greedy_episodes: int,
    eval_games: int,
    goal_return: float,
    stop_when_solved: bool,
) -> BaseAlgorithm:
    """A DQN model on `env`, of the library that `algorithm` names, on the CPU; arguments as in CartPoleParams.

    Where the libraries count in different units, the values are converted: SB3 counts steps of the VecEnv between
    rounds of updates, env steps between changes of the target net, and gives the exploration's length as a share of
    the training. One thing cannot be: SB3 changes its target net only between rounds of updates, so that with a
    target_update_interval below updates_per_batch only TorchRL changes it as often as asked. ParamsError for a replay
    buffer that does not fit in memory.
    """
    check_replay_memory(env, buffer_size)
    common = {
        "learning_rate": learning_rate,
        "buffer_size": buffer_size,
        "learning_starts": learning_starts,
        "batch_size": batch_size,
        "tau": tau,
        "gamma": gamma,
        "exploration_initial_eps": exploration_initial_eps,
        "exploration_final_eps": exploration_final_eps,
        "max_grad_norm": max_grad_norm,
        "policy_kwargs": {"net_arch": net_arch},
        "seed": seed,
        "device": "cpu",
    }
    if algorithm == "torchrl":
        from rlkit.trainers.torchrl_dqn import CheckedTorchRLDQN  # here: TorchRL takes seconds to import

        model = CheckedTorchRLDQN(
            "MlpPolicy",
            env,
            env_id,
            env_kwargs,
            frames_per_batch=frames_per_batch,
            updates_per_batch=updates_per_batch,
            target_update_interval=target_update_interval,
            exploration_steps=exploration_steps,
            double_dqn=double_dqn,
            priorities=(priority_alpha, priority_beta) if prioritized else None,
            **common,
        )
    else:
        common |= {"train_freq": frames_per_batch // env.num_envs, "gradient_steps": updates_per_batch}
        common["target_update_interval"] = max(1, target_update_interval * frames_per_batch // updates_per_batch)
        common["exploration_fraction"] = min(1.0, exploration_steps / total_timesteps)
        model = {"sb3": StockDQN, "rlkit": FastDQN}[algorithm]("MlpPolicy", env, **common)
    make_env = functools.partial(make_vec_env, env_id, **env_kwargs)
    model.check = GreedyCheck(make_env, greedy_every, greedy_episodes, eval_games, goal_return, stop_when_solved)
    return model
