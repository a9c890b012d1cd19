"""RecurrentPPO, a drop-in for sb3_contrib.RecurrentPPO with LSTM and GRU policies and fast inner loops."""

import warnings
from typing import Any, ClassVar

import numpy as np
import sb3_contrib
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.save_util import load_from_zip_file
from stable_baselines3.common.vec_env import VecEnv

from rlkit.errors import CheckpointError, EnvError, ParamsError, did_you_mean
from rlkit.trainers.fast import update
from rlkit.trainers.general.switches import AMP_DTYPES
from rlkit.trainers.ppo import PPO
from rlkit.trainers.recurrent.native_engine import NativeEngine
from rlkit.trainers.recurrent.plan import complaints, make_plan
from rlkit.trainers.recurrent.policies import GRU_POLICIES
from rlkit.trainers.recurrent.sequences import Sequences, chunk_epoch, contrib_epoch, episode_epoch
from rlkit.trainers.recurrent.torch_engine import TorchEngine

CHUNK_LENGTH = 16  # steps; as fast as 32 or 64, with more chunks to shuffle (measured with a memory of 64)
SWITCHES = ("fast", "use_amp", "amp_dtype", "use_torch_compile")  # not stored: another machine has another answer
GATES = {4: "LSTM", 3: "GRU"}  # rows of a memory's weights per hidden unit


