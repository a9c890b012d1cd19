"""DQN, a drop-in for stable_baselines3.DQN that takes its inner loops out of Python where it can."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import stable_baselines3
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.type_aliases import ReplayBufferSamples, RolloutReturn, TrainFreq
from stable_baselines3.common.utils import should_collect_more_steps
from stable_baselines3.common.vec_env import VecEnv

from rlkit.errors import RlkitError
from rlkit.trainers.fast.q_flat import FlatQ
from rlkit.trainers.fast.q_learning import Transitions, greedy, learn
from rlkit.trainers.fast.q_plan import obstacle


class DQN(stable_baselines3.DQN):
    """stable_baselines3.DQN with the same arguments, learning, callbacks, logged names and files, but faster on a CPU.

    The native path serves MlpPolicy with tanh or relu layers and its default Adam, on the CPU; for anything else one
    warning says why, and SB3's own code runs. It draws from the same random streams in the same order as SB3, so that
    the same seed gives the same transitions, minibatches and (to float32's rounding) parameters. Plain replay buffers
    of float32 observations are written and sampled natively too; any other buffer, VecNormalize and n-step returns
    keep SB3's sampling. A Q net that a callback changes acts and learns from the next rollout on. The first `learn`
    on a machine compiles for about 10 s; later ones, in any process, find the code on disk.

    fast: False runs SB3's own code, bit for bit.
    """

    def __init__(self, *args: Any, fast: bool = True, **kwargs: Any) -> None:
        self.fast = fast
        self._flat: FlatQ | None = None
        self._transitions: Transitions | None = None  # views of `_viewed`'s memory
        self._viewed: ReplayBuffer | None = None
        super().__init__(*args, **kwargs)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "fast", "_flat", "_transitions", "_viewed"]

    def __getstate__(self) -> dict[str, Any]:
        """For copies: native memory stays behind, and the next `learn` makes it anew."""
        return self.__dict__ | {"_flat": None, "_transitions": None, "_viewed": None}

    def _setup_learn(self, *args: Any, **kwargs: Any) -> tuple[int, BaseCallback]:
        """SB3's, and the choice of path: what the model is made of may have changed since the last `learn`."""
        reason = obstacle(self) if self.fast else None
        if reason:
            warnings.warn(f"rlkit.DQN: torch path, because {reason}.", stacklevel=4)  # the line that calls learn
        self._flat = FlatQ(self.policy) if self.fast and not reason else None
        self._viewed = None
        return super()._setup_learn(*args, **kwargs)

    def _native_transitions(self) -> Transitions | None:
        """The present replay buffer as the kernels read it: `load_replay_buffer` may have put another one there."""
        if self.replay_buffer is not self._viewed:
            self._viewed, self._transitions = self.replay_buffer, self._buffer_as_transitions()
        return self._transitions

    def _buffer_as_transitions(self) -> Transitions | None:
        """The replay buffer's own memory as the kernels read it, row pos * n_envs + env; None unless it is plain."""
        buffer = self.replay_buffer
        plain = type(buffer) is ReplayBuffer and not buffer.optimize_memory_usage and self._vec_normalize_env is None
        if not plain or buffer.observations.dtype != np.float32 or buffer.actions.dtype != np.int64:
            return None
        n = buffer.rewards.size
        arrays = buffer.observations, buffer.next_observations
        flat = buffer.actions, buffer.rewards, buffer.dones, buffer.timeouts
        rows = *(array.reshape(n, -1) for array in arrays), *(array.reshape(n) for array in flat)
        return Transitions(*rows, discounts=np.empty(1, np.float32))

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        train_freq: TrainFreq,
        replay_buffer: ReplayBuffer,
        action_noise: ActionNoise | None = None,
        learning_starts: int = 0,
        log_interval: int | None = None,
    ) -> RolloutReturn:
        """Play until `train_freq` is reached and keep the transitions; as SB3's, with its names for callbacks."""
        if self._flat is None:
            arguments = train_freq, replay_buffer, action_noise, learning_starts, log_interval
            return super().collect_rollouts(env, callback, *arguments)
        num_collected_steps, num_collected_episodes, continue_training = 0, 0, True
        callback.on_rollout_start()
        self._flat.read(1)
        while should_collect_more_steps(train_freq, num_collected_steps, num_collected_episodes):
            actions, buffer_actions = self._sample_action(learning_starts, action_noise, env.num_envs)

            new_obs, rewards, dones, infos = env.step(actions)

            self.num_timesteps += env.num_envs
            num_collected_steps += 1
            callback.update_locals(locals())
            if not callback.on_step():
                return RolloutReturn(num_collected_steps * env.num_envs, num_collected_episodes, False)
            if dones.any():
                self._update_info_buffer(infos, dones)
            self._store_transition(replay_buffer, buffer_actions, new_obs, rewards, dones, infos)
            self._update_current_progress_remaining(self.num_timesteps, self._total_timesteps)
            self._on_step()
            if dones.any():
                num_collected_episodes += self._count_episodes(dones, log_interval)
        callback.on_rollout_end()
        return RolloutReturn(num_collected_steps * env.num_envs, num_collected_episodes, continue_training)

    def _sample_action(
        self, learning_starts: int, action_noise: ActionNoise | None = None, n_envs: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """(actions, the same for the buffer), int64 (n_envs,): epsilon-greedy (at first random), drawn as by SB3."""
        if self._flat is None:
            return super()._sample_action(learning_starts, action_noise, n_envs)
        if self.num_timesteps < learning_starts or np.random.rand() < self.exploration_rate:
            actions = np.array([self.action_space.sample() for _ in range(n_envs)])
        else:
            actions = np.empty(n_envs, np.int64)
            greedy(self._flat.network, _flat_rows(self._last_obs), actions)
        return actions, actions

    def _store_transition(
        self,
        replay_buffer: ReplayBuffer,
        buffer_action: np.ndarray,
        new_obs: np.ndarray,
        reward: np.ndarray,
        dones: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        """Keep one step of every env; where an episode ended, its last observation and not the next one's first."""
        if self._flat is None or self._native_transitions() is None:
            super()._store_transition(replay_buffer, buffer_action, new_obs, reward, dones, infos)
            return
        pos = replay_buffer.pos
        replay_buffer.observations[pos] = self._last_obs
        replay_buffer.next_observations[pos] = new_obs
        replay_buffer.actions[pos, :, 0] = buffer_action
        replay_buffer.rewards[pos] = reward
        replay_buffer.dones[pos] = dones
        replay_buffer.timeouts[pos] = 0
        for i in np.flatnonzero(dones):
            if infos[i].get("terminal_observation") is not None:
                replay_buffer.next_observations[pos, i] = infos[i]["terminal_observation"]
            if replay_buffer.handle_timeout_termination:
                replay_buffer.timeouts[pos, i] = infos[i].get("TimeLimit.truncated", False)
        replay_buffer.pos = (pos + 1) % replay_buffer.buffer_size
        replay_buffer.full |= replay_buffer.pos == 0
        self._last_original_obs, self._last_obs = self._last_obs, new_obs

    def _count_episodes(self, dones: np.ndarray, log_interval: int | None) -> int:
        """How many episodes ended; logs are dumped at every log_interval-th."""
        for _ in range(n_ended := int(dones.sum())):
            self._episode_num += 1
            if log_interval is not None and self._episode_num % log_interval == 0:
                self.dump_logs()
        return n_ended

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Do `gradient_steps` updates on samples of the replay buffer: SB3's `train`, natively."""
        if self._flat is None:
            super().train(gradient_steps, batch_size)
            return
        self._update_learning_rate(self.policy.optimizer)
        self._flat.read()
        (adam, steps), losses = self._flat.adam(), np.empty(gradient_steps)
        done = 0
        for data, rows in self._minibatches(gradient_steps, batch_size):
            part = losses[done : done + len(rows)]
            nets = self._flat.network, self._flat.target
            steps = learn(*nets, data, rows, adam, float(self.max_grad_norm), steps, part)
            done += len(rows)
        self._flat.write(steps)
        self._n_updates += gradient_steps
        loss = losses.mean()
        if not np.isfinite(loss):
            raise RlkitError(
                f"The loss is {loss} after update {self._n_updates}, so the Q net is lost: an observation or reward "
                f"was not finite, or learning_rate={self.lr_schedule(self._current_progress_remaining)} is too high."
            )
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", loss)

    def _minibatches(self, gradient_steps: int, batch_size: int) -> Iterator[tuple[Transitions, np.ndarray]]:
        """(transitions, rows of them (n, batch_size)), `gradient_steps` minibatches in all, drawn as SB3 draws."""
        buffer, transitions = self.replay_buffer, self._native_transitions()
        if transitions is None:
            for _ in range(gradient_steps):
                yield _as_transitions(buffer.sample(batch_size, self._vec_normalize_env), self.gamma)
            return
        transitions.discounts[:] = self.gamma  # which may have been changed since
        rows = np.empty((gradient_steps, batch_size), np.int64)
        for row in rows:
            row[:] = np.random.randint(0, buffer.buffer_size if buffer.full else buffer.pos, batch_size)
            row *= buffer.n_envs
            row += np.random.randint(0, buffer.n_envs, batch_size)
        yield transitions, rows


def _as_transitions(samples: ReplayBufferSamples, gamma: float) -> tuple[Transitions, np.ndarray]:
    """A sampled minibatch as (transitions, all of their rows)."""
    arrays = (_flat_rows(tensor.numpy()) for tensor in (samples.observations, samples.next_observations))
    actions, rewards, dones = (tensor.numpy().ravel() for tensor in (samples.actions, samples.rewards, samples.dones))
    discounts = np.full(1, gamma) if samples.discounts is None else samples.discounts.numpy().ravel()
    floats = (array.astype(np.float32) for array in (rewards, dones, np.zeros_like(dones), discounts))
    return Transitions(*arrays, actions.astype(np.int64), *floats), np.arange(len(actions))[None]


def _flat_rows(observations: np.ndarray) -> np.ndarray:
    """Observations (n, ...) as the kernels take them: float32 (n, n_inputs), contiguous; a view where they are."""
    return np.ascontiguousarray(observations.reshape(len(observations), -1), np.float32)
