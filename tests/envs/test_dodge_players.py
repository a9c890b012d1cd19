"""The scripted players, who bound what a policy can reach, and the thrower who plays against them."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from stable_baselines3 import DQN, PPO, SAC

from rlkit.envs import make_vec_env
from rlkit.envs.dodge.env import Dodge
from rlkit.envs.dodge.players import PLAYERS, SCRIPTS, WAYS, make_player, play_episodes
from rlkit.envs.dodge.policy import MlpPolicy
from rlkit.envs.dodge.thrower import DodgeThrower
from rlkit.envs.registry import DODGE
from rlkit.errors import EnvError


def success(player, episodes=100, **env_kwargs):
    successes, lengths = play_episodes(player, episodes, seed=1, action_repeat=1, **env_kwargs)
    return successes.mean(), lengths.mean()


def test_still_dies_of_the_first_ball():
    """It is thrown in step 100 or 25, and within 0.8 u after 98 of its 100 steps of flight, or 39 of its 40."""
    assert success("still", level=1) == (0.0, 197.0)
    assert success("still", level=2) == (0.0, 63.0)


@pytest.mark.parametrize(
    ("player", "env_kwargs", "low", "high"),
    [
        ("random", {"level": 1}, 0.0, 0.05),
        ("random", {"level": 2, "actions": "continuous3"}, 0.0, 0.0),
        ("oscillate", {"level": 1}, 1.0, 1.0),
        ("oscillate", {"level": 2}, 0.0, 0.02),
        ("patrol", {"level": 1}, 1.0, 1.0),
        ("patrol", {"level": 2, "angle": 180}, 0.0, 0.1),
        ("perpendicular", {"level": 2}, 0.01, 0.25),
        ("perpendicular", {"level": 2, "actions": "continuous6"}, 0.1, 0.45),
        ("careful", {"level": 2}, 0.7, 0.98),
        ("careful", {"level": 2, "actions": "continuous3"}, 0.9, 1.0),
    ],
)
def test_players_reach_what_the_table_says(player, env_kwargs, low, high):
    assert low <= success(player, **env_kwargs)[0] <= high


@pytest.mark.parametrize(("level", "angle"), [(1, None), (2, 60), (3, 180)])
def test_the_planner_shows_that_every_level_can_be_survived(level, angle):
    rate, _ = success("planner", episodes=40, level=level, angle=angle, actions="continuous3")
    assert rate == 1.0


def test_a_player_plays_any_action_set_and_the_same_with_the_same_seed():
    for name in PLAYERS:
        for actions in ("discrete5", "continuous4", "continuous5", "continuous6"):
            lengths = [play_episodes(name, 5, seed=2, actions=actions, max_seconds=2.0)[1].tolist() for _ in range(2)]
            assert lengths[0] == lengths[1]
    assert np.hypot(*WAYS[1:].T) == pytest.approx(np.ones(8))
    batch = Dodge(3, actions="continuous6")
    batch.reset()
    assert make_player("oscillate", batch)().tolist() == [[1, 0, -1, 0, 0, -1]] * 3  # neither jumps, tilts nor sprints


def test_unknown_players_are_named():
    with pytest.raises(EnvError, match="Did you mean 'planner'"):
        play_episodes("planer", 1)
    with pytest.raises(EnvError, match="neither a script nor a checkpoint folder"):
        DodgeThrower(dodger="no/such/folder")
    with pytest.raises(EnvError, match="Known: tanh, relu"):
        DodgeThrower(dodger_activation="gelu")


def throw(batch, choose, seed=0):
    """(shares of hits, mean length in physics steps, sum of rewards) of one episode in each row."""
    batch.seed(seed)
    batch.reset()
    running, lengths, total = np.ones(batch.n_envs, bool), np.zeros(batch.n_envs), np.zeros(batch.n_envs)
    hits = np.zeros(batch.n_envs, bool)
    while running.any():
        batch.step(choose(batch.observations))
        total += batch.rewards * running
        ended = running & (batch.terminated | batch.truncated)
        hits[ended], lengths[ended] = batch.terminated[ended], batch.game.rows["steps"][ended]
        running &= ~ended
    return hits.mean(), lengths.mean(), total.mean()


def test_the_thrower_is_paid_for_a_hit_and_pays_for_time():
    batch = DodgeThrower(2, dodger="still")
    hits, length, total = throw(batch, lambda seen: np.zeros((2, 1), np.float32))
    assert (hits, length) == (1.0, 63.0)
    assert total == pytest.approx(100 - 6.3)
    assert batch.success == "terminated"
    slow = DodgeThrower(2, dodger="still", reward_weights={"delay": -1.0}, reward_scale=0.1)
    assert throw(slow, lambda seen: np.zeros((2, 1), np.float32))[2] == pytest.approx(10 - 6.3)


@pytest.mark.parametrize(("level", "left"), [(1, (-1.5, 20)), (2, (-20 * 3**0.5 / 2, 10))])
def test_balls_come_from_where_the_action_says(level, left):
    batch = DodgeThrower(3, level=level, dodger="still", action_repeat=1)
    batch.reset()
    batch.game.rows["wait"] = 0.02
    batch.step(np.array([[-1.0], [0.0], [5.0]]))  # beyond the right end counts as that
    places = np.stack([batch.game.rows["thrower_x"], batch.game.rows["thrower_y"]], axis=1)
    np.testing.assert_allclose(places, [left, (0, 20), (-left[0], left[1])], atol=1e-9)
    thrown = batch.game.rows["balls"][:, 0]
    np.testing.assert_allclose(thrown[:, :2], places + 0.02 * thrown[:, 3:5])
    with pytest.raises(EnvError, match="not finite"):
        batch.step(np.full((3, 1), np.nan))


def test_the_thrower_sees_the_player_and_a_better_one_hits_sooner():
    batch = DodgeThrower(100)
    rng = np.random.default_rng(0)
    at_random = throw(batch, lambda seen: rng.uniform(-1, 1, (100, 1)))
    across = throw(batch, lambda seen: -np.sign(seen[:, :1]))  # from the other side: the player is driven to a border
    assert across[0] == 1.0
    assert across[1] < 0.9 * at_random[1]
    batch.step(np.zeros((100, 1)))
    game = batch.game.rows
    np.testing.assert_allclose(batch.observations, np.stack([game[k] for k in ("x", "y", "z", "vx", "vy")], 1))


@pytest.mark.parametrize(
    ("algorithm", "config", "activation"),
    [
        (PPO, {"actions": "discrete5", "features": ["threat", "scaled", "warning"]}, None),
        (PPO, {"actions": "continuous3", "features": ["scaled"]}, "relu"),
        (SAC, {"actions": "continuous4", "features": []}, None),
        (DQN, {"actions": "discrete5", "features": ["nearest"]}, "tanh"),
    ],
)
def test_a_trained_policy_dodges_as_it_does_in_sb3(algorithm, config, activation, tmp_path):
    env = make_vec_env(DODGE, 6, seed=0, **config)
    kwargs = {"activation_fn": {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[activation]} if activation else {}
    model = algorithm("MlpPolicy", env, seed=0, device="cpu", policy_kwargs=kwargs)
    weights = {name: tensor.contiguous() for name, tensor in model.policy.state_dict().items()}
    save_file(weights, tmp_path / "weights.safetensors")
    (tmp_path / "manifest.json").write_text(json.dumps({"env": {"config": env.batch.config}}))
    batch = DodgeThrower(6, dodger=str(tmp_path), dodger_activation=activation, level=1, max_seconds=4.0)
    batch.seed(0)
    batch.reset()
    for _ in range(20):
        expected, _ = model.predict(batch.game.observations, deterministic=True)
        dodged = batch._dodge()
        np.testing.assert_allclose(np.clip(dodged, -1, 1) if dodged.ndim > 1 else dodged, expected, atol=1e-5)
        batch.step(np.zeros((6, 1)))
    assert batch.game.config["features"] == sorted(config["features"])
    assert batch.config["dodger"] == str(tmp_path)


def test_other_weights_are_refused(tmp_path):
    with pytest.raises(EnvError, match="no MlpPolicy of PPO and A2C, SAC, DQN"):
        MlpPolicy({"lstm.weight": np.zeros((2, 2))}, discrete=True)
    save_file({"a": torch.zeros(1)}, tmp_path / "weights.safetensors")
    (tmp_path / "manifest.json").write_text(json.dumps({"env": {"config": {"mode": "1v1"}}}))
    with pytest.raises(EnvError, match="was not trained on Dodge"):
        DodgeThrower(dodger=str(tmp_path))
    assert set(SCRIPTS) < set(PLAYERS)