class RecurrentPPO(sb3_contrib.RecurrentPPO):
    """sb3_contrib.RecurrentPPO with the same arguments, callbacks, logged names and files, but many times faster.

    `policy` may also be "MlpGruPolicy", "CnnGruPolicy" or "MultiInputGruPolicy"; they take the LSTM policies'
    arguments. Back-propagation through time goes back to the beginning of a sequence, whose first state is the one
    that the rollout had there, and never past an episode's start. On the CPU, MlpLstmPolicy and MlpGruPolicy are
    served by native kernels, whose actions come from another random stream and which the first `learn` on a machine
    compiles for about 30 s; all else is served by torch, with one call of the memory per minibatch. A policy whose
    methods are overridden runs sb3-contrib's code after a warning.

    sequence_length: steps in a sequence. Minibatches are made of shuffled sequences from all envs, which mixes better
        than sb3-contrib's. None: 16, or n_steps or batch_size where that is less.
    exact: True takes sb3-contrib's own minibatches: runs of batch_size samples, cut at episode starts only.
    store_full_episodes: True never cuts an episode but where a rollout ends; every episode must end within n_steps.
    fast: False runs sb3-contrib's code, bit for bit (GRUs too). `switches` says what a model runs and why.
    use_amp, amp_dtype, use_torch_compile: as rlkit.PPO's; they ask for torch. Compiled are the networks before and
        after the memory, which keeps its own kernel: cuDNN's on CUDA.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {**sb3_contrib.RecurrentPPO.policy_aliases, **GRU_POLICIES}

    _settings, _record, _clipped, _finish_rollout = PPO._settings, PPO._record, PPO._clipped, PPO._finish_rollout

    def __init__(
        self,
        *args: Any,
        sequence_length: int | None = None,
        exact: bool = False,
        store_full_episodes: bool = False,
        fast: bool = True,
        use_amp: bool = False,
        amp_dtype: str = "bfloat16",
        use_torch_compile: bool = False,
        **kwargs: Any,
    ) -> None:
        self.sequence_length, self.exact, self.store_full_episodes = sequence_length, exact, store_full_episodes
        self.fast, self.use_amp, self.amp_dtype, self.use_torch_compile = fast, use_amp, amp_dtype, use_torch_compile
        self._engine: NativeEngine | TorchEngine | None = None
        super().__init__(*args, **kwargs)

    def _setup_model(self) -> None:
        self._check_sequences()
        if self.amp_dtype not in AMP_DTYPES:
            known = did_you_mean(self.amp_dtype, AMP_DTYPES)
            raise ParamsError(f"amp_dtype={self.amp_dtype!r} is not a choice. {known}")
        super()._setup_model()

    def _check_sequences(self) -> None:
        length = self.sequence_length
        asked = {
            "sequence_length": length is not None,
            "exact": self.exact,
            "store_full_episodes": self.store_full_episodes,
        }
        chosen = [name for name, given in asked.items() if given]
        if len(chosen) > 1 or (chosen and not self.fast and not self.exact):
            others = " and ".join(chosen if len(chosen) > 1 else [*chosen, "fast=False"])
            raise ParamsError(f"{others} exclude each other: each decides how a rollout is cut. Choose one of them.")
        if length is not None and not 1 <= length <= self.n_steps:
            raise ParamsError(
                f"sequence_length={length} does not fit a rollout of n_steps={self.n_steps} per env. Choose 1 to "
                f"{self.n_steps}, or a larger n_steps."
            )
        if length is not None and self.batch_size is not None and length > self.batch_size:
            raise ParamsError(
                f"sequence_length={length} is more than batch_size={self.batch_size}, so no sequence fits a minibatch."
            )

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), *SWITCHES, "_engine"]

    def __getstate__(self) -> dict[str, Any]:
        """For copies: the engine stays behind, and the next `learn` makes a new one."""
        return self.__dict__ | {"_engine": None}

    def _setup_learn(self, *args: Any, **kwargs: Any) -> tuple[int, BaseCallback]:
        """SB3's, and the choice of engine: what the model is made of may have changed since the last `learn`."""
        plan = make_plan(self)
        for line in complaints(self, plan):
            warnings.warn(f"rlkit.RecurrentPPO: {line}.", stacklevel=4)  # the line that calls learn
        longest = self.n_steps * self.n_envs if self.batch_size is None else max(self.batch_size, self.n_steps)
        engines = {
            "native": lambda: NativeEngine(self.policy, max(longest, self.n_envs)),
            "torch": lambda: TorchEngine(self.policy, plan.amp_dtype, plan.compiled),
            "sb3-contrib": lambda: None,
        }
        self._engine = engines[plan.path]()
        return super()._setup_learn(*args, **kwargs)

    @property
    def switches(self) -> dict[str, str]:
        """What the next `learn` will run, as the last did if nothing was changed: "path", "reason", each switch."""
        plan = make_plan(self)
        half = str(plan.amp_dtype).removeprefix("torch.") if plan.amp_dtype else "off"
        on = {"use_amp": half, "use_torch_compile": "on" if plan.compiled else "off"}
        failed = {"use_torch_compile": self._engine.compile_error} if plan.compiled and self._engine else {}
        refused = {name: f"off, because {why}" for name, why in (dict(plan.refused) | failed).items() if why}
        return {"path": plan.path, "reason": plan.reason} | on | refused

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Fill the buffer with n_rollout_steps of every env; False when the callback ended it early. As SB3's."""
        if self._engine is None:
            return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)
        self.policy.set_training_mode(False)
        n_steps = 0
        rollout_buffer.reset()
        if self.use_sde:
            self.policy.reset_noise(env.num_envs)
        callback.on_rollout_start()
        self._engine.begin_rollout(n_rollout_steps, env.num_envs)
        while n_steps < n_rollout_steps:
            if self.use_sde and self.sde_sample_freq > 0 and n_steps % self.sde_sample_freq == 0:
                self.policy.reset_noise(env.num_envs)
            actions, values, log_probs, lstm_states = self._engine.act(
                self._last_obs, self._last_lstm_states, self._last_episode_starts
            )
            clipped_actions = self._clipped(actions)

            new_obs, rewards, dones, infos = env.step(clipped_actions)

            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            n_steps += 1
            if dones.any():
                self._end_episodes(dones, rewards, infos, lstm_states)
            if isinstance(self.action_space, spaces.Discrete):
                actions = actions.reshape(-1, 1)
            starts = self._last_episode_starts
            rollout_buffer.add(
                self._last_obs, actions, rewards, starts, values, log_probs, lstm_states=self._last_lstm_states
            )
            self._last_obs, self._last_episode_starts, self._last_lstm_states = new_obs, dones, lstm_states
        self._finish_rollout(rollout_buffer, self._engine.values(new_obs, lstm_states.vf, dones), dones)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _end_episodes(
        self, dones: np.ndarray, rewards: np.ndarray, infos: list[dict[str, Any]], states: RNNStates
    ) -> None:
        """Count the episodes that ended; where the clock ended one, its last reward takes in the value of what was cut.

        DLR-RM/stable-baselines3 issue 633. The value's memory goes on from the state after the last step.
        """
        ended = np.flatnonzero(dones)
        self._update_info_buffer([infos[i] for i in ended], dones[ended])
        for i in ended:
            last = infos[i].get("terminal_observation")
            if last is not None and infos[i].get("TimeLimit.truncated", False):
                alone = tuple(state[:, i : i + 1].contiguous() for state in states.vf)
                observations = {k: v[None] for k, v in last.items()} if isinstance(last, dict) else last[None]
                rewards[i] += self.gamma * self._engine.values(observations, alone, np.zeros(1, bool))[0]

    def train(self) -> None:
        """Update the policy with the rollout buffer; SB3's `train`, by the engine."""
        if self._engine is None:
            super().train()
            return
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        self._engine.begin_update(self)
        starts, kl_limit = self._starts(), self._settings().kl_limit
        epochs = []
        for epoch in range(self.n_epochs):
            metrics = np.empty(update.N_METRICS)
            self._engine.train_epoch(self._sequences(starts), metrics)
            epochs.append(metrics)
            self._n_updates += 1
            if metrics[update.LAST_KL] > kl_limit:
                self.logger.info(
                    f"Early stopping at step {epoch} due to reaching max kl: {metrics[update.LAST_KL]:.2f}"
                )
                break
        self._engine.end_update()
        self._record(np.array(epochs))

    def _starts(self) -> np.ndarray:
        """bool (n,): samples, env by env, that begin an episode."""
        buffer = self.rollout_buffer
        starts = buffer.episode_starts if buffer.generator_ready else buffer.swap_and_flatten(buffer.episode_starts)
        starts = starts.ravel() > 0
        if self.store_full_episodes:
            endless = ~(starts.reshape(buffer.n_envs, -1).any(axis=1) | self._last_episode_starts)
            if endless.any():
                raise EnvError(
                    f"store_full_episodes=True, but in env {np.flatnonzero(endless)[0]} no episode began or ended in "
                    f"n_steps={buffer.buffer_size} steps, so no whole one can be stored. Give the env a time limit "
                    "below n_steps, raise n_steps, or use sequence_length instead."
                )
        return starts

    def _sequences(self, starts: np.ndarray) -> Sequences:
        """The sequences and minibatches of an epoch."""
        batch_size = self.batch_size or len(starts)
        if self.exact:
            return contrib_epoch(starts, self.n_steps, batch_size)
        if self.store_full_episodes:
            return episode_epoch(starts, self.n_steps, batch_size)
        length = self.sequence_length or min(CHUNK_LENGTH, self.n_steps, batch_size)
        return chunk_epoch(starts, self.n_steps, length, batch_size)

    def predict(
        self,
        observation: np.ndarray | dict[str, np.ndarray],
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """(actions, states after) for observations; sb3-contrib's.

        ParamsError for a state or an episode_start of another shape than the observations and the memory ask for.
        """
        one = next(iter(observation.values())) if isinstance(observation, dict) else observation
        space = self.observation_space
        shape = next(iter(space.values())).shape if isinstance(space, spaces.Dict) else space.shape
        n_envs = len(one) if np.ndim(one) > len(shape) else 1
        if state is not None:
            layers, _, hidden = self.policy.lstm_hidden_state_shape
            expected, shapes = (layers, n_envs, hidden), [np.shape(each) for each in state]
            if shapes != [expected, expected]:
                raise ParamsError(
                    f"state has shapes {shapes}, but this model's is a pair (h, c) of (layers, envs, hidden size) = "
                    f"{expected}. Pass what the last predict gave back, or None at the beginning."
                )
        if episode_start is not None and np.size(episode_start) != n_envs:
            raise ParamsError(
                f"episode_start has shape {np.shape(episode_start)} for {n_envs} observations. Pass a flag for each: "
                "true where an episode begins, as for the dones of the last step."
            )
        return super().predict(observation, state, episode_start, deterministic)

    def set_parameters(self, load_path_or_dict: Any, exact_match: bool = True, device: Any = "auto") -> None:
        """SB3's; CheckpointError for parameters of the other kind of memory."""
        parameters = load_path_or_dict
        if not isinstance(parameters, dict):
            parameters = load_from_zip_file(parameters, device=device, load_data=False)[1]
        theirs = _kind_of_memory(parameters.get("policy", {}))
        if theirs not in (None, _kind_of_memory(self.policy.state_dict())):
            raise CheckpointError(
                f"The parameters are of a policy with {theirs} memory, this model's policy is "
                f"{type(self.policy).__name__}. Load them with RecurrentPPO.load, or make the model with "
                f"policy='Mlp{theirs.title()}Policy' or its kin."
            )
        super().set_parameters(parameters, exact_match, device)


def _kind_of_memory(state_dict: dict[str, torch.Tensor]) -> str | None:
    """LSTM or GRU, by the rows that its weights have for each hidden unit; None where there is neither."""
    weight = state_dict.get("lstm_actor.weight_hh_l0")
    return None if weight is None else GATES.get(len(weight) // weight.shape[1])
