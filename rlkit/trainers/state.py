"""What a model has learned and how far its training is, as plain tensors and numbers: the content of a checkpoint."""

from collections import deque
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.running_mean_std import RunningMeanStd

from rlkit.errors import CheckpointError
from rlkit.league.member import read_member
from rlkit.seeding import random_state, set_random_state

COUNTERS = ("num_timesteps", "_n_updates", "_episode_num", "_n_calls")  # SB3's; a model has some of them
REPLAY = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")  # SB3's ReplayBuffer


def learned_weights(model: BaseAlgorithm) -> dict[str, torch.Tensor]:
    """The policy's weights by name, target networks among them."""
    return model.policy.state_dict()


def training_state(model: BaseAlgorithm) -> dict[str, Any]:
    """Everything else that a training goes on from, by names that torch's weights-only loader reads.

    optimizers: their state by SB3's names; tensors: learned values outside the policy, such as SAC's log_ent_coef;
    counters; episodes: the last ones, as SB3 averages them; random: the global generators; statistics: those of a
    VecNormalize.
    """
    _, tensors = model._get_torch_save_params()
    return {
        "optimizers": {name: state for name, state in model.get_parameters().items() if name != "policy"},
        "tensors": {name: attrgetter(name)(model).detach().cpu().clone() for name in tensors},
        "counters": {name: int(getattr(model, name)) for name in COUNTERS if hasattr(model, name)},
        "episodes": [{name: float(episode[name]) for name in "rlt"} for episode in model.ep_info_buffer or ()],
        "random": random_state(),
        "statistics": {name: _moments(each) for name, each in _running(model).items()},
    }


def go_on_from(model: BaseAlgorithm, weights: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
    """Put a fresh model where `training_state` was taken; its `learn` then needs reset_num_timesteps=False.

    CheckpointError when the weights are another model's.
    """
    try:
        model.set_parameters({"policy": weights} | state["optimizers"], exact_match=True, device=model.device)
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"the checkpoint is of another model: {error}") from None
    for name, value in state["tensors"].items():
        attrgetter(name)(model).data.copy_(value)
    for name, count in state["counters"].items():
        setattr(model, name, count)
    model.ep_info_buffer = deque(state["episodes"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(maxlen=model._stats_window_size)
    for name, each in _running(model).items():
        if name in state["statistics"]:
            each.mean, each.var, each.count = (value.numpy() for value in state["statistics"][name])
    set_random_state(state["random"])


def _running(model: BaseAlgorithm) -> dict[str, RunningMeanStd]:
    """The running statistics of the model's VecNormalize by name: of returns, and of observations where it has any."""
    env = model.get_vec_normalize_env()
    if env is None:
        return {}
    seen = getattr(env, "obs_rms", {})
    return {"returns": env.ret_rms} | (seen if isinstance(seen, dict) else {"observations": seen})


def _moments(statistics: RunningMeanStd) -> list[torch.Tensor]:
    return [torch.tensor(value) for value in (statistics.mean, statistics.var, statistics.count)]


def warm_start(model: BaseAlgorithm, folder: Path, config: Mapping[str, Any]) -> None:
    """Give a fresh model the nets of a league member, and nothing else; CheckpointError where they do not fit."""
    facts, arrays = read_member(folder)
    env, net = facts["env"], facts["net"]
    theirs = {"net_arch": net["layers"], "activation": net["activation"]}
    theirs |= {name: env[name] for name in ("observation", "actions", "seats")}
    mine = {"net_arch": list(model.policy.net_arch), "activation": model.policy.activation_fn.__name__.lower()}
    mine |= {"observation": config["observation"], "actions": config["actions"]}
    mine["seats"] = config["seats"] or config["mode"]
    other = {name: value for name, value in theirs.items() if mine[name] != value}
    if other:
        raise CheckpointError(
            f"{facts['name']} was trained with {_listed(other)}, and this training has "
            f"{_listed({name: mine[name] for name in other})}. Give it what the member had."
        )
    model.policy.load_state_dict({name: torch.as_tensor(array) for name, array in arrays.items()})


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def replay_arrays(model: BaseAlgorithm) -> dict[str, np.ndarray]:
    """What an off-policy model's replay buffer holds, by the names of its arrays; {} for other models and buffers.

    A model with a buffer of its own kind has methods of these two names.
    """
    if hasattr(model, "replay_arrays"):
        return model.replay_arrays()
    buffer = getattr(model, "replay_buffer", None)
    if type(buffer) not in (ReplayBuffer, NStepReplayBuffer) or buffer.optimize_memory_usage:
        return {}
    held = buffer.size()
    return {name: getattr(buffer, name)[:held] for name in REPLAY} | {"pos": np.array(buffer.pos)}


def refill_replay(model: BaseAlgorithm, arrays: dict[str, np.ndarray]) -> None:
    """Put `replay_arrays` back into a fresh model's buffer; CheckpointError when it is smaller than what it held."""
    if hasattr(model, "refill_replay"):
        return model.refill_replay(arrays)
    buffer, held = model.replay_buffer, len(arrays["rewards"])
    if held > buffer.buffer_size:
        raise CheckpointError(f"the replay buffer held {held} steps, and this model's takes {buffer.buffer_size}.")
    buffer.full = held == buffer.buffer_size
    at = int(arrays["pos"]) % held if held else 0  # in a full buffer, where the oldest step lies
    turn = 0 if buffer.full else -at  # in a larger one the oldest comes first; else all stays as it was
    for name in REPLAY:
        getattr(buffer, name)[:held] = np.roll(arrays[name], turn, axis=0)
    buffer.pos = at if buffer.full else held
    last = buffer.pos - 1
    buffer.timeouts[last] = np.maximum(buffer.timeouts[last], 1 - buffer.dones[last])  # its episodes do not go on
