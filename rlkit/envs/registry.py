"""The table of problems: id -> where its Batch class lives. Nothing heavy is imported until one is built."""

import inspect
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

import gymnasium

from rlkit.envs.batch import Batch
from rlkit.errors import EnvError

ROCKET_LEAGUE = "rlkit/RocketLeague-v0"
DODGE = "rlkit/Dodge-v0"
RECALL = "rlkit/Recall-v0"
ENVS: dict[str, str] = {
    ROCKET_LEAGUE: "rlkit.envs.rocket_league.env:RocketLeague",
    DODGE: "rlkit.envs.dodge.env:Dodge",
    "rlkit/DodgeThrower-v0": "rlkit.envs.dodge.thrower:DodgeThrower",
    "rlkit/Hidden-v0": "rlkit.envs.memory.hidden:Hidden",
    RECALL: "rlkit.envs.memory.recall:Recall",
}


def register() -> None:
    """Make every problem known to `gymnasium.make`; calling it twice is fine.

    Gymnasium 1.0 dropped its plugin entry points, so importing `rlkit.envs` calls this.
    """
    for id, target in ENVS.items():
        if id not in gymnasium.registry:
            gymnasium.register(id, entry_point="rlkit.envs.single:BatchEnv", kwargs={"problem": target})


def load_problem(target: str) -> type[Batch]:
    """The Batch class at "module:Class"."""
    module, name = target.split(":")
    return getattr(import_module(module), name)


def check_keywords(name: str, build: Callable[..., Any], given: Collection[str], known: Collection[str] = ()) -> None:
    """Nothing, or an EnvError naming what `build` accepts when a given keyword is not among it or `known`."""
    parameters = inspect.signature(build).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    accepted = {*known, *(p.name for p in parameters)} - {"n_envs", "part", "self"}
    for keyword in given:
        if keyword not in accepted:
            raise EnvError(f"{name} takes no argument '{keyword}', only: {', '.join(sorted(accepted)) or 'none'}.")
