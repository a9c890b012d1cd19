"""The torch path of rlkit.PPO: rollouts and updates of any actor-critic policy, on any device."""

import contextlib
import functools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy

from rlkit.diagnostics.machine import cores_usable
from rlkit.trainers.fast.threads import quicker
from rlkit.trainers.fast.update import Settings
from rlkit.trainers.general.compiled import CompiledStep, first_line
from rlkit.trainers.general.evaluation import Evaluation
from rlkit.trainers.general.losses import APPROX_KL, LOSS
from rlkit.trainers.general.samples import Observations, Samples, Store, each
from rlkit.trainers.general.steps import EagerStep, fused
from rlkit.trainers.general.switches import Plan

Step = Callable[[torch.Tensor], tuple[torch.Tensor, bool]]  # from rows to statistics, and whether the limit was passed


class TorchPath:
    """Rollouts and updates of a policy as a plan says; the methods are those of `fast.path.NativePath`."""

    def __init__(self, policy: ActorCriticPolicy, plan: Plan) -> None:
        self.policy, self.plan = policy, plan
        self._made_for = _identity(policy, plan)
        self._evaluation = Evaluation(policy, plan.amp_dtype)
        self._store = Store(policy.device, plan.pinned_memory)
        self._eager = EagerStep(self._evaluation)
        self._compiled: CompiledStep | None = None

    def fits(self, policy: ActorCriticPolicy, plan: Plan) -> bool:
        """Whether it serves this policy by this plan; what it compiled and tried out then stays good."""
        return _identity(policy, plan) == self._made_for

    def start_rollout(self, buffer: RolloutBuffer) -> None:
        """Prepare for a rollout into a buffer that was just reset."""
        self._store.start(buffer)

    def observe(self, buffer: RolloutBuffer, step: int, observations: Any) -> Observations:
        """Observations (n_envs, ...) of a step as tensors on the policy's device, kept there for the update."""
        return self._store.put(step, observations)

    @torch.no_grad()
    def act(self, buffer: RolloutBuffer, step: int, observations: Observations) -> tuple[Any, ...]:
        """SB3's actions (n_envs, ...) as an array, and its tensors of values (n_envs, 1) and log_probs (n_envs,)."""
        actions, values, log_probs = self._evaluation.act(observations)
        actions = actions.cpu().numpy()
        buffer.values[step], buffer.log_probs[step] = values.flatten().cpu().numpy(), log_probs.cpu().numpy()
        return actions, values, log_probs

    @torch.no_grad()
    def values(self, observations: Any) -> np.ndarray:
        """Values of observations (n, ...), float32 (n,)."""
        device = self.policy.device
        return self._evaluation.values(each(lambda o: torch.as_tensor(o, device=device), observations)).cpu().numpy()

    def train(self, buffer: RolloutBuffer, settings: Settings, n_epochs: int) -> np.ndarray:
        """The metrics (epochs done, N_METRICS) of an update, as `fast.update.train_epoch` defines them."""
        if math.isinf(settings.clip_range_vf):
            settings = settings._replace(clip_range_vf=None)
        samples = self._store.samples(buffer)
        self._choose_threads(samples, settings)
        epochs: list[torch.Tensor] = []
        stopped = False
        with torch_threads(self.plan.n_threads), fused(self.policy.optimizer):
            step = self._step(samples, settings)
            while len(epochs) < n_epochs and not stopped:
                order = _rows(np.random.permutation(len(samples.table)), buffer).to(self.policy.device)
                statistics, stopped = _epoch(step, order.split(settings.batch_size))
                epochs.append(statistics)
        return np.array([_metrics(statistics.cpu().numpy()) for statistics in epochs])

    def _step(self, samples: Samples, settings: Settings) -> Step:
        """The step for an update's minibatches; if compiled, then without a smaller last one, which is not worth it."""
        eager = functools.partial(self._eager, samples, settings)
        size = min(settings.batch_size, len(samples.table))
        if self.plan.compile_mode and not self._compiled:
            self._compile(samples, settings, torch.arange(size, device=self.policy.device))
        if not self._compiled:
            return eager
        compiled = self._compiled.bind(samples, settings)
        return lambda rows: compiled(rows) if len(rows) == size else eager(rows)

    def _compile(self, samples: Samples, settings: Settings, rows: torch.Tensor) -> None:
        try:
            compiled = CompiledStep(self._evaluation, self.plan.compile_mode)
            compiled.compile(samples, settings, rows)
            self._compiled = compiled
        except RuntimeError as error:  # every error of the compiler is one
            reason = first_line(error)
            self.plan = self.plan.without_compile(reason)
            warnings.warn(f"rlkit.PPO: use_torch_compile is off, because compiling failed: {reason}", stacklevel=7)

    def _choose_threads(self, samples: Samples, settings: Settings) -> None:
        if self.plan.n_threads != "auto":
            return
        rows = torch.arange(min(settings.batch_size, len(samples.table)))

        def run(n_threads: int) -> None:
            with torch_threads(n_threads):
                self._eager.rehearse(samples, settings, rows)

        self.plan = self.plan._replace(n_threads=quicker(run, cores_usable()))


@contextlib.contextmanager
def torch_threads(n_threads: int | None) -> Iterator[None]:
    """So many threads for torch's sums while inside; None leaves the number as it is."""
    before = torch.get_num_threads()
    if n_threads is not None:
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        if n_threads is not None:
            torch.set_num_threads(before)


def _identity(policy: ActorCriticPolicy, plan: Plan) -> tuple[Any, ...]:
    return plan, policy.device, *map(id, (policy, policy.optimizer, *policy.parameters()))


def _epoch(step: Step, minibatches: Iterable[torch.Tensor]) -> tuple[torch.Tensor, bool]:
    """Statistics (n_minibatches done, 6), and whether a minibatch passed the limit and so was the last."""
    statistics, stopped = [], False
    for rows in minibatches:
        found, stopped = step(rows)
        statistics.append(found)
        if stopped:
            break
    return torch.stack(statistics), stopped


def _rows(order: np.ndarray, buffer: RolloutBuffer) -> torch.Tensor:
    """Where SB3's sample numbers, env * n_steps + t, lie in the buffer: t * n_envs + env before it is read from."""
    steps = buffer.buffer_size
    return torch.from_numpy(order if buffer.generator_ready else order % steps * buffer.n_envs + order // steps)


def _metrics(statistics: np.ndarray) -> list[float]:
    """An epoch's metrics from the statistics of its minibatches, the first columns of both being the same."""
    last = statistics[-1]
    return [*statistics[:, :LOSS].sum(axis=0, dtype=np.float64), last[LOSS], last[APPROX_KL], len(statistics)]
