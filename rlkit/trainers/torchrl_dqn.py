"""DQN as TorchRL writes it (0.14): Collector, replay buffer, QValueActor, EGreedyModule, DQNLoss, target updates.

The trainer has SB3's face (`learn`, callbacks, logger, `policy`, `predict`), so that runs, checkpoints and evaluations
treat it like any other, and SB3's DQNPolicy holds the weights: those of this trainer fit stable_baselines3.DQN, and
back. Quirks of TorchRL that cost time to find are told at the line that deals with them.
"""

import time
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.utils import LinearSchedule, safe_mean
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.dqn.policies import DQNPolicy
from tensordict import TensorDict
from tensordict.nn import TensorDictSequential
from torchrl import torchrl_logger
from torchrl.collectors import Collector
from torchrl.envs import EnvBase, GymEnv, SerialEnv
from torchrl.modules import EGreedyModule, QValueActor
from torchrl.objectives import DQNLoss, HardUpdate, SoftUpdate

from rlkit.errors import EnvError, RlkitError
from rlkit.seeding import stream
from rlkit.trainers.greedy_check import Checked
from rlkit.trainers.torchrl_replay import KEPT, from_arrays, make_replay_buffer, to_arrays

torchrl_logger.setLevel("WARNING")  # it announces every buffer in colour


