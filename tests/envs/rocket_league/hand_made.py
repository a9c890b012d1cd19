"""Worlds written by hand, for numbers that can be worked out on paper."""

import math

import numpy as np

from rlkit.envs.rocket_league import simulation as sim
from rlkit.envs.rocket_league.actions import ActionSet
from rlkit.envs.rocket_league.world import (
    BALL_POSITION,
    BALL_SPIN,
    BALL_VELOCITY,
    POSITION,
    SPIN,
    VELOCITY,
    World,
    make_world,
)

STEP = 8 / 120  # s per decision


def empty_world(blue=1, orange=1):
    """One arena: cars at their goals facing each other, ball at the centre, all pads active."""
    n = blue + orange
    counts = np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros((1, 2), np.int64)
    cars, ball = np.zeros((n, 2, sim.CAR_COLUMNS), np.float32), np.zeros((1, 2, sim.BALL_COLUMNS), np.float32)
    world = World(cars, ball, np.ones((1, 2, 34), np.float32), np.zeros((n, 2), np.float32), *counts, blue, n, STEP)
    for car in range(n):
        own = -1 if car < blue else 1
        put_car(world, car, (300.0 * car, 4600.0 * own, 17.0), yaw=-own * math.pi / 2)
        world.cars[car, :, sim.CAR_ON_GROUND] = 1
    put_ball(world, (0.0, 0.0, sim.BALL_REST_Z))
    return world


def put_car(world, car, place, velocity=(0, 0, 0), spin=(0, 0, 0), yaw=math.pi / 2, boost=33.0):
    """Stand an upright car somewhere; yaw is the angle of its nose from +x, counter-clockwise from above."""
    c, s = math.cos(yaw), math.sin(yaw)
    columns = ((POSITION, place), (VELOCITY, velocity), (SPIN, spin))
    axes = ((sim.CAR_FORWARD, (c, s, 0)), (sim.CAR_RIGHT, (-s, c, 0)), (sim.CAR_UP, (0, 0, 1)))
    for column, vector in (*columns, *((axis.start, vector) for axis, vector in axes)):
        world.cars[car, 0, column : column + 3] = vector
        world.cars[car, 1, column : column + 3] = (-vector[0], -vector[1], vector[2])
    world.cars[car, :, sim.CAR_BOOST] = boost


def put_ball(world, place, velocity=(0, 0, 0), spin=(0, 0, 0)):
    """Put the ball somewhere."""
    for column, vector in ((BALL_POSITION, place), (BALL_VELOCITY, velocity), (BALL_SPIN, spin)):
        world.ball[0, 0, column : column + 3] = vector
        world.ball[0, 1, column : column + 3] = (-vector[0], -vector[1], vector[2])


def random_worlds(blue, orange, n_arenas=8, steps=60, seed=0):
    """A World of real arenas in the middle of random play."""
    rng = np.random.default_rng(seed)
    simulation, actions = sim.Simulation(n_arenas, blue, orange), ActionSet("table90")
    for arena in range(n_arenas):
        simulation.place(arena, "scatter", rng)
    for _ in range(steps):
        choice = rng.integers(0, 90, len(simulation.handles))
        actions.drive(simulation.handles, choice, np.ones(len(choice)))
        simulation.step()
    return make_world(simulation)


def mirrored(world):
    """The same world with left and right swapped: x negated, spins turned, pads exchanged."""
    cars, ball = world.cars.copy(), world.ball.copy()
    for array, columns in (
        (cars, (POSITION, VELOCITY, sim.CAR_FORWARD.start, sim.CAR_UP.start)),
        (ball, (BALL_POSITION, BALL_VELOCITY)),
    ):
        for column in columns:
            array[..., column] *= -1
    right = sim.CAR_RIGHT.start
    cars[..., right + 1 : right + 3] *= -1  # the mirror image of a right side is a left side
    for array, column in ((cars, SPIN), (ball, BALL_SPIN)):
        array[..., column + 1 : column + 3] *= -1
    other = [int(np.flatnonzero((place * (-1, 1) == sim.PADS).all(axis=1))[0]) for place in sim.PADS]
    return world._replace(cars=cars, ball=ball, pads=np.ascontiguousarray(world.pads[..., other]))
