"""Frozen players: the net of a policy, played by NumPy alone, and kept as plain tensors with a manifest.

No torch here: env workers import this module, and torch would cost each of them a second and 120 MB.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from rlkit.envs.registry import ROCKET_LEAGUE
from rlkit.envs.rocket_league.actions import ACTIONS
from rlkit.envs.rocket_league.lineup import team_sizes
from rlkit.envs.rocket_league.observations import observation_space
from rlkit.envs.rocket_league.scripts import SCRIPTS
from rlkit.errors import CheckpointError, EnvError
from rlkit.files import slug
from rlkit.sealed import MANIFEST, TRAINING, seal, standing, unseal
from rlkit.seeding import stream

SCHEMA = 1
WEIGHTS = "weights.safetensors"
POLICY = "mlp_extractor.policy_net."  # SB3's names of the layers that lead to the action,
HEAD = "action_net"  # and of the last one
ACTIVATIONS = {"tanh": np.tanh, "relu": lambda values: np.maximum(values, 0.0)}
SHIPPED = Path(__file__).with_name("members")  # those that come with the kit
TAKEN = {"self", *SCRIPTS}  # names that mean somebody else among the opponents of an env


class Member:
    """A frozen policy as a Player of Rocket League: it may sit in an env or play matches, in any process.

    facts: its manifest, see `member_facts`. By default it samples its actions, as in training; `greedy` takes the most
    likely ones. CheckpointError for facts and weights that do not belong together.
    """

    def __init__(self, facts: Mapping[str, Any], weights: Mapping[str, np.ndarray], greedy: bool = False) -> None:
        _check(facts, weights)
        self.facts, self.greedy, self.name = dict(facts), greedy, facts["name"]
        env = facts["env"]
        self.observation, self.actions, self.seats = env["observation"], env["actions"], env["seats"]
        self.reward_weights = env["reward_weights"]
        self._layers = [(weights[f"{n}.weight"].T.copy(), weights[f"{n}.bias"]) for n in _layer_names(weights)]
        self._nvec = facts["spaces"]["action"]
        self._rng = stream(facts["steps"], *self.name.encode())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Member) and self.facts == other.facts and self.greedy == other.greedy

    def __hash__(self) -> int:
        return hash((self.name, self.facts["steps"]))

    def __repr__(self) -> str:
        return f"<Member {self.name} of {self.facts['steps']:,} steps>"

    def predict(self, observations: np.ndarray) -> np.ndarray:
        """Actions for observations float32 (n, size): (n,), or (n, k) for actions of k numbers."""
        logits = self.logits(observations)
        if len(self._nvec) == 1:
            return self._choose(logits)
        parts = np.split(logits, np.cumsum(self._nvec)[:-1], axis=1)
        return np.stack([self._choose(part) for part in parts], axis=1)

    def logits(self, observations: np.ndarray) -> np.ndarray:
        """What the net says of each action, (n, number of actions), as the policy it was copied from would."""
        activate = ACTIVATIONS[self.facts["net"]["activation"]]
        values = observations
        for weight, bias in self._layers[:-1]:
            values = activate(values @ weight + bias)
        weight, bias = self._layers[-1]
        return values @ weight + bias

    def _choose(self, logits: np.ndarray) -> np.ndarray:
        if self.greedy:
            return logits.argmax(axis=1)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True)).cumsum(axis=1)
        marks = self._rng.random(len(logits), np.float32) * odds[:, -1]
        return np.minimum((odds <= marks[:, None]).sum(axis=1), logits.shape[1] - 1)  # rounding may reach the last


def member_facts(
    name: str,
    weights: Mapping[str, np.ndarray],
    config: Mapping[str, Any],
    steps: int,
    activation: str,
    run: Mapping[str, Any] | None = None,
    rating: float | None = None,
) -> dict[str, Any]:
    """The manifest of a member: name, env, spaces, net, steps of its training, facts about its run, Elo.

    weights: an SB3 MlpPolicy's, by its names. config: that of the env it was trained in. CheckpointError for a policy
    that no member can be made of, and for a name that is no slug or means somebody else.
    """
    if slug(name) != name or name in TAKEN:
        raise CheckpointError(f"'{name}' is no name for a member: use letters, digits, - and _, and no script's name.")
    layers = _layer_names(weights)
    strange = [key for key in weights if not key.startswith(("mlp_extractor.", f"{HEAD}.", "value_net."))]
    if strange or len(layers) < 2:
        why = f"it has '{strange[0]}'" if strange else "it has no hidden layers of its own"
        raise CheckpointError(f"{name}: {why}, and a member is an MLP with separate nets, such as rlkit.PPO trains.")
    return {
        "schema": SCHEMA,
        "name": name,
        "steps": steps,
        "env": {
            "env_id": ROCKET_LEAGUE,
            **{key: config[key] for key in ("observation", "actions", "tick_skip", "reward_weights")},
            "seats": config.get("seats") or config["mode"],
        },
        "spaces": {
            "observation": [weights[f"{layers[0]}.weight"].shape[1]],
            "action": _choices(config["actions"]),
        },
        "net": {"layers": [len(weights[f"{n}.bias"]) for n in layers[:-1]], "activation": activation},
        "run": dict(run or {}),
        "rating": rating,
    }


def save_member(folder: Path, facts: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> Member:
    """Write a member to `folder`, all or nothing, and read it back. The value net is kept too, to train on from it."""
    _check(facts, weights)
    plain = {name: np.ascontiguousarray(array, np.float32) for name, array in weights.items()}
    seal(folder, {WEIGHTS: safetensors.numpy.save(plain)}, facts)
    return load_member(folder)


def load_member(folder: Path, greedy: bool = False) -> Member:
    """The member in a folder; no code from it is run. CheckpointError, in one line, for whatever is not whole."""
    return Member(*read_member(folder), greedy=greedy)


def read_member(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(manifest, weights by SB3's names) of a member, its files verified."""
    folder = standing(folder)
    facts = unseal(folder, SCHEMA, [WEIGHTS], kind="member")
    try:
        return facts, safetensors.numpy.load((folder / WEIGHTS).read_bytes())
    except SafetensorError as error:
        raise CheckpointError(f"{folder}/{WEIGHTS} is no safetensors file: {error}") from None


