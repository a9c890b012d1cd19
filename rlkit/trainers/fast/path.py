"""The native path of rlkit.PPO: rollouts and updates of the policies that `plan.obstacle` has nothing against."""

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy

from rlkit.diagnostics.machine import cores_usable
from rlkit.trainers.fast import update
from rlkit.trainers.fast.flat import FlatPolicy
from rlkit.trainers.fast.rollout import act, value
from rlkit.trainers.fast.threads import Team, quicker
from rlkit.trainers.general.switches import Plan


class NativePath:
    """Rollouts and updates of a policy by native calls; the methods are those of `general.path.TorchPath`.

    Actions come from another random stream than SB3's, which torch's global generator starts.
    """

    def __init__(self, policy: ActorCriticPolicy, plan: Plan) -> None:
        self.policy, self.plan = policy, plan
        self._flat = FlatPolicy(policy, 1 if plan.n_threads == "auto" else plan.n_threads)

    def fits(self, policy: ActorCriticPolicy, plan: Plan) -> bool:
        """False: layers may have changed, and a new one costs little."""
        return False

    def start_rollout(self, buffer: RolloutBuffer) -> None:
        """Prepare for a rollout into a buffer that was just reset, with the policy's present weights."""
        self._flat.read()
        self._noise = self._flat.noise(buffer.buffer_size, buffer.n_envs)
        self._drawn = np.empty(self._noise.shape[1:], np.float32)
        self._step_values = torch.from_numpy(buffer.values[..., None]).unbind()
        self._step_log_probs = torch.from_numpy(buffer.log_probs).unbind()

    def observe(self, buffer: RolloutBuffer, step: int, observations: np.ndarray) -> torch.Tensor:
        """Observations (n_envs, ...) of a step as a tensor, which is the buffer's memory."""
        buffer.observations[step] = observations
        return torch.from_numpy(buffer.observations[step])

    def act(
        self, buffer: RolloutBuffer, step: int, observations: torch.Tensor
    ) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
        """Actions (n_envs, ...) in SB3's shape and dtype, values (n_envs, 1) and log_probs (n_envs,)."""
        rows = _flat_rows(observations.numpy())
        act(self._flat.network, rows, self._noise[step], self._drawn, buffer.values[step], buffer.log_probs[step])
        space = self.policy.action_space
        if isinstance(space, spaces.Box):
            actions = self._drawn.copy()
        else:
            actions = self._drawn.astype(np.float32 if isinstance(space, spaces.MultiBinary) else np.int64)
        return actions.reshape(-1, *space.shape), self._step_values[step], self._step_log_probs[step]

    def values(self, observations: np.ndarray) -> np.ndarray:
        """Values of observations (n, ...), float32 (n,), by the weights that were last read."""
        values = np.empty(len(observations), np.float32)
        value(self._flat.network, _flat_rows(observations), values)
        return values

    def train(self, buffer: RolloutBuffer, settings: update.Settings, n_epochs: int) -> np.ndarray:
        """The metrics (epochs done, N_METRICS) of an update, an epoch per native call."""
        self._flat.read()
        (adam, steps), samples = self._flat.read_optimizer(), _samples(buffer)
        self._choose_threads(samples, adam, settings)
        epochs: list[Any] = []
        while len(epochs) < n_epochs and not (epochs and epochs[-1][update.LAST_KL] > settings.kl_limit):
            order = np.random.permutation(len(samples.values))
            epochs.append(np.empty(update.N_METRICS))
            steps = self._flat.team.train_epoch(samples, order, adam, settings, steps, epochs[-1])
        self._flat.write(steps)
        return np.array(epochs)

    def _choose_threads(self, samples: update.Samples, adam: update.Adam, settings: update.Settings) -> None:
        if self.plan.n_threads != "auto":
            return
        batch = np.arange(min(settings.batch_size, len(samples.values)))
        teams = {n: Team(self._flat.network, n) for n in {1, cores_usable()}}
        n_threads = max(teams)
        if teams[n_threads].shares(len(batch)):
            n_threads = quicker(lambda n: teams[n].differentiate(samples, batch, adam.gradient, settings), n_threads)
        else:
            n_threads = 1
        self._flat.team, self.plan = teams[n_threads], self.plan._replace(n_threads=n_threads)


def _samples(buffer: RolloutBuffer) -> update.Samples:
    """The rollout buffer as the kernels read it; a buffer that was read from before lies env by env already."""
    sizes = (buffer.values.size, 1) if buffer.generator_ready else (buffer.buffer_size, buffer.n_envs)
    actions = buffer.actions.reshape(buffer.values.size, -1).astype(np.float32, copy=False)
    observations = buffer.observations.reshape(buffer.values.size, *buffer.obs_shape)
    flat = (array.reshape(-1) for array in (buffer.advantages, buffer.returns, buffer.log_probs, buffer.values))
    return update.Samples(_flat_rows(observations), actions, *flat, *sizes)


def _flat_rows(observations: np.ndarray) -> np.ndarray:
    """Observations (n, ...) as the kernels take them: float32 (n, n_inputs), contiguous; a view where they are."""
    return np.ascontiguousarray(observations.reshape(len(observations), -1), np.float32)
