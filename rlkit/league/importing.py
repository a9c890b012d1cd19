"""Members from elsewhere: from a run's checkpoint, and from a stable-baselines3 zip, of which only tensors are read."""

import json
import pickle
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlkit.checkpoint import load_checkpoint
from rlkit.envs.registry import ROCKET_LEAGUE
from rlkit.errors import CheckpointError
from rlkit.league.member import Member, member_facts

ZIP_CONFIG = {"mode": "1v1", "observation": "local", "actions": "table28", "tick_skip": 8, "reward_weights": None}


def numpy_weights(weights: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """A policy's state as float32 arrays, copied, so that training goes on without changing them."""
    return {name: tensor.detach().cpu().numpy().astype(np.float32) for name, tensor in weights.items()}


def from_checkpoint(folder: Path, name: str, activation: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(facts, weights) of a member made of a run's checkpoint; CheckpointError where that cannot play matches."""
    weights, manifest = load_checkpoint(folder)
    env = manifest["env"]
    if env["env_id"] != ROCKET_LEAGUE:
        raise CheckpointError(f"{folder} was trained on {env['env_id']}, and members play in {ROCKET_LEAGUE}.")
    run = {key: manifest[key] for key in ("run", "phase", "seed") if key in manifest}
    arrays = numpy_weights(weights)
    return member_facts(name, arrays, env["config"], manifest["step"], activation, run), arrays


def from_zip(path: Path, name: str, config: Mapping[str, Any] | None = None) -> Member:
    """A member made of the MlpPolicy in an SB3 zip, which does not say what it was trained on: `config` does.

    Of the zip, `policy.pth` is read by torch's weights-only loader, and the activation from the text that SB3 writes
    beside its pickles; the pickles themselves, which could hold code, are never opened, so that it needs no trust.
    CheckpointError for a zip that is none of SB3's, holds anything but tensors, or a policy that fits no member.
    """
    try:
        with zipfile.ZipFile(path) as file:
            state, data = file.read("policy.pth"), json.loads(file.read("data"))
        weights = torch.load(BytesIO(state), weights_only=True, map_location="cpu")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path} is no stable-baselines3 zip: {error}") from None
    except (pickle.UnpicklingError, RuntimeError) as error:
        why = str(error).splitlines()[0]
        raise CheckpointError(f"{path} holds more than tensors in policy.pth, so it was not loaded: {why}") from None
    kind = str(data.get("policy_kwargs", "")).rpartition("torch.nn.modules.activation.")[2].partition("'")[0].lower()
    arrays = numpy_weights(weights)
    facts = member_facts(
        name, arrays, {**ZIP_CONFIG, **(config or {})}, int(data.get("num_timesteps", 0)), kind or "tanh",
        {"file": path.name},
    )  # fmt: skip
    return Member(facts, arrays)
