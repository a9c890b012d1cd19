"""A trained player from its checkpoint, as plain arrays: no torch, no code from the file."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from rlkit.errors import EnvError


def _relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0.0)


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"tanh": np.tanh, "relu": _relu}
# How stable-baselines3 names its networks: hidden layers, last layer ("": the last of the hidden ones), what stands
# between them in the default policies, and what the last layer gives.
NETWORKS: dict[str, tuple[str, str, str]] = {
    "mlp_extractor.policy_net.": ("action_net", "tanh", "PPO and A2C"),
    "actor.latent_pi.": ("actor.mu", "relu", "SAC"),
    "q_net.q_net.": ("", "relu", "DQN"),
}


class MlpPolicy:
    """`policy(observations) -> actions` of a stable-baselines3 MlpPolicy, deterministic.

    weights: by the names of the policy's `state_dict`. activation: of ACTIVATIONS, None: the default of its algorithm,
    which the weights do not tell. discrete: the largest output is the action, else the outputs
    are (squashed by tanh for SAC). EnvError for weights of another kind of policy.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], discrete: bool, activation: str | None = None) -> None:
        found = [prefix for prefix in NETWORKS if any(name.startswith(prefix) for name in weights)]
        if not found or any("features_extractor" in name for name in weights):
            kinds = ", ".join(kind for _, _, kind in NETWORKS.values())
            raise EnvError(
                f"these weights are of no MlpPolicy of {kinds}; their first name is {next(iter(weights))!r}."
            )
        last, default, self._kind = NETWORKS[found[0]]
        self._activation = ACTIVATIONS[activation or default]
        numbers = sorted({int(name.split(".")[-2]) for name in weights if name.startswith(found[0])})
        layers = [f"{found[0]}{number}" for number in numbers] + [last] * bool(last)
        self._layers = [(weights[f"{name}.weight"].T, weights[f"{name}.bias"]) for name in layers]
        self._discrete = discrete

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        """Actions, int64 (n,) or float32 (n, width), for observations float32 (n, ...)."""
        values = observations.reshape(len(observations), -1)
        for number, (weight, bias) in enumerate(self._layers):
            values = (self._activation(values) if number else values) @ weight + bias
        if self._discrete:
            return values.argmax(axis=1)
        return np.tanh(values) if self._kind == "SAC" else values


def load_policy(folder: Path | str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """(weights, configuration of the env it was trained on) of a checkpoint folder; EnvError if it is none."""
    folder = Path(folder)
    try:
        weights = load((folder / "weights.safetensors").read_bytes())
        return weights, json.loads((folder / "manifest.json").read_text("utf-8"))["env"]["config"]
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise EnvError(
            f"dodger='{folder}' is neither a script nor a checkpoint folder ({type(error).__name__}: {error}). "
            "Name a script of players.SCRIPTS, or a folder with weights.safetensors and manifest.json."
        ) from error
