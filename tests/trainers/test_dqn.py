"""rlkit.DQN against stable_baselines3.DQN: the same random streams, so the same transitions, updates and files."""

import copy
import json
import zipfile

import numpy as np
import pytest
import stable_baselines3
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecNormalize
from walk import Walk, parameters

from rlkit.errors import RlkitError
from rlkit.trainers.dqn import DQN

SB3 = stable_baselines3.DQN
FIXED = {"learning_starts": 40, "buffer_size": 300, "train_freq": 4, "target_update_interval": 60, "batch_size": 70}
RELU, TANH = torch.nn.ReLU, torch.nn.Tanh


def build(algorithm, n_envs=1, dtype=np.float32, normalize=False, **kwargs):
    env = make_vec_env(lambda: Walk(dtype=dtype), n_envs, seed=1)
    env = VecNormalize(env) if normalize else env
    return algorithm("MlpPolicy", env, **{"seed": 3, "device": "cpu", **FIXED, **kwargs})


def pair(total_timesteps, **kwargs):
    """Both sides after the same training; the native one checked to be native."""
    ours, theirs = (build(algorithm, **kwargs).learn(total_timesteps) for algorithm in (DQN, SB3))
    assert ours._flat is not None
    return ours, theirs


OPTIONS = {
    "defaults": {},
    "wide, one hundred rows": {"policy_kwargs": {"net_arch": [130, 33, 20]}, "batch_size": 100, "learning_rate": 1e-3},
    "tanh, schedule": {"policy_kwargs": {"activation_fn": TANH}, "learning_rate": lambda left: 1e-3 * left},
    "linear": {"policy_kwargs": {"net_arch": []}, "gamma": 0.5},
    "clipped": {"max_grad_norm": 0.1},
    "as many updates as steps": {"n_envs": 3, "gradient_steps": -1, "train_freq": 5},
    "episodes": {"train_freq": (2, "episode"), "gradient_steps": 3},
    "soft target": {"tau": 0.05, "target_update_interval": 1},
    "no bootstrap at the clock": {"replay_buffer_kwargs": {"handle_timeout_termination": False}},
    "n-step returns": {"n_steps": 3, "n_envs": 2},
    "small memory": {
        "optimize_memory_usage": True,
        "replay_buffer_kwargs": {"handle_timeout_termination": False},
    },
    "float64": {"dtype": np.float64},
    "int16": {"dtype": np.int16},
    "normalized": {"normalize": True, "n_envs": 2},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_same_seed_is_the_same_training(name):
    ours, theirs = pair(520, **OPTIONS[name])
    assert ours._n_updates == theirs._n_updates >= 30
    assert ours._episode_num == theirs._episode_num
    for array in ("observations", "actions", "rewards", "dones", "timeouts"):
        np.testing.assert_array_equal(*(getattr(m.replay_buffer, array) for m in (ours, theirs)), err_msg=array)
    if not ours.optimize_memory_usage:
        np.testing.assert_array_equal(*(m.replay_buffer.next_observations for m in (ours, theirs)))
    assert (ours.replay_buffer.pos, ours.replay_buffer.full) == (theirs.replay_buffer.pos, theirs.replay_buffer.full)
    assert_same_training(ours, theirs, atol=1e-5)


def assert_same_training(ours, theirs, atol=0.0):
    np.testing.assert_allclose(parameters(ours), parameters(theirs), rtol=0, atol=atol)
    states = [model.policy.optimizer.state_dict()["state"] for model in (ours, theirs)]
    assert states[0].keys() == states[1].keys()
    for number in states[0]:
        assert states[0][number]["step"] == states[1][number]["step"]
        for name in ("exp_avg", "exp_avg_sq"):
            np.testing.assert_allclose(states[0][number][name], states[1][number][name], rtol=0, atol=atol)


def test_a_hundred_updates_on_one_buffer_and_their_losses():
    ours, theirs = pair(200)
    theirs.set_parameters(copy.deepcopy(ours.get_parameters()), device="cpu")  # torch would share Adam's tensors
    for _ in range(5):
        for model in (ours, theirs):
            np.random.seed(0)
            model.train(20, 64)
        losses = [model.logger.name_to_value["train/loss"] for model in (ours, theirs)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert_same_training(ours, theirs, atol=1e-5)


def test_what_is_logged_is_stocks():
    logged = [model.logger.name_to_value for model in pair(503)]
    assert logged[0].keys() == logged[1].keys() >= {"train/loss", "train/n_updates", "rollout/exploration_rate"}
    for name in set(logged[1]) - {"time/fps", "time/time_elapsed"}:
        assert logged[0][name] == pytest.approx(logged[1][name], rel=1e-4), name


def test_callbacks_see_what_sb3_shows_them():
    seen = {DQN: [], SB3: []}

    class Look(BaseCallback):
        def _on_step(self):
            seen[type(self.model)].append(
                {k: v for k, v in self.locals.items() if k not in ("self", "callback", "env")}
            )
            return True

    for algorithm in seen:
        build(algorithm, n_envs=2).learn(120, callback=Look())
    for mine, yours in zip(seen[DQN], seen[SB3], strict=True):
        assert yours.keys() - {"idx", "done"} <= mine.keys()  # what SB3's loop over ended episodes leaves behind
        for name in ("actions", "buffer_actions", "new_obs", "rewards", "dones"):
            np.testing.assert_array_equal(mine[name], yours[name])
            assert (mine[name].dtype, mine[name].shape) == (yours[name].dtype, yours[name].shape), name
        assert mine["num_collected_steps"] == yours["num_collected_steps"]
        assert [sorted(info) for info in mine["infos"]] == [sorted(info) for info in yours["infos"]]


def test_a_callback_stops_it():
    class Stop(BaseCallback):
        def _on_step(self):
            return self.n_calls < 130

    model = build(DQN, n_envs=2).learn(10_000, callback=Stop())
    assert model.num_timesteps == 260


@pytest.mark.parametrize("how", ["set_parameters", "data", "in place", "optimizer"])
def test_what_a_callback_writes_is_taken_up(how):
    class Write(BaseCallback):
        def _on_step(self):
            if self.n_calls == 104:  # the last of a rollout
                policy = self.model.policy
                if how == "set_parameters":
                    self.model.set_parameters(build(SB3, seed=9).get_parameters(), device="cpu")
                elif how == "data":
                    policy.q_net.q_net[2].weight.data = torch.full((64, 64), 0.01)
                elif how == "in place":
                    policy.q_net_target.q_net[0].bias.data.fill_(0.3)
                else:
                    policy.optimizer.state[policy.q_net.q_net[0].weight]["exp_avg"].fill_(0.5)
            return True

    starts = {"exploration_initial_eps": 0.0, "exploration_final_eps": 0.0} if how != "set_parameters" else {}
    ours, theirs = (build(algorithm, **starts).learn(200, callback=Write()) for algorithm in (DQN, SB3))
    assert_same_training(ours, theirs, atol=1e-5)


def test_predict_uses_the_trained_net():
    ours, theirs = pair(400)
    observations = np.random.default_rng(0).normal(size=(50, 3, 3)).astype(np.float32)
    mine, yours = (model.predict(observations, deterministic=True)[0] for model in (ours, theirs))
    assert (mine == yours).mean() >= 0.98  # float32's rounding may turn a tie
    assert len(set(mine)) > 1


@pytest.mark.parametrize("there", [DQN, SB3])
@pytest.mark.parametrize("back", [DQN, SB3])
def test_files_load_on_both_sides(there, back, tmp_path):
    saved = build(there).learn(300)
    saved.save(tmp_path / "model")
    saved.save_replay_buffer(tmp_path / "buffer")
    loaded = back.load(tmp_path / "model", env=saved.get_env(), device="cpu")
    loaded.load_replay_buffer(tmp_path / "buffer")
    assert_same_training(loaded, saved)
    loaded.learn(300, reset_num_timesteps=False)
    assert loaded.num_timesteps == 600
    assert loaded._n_updates > saved._n_updates
    steps = {int(state["step"]) for state in loaded.policy.optimizer.state.values()}
    assert steps == {loaded._n_updates}


def test_a_file_holds_nothing_but_sb3s(tmp_path):
    names = []
    for algorithm in (DQN, SB3):
        build(algorithm).learn(100).save(tmp_path / "model.zip")
        with zipfile.ZipFile(tmp_path / "model.zip") as file:
            names.append(set(json.loads(file.read("data"))))
    assert names[0] == names[1]


def test_a_copy_trains_on_and_leaves_the_original():
    model = build(DQN).learn(200)
    before = parameters(model).copy()
    twin = copy.deepcopy(model)
    twin.learn(200)
    assert (parameters(twin) != parameters(model)).any()
    assert (parameters(model) == before).all()


def test_without_fast_it_is_stock_to_the_bit():
    ours, theirs = build(DQN, fast=False).learn(300), build(SB3).learn(300)
    assert (parameters(ours) == parameters(theirs)).all()


class OwnBuffer(ReplayBuffer):
    """A replay buffer that doubles every reward it gives out."""

    def _get_samples(self, batch_inds, env=None):
        samples = super()._get_samples(batch_inds, env)
        return samples._replace(rewards=2 * samples.rewards)


def test_a_buffer_of_ones_own_is_asked():
    assert_same_training(*pair(300, replay_buffer_class=OwnBuffer), atol=1e-5)


def test_a_buffer_loaded_in_the_place_of_the_first_is_the_one_that_is_learned_from(tmp_path):
    build(SB3, seed=8, buffer_size=4000).learn(3000).save_replay_buffer(tmp_path / "buffer")
    ours, theirs = pair(200)
    for model in (ours, theirs):
        model.load_replay_buffer(tmp_path / "buffer")
        np.random.seed(0)
        model.train(20, 64)
    assert_same_training(ours, theirs, atol=1e-5)


SLOW = {
    "optimizer": ({"policy_kwargs": {"optimizer_class": torch.optim.SGD}}, "the optimizer is SGD"),
    "weight decay": ({"policy_kwargs": {"optimizer_kwargs": {"weight_decay": 0.1}}}, "weight_decay=0.1"),
    "activation": ({"policy_kwargs": {"activation_fn": torch.nn.ELU}}, "the activation is ELU"),
}


@pytest.mark.parametrize("name", SLOW)
def test_one_line_says_why_it_is_not_fast(name):
    kwargs, reason = SLOW[name]
    model = build(DQN, **kwargs)
    with pytest.warns(UserWarning, match=f"rlkit.DQN: torch path, because .*{reason}"):
        model.learn(80)
    assert model._flat is None
    theirs = build(SB3, **kwargs).learn(80)
    assert (parameters(model) == parameters(theirs)).all()


def test_observations_that_are_no_box_are_not_fast():
    env = make_vec_env("FrozenLake-v1", 1)
    assert isinstance(env.observation_space, spaces.Discrete)
    with pytest.warns(UserWarning, match="because observations are Discrete"):
        DQN("MlpPolicy", env, learning_starts=10, device="cpu").learn(40)


def test_a_lost_q_net_is_an_error():
    model = build(DQN).learn(100)
    model.replay_buffer.rewards[:] = np.nan
    with pytest.raises(RlkitError, match=f"loss is nan after update {model._n_updates + 2}"):
        model.train(2, 32)


def test_it_learns_cartpole():
    schedule = {"learning_rate": 2.3e-3, "batch_size": 64, "learning_starts": 1000, "train_freq": 256, "gamma": 0.98}
    schedule |= {"gradient_steps": 128, "target_update_interval": 10}
    schedule |= {"exploration_fraction": 0.16, "exploration_final_eps": 0.04}
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1", 1, seed=0), seed=0, device="cpu", **schedule)
    model.learn(20_000)
    mean, _ = evaluate_policy(model, make_vec_env("CartPole-v1", 8, seed=100), 16)
    assert mean > 100  # a net that has learned nothing reaches 10, random pushes 22
