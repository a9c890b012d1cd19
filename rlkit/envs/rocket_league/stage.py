"""What a training may change about the task while it runs, checked: teams, opponents, starts, physics, rewards."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from rlkit.envs.rocket_league.lineup import team_sizes
from rlkit.envs.rocket_league.mutators import check_mutators
from rlkit.envs.rocket_league.rewards import resolve_weights
from rlkit.envs.rocket_league.scripts import SCRIPTS
from rlkit.envs.rocket_league.starts import STARTS
from rlkit.errors import EnvError, did_you_mean

STAGE = ("mode", "opponents", "starts", "mutators", "reward_weights")


def check_stage(stage: Mapping[str, Any], seated: Collection[str] = (), seats: str = "") -> dict[str, Any]:
    """The stage as plain, complete values: shares with sum 1 and without zeros, a weight for every reward term.

    stage: any of STAGE. seated: names of players that `opponents` may have beside the scripts; seats: the mode whose
    observation the teams must fit in, "" for any. EnvError, with the way out, for what cannot be.
    """
    for key in stage:
        if key not in STAGE:
            raise EnvError(f"a stage cannot set '{key}'. {did_you_mean(key, STAGE)}")
    checked = dict(stage)
    if "mode" in stage and max(team_sizes(stage["mode"])) > max(team_sizes(seats or stage["mode"])):
        raise EnvError(
            f"mode={stage['mode']}: the observation, that of {seats}, has no room for such teams. "
            f"Build the env with seats={stage['mode']}."
        )
    if "opponents" in stage:
        checked["opponents"] = shares("opponents", stage["opponents"], ("self", *SCRIPTS, *seated))
    if "starts" in stage:
        checked["starts"] = shares("starts", stage["starts"], tuple(STARTS))
    if "mutators" in stage:
        checked["mutators"] = check_mutators(stage["mutators"])
    if "reward_weights" in stage:
        checked["reward_weights"] = resolve_weights(stage["reward_weights"])
    return checked


def shares(what: str, given: Mapping[str, float], known: tuple[str, ...]) -> dict[str, float]:
    """Shares by name in the order of `known`, without zeros, with sum 1; EnvError for others, calling them `what`."""
    for name, share in given.items():
        if name not in known:
            raise EnvError(f"{what}: unknown '{name}'. {did_you_mean(name, known)}")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < math.inf:
            raise EnvError(f"{what}: the share of '{name}' is {share!r}; shares are numbers from 0 up.")
    total = sum(given.values())
    if total <= 0:
        raise EnvError(f"{what}={dict(given)} leaves nothing to choose. Give one a share, such as {{{known[0]}: 1}}.")
    return {name: given[name] / total for name in known if given.get(name, 0) > 0}
