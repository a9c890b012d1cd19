"""Proofs that a collision mesh is a soccar arena: bounces, ramps, climbs, goals, and play without leaks.

Expected places and speeds marked "game" are what the same proofs measure on the mesh dumped from the game that
rlgym-rocket-league 2.0.1 carries.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rlkit.envs.rocket_league import simulation as sim
from rlkit.envs.rocket_league.arena import FIELD
from rlkit.envs.rocket_league.placing import place_ball, place_car
from rlkit.envs.rocket_league.simulation import Simulation, control

RESTITUTION = 0.6  # speed off a surface over speed onto it; RocketSim, BALL_RESTITUTION
SIDE_LIFT_X = 3886.2  # uu, where a rolling ball has risen by 5 on the side ramp; game
BACK_LIFT_Y = 4991.2  # uu, the same on the back ramp; game
RAMP_SPEED = 856.8  # uu/s, how fast the side ramp sends up a ball thrown flat along the floor at 1850; game
BAR_Y = 5041.5  # uu, how far a ball gets that hits the back wall over the bar; game
POST_Y = 5032.3  # uu, how far one gets that hits it beside the post; game
DIAGONAL = (math.sqrt(0.5), math.sqrt(0.5), 0.0)  # out of the field, square to a corner wall


@dataclass(frozen=True)
class Proof:
    """One measured property of the arena and what it has to be; a list of them makes a table."""

    name: str
    measured: float
    expected: str
    ok: bool


def prove_mesh(mesh: str | os.PathLike[str] = "generated", ticks: int = 20_000) -> list[Proof]:
    """Measurements of an arena against what the real one does; takes about a second.

    mesh: as in `mesh_folder`. ticks: physics ticks of random 2v2 play, over all its arenas. EnvError when this process
    plays on another mesh.
    """
    lab = Simulation(1, blue=1, orange=0, tick_skip=1, mesh=mesh)
    return [*_bounces(lab), *_ramps(lab), *_climbs(lab), *_goals(lab), *_random_play(mesh, ticks)]


def _bounces(lab: Simulation) -> list[Proof]:
    """A ball thrown squarely at a surface comes back with 0.6 of its speed."""
    throws = {
        "floor": ((0.0, 0.0, 1000.0), (0.0, 0.0, -1.0)),
        "side wall": ((3000.0, 0.0, 1000.0), (1.0, 0.0, 0.0)),
        "corner wall": ((2800.0, 3824.0, 1000.0), DIAGONAL),
        "back wall": ((2000.0, 4000.0, 1000.0), (0.0, 1.0, 0.0)),
        "ceiling": ((0.0, 0.0, 1500.0), (0.0, 0.0, 1.0)),
    }
    proofs = []
    for surface, (start, outwards) in throws.items():
        speed = _throw(lab, start, np.multiply(outwards, 1500.0), ticks=150)[:, 3:] @ np.array(outwards)
        back = int(np.argmax(speed < 0.0))
        proofs.append(_near(f"restitution of the {surface}", -speed[back] / speed[back - 1], RESTITUTION, 0.005))
    return proofs


def _ramps(lab: Simulation) -> list[Proof]:
    """A rolling ball rises where the ramp's radius says, and the ramp turns it upwards."""
    side = _throw(lab, (2000.0, 0.0, sim.BALL_REST_Z), (1850.0, 0.0, 0.0), ticks=200)
    back = _throw(lab, (2000.0, 3300.0, sim.BALL_REST_Z), (0.0, 1850.0, 0.0), ticks=200)
    lift_x = side[np.argmax(side[:, 2] > sim.BALL_REST_Z + 5.0), 0]
    lift_y = back[np.argmax(back[:, 2] > sim.BALL_REST_Z + 5.0), 1]
    return [
        _near("side ramp lifts a ball at x, uu", lift_x, SIDE_LIFT_X, 10.0),
        _near("back ramp lifts a ball at y, uu", lift_y, BACK_LIFT_Y, 10.0),
        _near("side ramp sends a ball up, uu/s", side[:, 5].max(), RAMP_SPEED, 25.0),
    ]


def _climbs(lab: Simulation) -> list[Proof]:
    """A boosting car drives up every kind of wall to the ceiling."""
    starts = {
        "side wall": (2500.0, 0.0, 0.0),
        "corner wall": (2400.0, 3424.0, math.pi / 4),
        "back wall": (2000.0, 3500.0, math.pi / 2),
    }
    proofs = []
    for wall, start in starts.items():
        path = _drive(lab, start, ball=(0.0, -3000.0), ticks=420)
        on_wheels = path[:, 3] > 0.0
        proofs.append(
            _at_least(f"height a car climbs on the {wall}, uu", path[on_wheels, 2].max(), FIELD.ceiling_z - 30.0)
        )
    return proofs


