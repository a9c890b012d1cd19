import math
from typing import NamedTuple

import numpy as np
import pytest
import RocketSim
from hand_made import random_worlds

from rlkit.envs.rocket_league import simulation as sim
from rlkit.envs.rocket_league.actions import CONTROLS
from rlkit.envs.rocket_league.scripts import SCRIPTS, play_scripts
from rlkit.envs.rocket_league.starts import KICKOFF_SPOTS
from rlkit.envs.rocket_league.world import make_world, scorer
from rlkit.league.matches import play_matches

UP, FLOOR = math.pi / 2, sim.BALL_REST_Z


class Scene(NamedTuple):
    """What happened, one row per decision: cars (n, n_cars, 36), ball (n, 25), both as blue sees them, and controls."""

    cars: np.ndarray
    ball: np.ndarray
    controls: np.ndarray

    @property
    def goal(self):
        """The team that scored at the end: 0 blue, 1 orange, -1 nobody."""
        return int(scorer(self.ball[-1]))

    def touch(self, car=0):
        """Seconds until the car's first touch of the ball, inf without one."""
        touched = np.flatnonzero(self.cars[:, car, sim.CAR_TOUCHED] > 0)
        return (touched[0] + 1) * 8 / 120 if len(touched) else math.inf


def act(
    poses, ball, velocity=(0, 0, 0), seconds=6.0, scripts=("striker", "idle"), blue=1, prepare=lambda handles: None
):
    """Scripts play from a placed start to a goal or the end. poses: (x, y, yaw) or that with speed, boost and z."""
    simulation = sim.Simulation(1, blue, len(poses) - blue)
    simulation.kickoff(0, np.random.default_rng(0))
    for handle, pose in zip(simulation.handles, poses, strict=True):
        sim.place_car(handle, *pose)
    sim.place_ball(simulation.arenas[0].ball, ball, velocity)
    prepare(simulation.handles)
    simulation.read()
    world, cars, balls, done = make_world(simulation), [], [], []
    drivers, controls = np.array([SCRIPTS[name] for name in scripts]), np.zeros((len(poses), 8), np.float32)
    for _ in range(round(seconds * 15)):
        play_scripts(world, drivers, controls)
        for handle, row in zip(simulation.handles, controls.tolist(), strict=True):
            handle.set_controls(sim.control(row))
        simulation.step()
        world.steps[0] += 1
        cars.append(simulation.cars[:, 0].copy())
        balls.append(simulation.ball[0, 0].copy())
        done.append(controls.copy())
        if scorer(simulation.ball[0, 0]) >= 0:
            break
    return Scene(np.array(cars), np.array(balls), np.array(done))


AWAY = (3500, 4500, 0)  # where orange stands idle


def test_an_open_goal_is_scored():
    goals = [
        act([(car_x, car_y, UP, 500, 40), AWAY], (x, 2500, FLOOR), (1, 0, 0)).goal
        for x in (-1500, 0, 900)
        for car_x, car_y in ((-500, 0), (300, 800))
    ]
    assert goals.count(0) >= 5


@pytest.mark.parametrize("y", [-1800, -4000])
def test_a_ball_that_rolls_home_is_cleared(y):
    scene = act([(700, y, -UP, 800, 50), AWAY], (-300, -2500, FLOOR), (100, -1100, 0), seconds=8)
    assert scene.goal != 1
    assert scene.touch() < 4


def test_a_car_on_its_roof_is_back_on_its_wheels_in_two_seconds():
    def turn_over(handles):
        state = handles[0].get_state()
        state.pos, state.rot_mat = RocketSim.Vec(0, -3000, 60), RocketSim.Angle(1.0, 0.0, math.pi).as_rot_mat()
        handles[0].set_state(state)

    scene = act([(0, -3000, 1.0), AWAY], (3000, 3000, FLOOR), seconds=3, prepare=turn_over)
    assert scene.cars[0, 0, sim.CAR_UP][2] < -0.9
    assert scene.cars[30:, 0, sim.CAR_ON_GROUND].mean() > 0.9
    assert scene.cars[-1, 0, sim.CAR_UP][2] > 0.9


