"""RocketSim soccar arenas stepped together, their state as NumPy arrays.

`cars`, `ball` and `pads` hold two views: 0 is the world, 1 the world rotated by pi about the vertical axis, which is
what an orange car sees as if it were blue. `constants` names their columns, and its names are found here too.
"""

import contextlib
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from rlkit.envs.rocket_league import starts
from rlkit.envs.rocket_league.constants import *  # noqa: F403
from rlkit.envs.rocket_league.constants import (
    BALL_COLUMNS,
    BALL_POSITION,
    CAR_COLUMNS,
    CAR_DEMOED,
    FLAG_CAN_JUMP,
    FLAG_SUPERSONIC,
    N_PADS,
    TICK_SECONDS,
)
from rlkit.envs.rocket_league.mesh import load_mesh
from rlkit.envs.rocket_league.order import make_arena
from rlkit.envs.rocket_league.placing import place_ball as place_ball
from rlkit.envs.rocket_league.placing import place_car as place_car
from rlkit.errors import EnvError

with contextlib.suppress(ImportError):  # some platforms have no wheel; load_mesh, which comes first, says so
    import RocketSim


def control(row: Sequence[float]) -> Any:
    """RocketSim.CarControls of throttle, steer, pitch, yaw, roll (-1 to 1), jump, boost, handbrake (0 or 1)."""
    throttle, steer, pitch, yaw, roll, jump, boost, handbrake = map(float, row)
    # the last three by keyword, because by position the binding has boost before jump
    return RocketSim.CarControls(
        throttle, steer, pitch, yaw, roll, jump=bool(jump), boost=bool(boost), handbrake=bool(handbrake)
    )


class Simulation:
    """`n_arenas` RocketSim soccar arenas stepped together; `read` refills every state array in place.

    Car k of arena a is row a * n_cars + k, blue cars first. cars float32 (n_arenas * n_cars, 2, 36); ball float32
    (n_arenas, 2, 25); pads float32 (n_arenas, 2, 34), 1 while active; flags float32 (n_arenas * n_cars, 2); handles:
    the RocketSim cars by row, for `set_controls`. A step lasts `tick_skip` ticks of 1/120 s. EnvError when RocketSim
    is missing or plays on another mesh already.
    """

    def __init__(
        self,
        n_arenas: int,
        blue: int = 1,
        orange: int = 1,
        tick_skip: int = 8,
        mesh: str | os.PathLike[str] = "generated",
    ) -> None:
        most = len(starts.KICKOFF_SPOTS)
        if n_arenas < 1 or tick_skip < 1 or blue + orange < 1 or not (0 <= blue <= most and 0 <= orange <= most):
            raise EnvError(
                f"no match has n_arenas={n_arenas}, blue={blue}, orange={orange}, tick_skip={tick_skip}. "
                f"Give at least one arena, one car and one tick, and at most {most} cars a team."
            )
        load_mesh(mesh)
        self.n_arenas, self.tick_skip = n_arenas, tick_skip
        self.blue, self.orange, self.n_cars = blue, orange, blue + orange
        made = [make_arena(blue, orange, _memory_mode(n_arenas)) for _ in range(n_arenas)]
        self.arenas = [arena for arena, _ in made]
        self.handles = [car for _, cars in made for car in cars]
        self._gym_states = [arena.get_gym_state for arena in self.arenas]
        self._car_states = [car.get_state for car in self.handles]
        self.cars = np.zeros((len(self.handles), 2, CAR_COLUMNS), np.float32)
        self.ball = np.zeros((n_arenas, 2, BALL_COLUMNS), np.float32)
        self.pads = np.zeros((n_arenas, 2, N_PADS), np.float32)
        self.flags = np.zeros((len(self.handles), 2), np.float32)
        self.read()

    def step(self, arenas: Sequence[int] | None = None) -> None:
        """Advance these arenas, by default all, by `tick_skip` ticks under the controls last set, then `read` them."""
        ticks = self.tick_skip
        chosen = self.arenas if arenas is None else [self.arenas[a] for a in arenas]
        for arena in chosen:  # multi_step spins a core while it waits: 0.3 to 0.6 of this loop's speed
            arena.step(ticks)
        self.read(arenas)
        if self.cars[:, 0, CAR_DEMOED].any():
            self._respawn()

    def read(self, arenas: Iterable[int] | None = None) -> None:
        """Refill the arrays of these arenas, by default of all; a touch of the ball is told once, by the next read."""
        if arenas is not None:
            for arena in arenas:
                self._read_one(arena)
            return
        states = [gym_state() for gym_state in self._gym_states]
        # concatenate into flat views takes less than half the time of np.stack and of a loop over rows
        np.concatenate([state[1] for state in states], out=self.pads.reshape(-1, N_PADS))
        np.concatenate([state[2] for state in states], out=self.ball.reshape(-1, BALL_COLUMNS))
        np.concatenate([car for state in states for car in state[3:]], out=self.cars.reshape(-1, CAR_COLUMNS))
        cars = [car_state() for car_state in self._car_states]
        self.flags[:, FLAG_CAN_JUMP] = [car.has_flip_or_jump() for car in cars]
        self.flags[:, FLAG_SUPERSONIC] = [car.is_supersonic for car in cars]

    def _read_one(self, arena: int) -> None:
        _, self.pads[arena], self.ball[arena], *cars = self._gym_states[arena]()
        for row, car in enumerate(cars, start=arena * self.n_cars):
            state = self._car_states[row]()
            self.cars[row], self.flags[row] = car, (state.has_flip_or_jump(), state.is_supersonic)

    def _respawn(self) -> None:
        """Bring back demolished cars that RocketSim would bring back during the next step, at its spots.

        It draws the spot from the clock; here it follows from where the ball is, so that the same game stays the same.
        """
        for row in np.flatnonzero(self.cars[:, 0, CAR_DEMOED]).tolist():
            if self._car_states[row]().demo_respawn_timer <= (self.tick_skip + 1) * TICK_SECONDS:
                arena, k = divmod(row, self.n_cars)
                spot = hash((k, *self.ball[arena, 0, BALL_POSITION].tolist()))
                self.handles[row].respawn(spot % 2**31)

    def kickoff(self, arena: int, rng: np.random.Generator, noise: bool = True) -> None:
        """Put an arena to a kickoff (see `starts.kickoff`) and its controls to neutral; `read` it afterwards."""
        starts.kickoff(self.arenas[arena], self._cars_of(arena), self.blue, rng, noise=noise)

    def place(self, arena: int, start: str, rng: np.random.Generator, attackers: int = 0) -> None:
        """Put an arena to one of `starts.STARTS` and its controls to neutral; `read` it afterwards.

        attackers: 0 blue or 1 orange, the team that a drill is for.
        """
        starts.STARTS[start](self.arenas[arena], self._cars_of(arena), self.blue, rng, attackers)

    def _cars_of(self, arena: int) -> list[Any]:
        return self.handles[arena * self.n_cars : (arena + 1) * self.n_cars]


def _memory_mode(n_arenas: int) -> int:
    """HEAVY steps 8 % faster to the same bits, for 1.2 instead of 0.35 MB and 12 instead of 3 ms an arena."""
    return RocketSim.MemoryWeightMode.HEAVY if n_arenas <= 32 else RocketSim.MemoryWeightMode.LIGHT
