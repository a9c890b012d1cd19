"""Which path and which switches a model gets, and for every wish that cannot be met the one line that says why."""

import os
import shutil
import sys
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from rlkit.errors import ParamsError, did_you_mean
from rlkit.trainers.fast import plan as native
from rlkit.trainers.general.evaluation import Evaluation
from rlkit.trainers.general.steps import NOT_FUSED

AMP_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
COMPILE_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")  # torch.compile's
COMPILERS = {"darwin": "clang++", "win32": "cl"}  # what torch.compile calls where CXX is not set; g++ elsewhere
ARGUMENTS = ("fast", "n_threads", "use_amp", "amp_dtype", "use_torch_compile", "compile_mode", "use_pinned_memory")
WISHES = ("use_amp", "use_torch_compile", "use_pinned_memory")


class Plan(NamedTuple):
    """What a `learn` will run."""

    path: str  # "native", "torch" or "stable-baselines3"
    reason: str  # why not the path before it in that list
    n_threads: int | str | None = None  # "auto" until it was timed
    amp_dtype: torch.dtype | None = None
    compile_mode: str | None = None
    pinned_memory: bool = False
    refused: tuple[tuple[str, str], ...] = ()  # (argument, why it is off)

    def describe(self) -> dict[str, str]:
        """What is on, by argument, and under "path" in a few words."""
        dtype = str(self.amp_dtype).removeprefix("torch.") if self.amp_dtype else ""
        compiled = f"compiled ({self.compile_mode})" if self.compile_mode else ""
        on = {
            "use_amp": dtype,
            "use_torch_compile": self.compile_mode,
            "use_pinned_memory": self.pinned_memory and "on",
        }
        refused = {name: f"off, because {reason}" for name, reason in self.refused}
        threads = {None: "", "auto": "threads by trial", 1: "1 thread"}.get(self.n_threads, f"{self.n_threads} threads")
        pinned = "pinned memory" if self.pinned_memory else ""
        words = [word for word in (self.path, compiled, dtype, pinned, threads) if word]
        facts = {"path": ", ".join(words)} | ({"reason": self.reason} if self.reason else {})
        return facts | {name: on[name] or refused.get(name, "off") for name in WISHES}

    def without_compile(self, reason: str) -> "Plan":
        """The plan after compiling turned out not to work."""
        return self._replace(compile_mode=None, refused=(*self.refused, ("use_torch_compile", reason)))


def make_plan(model: OnPolicyAlgorithm) -> Plan:
    """The fastest path that serves a rlkit.PPO with the switches that are on; the torch ones ask for the torch path."""
    check(model)
    wishes = [name for name in WISHES if getattr(model, name)]
    if not model.fast:
        return _stock(wishes, "fast=False is stable-baselines3's own code")
    if type(model.rollout_buffer) not in (RolloutBuffer, DictRolloutBuffer):
        return _stock(wishes, f"the rollout buffer is {type(model.rollout_buffer).__name__}")
    refused = {name: reason for name in wishes if (reason := OBSTACLES[name](model))}
    on = [name for name in wishes if name not in refused]
    reason = f"{' and '.join(on)} asked for it" if on else native.obstacle(model)
    if reason is None:
        return Plan("native", "", model.n_threads or 1, refused=tuple(refused.items()))
    mode = model.compile_mode if "use_torch_compile" in on else None
    if mode == "reduce-overhead" and model.device.type != "cuda":
        mode = "default"
        refused["compile_mode"] = f"reduce-overhead means CUDA graphs and the policy is on {model.device}"
    return Plan(
        "torch",
        reason,
        model.n_threads if model.device.type == "cpu" else None,
        AMP_DTYPES[model.amp_dtype] if "use_amp" in on else None,
        mode,
        "use_pinned_memory" in on,
        tuple(refused.items()),
    )


