"""rlkit.PPO where users touch it: rollouts, callbacks, files, seeds, fallbacks and learning, against SB3's."""

import copy
import json
import zipfile

import numpy as np
import pytest
import stable_baselines3
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecNormalize
from walk import N_ENVS, N_STEPS, SPACES, Walk, assert_same_training, build, parameters, rolled_out

from rlkit.trainers.fast import path, threads
from rlkit.trainers.ppo import PPO


@pytest.mark.parametrize("space", SPACES)
def test_a_rollout_holds_what_the_policy_says(space):
    model = rolled_out(build(PPO, space, policy_kwargs={"log_std_init": -0.3} if space == "box" else {}))
    buffer, n = model.rollout_buffer, N_ENVS * N_STEPS
    actions = torch.as_tensor(buffer.actions.reshape(n, -1)).float()
    observations = torch.as_tensor(buffer.observations.reshape(n, 3, 3))
    actions = actions[:, 0] if space == "discrete" else actions
    values, log_probs, _ = model.policy.evaluate_actions(observations, actions)
    np.testing.assert_allclose(buffer.values.ravel(), values.detach().ravel(), atol=1e-5)
    np.testing.assert_allclose(buffer.log_probs.ravel(), log_probs.detach(), atol=1e-5)
    advantages, returns = buffer.advantages.copy(), buffer.returns.copy()
    last = model.policy.predict_values(torch.as_tensor(model._last_obs)).detach()
    buffer.compute_returns_and_advantage(last, model._last_episode_starts)
    np.testing.assert_allclose(advantages, buffer.advantages, atol=1e-5)
    np.testing.assert_allclose(returns, buffer.returns, atol=1e-5)


def test_a_rollout_is_stocks_but_for_the_actions():
    ours, theirs = rolled_out(build(PPO)), rolled_out(build(stable_baselines3.PPO))
    for name in ("observations", "episode_starts", "rewards", "values", "advantages", "returns"):
        mine, yours = getattr(ours.rollout_buffer, name), getattr(theirs.rollout_buffer, name)
        assert mine.shape == yours.shape
        assert mine.dtype == yours.dtype
        np.testing.assert_allclose(mine, yours, atol=1e-5, err_msg=name)
    assert ours.rollout_buffer.actions.dtype == theirs.rollout_buffer.actions.dtype
    assert [e["l"] for e in ours.ep_info_buffer] == [e["l"] for e in theirs.ep_info_buffer]
    assert any(e["l"] == 17 for e in ours.ep_info_buffer)  # some were cut, so the bootstrapped rewards are among them
    assert ours.rollout_buffer.full
    assert ours.rollout_buffer.pos == N_STEPS


@pytest.mark.parametrize("space", SPACES)
def test_actions_follow_the_distribution(space):
    model = rolled_out(build(PPO, space, n_steps=2000))
    with torch.no_grad():
        model.policy.action_net.weight.zero_()
        torch.nn.init.normal_(model.policy.action_net.bias)
    rolled_out(model)
    actions = model.rollout_buffer.actions.reshape(2000 * N_ENVS, -1)
    distribution = model.policy.get_distribution(torch.zeros(1, 3, 3))
    many = torch.stack([distribution.sample() for _ in range(2000)]).reshape(2000, -1).detach().numpy()
    for mine, theirs in zip(actions.T, many.T, strict=True):
        assert mine.mean() == pytest.approx(float(theirs.mean()), abs=float(0.12 * theirs.std() + 0.01))
        assert mine.std() == pytest.approx(float(theirs.std()), rel=0.1, abs=0.02)


@pytest.mark.parametrize("space", SPACES)
def test_callbacks_see_what_sb3_shows_them(space):
    seen = {}

    def look(local_values, _):
        names = ("actions", "clipped_actions", "values", "log_probs", "rewards", "dones", "new_obs", "infos", "n_steps")
        seen.setdefault(local_values["self"].__class__, []).append({name: local_values[name] for name in names})
        return True

    for algorithm in (PPO, stable_baselines3.PPO):
        build(algorithm, space, n_steps=20).learn(80, callback=look)
    assert len(seen[PPO]) == len(seen[stable_baselines3.PPO]) == 20
    for mine, yours in zip(seen[PPO], seen[stable_baselines3.PPO], strict=True):
        for name, value in yours.items():
            assert type(mine[name]) is type(value), name
            assert getattr(mine[name], "shape", None) == getattr(value, "shape", None), name
            assert getattr(mine[name], "dtype", None) == getattr(value, "dtype", None), name
        np.testing.assert_allclose(mine["new_obs"], yours["new_obs"])
        np.testing.assert_allclose(mine["rewards"], yours["rewards"], atol=1e-5)


def test_a_callback_stops_it():
    class Stop(BaseCallback):
        def _on_step(self):
            return self.n_calls < 130

    model = build(PPO)
    model.learn(10_000, callback=Stop())
    assert model.num_timesteps == 130 * N_ENVS


def test_same_seed_same_training():
    first, second, other = (build(PPO, seed=seed).learn(1200) for seed in (5, 5, 6))
    assert (parameters(first) == parameters(second)).all()
    assert (first.rollout_buffer.actions == second.rollout_buffer.actions).all()
    assert (parameters(first) != parameters(other)).any()


@pytest.mark.parametrize("dtype", [np.float64, np.int16])
def test_observations_of_other_dtypes(dtype):
    model = build(PPO, dtype=dtype).learn(800)
    assert model.switches["path"] == "native, 1 thread"
    assert model.rollout_buffer.observations.dtype == dtype


