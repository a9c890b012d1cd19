"""What a running training may change: checked at once, felt at the next start, with the same rows."""

import numpy as np
import pytest

from rlkit.envs import make_vec_env
from rlkit.envs.rocket_league import simulation as sim
from rlkit.envs.rocket_league.env import RocketLeague
from rlkit.envs.rocket_league.seats import Policy
from rlkit.envs.rocket_league.simulation import Simulation
from rlkit.envs.rocket_league.starts import STARTS
from rlkit.errors import EnvError

COAST = 15  # the action of table28 that does nothing
SHORT = {"max_seconds": 1.0, "no_touch_seconds": 1.0}  # episodes of 15 decisions


def make(n_envs, **config):
    batch = RocketLeague(n_envs, **config)
    batch.seed(0)
    batch.reset()
    return batch


def advance(batch, steps):
    """Coast; which rows ended in each step, bool (steps, n_envs)."""
    ended = []
    for _ in range(steps):
        batch.advance(np.full(batch.n_envs, COAST))
        ended.append(batch.ended.copy())
    return np.array(ended)


def always(action):
    """A picklable player that always does the same."""
    return Policy(f"always-{action}", Same(action))


class Same:
    def __init__(self, action):
        self.action, self.asked = action, []

    def __call__(self, observations):
        self.asked.append(len(observations))
        return np.full(len(observations), self.action)


@pytest.mark.parametrize(
    ("stage", "hint"),
    [
        ({"mod": "2v2"}, "Did you mean 'mode'"),
        ({"mode": "2v2"}, "Build the env with seats=2v2"),
        ({"opponents": {"rule": float("nan")}}, "share of 'rule'"),
        ({"opponents": {"veteran": 1}}, "unknown 'veteran'"),
        ({"starts": {"open-goal": 1}}, "Did you mean 'open_goal'"),
        ({"mutators": {"gravty": -300}}, "Did you mean 'gravity'"),
        ({"mutators": {"respawn_delay": -1}}, "0 or more"),
        ({"reward_weights": {"tuoch": 1}}, "Did you mean 'touch'"),
        ({"opponents": {"self": 1}}, "n_envs=3 does not fit"),
    ],
)
def test_a_stage_that_cannot_be_is_refused_and_changes_nothing(stage, hint):
    batch = make(3, opponents={"rule": 1})
    before = {name: dict(value) if isinstance(value, dict) else value for name, value in batch.config.items()}
    with pytest.raises(EnvError, match=hint):
        batch.set_stage({"reward_weights": {"goal": 3.0}, **stage})
    assert batch.config == before
    assert not advance(batch, 1).any()


def test_starts_and_physics_change_with_the_next_episode():
    batch = make(2, opponents={"self": 1}, starts={"touch": 1}, **SHORT)
    batch.set_stage({"starts": {"aerial": 1}, "mutators": {"gravity": 0.0}})
    ball_z = batch.simulation.ball[:, 0, sim.BALL_POSITION][:, 2]
    assert advance(batch, 15)[:14].sum() == 0
    assert batch.config["starts"] == {"aerial": 1.0}
    start = ball_z.copy()
    assert (start > 250).all()
    rise = batch.simulation.ball[:, 0, sim.BALL_VELOCITY][:, 2].copy()
    advance(batch, 10)
    fallen = ball_z - start - rise * 10 * 8 / 120
    np.testing.assert_allclose(fallen, 0.0, atol=20.0)  # with gravity it would be 144 uu
    batch.set_stage({"mutators": {}})
    advance(batch, 10)
    before = batch.simulation.ball[:, 0, sim.BALL_VELOCITY][:, 2].copy()
    advance(batch, 3)
    assert (batch.simulation.ball[:, 0, sim.BALL_VELOCITY][:, 2] < before - 100).all()


def test_another_mode_ends_every_episode_and_keeps_the_rows():
    batch = make(8, seats="2v2", opponents={"self": 0.5, "rule": 0.5})
    width = batch.observation_space.shape
    assert width == RocketLeague(4, mode="2v2").observation_space.shape
    batch.set_stage({"mode": "2v2", "opponents": {"rule": 1}})
    assert batch.simulation.n_cars == 2
    batch.advance(np.full(8, COAST))
    assert batch.truncated.all()
    assert (batch.simulation.n_cars, batch.simulation.n_arenas) == (4, 4)
    assert batch.observations.shape == (8, *width)
    assert not advance(batch, 3).any()
    mate, second_opponent = batch.observations[:, 60:74], batch.observations[:, 88:102]
    assert (np.abs(mate).sum(1) > 0).all()
    assert (np.abs(second_opponent).sum(1) > 0).all()
    batch.set_stage({"mode": "1v1", "opponents": {"self": 1}})
    batch.advance(np.full(8, COAST))
    assert batch.simulation.n_arenas == 4
    assert not batch.observations[:, 60:74].any()
    assert not batch.observations[:, 88:102].any()