@pytest.mark.parametrize("tilt", [(0.0, 1.0, 2.5), (1.0, -1.2, -2.0), (2.0, 0.3, 3.0)])
def test_a_tumbling_car_lands_on_its_wheels(tilt):
    def tumble(handles):
        state = handles[0].get_state()
        state.rot_mat, state.ang_vel = RocketSim.Angle(*tilt).as_rot_mat(), RocketSim.Vec(2.0, -1.5, 1.0)
        state.vel = RocketSim.Vec(600.0, 300.0, 300.0)
        handles[0].set_state(state)

    scene = act([(0, -3000, 0.0, 0, 0, 500), AWAY], (3000, 3000, FLOOR), seconds=3, prepare=tumble)
    landed = int(np.argmax(scene.cars[:, 0, sim.CAR_POSITION][:, 2] < 60))
    assert landed > 5
    assert scene.cars[landed, 0, sim.CAR_UP][2] > 0.8
    assert scene.cars[landed + 3 : landed + 8, 0, sim.CAR_ON_GROUND].mean() > 0.9


@pytest.mark.parametrize("spot", range(5))
def test_the_kickoff_is_reached_sooner_than_by_rule(spot):
    pose = (*KICKOFF_SPOTS[spot], 0, 33.3)
    times = [
        act([pose, AWAY], (0, 0, FLOOR), seconds=5, scripts=(script, "idle")).touch() for script in ("striker", "rule")
    ]
    assert times[0] < times[1] - 0.1


@pytest.mark.parametrize(("place", "velocity"), [
    ((0, 800, 250), (0, 0, 400)), ((300, 1500, 700), (0, -300, 300)), ((-400, 1500, 1100), (0, 0, 300))
])  # fmt: skip
def test_a_high_ball_is_touched_in_the_air(place, velocity):
    scene = act([(0, -600, UP, 1000, 80), AWAY], place, velocity, seconds=4)
    at = round(scene.touch() * 15) - 1
    assert scene.touch() < 4
    assert scene.cars[at, 0, sim.CAR_POSITION][2] > 100


@pytest.mark.parametrize("mode", [(1, 1), (2, 2), (3, 3)])
def test_orange_plays_as_blue_would(mode):
    world = random_worlds(*mode)
    n, half = len(world.cars), mode[0]
    turned = {name: np.ascontiguousarray(getattr(world, name)[:, ::-1]) for name in ("cars", "ball", "pads")}
    swapped = np.arange(n).reshape(-1, 2, half)[:, ::-1].ravel()  # cars of blue become orange's
    image = world._replace(**turned)
    image = image._replace(cars=np.ascontiguousarray(image.cars[swapped]), flags=world.flags[swapped])
    drivers, out, other = np.full(n, SCRIPTS["striker"]), np.zeros((n, 8), np.float32), np.zeros((n, 8), np.float32)
    for step in (0, 1):
        world.steps[:] = image.steps[:] = step
        play_scripts(world, drivers, out)
        play_scripts(image, drivers, other)
        np.testing.assert_array_equal(other, out[swapped])
        assert (np.abs(out) <= 1).all()
        assert np.isin(out[:, CONTROLS.index("jump") :], (0, 1)).all()


def test_striker_beats_rule_and_basic():
    for opponent in ("rule", "basic"):
        results = play_matches("striker", opponent, games=20, max_seconds=60.0).table["result"]
        assert (results == "win").sum() >= 12


def test_the_mate_who_is_farther_off_stays_back():
    scene = act(
        [(0, 900, UP, 500, 40), (600, 0, UP, 500, 40), AWAY],
        (0, 2000, FLOOR),
        (0, 50, 0),
        1.5,
        ("striker", "striker", "idle"),
        2,
    )
    chasing, covering = scene.cars[:, 0, sim.CAR_POSITION][:, 1], scene.cars[:, 1, sim.CAR_POSITION][:, 1]
    assert scene.touch(0) < 1.5
    assert scene.touch(1) == math.inf
    assert (covering < chasing - 500).all()