@pytest.mark.parametrize("there", [PPO, stable_baselines3.PPO])
@pytest.mark.parametrize("back", [PPO, stable_baselines3.PPO])
def test_files_load_on_both_sides(there, back, tmp_path):
    saved = build(there, "box").learn(800)
    saved.save(tmp_path / "model")
    loaded = back.load(tmp_path / "model", env=saved.get_env(), device="cpu")
    assert_same_training(loaded, saved)
    observations = np.random.default_rng(0).normal(size=(20, 3, 3))
    actions = saved.predict(observations, deterministic=True)[0]
    assert (loaded.predict(observations, deterministic=True)[0] == actions).all()
    before = parameters(loaded)
    loaded.learn(800, reset_num_timesteps=False)
    assert loaded.num_timesteps == 1600
    assert (parameters(loaded) != before).any()
    steps = {int(state["step"]) for state in loaded.policy.optimizer.state.values()}
    assert steps == {4 * 27}  # four rollouts of three epochs of nine minibatches: Adam went on where it was


def test_a_file_holds_nothing_but_sb3s(tmp_path):
    names = []
    for algorithm in (PPO, stable_baselines3.PPO):
        build(algorithm).learn(400).save(tmp_path / "model.zip")
        with zipfile.ZipFile(tmp_path / "model.zip") as file:
            names.append(set(json.loads(file.read("data"))))
    assert names[0] == names[1]


def test_new_parameters_are_taken_up():
    model, other = rolled_out(build(PPO)), build(PPO, seed=9).learn(400)
    model.set_parameters(other.get_parameters(), device="cpu")
    rolled_out(model)
    observations = torch.as_tensor(model.rollout_buffer.observations[0])
    values = other.policy.predict_values(observations).detach().ravel()
    np.testing.assert_allclose(model.rollout_buffer.values[0], values, atol=1e-5)
    model.train()
    assert int(next(iter(model.policy.optimizer.state.values()))["step"]) == 27 + 27


def test_a_copy_trains_on(monkeypatch):
    monkeypatch.setattr(threads, "WORTH_ROWS_TIMES_WEIGHTS", 0)
    model = build(PPO, n_threads=2).learn(400)
    twin = copy.deepcopy(model)
    twin.learn(400)
    assert (parameters(twin) != parameters(model)).any()


def test_without_fast_it_is_stock_to_the_bit():
    ours, theirs = build(PPO, fast=False).learn(800), build(stable_baselines3.PPO).learn(800)
    assert (parameters(ours) == parameters(theirs)).all()


SLOW = {
    "use_sde": ({"use_sde": True}, "StateDependentNoiseDistribution"),
    "optimizer": ({"policy_kwargs": {"optimizer_class": torch.optim.SGD}}, "the optimizer is SGD"),
    "weight decay": ({"policy_kwargs": {"optimizer_kwargs": {"weight_decay": 0.1}}}, "weight_decay=0.1"),
    "activation": ({"policy_kwargs": {"activation_fn": torch.nn.ELU}}, "the activation is ELU"),
}


@pytest.mark.parametrize("name", SLOW)
def test_one_line_says_why_it_is_not_fast(name):
    kwargs, reason = SLOW[name]
    model = build(PPO, "box", n_steps=20, **kwargs)
    with pytest.warns(UserWarning, match=f"rlkit.PPO: torch path, because .*{reason}"):
        model.learn(80)
    assert model.switches["path"] == "torch"


@pytest.mark.parametrize(("gain", "n_threads"), [(1.05, 1), (1.4, 3)])
def test_threads_are_chosen_by_trial(gain, n_threads, monkeypatch):
    monkeypatch.setattr(threads, "WORTH_ROWS_TIMES_WEIGHTS", 0)
    monkeypatch.setattr(path, "cores_usable", lambda: 3)
    clock = iter(np.cumsum([0.0, *([gain, 0.0, 1.0, 0.0] * 6)]))  # one thread takes `gain` seconds, three take 1
    monkeypatch.setattr(threads.time, "perf_counter", lambda: next(clock))
    model, twin = rolled_out(build(PPO, n_threads="auto")), rolled_out(build(PPO, n_threads=n_threads))
    for each in (model, twin):
        np.random.seed(0)
        each.train()
    assert model.switches["path"] == twin.switches["path"]
    assert (parameters(model) == parameters(twin)).all()


def test_vec_normalize():
    env = VecNormalize(make_vec_env(lambda: Walk(SPACES["box"]), N_ENVS, seed=1))
    model = PPO("MlpPolicy", env, n_steps=50, batch_size=50, seed=0, device="cpu").learn(1000)
    assert model.switches["path"] == "native, 1 thread"
    assert np.abs(env.obs_rms.mean).max() > 0
    assert np.isfinite(parameters(model)).all()


def test_it_learns_cartpole():
    schedule = {"n_steps": 32, "batch_size": 256, "n_epochs": 20, "gae_lambda": 0.8, "gamma": 0.98}
    env = make_vec_env("CartPole-v1", 8, seed=0)
    model = PPO("MlpPolicy", env, learning_rate=lambda left: 1e-3 * left, seed=0, device="cpu", **schedule)
    model.learn(100_000)
    mean, _ = evaluate_policy(model, make_vec_env("CartPole-v1", 8, seed=100), 16)
    assert mean > 400
