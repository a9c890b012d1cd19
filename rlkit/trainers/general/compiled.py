"""One step of the update as one compiled graph: gather, forward, loss, backward, clip and Adam.

torch.compile leaves an optimizer and autograd outside of a graph; torch.func.grad and Adam written out bring them in.
"""

import math
import types
from collections.abc import Callable
from typing import Any

import torch
from torch.func import functional_call

from rlkit.trainers.fast.update import Settings
from rlkit.trainers.general.evaluation import Evaluation
from rlkit.trainers.general.losses import APPROX_KL, minibatch_loss
from rlkit.trainers.general.samples import Samples, each

Tensors = list[torch.Tensor]
CLIP_EPS = 1e-6  # torch.nn.utils.clip_grad_norm_


class CompiledStep:
    """The step of `EagerStep` for a policy and an optimizer that `switches.compile_obstacle` has nothing against.

    It is compiled for one size of minibatch, and again only when the clipping of values or the normalisation of
    advantages comes or goes: coefficients and the learning rate are tensors. It works on the optimizer's own state.
    """

    def __init__(self, evaluation: Evaluation, mode: str) -> None:
        self._names, self._params = zip(*evaluation.named_parameters(), strict=True)
        self._optimizer = evaluation.policy.optimizer
        self._compiled = torch.compile(_step_of(evaluation, self._names), fullgraph=True, dynamic=False, mode=mode)

    def compile(self, samples: Samples, settings: Settings, rows: torch.Tensor) -> None:
        """Compile now for minibatches of len(rows), without an effect: a limit that all pass lets no step be done."""
        self.bind(samples, settings._replace(kl_limit=-1.0))(rows)

    def bind(self, samples: Samples, settings: Settings) -> Callable[[torch.Tensor], tuple[torch.Tensor, bool]]:
        """The step for one update: from rows (batch_size,) to what `EagerStep` gives. Call it inside `steps.fused`."""
        group, device = self._optimizer.param_groups[0], self._params[0].device
        states = [_adam_state(self._optimizer, param) for param in self._params]
        memory = [
            list(self._params),
            *([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step")),
        ]
        memory = [[_fixed(tensor) for tensor in tensors] for tensors in memory]
        samples = Samples(each(_fixed, samples.observations), _fixed(samples.table))
        numbers = {
            name: torch.tensor(value, dtype=torch.float32, device=device)
            for name, value in settings._asdict().items()
            if isinstance(value, float)
        }
        rate = torch.tensor(group["lr"], dtype=torch.float32, device=device)
        adam = rate, *group["betas"], group["eps"]
        limited = settings.kl_limit < math.inf
        settings = settings._replace(**numbers)

        def step(rows: torch.Tensor) -> tuple[torch.Tensor, bool]:
            torch.compiler.cudagraph_mark_step_begin()  # what the call before gave is done with,
            statistics = self._compiled(memory, adam, samples, settings, rows).clone()  # because it is copied here
            return statistics, limited and bool(statistics[APPROX_KL] > settings.kl_limit)

        return step


def _step_of(evaluation: Evaluation, names: tuple[str, ...]) -> Callable[..., torch.Tensor]:
    """The function to compile. Code of its own each time: torch lets one piece of code be compiled 8 times at most."""

    def step(
        memory: list[Tensors], adam: tuple[Any, ...], samples: Samples, settings: Settings, rows: torch.Tensor
    ) -> torch.Tensor:
        params, batch = memory[0], samples.take(rows)

        def loss(params: Tensors) -> tuple[torch.Tensor, torch.Tensor]:
            weights = dict(zip(names, params, strict=True))
            return minibatch_loss(lambda *inputs: functional_call(evaluation, weights, inputs), batch, settings)

        gradients, statistics = torch.func.grad(loss, has_aux=True)(params)
        within = ~(statistics[APPROX_KL] > settings.kl_limit)
        adam_step(*memory, clipped(gradients, settings.max_grad_norm), *adam, within)
        return statistics

    code = step.__code__.replace(co_name=f"step_{id(evaluation)}")
    return types.FunctionType(code, step.__globals__, code.co_name, None, step.__closure__)


def clipped(gradients: Tensors, max_norm: float | torch.Tensor) -> Tensors:
    """Gradients scaled down to a Euclidean norm of max_norm together, as torch.nn.utils.clip_grad_norm_ does."""
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))
    factor = torch.clamp(max_norm / (norm + CLIP_EPS), max=1.0)
    return [gradient * factor for gradient in gradients]


def adam_step(
    params: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    steps: Tensors,
    gradients: Tensors,
    rate: torch.Tensor,
    beta1: float,
    beta2: float,
    eps: float,
    wanted: torch.Tensor,
) -> None:
    """One step of Adam in place, arXiv:1412.6980 in torch's order; nothing changes where `wanted`, a bool, is false."""
    for param, exp_avg, exp_avg_sq, step, gradient in zip(params, exp_avgs, exp_avg_sqs, steps, gradients, strict=True):
        number = step + 1
        mean = torch.lerp(exp_avg, gradient, 1 - beta1)
        square = exp_avg_sq * beta2 + gradient * gradient * (1 - beta2)
        correction1 = -torch.expm1(number * math.log(beta1))  # 1 - beta1**number, without float32's cancellation
        correction2 = -torch.expm1(number * math.log(beta2))
        change = rate / correction1 * mean / (torch.sqrt(square) / torch.sqrt(correction2) + eps)
        step.copy_(torch.where(wanted, number, step))
        exp_avg.copy_(torch.where(wanted, mean, exp_avg))
        exp_avg_sq.copy_(torch.where(wanted, square, exp_avg_sq))
        param.copy_(torch.where(wanted, param - change, param))


def _adam_state(optimizer: torch.optim.Optimizer, param: torch.Tensor) -> dict[str, torch.Tensor]:
    """Adam's memory of a parameter, made as torch makes it where there has been no step."""
    state = optimizer.state[param]
    if not state:
        state["step"] = torch.zeros((), device=param.device)
        state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(param), torch.zeros_like(param)
    return state


def first_line(error: RuntimeError) -> str:
    """The first line of what the compiler says that is not empty."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _fixed(tensor: torch.Tensor) -> torch.Tensor:
    """An alias of a tensor that stays where it is: CUDA graphs then work on it in place, not on a copy."""
    alias = tensor.detach()
    torch._dynamo.mark_static_address(alias, guard=False)
    return alias
