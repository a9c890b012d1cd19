"""SB3's update step on one minibatch, with any optimizer and policy, as torch runs it."""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator

import torch
from torch import nn

from rlkit.trainers.fast.update import Settings
from rlkit.trainers.general.evaluation import Evaluation
from rlkit.trainers.general.losses import APPROX_KL, minibatch_loss
from rlkit.trainers.general.samples import Samples

FUSED_ON = {"cpu", "cuda", "mps", "xpu"}  # device types; torch/utils/_foreach_utils.py
NOT_FUSED = ("foreach", "fused", "capturable", "differentiable")  # arguments of Adam that choose a way of their own,
UNCHOSEN = {
    "foreach": (None,),
    "fused": (None,),
    "capturable": (None, False),
    "differentiable": (None, False),
}  # unless
Loss = Callable[[Samples, Settings], tuple[torch.Tensor, torch.Tensor]]  # of a minibatch, and its statistics


class EagerStep:
    """One step after another; gradients are scaled where they are float16's, by a scale that lasts over updates.

    loss: the loss of a minibatch, if not `minibatch_loss` by the evaluation.
    """

    def __init__(self, evaluation: Evaluation, loss: Loss | None = None) -> None:
        self._evaluation, self._params = evaluation, list(evaluation.policy.parameters())
        self._loss = loss or functools.partial(minibatch_loss, evaluation)
        device, scaled = evaluation.policy.device.type, evaluation.amp_dtype is torch.float16
        self._scaler = torch.amp.GradScaler(device, enabled=scaled)  # does nothing when not enabled

    def __call__(self, samples: Samples, settings: Settings, rows: torch.Tensor) -> tuple[torch.Tensor, bool]:
        """Statistics of a minibatch, and whether approx_kl passed its limit, in which case the step was not done."""
        optimizer = self._evaluation.policy.optimizer
        loss, statistics = self._loss(samples.take(rows), settings)
        if settings.kl_limit < math.inf and statistics[APPROX_KL] > settings.kl_limit:
            return statistics, True
        optimizer.zero_grad()
        self._scaler.scale(loss).backward()
        self._scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(self._params, settings.max_grad_norm)
        self._scaler.step(optimizer)
        self._scaler.update()
        return statistics, False

    def rehearse(self, samples: Samples, settings: Settings, rows: torch.Tensor) -> None:
        """The work of a step without its effect, for timing: parameters, buffers and random streams stay."""
        buffers = [(buffer, buffer.clone()) for buffer in self._evaluation.policy.buffers()]
        with torch.random.fork_rng(devices=[]):
            loss, _ = self._loss(samples.take(rows), settings)
            torch.autograd.grad(loss, self._params, allow_unused=True)
        for buffer, before in buffers:
            buffer.copy_(before)


@contextlib.contextmanager
def fused(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Adam as one kernel while inside; outside it is what it was, so that a saved file has the form of SB3's."""
    groups = optimizer.param_groups
    devices = {param.device.type for group in groups for param in group["params"]}
    chosen = any(group.get(name) not in UNCHOSEN[name] for group in groups for name in NOT_FUSED)
    if type(optimizer) is not torch.optim.Adam or chosen or not devices <= FUSED_ON:
        yield
        return
    try:
        _set_fused(optimizer, True)
        yield
    finally:
        _set_fused(optimizer, None)


def _set_fused(optimizer: torch.optim.Adam, fused: bool | None) -> None:
    """Adam counts its steps on the parameter's device when it is fused, and on the CPU when it is not."""
    for group in optimizer.param_groups:
        group["fused"] = fused
    for param, state in optimizer.state.items():
        state["step"] = state["step"].to(param.device if fused else "cpu")
