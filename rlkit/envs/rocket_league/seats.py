"""Cars driven by players that do not learn: whoever has a name, kinds of observation and action, and a policy."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rlkit.envs.rocket_league.actions import ActionSet
from rlkit.envs.rocket_league.kernel import look
from rlkit.envs.rocket_league.lineup import team_sizes
from rlkit.envs.rocket_league.observations import OBSERVATIONS, observation_space
from rlkit.envs.rocket_league.simulation import Simulation
from rlkit.envs.rocket_league.world import World
from rlkit.errors import EnvError


class Player(Protocol):
    """Who can play: a name, the kinds of observation and actions it was trained with, and its policy."""

    name: str
    observation: str  # a key of OBSERVATIONS
    actions: str  # a key of ACTIONS
    seats: str  # the mode whose observation it has, "" for that of the match

    def predict(self, observations: np.ndarray) -> np.ndarray:
        """Actions for observations float32 (n, ...), a row per car. A `predict` with a memory is a ModelPredict."""


@dataclass(frozen=True)
class Policy:
    """A Player made of a function, such as `lambda o: model.predict(o, deterministic=False)[0]`.

    With a `ModelPredict` for it, replays show what the model thought. reward_weights: what replays count as its reward,
    by default the env's own weights.
    """

    name: str
    predict: Callable[[np.ndarray], np.ndarray]
    observation: str = "local"
    actions: str = "table28"
    seats: str = ""
    reward_weights: Mapping[str, float] | None = None


class Seats:
    """The cars of a simulation that one Player may drive: looks at the world for those it does, sets their controls.

    cars int64 (n,): flat index of each; observations (n, ...) and fold (n,) are those of the last `act`.
    """

    def __init__(self, player: Player, simulation: Simulation, cars: np.ndarray) -> None:
        blue, orange = simulation.blue, simulation.orange
        sizes = team_sizes(player.seats) if player.seats else (blue, orange)
        if max(sizes) < max(blue, orange):
            raise EnvError(
                f"{player.name} was trained for {player.seats}, whose observation has no room for {blue}v{orange}."
            )
        space = observation_space(player.observation, *sizes)
        self.player, self.kind, self.actions = player, OBSERVATIONS[player.observation], ActionSet(player.actions)
        self.predict = copy.copy(player.predict)  # a player may sit on both sides, and has a memory on each
        self.cars, self.arenas = cars, cars // simulation.n_cars
        self.handles = [simulation.handles[car] for car in cars]
        self.observations = np.zeros((len(cars), *space.shape), np.float32)
        self.fold = np.ones(len(cars), np.float32)
        self.driving = np.zeros(len(cars), bool)
        self._fresh = np.ones(len(cars), bool)
        self._remembers = hasattr(self.predict, "ended")

    def drive(self, arena: int, drives: bool) -> None:
        """Take the wheel of its cars of an arena, whose episode begins, or leave it."""
        here = self.arenas == arena
        self.driving[here] = drives
        self._fresh[here] = True

    def act(self, world: World, on: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Drive its cars where `on`, bool (n_arenas,), is true; the rows of `cars` that it drove, and its actions."""
        rows = np.flatnonzero(self.driving if on is None else self.driving & on[self.arenas])
        look(world, self.kind, self.cars, rows, self.observations, self.fold)
        if self._remembers:  # of each of its cars: those that it does not drive are asked in vain
            self.predict.ended(self._fresh.copy())
            actions = self.predict(self.observations)[rows]
        else:
            actions = self.predict(self.observations[rows])
        self._fresh[rows] = False
        self.actions.drive([self.handles[row] for row in rows], actions, self.fold[rows])
        return rows, actions