class TorchRLDQN(BaseAlgorithm):
    """DQN by TorchRL on a Gymnasium id, on the CPU: at these sizes a GPU only waits for tensordict's overhead.

    env: a VecEnv of that id, which gives the spaces and the number of envs; TorchRL steps envs of its own. Observations
    are float32 of one dimension, actions numbered (EnvError for others). One callback step is one batch of
    `frames_per_batch` env steps, after which come `updates_per_batch` updates; `target_update_interval` counts updates
    and `exploration_steps` env steps. tau: 1 copies the Q net to the target net, less moves it there by that share.
    priorities: (alpha, beta) of prioritized replay, None for uniform. The other arguments are SB3's.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"MlpPolicy": DQNPolicy}
    policy: DQNPolicy

    def __init__(
        self,
        policy: str,
        env: VecEnv,
        env_id: str,
        env_kwargs: dict[str, Any] | None = None,
        learning_rate: float = 1e-3,
        buffer_size: int = 50_000,
        learning_starts: int = 1_000,
        batch_size: int = 64,
        tau: float = 1.0,
        gamma: float = 0.99,
        frames_per_batch: int = 256,
        updates_per_batch: int = 128,
        target_update_interval: int = 128,
        exploration_steps: int = 8_000,
        exploration_initial_eps: float = 1.0,
        exploration_final_eps: float = 0.04,
        max_grad_norm: float = 10.0,
        double_dqn: bool = False,
        priorities: tuple[float, float] | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        optimizer = {"optimizer_kwargs": {"fused": True}}  # one call for all tensors
        settings = {"policy_kwargs": optimizer | (policy_kwargs or {}), "seed": seed, "device": device}
        kinds = {"support_multi_env": True, "supported_action_spaces": (spaces.Discrete,)}
        super().__init__(policy, env, learning_rate, **settings, **kinds)
        shape, dtype = self.observation_space.shape, self.observation_space.dtype
        if not isinstance(self.observation_space, spaces.Box) or len(shape) != 1 or dtype != np.float32:
            raise EnvError(f"TorchRL's DQN takes float32 vectors; the observations are {self.observation_space}.")
        self.env_id, self.env_kwargs = env_id, env_kwargs or {}
        self.buffer_size, self.learning_starts, self.batch_size = buffer_size, learning_starts, batch_size
        self.tau, self.gamma, self.max_grad_norm = tau, gamma, max_grad_norm
        self.frames_per_batch, self.updates_per_batch = frames_per_batch, updates_per_batch
        self.target_update_interval, self.double_dqn, self.priorities = target_update_interval, double_dqn, priorities
        span = exploration_initial_eps, exploration_final_eps, 1.0
        self.exploration_schedule, self.exploration_steps = LinearSchedule(*span), exploration_steps
        self._setup_model()

    def _setup_model(self) -> None:
        """SB3's policy and TorchRL's modules around it: they share its tensors."""
        self._setup_lr_schedule()
        self.set_random_seed(self.seed)
        space, action_space = self.observation_space, self.action_space
        self.policy = self.policy_class(space, action_space, self.lr_schedule, **self.policy_kwargs).to(self.device)
        self._torchrl_env = self._make_env()
        # Actions are one-hot by default (the loss, too, falls back to that, with no more than a warning): say
        # categorical to the env, to the actor and to the loss, or the three do not fit together.
        spec = self._torchrl_env.full_action_spec_unbatched["action"]
        self.actor = QValueActor(
            self.policy.q_net.q_net, in_keys=["observation"], spec=spec, action_space="categorical"
        )
        self.explorer = EGreedyModule(spec, eps_init=1.0, eps_end=0.0)  # floats; `_explore` sets what is in force
        self.loss = DQNLoss(
            self.actor, loss_function="smooth_l1", double_dqn=self.double_dqn, action_space="categorical"
        )
        self.loss.make_value_estimator(gamma=self.gamma)  # gamma is no argument of DQNLoss
        self.target_updater = self._make_target_updater()
        self._share_target()
        self.replay_buffer = make_replay_buffer(self.buffer_size, self.priorities)
        self._n_updates, self._episode_num = 0, 0
        self._returns, self._lengths = np.zeros(self.n_envs), np.zeros(self.n_envs, int)

    def _make_env(self) -> EnvBase:
        """`n_envs` rows in this process; GymEnv's own num_envs would start a process for each."""

        def one() -> EnvBase:
            return GymEnv(self.env_id, categorical_action_encoding=True, **self.env_kwargs)

        return one() if self.n_envs == 1 else SerialEnv(self.n_envs, one)

    def _make_target_updater(self) -> HardUpdate | SoftUpdate:
        if self.tau < 1.0:
            return SoftUpdate(self.loss, tau=self.tau)
        # its first copy comes at call number interval + 1, and so do the following: one less makes it the interval
        return HardUpdate(self.loss, value_network_update_interval=self.target_update_interval - 1)

    def _share_target(self) -> None:
        """Let the policy's target net be the loss's, so that checkpoints hold it under SB3's names."""
        targets = self.loss.target_value_network_params.flatten_keys(".")
        for name, tensor in self.policy.q_net_target.q_net.named_parameters():
            tensor.data = targets[f"module.0.module.{name}"].data

    def learn(
        self,
        total_timesteps: int,
        callback: BaseCallback | None = None,
        log_interval: int | None = 4,
        tb_log_name: str = "DQN",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> "TorchRLDQN":
        """Train until `total_timesteps` env steps, in whole batches; log_interval: batches between dumps of the log."""
        arguments = callback, reset_num_timesteps, tb_log_name, progress_bar
        total_timesteps, callback = self._setup_learn(total_timesteps, *arguments)
        callback.on_training_start(locals(), globals())
        self._explore()
        collector = self._make_collector(total_timesteps - self.num_timesteps)
        try:
            callback.on_rollout_start()
            for number, batch in enumerate(collector, 1):
                infos = self._count(batch)
                callback.update_locals({"infos": infos, "batch": batch})
                if not callback.on_step():
                    break
                self.replay_buffer.extend(batch.select(*KEPT).reshape(-1))  # of several envs it is (n_envs, steps)
                callback.on_rollout_end()
                if self.num_timesteps > self.learning_starts:
                    self.train()
                if log_interval and number % log_interval == 0:
                    self.dump_logs()
                self._explore()
                callback.on_rollout_start()
        finally:
            collector.shutdown(close_env=False)  # a resumed `learn` goes on with the same env
        callback.on_training_end()
        return self

    def _make_collector(self, steps: int) -> Collector:
        """Plays at least `steps` more env steps, in whole batches, the first ones at random until learning_starts."""
        # seeded here and not once, or a resumed training would play its first episodes again
        self._torchrl_env.set_seed(int(stream(self.seed, self.num_timesteps).integers(2**31)))
        random = max(0, self.learning_starts - self.num_timesteps)
        # anything but whole batches is rounded up with a warning
        total, random = (-(-n // self.frames_per_batch) * self.frames_per_batch for n in (steps, random))
        return Collector(
            self._torchrl_env,
            TensorDictSequential(self.actor, self.explorer),  # not copied on one device: updates reach it by themselves
            frames_per_batch=self.frames_per_batch,
            total_frames=total,
            init_random_frames=random,
            auto_register_policy_transforms=True,  # what 0.15 makes the default, and warns about until then
        )

    def _count(self, batch: TensorDict) -> list[dict[str, Any]]:
        """Take note of a batch's steps and ended episodes; what Monitor would say about the latter."""
        rows = batch.reshape(self.n_envs, -1)
        rewards, dones = (rows["next", name].squeeze(-1).numpy() for name in ("reward", "done"))
        infos: list[dict[str, Any]] = []
        for step in range(rewards.shape[1]):
            self._returns += rewards[:, step]
            self._lengths += 1
            for row in np.flatnonzero(dones[:, step]):
                seconds = round((time.time_ns() - self.start_time) / 1e9, 6)
                episode = {"r": float(self._returns[row]), "l": int(self._lengths[row]), "t": seconds}
                infos.append({"episode": episode})
                self._returns[row] = self._lengths[row] = 0
        if self.num_timesteps >= self.learning_starts:  # in random play the Q values are zeros that nobody computed
            self.logger.record("rollout/q_mean", batch["chosen_action_value"].mean().item())
        self.num_timesteps += batch.numel()
        self._episode_num += len(infos)
        self._update_info_buffer(infos)
        self._update_current_progress_remaining(self.num_timesteps, self._total_timesteps)
        return infos

    def _explore(self) -> None:
        """Set epsilon for the steps to come.

        By hand, because nothing else does, and not by `EGreedyModule.step(frames)`, which loops in Python over frames
        and whose state would be one more thing to keep: epsilon follows from the number of env steps alone.
        """
        share_left = max(0.0, 1.0 - self.num_timesteps / self.exploration_steps)
        epsilon = self.exploration_schedule(share_left)
        self.explorer.eps.fill_(epsilon)
        self.logger.record("rollout/exploration_rate", epsilon)

    def train(self) -> None:
        """Do `updates_per_batch` updates on samples of the replay buffer."""
        self._update_learning_rate(self.policy.optimizer)
        hard = isinstance(self.target_updater, HardUpdate)
        if hard:  # its counter is a plain attribute, which no state_dict keeps
            self.target_updater.counter = self._n_updates % self.target_update_interval
        parameters = list(self.policy.q_net.parameters())
        losses = torch.empty(self.updates_per_batch)
        for i, sample in enumerate(self._minibatches()):
            loss = self.loss(sample)["loss"]
            self.policy.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
            self.policy.optimizer.step()
            if hard or (self._n_updates + i + 1) % self.target_update_interval == 0:  # a SoftUpdate does not count
                self.target_updater.step()
            if self.priorities:
                self.replay_buffer.update_tensordict_priority(sample)
            losses[i] = loss.detach()
        self._n_updates += self.updates_per_batch
        mean = float(losses.mean())
        if not np.isfinite(mean):
            raise RlkitError(f"The loss is {mean} after update {self._n_updates}; learning_rate is too high.")
        self.logger.record("train/loss", mean)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/learning_rate", self.policy.optimizer.param_groups[0]["lr"])

    def _minibatches(self) -> Iterator[TensorDict]:
        """`updates_per_batch` samples; uniform ones are drawn at once, which takes an eighth of the time."""
        if self.priorities:
            yield from (self.replay_buffer.sample(self.batch_size) for _ in range(self.updates_per_batch))
        else:
            yield from self.replay_buffer.sample(self.batch_size * self.updates_per_batch).split(self.batch_size)

    def dump_logs(self) -> None:
        """Write the log under SB3's names."""
        seconds = max((time.time_ns() - self.start_time) / 1e9, 1e-9)
        if self.ep_info_buffer:
            self.logger.record("rollout/ep_rew_mean", safe_mean([episode["r"] for episode in self.ep_info_buffer]))
            self.logger.record("rollout/ep_len_mean", safe_mean([episode["l"] for episode in self.ep_info_buffer]))
        self.logger.record("rollout/buffer_size", len(self.replay_buffer))
        self.logger.record("time/episodes", self._episode_num, exclude="tensorboard")
        self.logger.record("time/fps", int((self.num_timesteps - self._num_timesteps_at_start) / seconds))
        self.logger.record("time/time_elapsed", int(seconds), exclude="tensorboard")
        self.logger.record("time/total_timesteps", self.num_timesteps, exclude="tensorboard")
        self.logger.dump(self.num_timesteps)

    def replay_arrays(self) -> dict[str, np.ndarray]:
        """The replay buffer for a checkpoint; everything else follows from weights, optimizer and counters."""
        return to_arrays(self.replay_buffer)

    def refill_replay(self, arrays: dict[str, np.ndarray]) -> None:
        """Put `replay_arrays` back into a fresh model's buffer."""
        from_arrays(self.replay_buffer, arrays)

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        return ["policy", "policy.optimizer"], []


class CheckedTorchRLDQN(Checked, TorchRLDQN):
    """TorchRLDQN under a GreedyCheck."""
