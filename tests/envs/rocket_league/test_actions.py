import gymnasium
import numpy as np
import pytest

from rlkit.envs.rocket_league import simulation as sim
from rlkit.envs.rocket_league.actions import (
    ACTIONS,
    CONTROLS,
    MIRROR,
    ActionSet,
    multi_discrete,
    table28,
    table90,
)
from rlkit.errors import EnvError


@pytest.fixture(scope="module")
def field():
    return sim.Simulation(1)


def drive(control, air=False, steps=8, fold=1.0, base=()):
    """Place, up, forward and boost of a car, (steps, 10): fixed start, a control and those of `base` at 1."""
    field = sim.Simulation(1)  # a fresh one: a reset car keeps traces of its past in its suspension
    field.kickoff(0, np.random.default_rng(0), noise=False)
    car = field.handles[0]
    sim.place_car(car, 0.0, -3000.0, np.pi / 2, speed=800.0, boost=100.0, z=800.0 if air else sim.CAR_REST_Z)
    field.handles[1].set_controls(sim.control([0] * 8))
    wanted = dict.fromkeys((control, *base), 1)
    action = [4 if name in wanted else 2 for name in CONTROLS[:5]] + [int(name in wanted) for name in CONTROLS[5:]]
    actions = ActionSet("multi_discrete")
    path = []
    for _ in range(steps):
        actions.drive([car], np.array([action]), np.array([fold]))
        field.step()
        row = field.cars[0, 0]
        path.append([*row[sim.CAR_POSITION], *row[sim.CAR_UP], *row[sim.CAR_FORWARD], row[sim.CAR_BOOST]])
    return np.array(path)


# What each control changes, as a column of the path and the sign of the change; +x is left, the nose points to +y.
EFFECTS = {
    "throttle": (1, 1),  # farther
    "steer": (0, -1),  # to the right
    "pitch": (8, 1),  # nose up
    "yaw": (6, -1),  # nose to the right
    "roll": (3, -1),  # roof to the right
    "jump": (2, 1),  # higher
    "boost": (9, -1),  # boost spent
    "handbrake": (6, -1),  # the nose turns more, to the right
}


@pytest.mark.parametrize("control", CONTROLS)
def test_every_control_does_its_own_thing(control):
    base = ("throttle", "steer") if control == "handbrake" else ()
    air = control in ("pitch", "yaw", "roll")
    difference = drive(control, air, base=base) - drive("nothing", air, base=base)
    column, sign = EFFECTS[control]
    least = 0.05 if 3 <= column <= 8 else 5.0  # of a direction; uu or boost
    assert difference[-1, column] * sign > least
    if control not in ("jump", "boost"):
        assert not difference[:, 9].any()
        assert difference[-1, 2] < 5.0


@pytest.mark.parametrize("control", ["steer", "yaw", "roll"])
def test_a_folded_action_is_its_mirror_image(control):
    air = control != "steer"
    plain, folded = (drive(control, air, fold=fold, base=("throttle",)) for fold in (1.0, -1.0))
    mirror = np.array([-1, 1, 1] * 3 + [1])
    np.testing.assert_allclose(folded, plain * mirror, atol=1.0)
    assert np.abs(folded - plain).max() > 0.1


def test_tables():
    assert table28().shape == (28, 8)
    assert table90().shape == (90, 8)
    assert multi_discrete().shape == (25_000, 8)
    for build, space in ACTIONS.values():
        table = build()
        assert len(np.unique(table, axis=0)) == len(table) == np.prod(getattr(space, "nvec", getattr(space, "n", 0)))
        assert np.isin(table[:, :5], (-1, -0.5, 0, 0.5, 1)).all()
        assert np.isin(table[:, 5:], (0, 1)).all()


def test_tables_know_their_mirror_images():
    for build in (table28, table90):
        rows = {tuple(row) for row in build()}
        assert {tuple(row + 0.0) for row in build() * MIRROR} == rows


def test_table90_by_hand():
    table = table90()
    assert table[0].tolist() == [-1, -1, 0, -1, 0, 0, 0, 0]
    assert table[23].tolist() == [1, 1, 0, 1, 0, 0, 1, 1]  # the last on the ground: boost and handbrake
    assert (table[24:, 0] == table[24:, 6]).all()
    jumps = table[table[:, 5] == 1]
    assert not jumps[:, 3].any()
    assert (jumps[:, 7] == jumps[:, [2, 4]].any(axis=1)).all()
    assert not table[24:][table[24:, 5] == 0, 7].any()


def test_multi_discrete_counts_the_last_number_fastest():
    actions = ActionSet("multi_discrete")
    chosen = np.array([[4, 3, 2, 1, 0, 0, 1, 1]])
    row = actions.table[np.ravel_multi_index(chosen[0], actions.space.nvec)]
    assert row.tolist() == [1, 0.5, 0, -0.5, -1, 0, 1, 1]


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("table28", [28]),
        ("table28", [-1]),
        ("table28", [0.0]),
        ("table28", [[0, 0]]),
        ("multi_discrete", [[0, 0, 0, 0, 5, 0, 0, 0]]),
        ("multi_discrete", [[0, 0, 0, 0, 0, 0, 0, 2]]),
        ("multi_discrete", [3]),
    ],
)
def test_what_is_not_in_the_space_is_refused(field, kind, wrong):
    with pytest.raises(EnvError, match=r"space|takes"):
        ActionSet(kind).drive(field.handles[:1], np.array(wrong), np.ones(1))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_any_integer_type_is_taken(field, dtype):
    ActionSet("table28").drive(field.handles[:1], np.array([27], dtype), np.ones(1))


def test_an_unknown_kind_names_the_known_one():
    with pytest.raises(EnvError, match="Did you mean 'table28'"):
        ActionSet("table82")
    assert isinstance(ActionSet("table90").space, gymnasium.spaces.Discrete)


@pytest.mark.parametrize("kind", ["table28", "table90"])
@pytest.mark.parametrize("grounded", [True, False])
def test_an_action_is_the_nearest_to_its_own_controls(kind, grounded):
    actions = ActionSet(kind)
    n = len(actions.table)
    for fold, seen in ((1.0, actions.table), (-1.0, actions.table * MIRROR)):
        found = actions.nearest(seen, np.full(n, grounded), np.full(n, fold))
        np.testing.assert_array_equal(found, np.arange(n))


def test_the_nearest_action_steers_as_much_as_it_can():
    wanted = np.zeros((3, 8), np.float32)
    wanted[:, 0], wanted[:, 1] = 1.0, (0.1, 0.4, -0.9)
    table = table28()
    found = ActionSet("table28").nearest(wanted, np.ones(3, bool), np.ones(3))
    assert table[found, 1].tolist() == [0.0, 0.5, -1.0]
    assert table[found, 5:].max() == 0.0  # neither jumps, nor boosts, nor slides
