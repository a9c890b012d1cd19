"""Phase 2: the same PPO with a memory or without: rlkit.PPO on one observation or a stack, rlkit.RecurrentPPO."""

import gymnasium
import numpy as np
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack

from rlkit.errors import ParamsError
from rlkit.phases.recurrent import RecurrentParams
from rlkit.trainers.baseline import nets, policy_kind, ppo_arguments
from rlkit.trainers.ppo import PPO
from rlkit.trainers.recurrent_ppo import RecurrentPPO

POLICIES = {"gru": "GruPolicy", "lstm": "LstmPolicy"}  # the end of their names


class StackedPPO(PPO):
    """rlkit.PPO on a VecFrameStack, whose `predict` takes the env's own observations and keeps the stack as its state.

    So it plays like a recurrent model, wherever `state` and `episode_start` are passed on, on an env without a stack.
    """

    def predict(
        self,
        observation: np.ndarray,
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """(actions, state after) for observations (n, width), or for whole stacks, which need no state.

        state: (float (n, n_stack * width),), the observations so far with the latest at the end; None at the beginning.
        episode_start: bool (n,), rows whose stack begins anew.
        """
        observation = np.asarray(observation)
        (whole,) = self.observation_space.shape
        if observation.shape[-1] == whole:
            return super().predict(observation, deterministic=deterministic)
        rows = np.atleast_2d(observation)
        past = np.zeros((len(rows), whole), rows.dtype) if state is None else state[0].copy()
        if episode_start is not None:
            past[episode_start] = 0
        stack = np.concatenate([past[:, rows.shape[1] :], rows], axis=1)
        actions, _ = super().predict(stack, deterministic=deterministic)
        return (actions if observation.ndim > 1 else actions[0]), (stack,)


def memory_ppo(env: VecEnv, params: RecurrentParams) -> OnPolicyAlgorithm:
    """A model on `env` by `memory`: "none" a rlkit.PPO, "stack" a StackedPPO, "gru" and "lstm" a rlkit.RecurrentPPO.

    All have the same hyperparameters and the same nets; a recurrent one's come after its memory, and sequence_length 0
    leaves the length to it. ParamsError for a device that is not there, and for a stack of observations that are not a
    row of numbers.
    """
    common, kind = ppo_arguments(params), policy_kind(env)
    if params.memory == "none":
        return PPO(f"{kind}Policy", env, policy_kwargs=nets(params), n_threads=params.n_threads, **common)
    if params.memory == "stack":
        stacked = _stacked(env, params.n_stack)
        return StackedPPO("MlpPolicy", stacked, policy_kwargs=nets(params), n_threads=params.n_threads, **common)
    sizes = {name: getattr(params, name) for name in ("lstm_hidden_size", "n_lstm_layers", "shared_lstm")}
    return RecurrentPPO(
        f"{kind}{POLICIES[params.memory]}",
        env,
        policy_kwargs=nets(params) | sizes | {"enable_critic_lstm": not params.shared_lstm},
        sequence_length=params.sequence_length or None,
        exact=params.exact,
        store_full_episodes=params.store_full_episodes,
        **common,
    )


def _stacked(env: VecEnv, n_stack: int) -> VecFrameStack:
    space = env.observation_space
    if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
        raise ParamsError(f"memory='stack' takes observations that are a row of numbers, not {space}; take 'gru'.")
    return VecFrameStack(env, n_stack)