def complaints(model: OnPolicyAlgorithm, plan: Plan) -> list[str]:
    """The lines to warn with: wishes that were refused, and a slower path where a faster one was to be expected."""
    lines = [f"{name} is off, because {reason}" for name, reason in plan.refused if name != "compile_mode"]
    lines += [f"compile_mode is 'default', because {reason}" for name, reason in plan.refused if name == "compile_mode"]
    small = type(model.policy) is ActorCriticPolicy and model.device.type == "cpu"
    if plan.path == "stable-baselines3" and model.fast and not lines:
        lines.append(f"stable-baselines3's own code, because {plan.reason}")
    elif plan.path == "torch" and small and plan.compile_mode is None and plan.amp_dtype is None:
        lines.append(f"torch path, because {plan.reason}")
    return lines


def _stock(wishes: list[str], reason: str) -> Plan:
    return Plan("stable-baselines3", reason, refused=tuple((name, reason) for name in wishes))


def check(model: Any) -> None:
    """ParamsError for an argument that no machine could follow."""
    threads = model.n_threads
    if not (threads in (None, "auto") or (isinstance(threads, int) and threads >= 1)):
        raise ParamsError(f"n_threads={threads!r} must be at least 1, or 'auto' to time it, or None.")
    for name, known in (("amp_dtype", AMP_DTYPES), ("compile_mode", COMPILE_MODES)):
        value = getattr(model, name)
        if value not in known:
            raise ParamsError(f"{name}={value!r} is not a choice. {did_you_mean(value, known)}")


def amp_obstacle(model: OnPolicyAlgorithm) -> str | None:
    """Why there is no mixed precision, as the end of "... because"; None when there is."""
    device = model.device
    if not torch.amp.is_autocast_available(device.type):
        return f"torch has no mixed precision on {device}"
    if model.amp_dtype == "float16" and device.type != "cuda":
        return f"float16 needs CUDA and the policy is on {device}; amp_dtype='bfloat16' works there"
    if device.type == "cuda" and model.amp_dtype == "bfloat16" and not torch.cuda.is_bf16_supported(False):
        return f"{torch.cuda.get_device_name(device)} has no bfloat16; amp_dtype='float16' works there"
    if any(param.dtype != torch.float32 for param in model.policy.parameters()):
        return "some parameters are not float32"
    return None


def compile_obstacle(model: OnPolicyAlgorithm) -> str | None:
    """Why the update cannot be compiled, as the end of "... because"; None when nothing is known against it."""
    return compiler_obstacle(model.device) or _obstacle_of_policy(model)


def compiler_obstacle(device: torch.device) -> str | None:
    """Why torch.compile does not work for a device on this machine; None when nothing is known against it."""
    if device.type == "cuda":
        return None if find_spec("triton") else "the package triton is missing; it comes with torch for CUDA on Linux"
    if device.type != "cpu":
        return f"torch.compile is not reliable on {device}"
    compiler = os.environ.get("CXX") or COMPILERS.get(sys.platform, "g++")
    return None if shutil.which(compiler) else f"there is no C++ compiler ({compiler}); install it or set CXX"


def _obstacle_of_policy(model: OnPolicyAlgorithm) -> str | None:
    policy: ActorCriticPolicy = model.policy
    if not Evaluation(policy).plain:
        return f"{type(policy).__name__} has an evaluate_actions or a forward of its own"
    if Evaluation(policy).formula is None:
        return f"the action distribution is {type(policy.action_dist).__name__}"
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in policy.modules()):
        return "batch normalisation changes its buffers while it is differentiated"
    if any(not param.requires_grad for param in policy.parameters()):
        return "some parameters are frozen"
    if model.use_amp and model.amp_dtype == "float16":
        return "the scaling of float16's gradients is not compiled; amp_dtype='bfloat16' is"
    chosen = [name for group in policy.optimizer.param_groups for name in NOT_FUSED if group.get(name)]
    return native.obstacle_of_optimizer(policy) or (f"the optimizer has {chosen[0]}" if chosen else None)


def pinned_obstacle(model: OnPolicyAlgorithm) -> str | None:
    """Why page-locked memory is of no use, as the end of "... because"; None when it is."""
    return None if model.device.type == "cuda" else f"it speeds up copies to CUDA and the policy is on {model.device}"


OBSTACLES = {"use_amp": amp_obstacle, "use_torch_compile": compile_obstacle, "use_pinned_memory": pinned_obstacle}