def _goals(lab: Simulation) -> list[Proof]:
    """The goal mouth is open to cars and balls, and the wall around it is closed."""
    net = _drive(lab, (0.0, 3500.0, math.pi / 2), ball=(0.0, -3000.0), ticks=300)[:, 1].max()
    over = _throw(lab, (0.0, 4000.0, 780.0), (0.0, 2000.0, 100.0), ticks=100)[:, 1].max()
    beside = _throw(lab, (1010.0, 4000.0, sim.BALL_REST_Z), (0.0, 2000.0, 0.0), ticks=100)[:, 1].max()
    inside = _throw(lab, (780.0, 4000.0, sim.BALL_REST_Z), (0.0, 2000.0, 0.0), ticks=100)[:, 1].max()
    arena, score = lab.arenas[0], lab.arenas[0].blue_score
    _drive(lab, (0.0, 0.0, math.pi / 2), ball=(0.0, 1500.0), ticks=400)
    return [
        _at_least("a car reaches the net, y in uu", net, FIELD.back_wall_y + FIELD.goal_depth - 60.0),
        _near("a ball over the bar stops, y in uu", over, BAR_Y, 10.0),
        _near("a ball outside the post stops, y in uu", beside, POST_Y, 10.0),
        _at_least("a ball inside the post goes in, y in uu", inside, sim.GOAL_LINE_Y),
        _near("goals from one hit at the goal", arena.blue_score - score, 1, 0),
    ]


def _random_play(mesh: str | os.PathLike[str], ticks: int) -> list[Proof]:
    """2v2 with random controls and a ball thrown at up to its top speed every 2 s: nothing leaves, all stays finite."""
    play, rng = Simulation(8, blue=2, orange=2, mesh=mesh), np.random.default_rng(0)
    rows = np.concatenate([rng.integers(-1, 2, (64, 5)), rng.integers(0, 2, (64, 3))], axis=1)
    controls = [control(row) for row in rows]
    outside = broken = 0
    for step in range(math.ceil(ticks / (play.n_arenas * play.tick_skip))):
        for arena in range(play.n_arenas) if step % 30 == 0 else ():
            play.place(arena, "scatter", rng)
            direction = rng.normal(size=3)
            speed = rng.uniform(0.0, sim.BALL_MAX_SPEED) / np.linalg.norm(direction)
            place_ball(play.arenas[arena].ball, (0.0, 0.0, 1000.0), direction * speed)
        for car, choice in zip(play.handles, rng.integers(len(controls), size=len(play.handles)), strict=True):
            car.set_controls(controls[choice])
        play.step()
        places = np.concatenate([play.cars[:, 0, sim.CAR_POSITION], play.ball[:, 0, sim.BALL_POSITION]])
        outside += int((~_inside(places)).sum())
        broken += int((~np.isfinite(play.cars)).sum() + (~np.isfinite(play.ball)).sum())
    return [
        _near("cars and balls outside the arena in random play", outside, 0, 0),
        _near("numbers that are not finite in random play", broken, 0, 0),
    ]


def _inside(places: np.ndarray) -> np.ndarray:
    """Which of these points (n, 3) lie in the arena or a goal, bool (n,)."""
    x, y, z = np.abs(places[:, 0]), np.abs(places[:, 1]), places[:, 2]
    field = (x < FIELD.side_wall_x) & (y < FIELD.back_wall_y) & (x + y < FIELD.corner_sum)
    goal = (x < FIELD.goal_half_width) & (y < FIELD.back_wall_y + FIELD.goal_depth) & (z < FIELD.goal_height)
    return (field | goal) & (z > 0.0) & (z < FIELD.ceiling_z)


def _throw(lab: Simulation, position: Sequence[float], velocity: Sequence[float], ticks: int) -> np.ndarray:
    """The ball's path, float64 (ticks, 6): position and velocity after each tick, the car out of the way."""
    place_car(lab.handles[0], 0.0, -4000.0, math.pi / 2)
    lab.handles[0].set_controls(control((0,) * 8))
    place_ball(lab.arenas[0].ball, position, velocity)
    path = np.empty((ticks, 6))
    for tick in range(ticks):
        lab.step()
        path[tick, :3], path[tick, 3:] = lab.ball[0, 0, sim.BALL_POSITION], lab.ball[0, 0, sim.BALL_VELOCITY]
    return path


def _drive(lab: Simulation, start: tuple[float, float, float], ball: tuple[float, float], ticks: int) -> np.ndarray:
    """The car's path from x, y, yaw under full throttle and boost, float64 (ticks, 4): position, 1 on its wheels."""
    place_car(lab.handles[0], *start)
    lab.handles[0].set_controls(control((1, 0, 0, 0, 0, 0, 1, 0)))
    place_ball(lab.arenas[0].ball, (*ball, sim.BALL_REST_Z), (0.0, 0.0, 0.0))
    path = np.empty((ticks, 4))
    for tick in range(ticks):
        lab.step()
        path[tick, :3], path[tick, 3] = lab.cars[0, 0, sim.CAR_POSITION], lab.cars[0, 0, sim.CAR_ON_GROUND]
    return path


def _near(name: str, measured: float, expected: float, tolerance: float) -> Proof:
    text = f"{expected:g} +- {tolerance:g}" if tolerance else f"{expected:g}"
    return Proof(name, round(float(measured), 3), text, bool(abs(measured - expected) <= tolerance))


def _at_least(name: str, measured: float, least: float) -> Proof:
    return Proof(name, round(float(measured), 3), f">= {least:g}", bool(measured >= least))