def is_member(folder: Path) -> bool:
    """Whether a folder is kept as members are, and not as checkpoints, which can be trained on from exactly."""
    return (folder / MANIFEST).is_file() and not (folder / TRAINING).exists()


def shipped() -> dict[str, Path]:
    """The folders of the members that come with the kit, by name."""
    return {folder.name: folder for folder in sorted(SHIPPED.glob("[!.]*/"))}


def check_fit(member: Member, config: Mapping[str, Any]) -> None:
    """CheckpointError unless a member can play in an env of this `config`: same tick_skip, and room for its teams."""
    trained, tick_skip = member.facts["env"]["tick_skip"], config["tick_skip"]
    if trained != tick_skip:
        raise CheckpointError(f"{member.name} decides every {trained} ticks, and this env every {tick_skip}.")
    if max(team_sizes(member.seats)) < max(team_sizes(config["mode"])):
        raise CheckpointError(f"{member.name} was trained for {member.seats} and cannot see all of {config['mode']}.")


def _layer_names(weights: Mapping[str, np.ndarray]) -> list[str]:
    """The policy's linear layers, first to last."""
    hidden = {name.removesuffix(".weight") for name in weights if name.startswith(POLICY) and name.endswith(".weight")}
    return [*sorted(hidden, key=lambda name: int(name.removeprefix(POLICY))), HEAD]


def _choices(actions: str) -> list[int]:
    """How many choices each number of an action has, such as [28]."""
    space = ACTIONS[actions][1]
    return np.atleast_1d(space.nvec if hasattr(space, "nvec") else space.n).tolist()


def _check(facts: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> None:
    """CheckpointError unless the weights are finite, and those of the net and the spaces that the manifest names."""
    name = facts.get("name")
    try:
        env, spaces, net = facts["env"], facts["spaces"], facts["net"]
        whole = isinstance(facts["steps"] + env["tick_skip"], int) and slug(name) == name and "reward_weights" in env
        seen = observation_space(env["observation"], *team_sizes(env["seats"])).shape
        taken = _choices(env["actions"])
        sizes = [*spaces["observation"], *net["layers"], sum(spaces["action"])]
        found = [weights[f"{layer}.weight"].shape[::-1] for layer in _layer_names(weights)]
        biases = [weights[f"{layer}.bias"].shape for layer in _layer_names(weights)]
        known = whole and net["activation"] in ACTIVATIONS
    except (KeyError, TypeError, AttributeError, ValueError, EnvError) as error:
        raise CheckpointError(f"member {name}: its manifest and weights do not belong together ({error!r}).") from None
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise CheckpointError(f"member {name} has weights that are not finite; its training had diverged.")
    if tuple(spaces["observation"]) != seen or spaces["action"] != taken:
        raise CheckpointError(
            f"member {name} sees {spaces['observation']} numbers and answers {spaces['action']}, where "
            f"{env['observation']} has {list(seen)} and {env['actions']} takes {taken}."
        )
    if not known or found != list(pairwise(sizes)) or biases != [(size,) for size in sizes[1:]]:
        raise CheckpointError(f"member {name}: its weights are {found}, and its manifest says {sizes}.")
