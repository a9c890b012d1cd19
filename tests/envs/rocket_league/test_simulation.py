"""The simulation's arrays say what RocketSim's objects say, and its starts are random, fair and repeatable."""

import itertools

import numpy as np
import pytest

from rlkit.envs.rocket_league import simulation as sim
from rlkit.envs.rocket_league.placing import place_ball, place_car
from rlkit.envs.rocket_league.simulation import Simulation, control
from rlkit.envs.rocket_league.starts import STARTS
from rlkit.errors import EnvError

TEAMS = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3)]
DRIVE = (1, 0, 0, 0, 0, 0, 1, 0)  # full throttle and boost


def play(simulation: Simulation, rng: np.random.Generator, steps: int) -> None:
    """Random controls in every car."""
    for _ in range(steps):
        for car in simulation.handles:
            car.set_controls(control([*rng.integers(-1, 2, 5), *rng.integers(0, 2, 3)]))
        simulation.step()


def chase_ball(simulation: Simulation) -> None:
    """Every car drives at the ball with full boost, so that they meet."""
    for row, car in enumerate(simulation.handles):
        columns = simulation.cars[row, 0]
        there = simulation.ball[row // simulation.n_cars, 0, sim.BALL_POSITION] - columns[sim.CAR_POSITION]
        angle = np.arctan2(there @ columns[sim.CAR_RIGHT], there @ columns[sim.CAR_FORWARD])
        car.set_controls(control((1, np.clip(3 * angle, -1, 1), 0, 0, 0, 0, 1, 0)))


def arrays(simulation: Simulation) -> list[np.ndarray]:
    return [array.copy() for array in (simulation.cars, simulation.ball, simulation.pads, simulation.flags)]


def random_match(seed: int, blue: int = 1, orange: int = 1, n_arenas: int = 3, steps: int = 60) -> Simulation:
    simulation, rng = Simulation(n_arenas, blue, orange), np.random.default_rng(seed)
    for arena in range(n_arenas):
        simulation.place(arena, "scatter" if arena % 2 else "kickoff", rng)
    simulation.read()
    play(simulation, rng, steps)
    return simulation


@pytest.mark.parametrize(("blue", "orange"), TEAMS)
def test_arrays_are_what_the_objects_say(blue, orange):
    simulation = random_match(0, blue, orange)
    assert simulation.n_cars == blue + orange
    assert len(simulation.handles) == 3 * simulation.n_cars
    for row, car in enumerate(simulation.handles):
        state, columns, arena = car.get_state(), simulation.cars[row, 0], row // simulation.n_cars
        assert columns[sim.CAR_TEAM] == int(car.team) == (0 if row % simulation.n_cars < blue else 1)
        assert columns[sim.CAR_ID] == row % simulation.n_cars + 1
        for vector, where in (
            (state.pos, sim.CAR_POSITION),
            (state.vel, sim.CAR_VELOCITY),
            (state.ang_vel, sim.CAR_ANGULAR_VELOCITY),
            (state.rot_mat.forward, sim.CAR_FORWARD),
            (state.rot_mat.right, sim.CAR_RIGHT),
            (state.rot_mat.up, sim.CAR_UP),
        ):
            np.testing.assert_allclose(columns[where], vector.as_tuple(), rtol=1e-5, atol=1e-5)
        assert columns[sim.CAR_BOOST] == pytest.approx(state.boost)
        assert columns[sim.CAR_ON_GROUND] == state.is_on_ground
        assert columns[sim.CAR_DEMOED] == state.is_demoed
        np.testing.assert_array_equal(simulation.flags[row], [state.has_flip_or_jump(), state.is_supersonic])
        ball = simulation.arenas[arena].ball.get_state()
        np.testing.assert_allclose(simulation.ball[arena, 0, sim.BALL_POSITION], ball.pos.as_tuple(), rtol=1e-6)
        np.testing.assert_allclose(simulation.ball[arena, 0, sim.BALL_VELOCITY], ball.vel.as_tuple(), rtol=1e-6)
        spin = simulation.ball[arena, 0, sim.BALL_ANGULAR_VELOCITY]
        np.testing.assert_allclose(spin, ball.ang_vel.as_tuple(), rtol=1e-6)
    for arena, pads in zip(simulation.arenas, simulation.pads, strict=True):
        np.testing.assert_array_equal(pads[0], [pad.get_state().is_active for pad in arena.get_boost_pads()])


@pytest.mark.parametrize(("blue", "orange"), TEAMS)
def test_second_view_is_the_world_turned_by_pi(blue, orange):
    simulation = random_match(1, blue, orange)
    turn = np.array([-1, -1, 1], np.float32)
    for where in (sim.CAR_POSITION, sim.CAR_VELOCITY, sim.CAR_FORWARD, sim.CAR_RIGHT, sim.CAR_UP):
        np.testing.assert_allclose(simulation.cars[:, 1, where], simulation.cars[:, 0, where] * turn, atol=1e-6)
    spin = simulation.cars[:, :, sim.CAR_ANGULAR_VELOCITY]
    np.testing.assert_allclose(spin[:, 1], spin[:, 0] * turn, atol=1e-6)
    np.testing.assert_array_equal(simulation.cars[:, 1, :11], simulation.cars[:, 0, :11])
    for where in (sim.BALL_POSITION, sim.BALL_VELOCITY, sim.BALL_ANGULAR_VELOCITY):
        np.testing.assert_allclose(simulation.ball[:, 1, where], simulation.ball[:, 0, where] * turn, atol=1e-6)
    seen = [{(*-place, on) for place, on in zip(sim.PADS, pads[1], strict=True)} for pads in simulation.pads]
    assert seen == [{(*place, on) for place, on in zip(sim.PADS, pads[0], strict=True)} for pads in simulation.pads]


@pytest.mark.parametrize(("blue", "orange"), TEAMS)
def test_same_seed_same_bytes(blue, orange):
    one, other = (arrays(random_match(5, blue, orange)) for _ in range(2))
    for array, twin in zip(one, other, strict=True):
        np.testing.assert_array_equal(array, twin)
    assert not np.array_equal(one[0], random_match(6, blue, orange).cars)


@pytest.mark.parametrize(("blue", "orange"), TEAMS)
@pytest.mark.parametrize("start", STARTS)
def test_an_episode_does_not_depend_on_what_was_played_before(start, blue, orange):
    fresh, used = Simulation(1, blue, orange), random_match(8, blue, orange, n_arenas=1, steps=137)
    for simulation in (fresh, used):
        rng = np.random.default_rng(3)
        simulation.place(0, start, rng)
        simulation.read([0])
        play(simulation, rng, 60)
    np.testing.assert_array_equal(fresh.cars[:, :, sim.CAR_DEMOED :], used.cars[:, :, sim.CAR_DEMOED :])
    for array, twin in zip(arrays(fresh)[1:], arrays(used)[1:], strict=True):
        np.testing.assert_array_equal(array, twin)


def test_pile_ups_end_the_same_wherever_an_arena_lies_in_memory():
    """RocketSim's own order of cars depends on their addresses, and a pile-up on that order."""
    random, matches = np.random.default_rng(2), []
    for _ in range(40):
        matches.append(Simulation(1, 2, 2))
        other = [Simulation(1) for _ in range(random.integers(3))]
        if random.random() < 0.3:
            matches.pop(random.integers(len(matches)))
        del other
    for match in matches:
        match.kickoff(0, np.random.default_rng(5))
        match.read()
        for _ in range(60):
            chase_ball(match)
            match.step()
    for match in matches[1:]:
        np.testing.assert_array_equal(match.cars[:, :, sim.CAR_DEMOED :], matches[0].cars[:, :, sim.CAR_DEMOED :])


def test_demolished_cars_come_back_after_three_seconds_at_repeatable_spots():
    spots = set()
    for seed in range(8):
        twins = []
        for _ in range(3):
            simulation, rng = Simulation(1, 1, 2), np.random.default_rng(seed)
            simulation.place(0, "scatter", rng)
            for car in simulation.handles[1:]:
                car.demolish()
            simulation.step()
            steps = 1
            while simulation.cars[1, 0, sim.CAR_DEMOED]:
                simulation.step()
                steps += 1
            assert steps * 8 == pytest.approx(360, abs=9)
            twins.append(simulation.cars[:, 0, sim.CAR_POSITION].copy())
            spots.add(tuple(twins[-1][1].round().tolist()))
        np.testing.assert_array_equal(twins[0], twins[1])
        np.testing.assert_array_equal(twins[0], twins[2])
    assert len(spots) > 1


def test_both_memory_modes_play_the_same():
    few, many = (random_match(7, n_arenas=n, steps=0) for n in (2, 33))
    for simulation in (few, many):
        rng = np.random.default_rng(7)
        simulation.place(0, "scatter", rng)
        simulation.read([0])
        for _ in range(60):
            simulation.handles[0].set_controls(control([*rng.integers(-1, 2, 5), *rng.integers(0, 2, 3)]))
            simulation.step()
    np.testing.assert_array_equal(few.cars[:2], many.cars[:2])


def test_reading_some_arenas_fills_the_same_and_leaves_the_rest():
    simulation = random_match(2, blue=2, orange=1)
    expected = arrays(simulation)
    for array in (simulation.cars, simulation.ball, simulation.pads, simulation.flags):
        array[:] = -1
    simulation.read([1])
    rows = [slice(3, 6), slice(1, 2), slice(1, 2), slice(3, 6)]
    touched = (slice(None), slice(None), sim.CAR_TOUCHED)  # told once
    expected[0][touched] = 0
    for array, full, where in zip(arrays(simulation), expected, rows, strict=True):
        np.testing.assert_array_equal(array[where], full[where])
        assert (np.delete(array, np.r_[where], axis=0) == -1).all()


def test_a_step_is_tick_skip_ticks():
    simulation = Simulation(2, tick_skip=5)
    before = [arena.tick_count for arena in simulation.arenas]
    simulation.step()
    simulation.step()
    assert [arena.tick_count - ticks for arena, ticks in zip(simulation.arenas, before, strict=True)] == [10, 10]


def test_kickoff_without_noise_is_one_of_five_and_fair():
    simulation, rng = Simulation(1), np.random.default_rng(0)
    spots = set()
    for _ in range(60):
        simulation.kickoff(0, rng, noise=False)
        simulation.read([0])
        blue, orange = simulation.cars[0, 0, sim.CAR_POSITION], simulation.cars[1, 1, sim.CAR_POSITION]
        np.testing.assert_allclose(blue, orange)
        spots.add(tuple(blue[:2].tolist()))
    assert len(spots) == 5


@pytest.mark.parametrize(("blue", "orange"), TEAMS)
def test_kickoff_noise_is_small_and_never_the_same(blue, orange):
    simulation, rng = Simulation(1, blue, orange), np.random.default_rng(0)
    spots = np.array([(-2048, -2560), (2048, -2560), (-256, -3840), (256, -3840), (0, -4608)])
    seen = []
    for _ in range(20):
        simulation.kickoff(0, rng)
        simulation.read([0])
        np.testing.assert_allclose(simulation.ball[0, 0, sim.BALL_POSITION], (0, 0, sim.BALL_REST_Z), atol=0.01)
        for row, car in enumerate(simulation.cars):
            own = car[0 if row < blue else 1]
            off = np.abs(own[sim.CAR_POSITION][:2] - spots).max(axis=1)
            assert off.min() <= 60.0
            assert 25.0 <= own[sim.CAR_BOOST] <= 45.0
            straight = np.array([np.pi / 4, 3 * np.pi / 4, np.pi / 2, np.pi / 2, np.pi / 2])[off.argmin()]
            assert abs(own[sim.CAR_ANGLES][1] - straight) <= 0.12 + 1e-5
            seen.append(tuple(own[sim.CAR_POSITION].tolist()))
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(("blue", "orange"), TEAMS)
def test_scatter_keeps_cars_apart_and_inside(blue, orange):
    simulation, rng = Simulation(1, blue, orange), np.random.default_rng(0)
    behind = 0
    for _ in range(150):
        simulation.place(0, "scatter", rng)
        simulation.read([0])
        x, y = places = simulation.cars[:, 0, sim.CAR_POSITION][:, :2].T
        ball = simulation.ball[0, 0, sim.BALL_POSITION]
        assert (np.abs(x) < 3600).all()
        assert (np.abs(y) < 4700).all()
        assert (np.abs(x) + np.abs(y) < 7400).all()
        assert 90.0 < ball[2] <= 1000.0
        for one, other in itertools.combinations([*places.T, ball[:2]], 2):
            assert np.hypot(*(one - other)) > 299.9
        side = np.where(np.arange(blue + orange) < blue, -1.0, 1.0)
        behind += ((y - ball[1]) * side > 0.0).all()
        simulation.step()
        assert (simulation.cars[:, 0, sim.CAR_ON_GROUND] == 1.0).all()
        assert np.isfinite(simulation.cars).all()
    assert behind > 0.5 * 150


def test_starts_clear_what_was_before():
    simulation, rng = Simulation(1), np.random.default_rng(0)
    for start in STARTS:
        for pad in simulation.arenas[0].get_boost_pads():
            state = pad.get_state()
            state.is_active, state.cooldown = False, 4.0
            pad.set_state(state)
        simulation.handles[0].demolish()
        simulation.step()
        assert simulation.cars[0, 0, sim.CAR_DEMOED] == 1.0
        assert not simulation.pads.any()
        simulation.place(0, start, rng)
        simulation.read([0])
        assert not simulation.cars[:, :, sim.CAR_DEMOED].any()
        assert simulation.pads.all()
        assert simulation.flags[:, sim.FLAG_CAN_JUMP].all()
        assert not simulation.cars[:, :, sim.CAR_TOUCHED].any()


def test_touch_is_told_once():
    simulation = Simulation(1)
    place_car(simulation.handles[0], 0.0, -600.0, np.pi / 2, speed=1000.0)
    place_ball(simulation.arenas[0].ball, (0.0, 0.0, sim.BALL_REST_Z), (0.0, 0.0, 0.0))
    simulation.handles[0].set_controls(control(DRIVE))
    touched = []
    for _ in range(12):
        simulation.step()
        touched.append(simulation.cars[0, 0, sim.CAR_TOUCHED])
    assert 1 <= sum(touched) <= 2
    simulation.read()
    assert not simulation.cars[:, 0, sim.CAR_TOUCHED].any()


def test_counters_count_goals_shots_demos_and_pickups():
    simulation = Simulation(1)
    place_car(simulation.handles[0], 0.0, 3000.0, np.pi / 2, speed=2000.0)
    place_car(simulation.handles[1], 3000.0, 0.0, 0.0)
    place_ball(simulation.arenas[0].ball, (0.0, 3700.0, sim.BALL_REST_Z), (0.0, 0.0, 0.0))
    simulation.handles[0].set_controls(control(DRIVE))
    for _ in range(20):
        simulation.step()
    car = simulation.cars[0, 0]
    assert car[sim.CAR_GOALS] == 1.0
    assert car[sim.CAR_SHOTS] == 1.0
    pickups = car[sim.CAR_PICKUPS]
    place_car(simulation.handles[0], 0.0, -4240.0 - 400.0, np.pi / 2, boost=0.0)
    for _ in range(15):
        simulation.step()
    assert simulation.cars[0, 0, sim.CAR_PICKUPS] > pickups
    place_car(simulation.handles[0], 2000.0, 0.0, 0.0, speed=2300.0)
    place_car(simulation.handles[1], 3000.0, 0.0, np.pi / 2)
    for _ in range(10):
        simulation.step()
    assert simulation.cars[0, 0, sim.CAR_DEMOS] == 1.0
    assert simulation.cars[1, 0, sim.CAR_DEMOED] == 1.0


def test_goal_line_is_where_rocketsim_counts():
    simulation = Simulation(1, tick_skip=1)
    arena, start = simulation.arenas[0], sim.GOAL_LINE_Y
    place_ball(arena.ball, (0.0, start - 20.0, 200.0), (0.0, 300.0, 0.0))
    while arena.blue_score == 0:
        assert simulation.ball[0, 0, 1] <= start
        simulation.step()
    assert start < simulation.ball[0, 0, 1] < start + 3.0


def test_constants_are_rocketsims():
    RocketSim = pytest.importorskip("RocketSim")
    const = RocketSim.RLConst
    for ours, theirs in (
        (sim.GRAVITY, -const.GRAVITY_Z),
        (sim.SIDE_WALL_X, const.ARENA_EXTENT_X),
        (sim.BACK_WALL_Y, const.ARENA_EXTENT_Y),
        (sim.CEILING_Z, const.ARENA_HEIGHT),
        (sim.BALL_RADIUS, const.BALL_COLLISION_RADIUS_SOCCAR),
        (sim.BALL_REST_Z, const.BALL_REST_Z),
        (sim.BALL_MAX_SPEED, const.BALL_MAX_SPEED),
        (sim.BALL_MAX_SPIN, const.BALL_MAX_ANG_SPEED),
        (sim.GOAL_LINE_Y - sim.BALL_RADIUS, const.SOCCAR_GOAL_SCORE_BASE_THRESHOLD_Y),
        (sim.CAR_MAX_SPEED, const.CAR_MAX_SPEED),
        (sim.CAR_MAX_SPIN, const.CAR_MAX_ANG_SPEED),
        (sim.CAR_REST_Z, const.CAR_SPAWN_REST_Z),
        (sim.CAR_BOOST_MAX, const.BOOST_MAX),
        (sim.SUPERSONIC_SPEED, const.SUPERSONIC_START_SPEED),
    ):
        assert ours == pytest.approx(theirs)
    simulation = Simulation(1)  # kept: pads of an arena that is gone read freed memory
    pads = simulation.arenas[0].get_boost_pads()
    np.testing.assert_array_equal(sim.PADS, [pad.get_pos().as_tuple()[:2] for pad in pads])
    np.testing.assert_array_equal(sim.BIG_PADS, np.flatnonzero([pad.is_big for pad in pads]))


def test_control_puts_each_number_in_its_place():
    names = ("throttle", "steer", "pitch", "yaw", "roll", "jump", "boost", "handbrake")
    for index, name in enumerate(names):
        controls = control(np.eye(8)[index])
        assert [bool(getattr(controls, other)) for other in names] == [other == name for other in names]


@pytest.mark.parametrize(
    "wrong", [{"n_arenas": 0}, {"blue": -1}, {"blue": 0, "orange": 0}, {"orange": 6}, {"tick_skip": 0}]
)
def test_impossible_matches_are_refused(wrong):
    with pytest.raises(EnvError, match="at least one"):
        Simulation(**{"n_arenas": 1, **wrong})
