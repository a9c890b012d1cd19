"""Rocket League games played side by side, one per arena, each to its first goal: the work behind `play_matches`."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rlkit.diagnostics.replay import Replay
from rlkit.envs.rocket_league import constants as const
from rlkit.envs.rocket_league.actions import CONTROLS, ActionSet
from rlkit.envs.rocket_league.kernel import look
from rlkit.envs.rocket_league.observations import OBSERVATIONS, observation_space
from rlkit.envs.rocket_league.scripts import NOBODY, SCRIPTS, play_scripts
from rlkit.envs.rocket_league.simulation import Simulation, control
from rlkit.envs.rocket_league.world import make_world
from rlkit.errors import EnvError, did_you_mean
from rlkit.league.camera import Camera
from rlkit.seeding import stream

SIDES = ("blue", "orange", "none")  # by team number; the last, -1, is nobody
KICKOFF_SECONDS = 10.0  # s after the kickoff in which a goal counts as made by it


class Player(Protocol):
    """Who can play: a name, the kinds of observation and actions it was trained with, and its policy."""

    name: str
    observation: str  # a key of OBSERVATIONS
    actions: str  # a key of ACTIONS

    def predict(self, observations: np.ndarray) -> np.ndarray:
        """Actions for observations float32 (n, ...): one row per car of its team, in every game still on."""


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
    reward_weights: Mapping[str, float] | None = None


def name_of(player: str | Player) -> str:
    """The name of a script or a Player."""
    return player if isinstance(player, str) else player.name


class Seats:
    """The cars that one Player drives: looks at the world for it and sets what it answers."""

    def __init__(self, player: Player, simulation: Simulation, cars: np.ndarray) -> None:
        space = observation_space(player.observation, simulation.blue, simulation.orange)
        self.kind, self.predict, self.actions = (
            OBSERVATIONS[player.observation],
            copy.copy(player.predict),  # a player may sit on both sides, and has a memory on each
            ActionSet(player.actions),
        )
        self.cars, self.arenas = cars, cars // simulation.n_cars
        self.handles = [simulation.handles[car] for car in cars]
        self.observations = np.zeros((len(cars), *space.shape), np.float32)
        self.fold = np.ones(len(cars), np.float32)
        self._tell_ended = getattr(self.predict, "ended", lambda dones: None)
        self._tell_ended(np.ones(len(cars), bool))
        self.cameras: dict[int, Camera] = {}  # that watch a car of these, by its row

    def watch(self, player: Player, cameras: Mapping[int, Camera]) -> None:
        """Let each camera, by its arena, take notes on the first of these cars there."""
        for arena, camera in cameras.items():
            rows = np.flatnonzero(self.arenas == arena)
            if len(rows) and camera.notes is None:
                camera.watch(player, self.actions, int(self.cars[rows[0]]))
                self.cameras[int(rows[0])] = camera

    def act(self, world: Any, playing: np.ndarray) -> None:
        """Drive the cars of the arenas where playing, bool (n_arenas,), is true."""
        rows = np.flatnonzero(playing[self.arenas])
        look(world, self.kind, self.cars, rows, self.observations, self.fold)
        if getattr(self.predict, "remembers", False):  # of all its rows: those whose game is over are asked in vain
            actions = self.predict(self.observations)[rows]
        else:
            actions = self.predict(self.observations[rows])
        self._tell_ended(np.zeros(len(self.cars), bool))
        self.actions.drive([self.handles[row] for row in rows], actions, self.fold[rows])
        for at, row in enumerate(rows.tolist() if self.cameras else ()):
            if row in self.cameras:
                self.cameras[row].decide(self.observations[row], actions[at], self.fold[row])


class Wave:
    """One game per arena from kickoff to first goal or time out; finished arenas stand still.

    games (n,): numbers, n at most the simulation's arenas; sides (n,): team of the first player, 0 blue or 1 orange;
    games with numbers below `record` are filmed.
    """

    def __init__(
        self,
        simulation: Simulation,
        players: Sequence[str | Player],
        games: np.ndarray,
        sides: np.ndarray,
        record: int,
    ) -> None:
        n = len(games)
        self.simulation, self.world = simulation, make_world(simulation)
        self.players, self.games, self.sides = players, games, sides
        self.playing = np.arange(simulation.n_arenas) < n
        self.winner, self.last_touch = np.full(n, -1), np.full(n, -1)
        self.touches = np.zeros((n, 2), np.int64)
        self.cameras = {a: Camera(simulation, self.world, a) for a in np.flatnonzero(games < record).tolist()}
        self.controls = np.zeros((len(simulation.handles), len(CONTROLS)), np.float32)
        self.drivers = np.full(len(simulation.handles), NOBODY)
        self.seats: list[Seats] = []
        for player, teams in zip(players, (sides, 1 - sides), strict=True):
            self._seat(player, teams)

    def _seat(self, player: str | Player, teams: np.ndarray) -> None:
        """Give a player the cars of its team in every game."""
        team_of_car = np.arange(self.simulation.n_cars) >= self.simulation.blue
        cars = np.flatnonzero(team_of_car == teams[:, None])
        if not isinstance(player, str):
            self.seats.append(Seats(player, self.simulation, cars))
            self.seats[-1].watch(player, self.cameras)
        elif player in SCRIPTS:
            self.drivers[cars] = SCRIPTS[player]
        else:
            raise EnvError(f"unknown player '{player}'. {did_you_mean(player, SCRIPTS)} Or give a Player.")

    def play(self, seed: int, max_seconds: float) -> None:
        """Play every game to its end."""
        for arena, game in enumerate(self.games.tolist()):
            self.simulation.kickoff(arena, stream(seed, game))
        self.simulation.read()
        self._film()
        for _ in range(round(max_seconds / self.world.step_seconds)):
            if not self.playing.any():
                break
            self._act()
            self._step()
            self._film()
            self._count()

    def _act(self) -> None:
        for seats in self.seats:
            seats.act(self.world, self.playing)
        play_scripts(self.world, self.drivers, self.controls)
        handles = self.simulation.handles
        for car in np.flatnonzero(self.drivers != NOBODY).tolist():
            handles[car].set_controls(control(self.controls[car].tolist()))

    def _step(self) -> None:
        """Step the arenas whose game is on; the others would only cost time."""
        self.simulation.step(None if self.playing.all() else np.flatnonzero(self.playing).tolist())

    def _count(self) -> None:
        """Touches, goals and time of the games that are on; ends those with a goal."""
        simulation, n = self.simulation, len(self.games)
        on = self.playing[:n]
        self.world.steps[:n][on] += 1
        touched = simulation.cars[:, 0, const.CAR_TOUCHED].reshape(-1, simulation.n_cars)[:n] > 0
        for team, cars in enumerate((touched[:, : simulation.blue], touched[:, simulation.blue :])):
            hit = cars.any(axis=1) & on
            self.touches[hit, team] += 1
            self.last_touch[hit] = team
        y = simulation.ball[:n, 0, const.BALL_POSITION][:, 1]
        scored = on & (np.abs(y) > const.GOAL_LINE_Y)
        self.winner[scored] = y[scored] < 0
        self.world.score[np.flatnonzero(scored), self.winner[scored]] += 1
        self.playing[:n][scored] = False
        self.drivers.reshape(-1, simulation.n_cars)[~self.playing] = NOBODY

    def _film(self) -> None:
        """Keep a frame of every filmed game that is on."""
        for arena, camera in self.cameras.items():
            if self.playing[arena]:
                camera.shoot()

    def rows(self) -> list[dict[str, Any]]:
        """One row of the table of games per game, see Matches."""
        return [self._row(arena) for arena in range(len(self.games))]

    def _row(self, arena: int) -> dict[str, Any]:
        side, winner = int(self.sides[arena]), int(self.winner[arena])
        names = [name_of(player) for player in self.players]
        seconds = float(self.world.steps[arena] * self.world.step_seconds)
        return {
            "game": int(self.games[arena]),
            "blue": names[side],
            "orange": names[1 - side],
            "side": SIDES[side],
            "winner": SIDES[winner],
            "result": "draw" if winner < 0 else "win" if winner == side else "loss",
            "seconds": seconds,
            "goals": int(winner == side),
            "conceded": int(winner == 1 - side),
            "touches": int(self.touches[arena, side]),
            "opponent_touches": int(self.touches[arena, 1 - side]),
            "own_goal": winner >= 0 and int(self.last_touch[arena]) == 1 - winner,
            "kickoff_goal": winner >= 0 and seconds <= KICKOFF_SECONDS,
        }

    def replays(self) -> list[Replay]:
        """The films, one Replay per filmed game."""
        return [self._replay(arena, camera) for arena, camera in self.cameras.items()]

    def _replay(self, arena: int, camera: Camera) -> Replay:
        row, simulation = self._row(arena), self.simulation
        teams = [0] * simulation.blue + [1] * simulation.orange
        result = "Draw" if row["winner"] == "none" else f"{row[row['winner']]} ({row['winner']}) scores"
        meta = {"names": [row[SIDES[team]] for team in teams], "teams": teams, "result": result}
        return camera.replay(f"{row['blue']} against {row['orange']}, game {row['game']}", meta)