def test_a_change_taken_back_before_it_came_ends_nothing():
    batch = make(4, seats="2v2", opponents={"self": 1})
    batch.set_stage({"mode": "2v2"})
    batch.set_stage({"mode": "1v1"})
    assert not advance(batch, 2).any()


def test_a_mode_sees_the_same_from_larger_seats():
    plain, roomy = make(2), make(2, seats="3v3")
    np.testing.assert_array_equal(plain.observations[:, :60], roomy.observations[:, :60])
    np.testing.assert_array_equal(plain.observations[:, 60:74], roomy.observations[:, 60 + 28 : 74 + 28])


def test_seated_players_drive_their_share_of_the_episodes():
    batch = make(6, opponents={"rule": 1}, starts={"kickoff": 1}, **SHORT)
    fast, still = always(7), always(COAST)
    batch.set_opponents({fast.name: 0.5, still.name: 0.5}, [fast, still])
    advance(batch, 14)
    assert not batch._playing  # episodes go on with whom they began
    advance(batch, 1)
    asked = [seats.driving.sum() for seats in batch._playing]
    assert sum(asked) == 6
    orange = batch._lineup.scripted
    before = batch.simulation.cars[orange, 0, sim.CAR_POSITION].copy()
    advance(batch, 10)
    moved = np.linalg.norm(batch.simulation.cars[orange, 0, sim.CAR_POSITION] - before, axis=1)
    drives_fast = next(s for s in batch._playing if s.player is fast).driving
    assert 0 < drives_fast.sum() < 6
    assert (moved[drives_fast] > 200).all()
    assert (moved[~drives_fast] < 20).all()
    batch.set_opponents({"idle": 1})
    advance(batch, 15)
    assert not batch._playing
    assert (batch._drivers[orange] >= 0).all()


def test_a_player_without_room_for_the_teams_is_refused():
    batch = make(4, mode="2v2", opponents={"rule": 1})
    small = Policy("small", Same(0), seats="1v1")
    with pytest.raises(EnvError, match="no room for 2v2"):
        batch.set_opponents({"small": 1}, [small])
    with pytest.raises(EnvError, match="unknown 'absent'"):
        batch.set_opponents({"absent": 1}, [Policy("present", Same(0))])
    assert batch.config["opponents"] == {"rule": 1.0}


def test_workers_take_a_stage_and_players():
    env = make_vec_env("rlkit/RocketLeague-v0", 8, seed=1, n_workers=2, seats="2v2", opponents={"rule": 1})
    try:
        env.reset()
        env.env_method("set_stage", {"mode": "2v2"})
        _, _, dones, infos = env.step(np.full(8, COAST))
        assert dones.all()
        assert all(info["TimeLimit.truncated"] for info in infos)
        env.env_method("set_opponents", {"always-7": 1}, [always(7)])
        env.step(np.full(8, COAST))
        assert env.get_attr("config")[7]["opponents"] == {"always-7": 1.0}
        with pytest.raises(EnvError, match="Build the env with seats=3v3"):
            env.env_method("set_stage", {"mode": "3v3"})
    finally:
        env.close()


@pytest.mark.parametrize("team", [0, 1])
@pytest.mark.parametrize("start", ["touch", "open_goal", "shot", "aerial", "defend"])
def test_drills_are_for_one_team_and_the_same_for_both(start, team):
    simulation, rng = Simulation(1, 2, 2), np.random.default_rng(3)
    sign = 1 - 2 * team
    for _ in range(20):
        simulation.place(0, start, rng, team)
        simulation.read([0])
        places = sign * simulation.cars[:, 0, sim.CAR_POSITION][:, :2]
        ball = sign * simulation.ball[0, 0, sim.BALL_POSITION][:2]
        distances = np.linalg.norm(places - ball, axis=1)
        gaps = np.linalg.norm(places[:, None] - places[None], axis=2)[np.triu_indices(4, 1)]
        assert gaps.min() > 300
        others = np.delete(np.arange(4), 2 * team)
        if start == "defend":
            assert sign * simulation.ball[0, 0, sim.BALL_VELOCITY][1] < -300
            assert places[2 * team, 1] < ball[1] < places[others, 1].min()
        else:
            assert distances.argmin() == 2 * team
            assert distances[2 * team] < 3200
            assert (places[others, 1] < -3300).all()


def test_every_start_can_be_an_episode():
    for start in STARTS:
        batch = make(2, opponents={"self": 1}, starts={start: 1})
        advance(batch, 2)
        assert np.isfinite(batch.observations).all()
