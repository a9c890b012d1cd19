"""Rocket League games played side by side, one per arena, each to its first goal: the work behind `play_matches`."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from rlkit.diagnostics.replay import Replay
from rlkit.envs.rocket_league import constants as const
from rlkit.envs.rocket_league.actions import CONTROLS
from rlkit.envs.rocket_league.scripts import NOBODY, SCRIPTS, play_scripts
from rlkit.envs.rocket_league.seats import Player, Seats
from rlkit.envs.rocket_league.simulation import Simulation, control
from rlkit.envs.rocket_league.world import make_world
from rlkit.errors import EnvError, did_you_mean
from rlkit.league.camera import Camera
from rlkit.seeding import stream

SIDES = ("blue", "orange", "none")  # by team number; the last, -1, is nobody
KICKOFF_SECONDS = 10.0  # s after the kickoff in which a goal counts as made by it


def name_of(player: str | Player) -> str:
    """The name of a script or a Player."""
    return player if isinstance(player, str) else player.name


class Wave:
    """One game per arena from kickoff to first goal or time out; finished arenas stand still.

    games (n,): numbers, n at most the simulation's arenas; sides (n,): team of the first player, 0 blue or 1 orange;
    games whose numbers are in `filmed` get a film.
    """

    def __init__(
        self,
        simulation: Simulation,
        players: Sequence[str | Player],
        games: np.ndarray,
        sides: np.ndarray,
        filmed: Collection[int],
    ) -> None:
        n = len(games)
        self.simulation, self.world = simulation, make_world(simulation)
        self.players, self.games, self.sides = players, games, sides
        self.playing = np.arange(simulation.n_arenas) < n
        self.winner, self.last_touch = np.full(n, -1), np.full(n, -1)
        self.touches = np.zeros((n, 2), np.int64)
        self.cameras = {a: Camera(simulation, self.world, a) for a, game in enumerate(games.tolist()) if game in filmed}
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
            self.seats[-1].driving[:] = True
            self._watch(self.seats[-1])
        elif player in SCRIPTS:
            self.drivers[cars] = SCRIPTS[player]
        else:
            raise EnvError(f"unknown player '{player}'. {did_you_mean(player, SCRIPTS)} Or give a Player.")

    def _watch(self, seats: Seats) -> None:
        """Let each camera that has nobody yet take notes on the player's first car before it."""
        for row, arena in enumerate(seats.arenas.tolist()):
            camera = self.cameras.get(arena)
            if camera and camera.notes is None:
                camera.watch(seats.player, seats.actions, int(seats.cars[row]))

    def play(self, seed: int, max_seconds: float, start: str = "kickoff") -> None:
        """Play every game from one of STARTS to its end."""
        self.start = start
        for arena, (game, side) in enumerate(zip(self.games.tolist(), self.sides.tolist(), strict=True)):
            self.simulation.place(arena, start, stream(seed, game), side)
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
            rows, actions = seats.act(self.world, self.playing)
            for row, action in zip(rows.tolist(), actions, strict=True) if self.cameras else ():
                camera = self.cameras.get(int(seats.arenas[row]))
                if camera and camera.watches(int(seats.cars[row])):
                    camera.decide(seats.observations[row], action, seats.fold[row])
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
            "kickoff_goal": winner >= 0 and seconds <= KICKOFF_SECONDS and self.start == "kickoff",
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
