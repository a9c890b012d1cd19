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
from rlkit.trainers.general.switches import AMP_DTYPES, amp_obstacle
from rlkit.trainers.recurrent.policies import MlpGruPolicy

SERVED = RecurrentActorCriticPolicy, MlpGruPolicy  # by the kernels; the first is MlpLstmPolicy
FLOW = ("forward", "evaluate_actions", "predict_values", "extract_features", "_get_action_dist_from_latent")


class Plan(NamedTuple):
    """What a `learn` will run."""

    path: str  # "native", "torch" or "sb3-contrib"
    reason: str = ""  # why not the path before it in that list
    amp_dtype: torch.dtype | None = None
    refused: str | None = None  # why use_amp is off


def make_plan(model: OnPolicyAlgorithm) -> Plan:
    """The fastest path that serves a rlkit.RecurrentPPO; mixed precision asks for torch."""
    reason = obstacle(model) if model.fast else "fast=False is sb3-contrib's own code"
    if reason:
        return Plan("sb3-contrib", reason)
    refused = amp_obstacle(model) if model.use_amp else None
    if model.use_amp and not refused:
        return Plan("torch", "use_amp asked for it", AMP_DTYPES[model.amp_dtype])
    reason = native_obstacle(model)
    return Plan("torch", reason, None, refused) if reason else Plan("native", refused=refused)


def complaints(model: OnPolicyAlgorithm, plan: Plan) -> list[str]:
    """The lines to warn with."""
    lines = [f"use_amp is off, because {plan.refused}"] if plan.refused else []
    if plan.path == "sb3-contrib" and model.fast:
        lines.append(f"sb3-contrib's own code, because {plan.reason}")
    elif plan.path == "torch" and not plan.amp_dtype and type(model.policy) in SERVED and model.device.type == "cpu":
        lines.append(f"torch path, because {plan.reason}")
    return lines


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
