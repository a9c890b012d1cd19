"""PPO, a drop-in for stable_baselines3.PPO that takes its inner loops out of Python where it can."""

import warnings
from typing import Any

import numpy as np
import stable_baselines3
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecEnv

from rlkit.errors import ParamsError, RlkitError
from rlkit.trainers.fast import update
from rlkit.trainers.fast.flat import FlatPolicy
from rlkit.trainers.fast.plan import obstacle
from rlkit.trainers.fast.rollout import act, gae, value


class PPO(stable_baselines3.PPO):
    """stable_baselines3.PPO with the same arguments, learning, callbacks, logged names and files, but faster on a CPU.

    The native path serves MlpPolicy with tanh or relu layers, its default Adam, and any of the action spaces, on the
    CPU; for anything else one warning says why, and SB3's own code runs. The samples, minibatches and losses are
    SB3's; actions come from another random stream, seeded by torch's (so by `seed` as well). A policy that a callback
    changes in the middle of a rollout acts from the next rollout on. The first `learn` on a machine compiles for about
    14 s; later ones, in any process, find the code on disk.

    fast: False runs SB3's own code, bit for bit.
    n_threads: share minibatches of milliseconds (batch size times parameters above 8 million) among so many threads.
    It is 1 because whether more pay depends on what else the machine does, and the sums' last bits on their number.
    """

    def __init__(self, *args: Any, fast: bool = True, n_threads: int = 1, **kwargs: Any) -> None:
        if n_threads < 1:
            raise ParamsError(f"n_threads={n_threads} must be at least 1.")
        self.fast, self.n_threads = fast, n_threads
        self._flat: FlatPolicy | None = None
        super().__init__(*args, **kwargs)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "fast", "n_threads", "_flat"]

    def __getstate__(self) -> dict[str, Any]:
        """For copies: native memory and its threads stay behind, and the next `learn` makes them anew."""
        return self.__dict__ | {"_flat": None}

    def _setup_learn(self, *args: Any, **kwargs: Any) -> tuple[int, BaseCallback]:
        """SB3's, and the choice of path: what the model is made of may have changed since the last `learn`."""
        reason = obstacle(self) if self.fast else None
        if reason:
            warnings.warn(f"rlkit.PPO: torch path, because {reason}.", stacklevel=4)  # the line that calls learn
        self._flat = FlatPolicy(self.policy, self.n_threads) if self.fast and not reason else None
        return super()._setup_learn(*args, **kwargs)

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Fill the buffer with n_rollout_steps of every env; False when the callback ended it early. As SB3's."""
        if self._flat is None:
            return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)
        self.policy.set_training_mode(False)
        n_steps = 0
        rollout_buffer.reset()
        callback.on_rollout_start()
        network, noise = self._flat.read(), self._flat.noise(n_rollout_steps, env.num_envs)
        drawn = np.empty(noise.shape[1:], np.float32)
        step_values = torch.from_numpy(rollout_buffer.values[..., None]).unbind()
        step_log_probs = torch.from_numpy(rollout_buffer.log_probs).unbind()
        while n_steps < n_rollout_steps:
            rollout_buffer.observations[n_steps] = self._last_obs
            observations = _flat_rows(rollout_buffer.observations[n_steps])
            values, log_probs = step_values[n_steps], step_log_probs[n_steps]
            outputs = drawn, rollout_buffer.values[n_steps], rollout_buffer.log_probs[n_steps]
            act(network, observations, noise[n_steps], *outputs)
            actions, clipped_actions = self._actions(drawn)
            rollout_buffer.actions[n_steps] = actions.reshape(drawn.shape)

            new_obs, rewards, dones, infos = env.step(clipped_actions)

            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            if dones.any():
                self._end_episodes(dones, rewards, infos)
            rollout_buffer.rewards[n_steps] = rewards
            rollout_buffer.episode_starts[n_steps] = self._last_episode_starts
            n_steps += 1
            rollout_buffer.pos = n_steps
            self._last_obs, self._last_episode_starts = new_obs, dones
        rollout_buffer.full = True
        self._finish_rollout(rollout_buffer, new_obs, dones)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _actions(self, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(actions, actions for the envs) in the shape and dtype that SB3 gives them."""
        space = self.action_space
        if isinstance(space, spaces.Box):
            actions = drawn.reshape(-1, *space.shape).copy()
            return actions, np.clip(actions, space.low, space.high)
        whole = np.float32 if isinstance(space, spaces.MultiBinary) else np.int64
        actions = drawn.astype(whole).reshape(-1, *space.shape)
        return actions, actions

    def _end_episodes(self, dones: np.ndarray, rewards: np.ndarray, infos: list[dict[str, Any]]) -> None:
        """Count the episodes that ended; where the clock ended one, its last reward takes in the value of what was cut.

        DLR-RM/stable-baselines3 issue 633.
        """
        ended = np.flatnonzero(dones)
        self._update_info_buffer([infos[i] for i in ended], dones[ended])
        cut = [
            i
            for i in ended
            if infos[i].get("TimeLimit.truncated", False) and infos[i].get("terminal_observation") is not None
        ]
        if cut:
            rewards[cut] += self.gamma * self._values(np.stack([infos[i]["terminal_observation"] for i in cut]))

    def _values(self, observations: np.ndarray) -> np.ndarray:
        """Values of observations (n, ...), float32 (n,), by the weights that were last read."""
        values = np.empty(len(observations), np.float32)
        value(self._flat.network, _flat_rows(observations), values)
        return values

    def _finish_rollout(self, buffer: RolloutBuffer, new_obs: np.ndarray, dones: np.ndarray) -> None:
        """Advantages and returns of a full buffer."""
        data = buffer.rewards, buffer.values, buffer.episode_starts
        gae(*data, self._values(new_obs), dones, buffer.gamma, buffer.gae_lambda, buffer.advantages)
        buffer.returns = buffer.advantages + buffer.values

    def train(self) -> None:
        """Update the policy with the rollout buffer: SB3's `train`, an epoch per native call."""
        if self._flat is None:
            super().train()
            return
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        settings = self._settings()
        self._flat.read()
        (adam, steps), samples = self._flat.read_optimizer(), self._samples()
        epochs = []
        for epoch in range(self.n_epochs):
            order = np.random.permutation(len(samples.values))
            metrics = np.empty(update.N_METRICS)
            steps = self._flat.team.train_epoch(samples, order, adam, settings, steps, metrics)
            epochs.append(metrics)
            self._n_updates += 1
            if metrics[update.LAST_KL] > settings.kl_limit:
                self.logger.info(
                    f"Early stopping at step {epoch} due to reaching max kl: {metrics[update.LAST_KL]:.2f}"
                )
                break
        self._flat.write(steps)
        self._record(np.array(epochs))

    def _settings(self) -> update.Settings:
        remaining = self._current_progress_remaining
        return update.Settings(
            batch_size=self.batch_size,
            normalize_advantage=self.normalize_advantage,
            clip_range=float(self.clip_range(remaining)),
            clip_range_vf=float(np.inf if self.clip_range_vf is None else self.clip_range_vf(remaining)),
            ent_coef=float(self.ent_coef),
            vf_coef=float(self.vf_coef),
            max_grad_norm=float(self.max_grad_norm),
            kl_limit=float(np.inf if self.target_kl is None else 1.5 * self.target_kl),
        )

    def _samples(self) -> update.Samples:
        """The rollout buffer as the kernel reads it; a buffer that was read from before lies env by env already."""
        buffer = self.rollout_buffer
        sizes = (buffer.values.size, 1) if buffer.generator_ready else (buffer.buffer_size, buffer.n_envs)
        actions = buffer.actions.reshape(buffer.values.size, -1).astype(np.float32, copy=False)
        observations = buffer.observations.reshape(buffer.values.size, *buffer.obs_shape)
        flat = (array.reshape(-1) for array in (buffer.advantages, buffer.returns, buffer.log_probs, buffer.values))
        return update.Samples(_flat_rows(observations), actions, *flat, *sizes)

    def _record(self, epochs: np.ndarray) -> None:
        """Log an update, (n_epochs done, N_METRICS), under SB3's names and by its definitions."""
        loss, buffer, remaining = epochs[-1, update.LAST_LOSS], self.rollout_buffer, self._current_progress_remaining
        if not np.isfinite(loss):
            raise RlkitError(
                f"The loss is {loss} after update {self._n_updates}, so the policy is lost: an observation or reward "
                f"was not finite, or learning_rate={self.lr_schedule(remaining)} is too high. Check both."
            )
        means = epochs.sum(axis=0) / epochs[:, update.N_MINIBATCHES].sum()
        self.logger.record("train/entropy_loss", means[update.ENTROPY_LOSS])
        self.logger.record("train/policy_gradient_loss", means[update.PG_LOSS])
        self.logger.record("train/value_loss", means[update.VALUE_LOSS])
        self.logger.record("train/approx_kl", epochs[-1, update.APPROX_KL] / epochs[-1, update.N_MINIBATCHES])
        self.logger.record("train/clip_fraction", means[update.CLIP_FRACTION])
        self.logger.record("train/loss", loss)
        explained = explained_variance(buffer.values.flatten(), buffer.returns.flatten())
        self.logger.record("train/explained_variance", explained)
        if hasattr(self.policy, "log_std"):
            self.logger.record("train/std", torch.exp(self.policy.log_std).mean().item())
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/clip_range", self.clip_range(remaining))
        if self.clip_range_vf is not None:
            self.logger.record("train/clip_range_vf", self.clip_range_vf(remaining))


def _flat_rows(observations: np.ndarray) -> np.ndarray:
    """Observations (n, ...) as the kernels take them: float32 (n, n_inputs), contiguous; a view where they are."""
    return np.ascontiguousarray(observations.reshape(len(observations), -1), np.float32)
