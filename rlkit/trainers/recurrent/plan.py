"""Which engine a recurrent model gets, and for a slower one than was to be expected the line that says why."""

from typing import NamedTuple

import numba
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.buffers import RecurrentDictRolloutBuffer, RecurrentRolloutBuffer
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from torch import nn

from rlkit.trainers.fast.plan import obstacle_of_networks, obstacle_of_optimizer, obstacle_of_spaces
from rlkit.trainers.general.evaluation import FORMULAS
from rlkit.trainers.general.switches import AMP_DTYPES, amp_obstacle, compiler_obstacle
from rlkit.trainers.recurrent.policies import MlpGruPolicy

SERVED = RecurrentActorCriticPolicy, MlpGruPolicy  # by the kernels; the first is MlpLstmPolicy
FLOW = ("forward", "evaluate_actions", "predict_values", "extract_features", "_get_action_dist_from_latent")


class Plan(NamedTuple):
    """What a `learn` will run."""

    path: str  # "native", "torch" or "sb3-contrib"
    reason: str = ""  # why not the path before it in that list
    amp_dtype: torch.dtype | None = None
    compiled: bool = False
    refused: tuple[tuple[str, str], ...] = ()  # (argument, why it is off)


def make_plan(model: OnPolicyAlgorithm) -> Plan:
    """The fastest path that serves a rlkit.RecurrentPPO; mixed precision and compiling ask for torch."""
    reason = obstacle(model) if model.fast else "fast=False is sb3-contrib's own code"
    if reason:
        return Plan("sb3-contrib", reason)
    wishes = [name for name in OBSTACLES if getattr(model, name)]
    refused = {name: why for name in wishes if (why := OBSTACLES[name](model))}
    on = [name for name in wishes if name not in refused]
    reason = f"{' and '.join(on)} asked for it" if on else native_obstacle(model)
    if reason is None:
        return Plan("native", refused=tuple(refused.items()))
    half = AMP_DTYPES[model.amp_dtype] if "use_amp" in on else None
    return Plan("torch", reason, half, "use_torch_compile" in on, tuple(refused.items()))


def complaints(model: OnPolicyAlgorithm, plan: Plan) -> list[str]:
    """The lines to warn with."""
    lines = [f"{name} is off, because {reason}" for name, reason in plan.refused]
    if plan.path == "sb3-contrib" and model.fast:
        lines.append(f"sb3-contrib's own code, because {plan.reason}")
    elif plan.path == "torch" and not (plan.amp_dtype or plan.compiled) and _native_was_due(model):
        lines.append(f"torch path, because {plan.reason}")
    return lines


def _native_was_due(model: OnPolicyAlgorithm) -> bool:
    return type(model.policy) in SERVED and model.device.type == "cpu"


def compile_obstacle(model: OnPolicyAlgorithm) -> str | None:
    """Why the update cannot be compiled, as the end of "... because"; None when nothing is known against it."""
    if type(model.policy.action_dist) not in FORMULAS:
        return f"the action distribution is {type(model.policy.action_dist).__name__}"
    return compiler_obstacle(model.device)


def half_obstacle(model: OnPolicyAlgorithm) -> str | None:
    """Why there is no mixed precision, as the end of "... because"; None when there is. The memory is tried out.

    On a CPU without AVX-512 oneDNN has no LSTM in bfloat16, which torch does not say before it is called.
    """
    reason = amp_obstacle(model)
    if reason:
        return reason
    device, dtype = model.device, AMP_DTYPES[model.amp_dtype]
    with torch.random.fork_rng(devices=[]):
        memory = type(model.policy.lstm_actor)(8, 8, device=device)
    try:
        with torch.autocast(device.type, dtype):
            memory(torch.zeros(2, 1, 8, device=device))[0].float().sum().backward()
    except RuntimeError:
        return f"torch has no {type(memory).__name__} in {model.amp_dtype} on this {device.type.upper()}"
    return None


OBSTACLES = {"use_amp": half_obstacle, "use_torch_compile": compile_obstacle}


def obstacle(model: OnPolicyAlgorithm) -> str | None:
    """Why neither engine can serve this model, as the end of "... because"; None when torch at least can."""
    policy, buffer = model.policy, model.rollout_buffer
    changed = [name for name in FLOW if getattr(type(policy), name) is not getattr(RecurrentActorCriticPolicy, name)]
    if changed:
        return f"{type(policy).__name__} has its own {changed[0]}"
    if type(buffer) not in (RecurrentRolloutBuffer, RecurrentDictRolloutBuffer):
        return f"the rollout buffer is {type(buffer).__name__}"
    memory = policy.lstm_actor
    if type(memory) not in (nn.LSTM, nn.GRU) or memory.batch_first:
        return "the memory is not a torch LSTM or GRU over (steps, envs, features)"
    return None


def native_obstacle(model: OnPolicyAlgorithm) -> str | None:
    """Why the native engine cannot serve a model that has no `obstacle`; None when it can."""
    policy = model.policy
    if numba.config.DISABLE_JIT:
        return "numba is switched off (NUMBA_DISABLE_JIT)"
    if policy.device.type != "cpu":
        return f"the policy is on {policy.device}"
    if type(policy) not in SERVED:
        return f"the policy is {type(policy).__name__}"
    if isinstance(policy.observation_space, spaces.Dict):
        return "observations are Dict"
    memory = policy.lstm_actor
    if not memory.bias or memory.bidirectional or memory.dropout or memory.proj_size:
        return f"the memory is {memory}"
    return obstacle_of_spaces(policy) or obstacle_of_networks(policy) or obstacle_of_optimizer(policy)
