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

from rlkit.errors import RlkitError
from rlkit.trainers.fast import update
from rlkit.trainers.fast.path import NativePath
from rlkit.trainers.fast.rollout import gae
from rlkit.trainers.general.path import TorchPath
from rlkit.trainers.general.samples import each
from rlkit.trainers.general.switches import ARGUMENTS, check, complaints, make_plan

PATHS = {"native": NativePath, "torch": TorchPath}


class PPO(stable_baselines3.PPO):
    """stable_baselines3.PPO with the same arguments, learning, callbacks, logged names and files, but faster.

    Each `learn` takes the first of three paths that serves the model, and `switches` says which one it is and why:

    - native: MlpPolicy with tanh or relu layers, its default Adam and any action space, on the CPU. The samples,
      minibatches and losses are SB3's; actions come from another random stream, seeded by torch's (so by `seed` as
      well). The first `learn` on a machine compiles for about 14 s; later ones find the code on disk.
    - torch: every other policy, optimizer and device. Rollouts draw SB3's own random numbers; updates agree with
      SB3's to rounding. Off the CPU, the device holds the observations of a whole rollout.
    - stable-baselines3: its own code, with a rollout buffer of one's own or where fast is False.

    A policy that a callback changes in the middle of a rollout acts from the next rollout on (native path).

    fast: False runs SB3's own code, bit for bit.
    n_threads: for updates on the CPU. None is 1 on the native path and torch's own setting on the torch path; "auto"
    times 1 and all usable cores on the first rollout, and takes more only where they are clearly quicker. Whether
    they are depends on what else the machine does, and the sums' last bits on their number.
    use_amp, amp_dtype: networks compute in "bfloat16" or, on CUDA only, "float16" with gradient scaling. It pays for
    wide networks on processors with such arithmetic. The last layers, losses and parameters stay float32.
    use_torch_compile, compile_mode: an update step becomes one compiled graph, which takes 10 to 20 s before the first
    update. On CUDA, "reduce-overhead" makes it one CUDA graph. On the CPU it needs a C++ compiler.
    use_pinned_memory: observations reach a CUDA device through page-locked memory.

    use_amp and use_torch_compile ask for the torch path even where the native one would serve. A switch that the
    machine or the policy cannot follow is off, and one warning says why.
    """

    def __init__(
        self,
        *args: Any,
        fast: bool = True,
        n_threads: int | str | None = None,
        use_amp: bool = False,
        amp_dtype: str = "bfloat16",
        use_torch_compile: bool = False,
        compile_mode: str = "default",
        use_pinned_memory: bool = False,
        **kwargs: Any,
    ) -> None:
        self.fast, self.n_threads = fast, n_threads
        self.use_amp, self.amp_dtype = use_amp, amp_dtype
        self.use_torch_compile, self.compile_mode = use_torch_compile, compile_mode
        self.use_pinned_memory = use_pinned_memory
        self._path: NativePath | TorchPath | None = None  # None: SB3's own code
        check(self)
        super().__init__(*args, **kwargs)

    @property
    def switches(self) -> dict[str, str]:
        """What the last `learn` really ran, or the next one will: "path", the "reason" for it, and each switch."""
        return (self._path.plan if self._path else make_plan(self)).describe()

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), *ARGUMENTS, "_path"]

    def __getstate__(self) -> dict[str, Any]:
        """For copies: native memory, threads and compiled code stay behind; the next `learn` makes them anew."""
        return self.__dict__ | {"_path": None}

    def _setup_learn(self, *args: Any, **kwargs: Any) -> tuple[int, BaseCallback]:
        """SB3's, and the choice of path: what the model is made of may have changed since the last `learn`."""
        plan = make_plan(self)
        if self._path is None or not self._path.fits(self.policy, plan):
            self._path = PATHS[plan.path](self.policy, plan) if plan.path in PATHS else None
            for line in complaints(self, plan):
                warnings.warn(f"rlkit.PPO: {line}.", stacklevel=4)  # the line that calls learn
        prepared = super()._setup_learn(*args, **kwargs)
        if self.verbose >= 1:
            self.logger.info(f"rlkit.PPO runs {self.switches['path']}")
        return prepared

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Fill the buffer with n_rollout_steps of every env; False when the callback ended it early. As SB3's."""
        path = self._path
        if path is None:
            return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)
        self.policy.set_training_mode(False)
        n_steps = 0
        rollout_buffer.reset()
        if self.use_sde:
            self.policy.reset_noise(env.num_envs)
        callback.on_rollout_start()
        path.start_rollout(rollout_buffer)
        while n_steps < n_rollout_steps:
            if self.use_sde and self.sde_sample_freq > 0 and n_steps % self.sde_sample_freq == 0:
                self.policy.reset_noise(env.num_envs)
            obs_tensor = path.observe(rollout_buffer, n_steps, self._last_obs)
            actions, values, log_probs = path.act(rollout_buffer, n_steps, obs_tensor)
            rollout_buffer.actions[n_steps] = actions.reshape(env.num_envs, -1)
            clipped_actions = self._clipped(actions)

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
        self._finish_rollout(rollout_buffer, path.values(new_obs), dones)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _clipped(self, actions: np.ndarray) -> np.ndarray:
        """Actions as the envs take them."""
        space = self.action_space
        if not isinstance(space, spaces.Box):
            return actions
        if self.policy.squash_output:
            return self.policy.unscale_action(actions)
        return np.clip(actions, space.low, space.high)

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
            lasts = [infos[i]["terminal_observation"] for i in cut]
            rewards[cut] += self.gamma * self._path.values(each(lambda *rows: np.stack(rows), *lasts))

    def _finish_rollout(self, buffer: RolloutBuffer, last_values: np.ndarray, dones: np.ndarray) -> None:
        """Advantages and returns of a full buffer."""
        data = buffer.rewards, buffer.values, buffer.episode_starts
        gae(*data, last_values, dones, buffer.gamma, buffer.gae_lambda, buffer.advantages)
        buffer.returns = buffer.advantages + buffer.values

    def train(self) -> None:
        """Update the policy with the rollout buffer: SB3's `train`, by the path that `learn` chose."""
        if self._path is None:
            super().train()
            return
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        settings = self._settings()
        epochs = self._path.train(self.rollout_buffer, settings, self.n_epochs)
        self._n_updates += len(epochs)
        kl = epochs[-1, update.LAST_KL]
        if kl > settings.kl_limit:
            self.logger.info(f"Early stopping at step {len(epochs) - 1} due to reaching max kl: {kl:.2f}")
        self._record(epochs)

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
