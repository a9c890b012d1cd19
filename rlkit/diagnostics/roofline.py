"""How much of the arithmetic that a machine can do a training really does."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

TRIES, TRY_SECONDS = 40, 0.005  # the best of so many, short enough that one runs undisturbed on a busy machine

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


def flops_per_step(policy: nn.Module, n_observed: int, n_epochs: int) -> tuple[float, float]:
    """(forward, update): floating point operations in the matrix products of one env step.

    forward: the rollout's one pass, 2 per weight of every Linear layer, LSTM and GRU. update: n_epochs passes forward
    and backward; backward is twice a forward, less the derivative of the n_observed inputs, which nobody needs.
    Element-wise work (tanh, losses, Adam) is not counted; for convolutions see `convolution_flops`.
    """
    linears = [part for part in policy.modules() if isinstance(part, nn.Linear)]
    memories = [part for part in policy.modules() if isinstance(part, nn.RNNBase)]
    recurrent = [weight for part in memories for name, weight in part.named_parameters() if name.startswith("weight")]
    forward = sum(2.0 * weight.numel() for weight in [*(part.weight for part in linears), *recurrent])
    stacks = [part for part in policy.modules() if isinstance(part, nn.Sequential) and len(part)]
    firsts = [stack[0] for stack in stacks if isinstance(stack[0], nn.Linear) and stack[0].in_features == n_observed]
    entries = [part.weight_ih_l0 for part in memories if part.input_size == n_observed]
    spared = sum(2.0 * weight.numel() for weight in [*(first.weight for first in firsts), *entries])
    return forward, n_epochs * (3 * forward - spared)


def convolution_flops(network: nn.Module, observations: object) -> tuple[float, float]:
    """(all, first): floating point operations of a forward pass in the convolutions of one observation.

    first: the part of those that work on the observation itself, whose derivative by it nobody needs. observations: a
    batch of one, as the network takes it.
    """
    found: list[float] = []

    def count(layer: nn.Conv2d, inputs: object, output: torch.Tensor) -> None:
        found.append(2.0 * layer.weight.numel() * output.shape[-2] * output.shape[-1])

    hooks = [part.register_forward_hook(count) for part in network.modules() if isinstance(part, nn.Conv2d)]
    with torch.no_grad():
        network(observations)
    for hook in hooks:
        hook.remove()
    return sum(found), found[0] if found else 0.0


def torch_product_flops(rows: int, inner: int, columns: int) -> float:
    """Operations per second of torch's float32 product (rows, inner) x (inner, columns) on the CPU: the best try."""
    one, other, out = torch.rand(rows, inner), torch.rand(inner, columns), torch.empty(rows, columns)
    return 2.0 * rows * inner * columns * _calls_per_second(lambda: torch.mm(one, other, out=out))


def numpy_product_flops(*shapes: tuple[int, int, int]) -> list[float]:
    """As torch_product_flops for each shape, by NumPy's BLAS on one thread; on some processors it is twice as fast.

    In a process of its own, because a BLAS reads its number of threads when it loads.
    """
    call = f"[_numpy_product_flops(*shape) for shape in {list(shapes)}]"
    code = f"import sys; from {__name__} import _numpy_product_flops; sys.stdout.write(repr({call}))"
    command = [sys.executable, "-c", code]
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    child = subprocess.run(
        command, env=os.environ | ONE_THREAD | {"PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )
    return [float(flops) for flops in json.loads(child.stdout)]


def _numpy_product_flops(rows: int, inner: int, columns: int) -> float:
    one, other = np.ones((rows, inner), np.float32), np.ones((inner, columns), np.float32)
    out = np.empty((rows, columns), np.float32)
    return 2.0 * rows * inner * columns * _calls_per_second(lambda: np.matmul(one, other, out=out))


def _calls_per_second(work: Callable[[], object]) -> float:
    work()
    return max(_one_try(work) for _ in range(TRIES))


def _one_try(work: Callable[[], object]) -> float:
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < TRY_SECONDS:
        work()
        calls += 1
    return calls / elapsed
