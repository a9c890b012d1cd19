"""TorchRL's DQN behind SB3's face: units of its intervals, checkpoints that go on, weights that fit SB3, learning."""

import copy

import numpy as np
import pytest
import stable_baselines3
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv
from torchrl.objectives import DQNLoss

from rlkit.envs.make import make_vec_env
from rlkit.errors import CheckpointError, EnvError, ParamsError, RlkitError
from rlkit.experiment import build_model, make_params_env, train
from rlkit.params import load_params
from rlkit.trainers import torchrl_replay
from rlkit.trainers.state import go_on_from, learned_weights, training_state
from rlkit.trainers.torchrl_dqn import TorchRLDQN

torch.set_num_threads(1)
SMALL = {"learning_starts": 64, "frames_per_batch": 32, "updates_per_batch": 8, "batch_size": 16, "buffer_size": 200}


def build(n_envs=1, env_id="CartPole-v1", **kwargs):
    env = make_vec_env(env_id, n_envs, 0)
    return TorchRLDQN("MlpPolicy", env, env_id, **{**SMALL, "policy_kwargs": {"net_arch": [16]}, **kwargs})


def weights(net):
    return torch.cat([tensor.detach().reshape(-1) for tensor in net.parameters()])


def test_intervals_count_what_they_say():
    model = build(exploration_steps=256, exploration_final_eps=0.1)
    model.learn(200)
    assert model.num_timesteps == 224  # whole batches
    assert model._n_updates == 8 * 5  # none until 64 random steps are over
    assert float(model.explorer.eps) == pytest.approx(1.0 - 0.9 * 224 / 256)
    assert len(model.replay_buffer) == 200
    model.learn(320, reset_num_timesteps=False)
    assert float(model.explorer.eps) == pytest.approx(0.1)


@pytest.mark.parametrize("interval", [1, 3, 8])
def test_the_target_is_copied_every_so_many_updates(interval):
    model = build(target_update_interval=interval, updates_per_batch=1)
    model.learn(96)  # a batch of updates, so all that an update needs
    copies = []
    for _ in range(20):
        model.train()
        same = torch.equal(weights(model.policy.q_net), weights(model.policy.q_net_target))
        copies.append((model._n_updates, same))
    assert [number for number, same in copies if same] == [n for n, _ in copies if n % interval == 0]


def test_a_soft_target_follows():
    model = build(tau=0.25, updates_per_batch=1, target_update_interval=2)
    model.learn(96)  # one update
    before = weights(model.policy.q_net_target).clone()
    model.train()
    expected = before + 0.25 * (weights(model.policy.q_net) - before)
    torch.testing.assert_close(weights(model.policy.q_net_target), expected)
    model.train()
    torch.testing.assert_close(weights(model.policy.q_net_target), expected)  # every second update


def test_the_loss_is_sb3s():
    """One update on the same samples: TorchRL's loss, clipping and Adam against SB3's own `train`."""
    model = build(updates_per_batch=1, batch_size=200, gamma=0.9)
    model.learn(224)
    theirs = stable_baselines3.DQN(
        "MlpPolicy", make_vec_env("CartPole-v1"), policy_kwargs={"net_arch": [16]}, gamma=0.9
    )
    theirs.set_parameters(copy.deepcopy(model.get_parameters()), device="cpu")
    theirs.set_logger(model.logger)
    arrays = model.replay_arrays()
    batch = torchrl_samples(arrays)
    model.replay_buffer.sample = lambda size: batch["torchrl"]
    theirs.replay_buffer.sample = lambda *_, **__: batch["sb3"]
    theirs.learning_rate = theirs.lr_schedule = model.lr_schedule
    model.train()
    theirs.train(1, 200)
    torch.testing.assert_close(weights(model.policy.q_net), weights(theirs.policy.q_net), rtol=0, atol=1e-6)


def torchrl_samples(arrays):
    from stable_baselines3.common.type_aliases import ReplayBufferSamples
    from tensordict import TensorDict

    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    names = {key: torchrl_replay._name(key) for key in torchrl_replay.KEPT}
    torchrl = TensorDict({key: tensors[name] for key, name in names.items()}, [len(tensors["action"])])
    dones = tensors["next_terminated"].float()
    columns = tensors["observation"], tensors["action"][:, None], tensors["next_observation"], dones
    return {"torchrl": torchrl, "sb3": ReplayBufferSamples(*columns, tensors["next_reward"])}


def test_double_dqn_and_tau_reach_torchrl():
    model = build(double_dqn=True)
    assert model.loss.double_dqn
    assert isinstance(model.loss, DQNLoss)
    model.learn(96)


@pytest.mark.parametrize("n_envs", [1, 2])
def test_episodes_are_counted(n_envs):
    lengths = []

    class Look(BaseCallback):
        def _on_step(self):
            lengths.extend(info["episode"]["l"] for info in self.locals["infos"])
            return True

    model = build(n_envs).learn(256, callback=Look())
    assert model._episode_num == len(lengths) == len(model.ep_info_buffer) > 3
    assert sum(lengths) <= 256 < sum(lengths) + n_envs * 500
    assert all(episode["r"] == episode["l"] for episode in model.ep_info_buffer)  # a point a step


def test_a_callback_stops_it():
    class Stop(BaseCallback):
        def _on_step(self):
            return self.n_calls < 3

    assert build().learn(10_000, callback=Stop()).num_timesteps == 96


def test_same_seed_same_training():
    first, second, other = (build(seed=seed).learn(160) for seed in (5, 5, 6))
    assert torch.equal(weights(first.policy), weights(second.policy))
    assert not torch.equal(weights(first.policy), weights(other.policy))


@pytest.mark.parametrize("priorities", [None, (0.6, 0.4)])
def test_a_checkpoint_goes_on(priorities):
    model = build(priorities=priorities, target_update_interval=3).learn(288)
    saved = copy.deepcopy((learned_weights(model), training_state(model), model.replay_arrays()))
    twin = build(priorities=priorities, target_update_interval=3)
    go_on_from(twin, *saved[:2])
    twin.refill_replay(saved[2])
    assert (twin.num_timesteps, twin._n_updates, twin._episode_num) == (288, model._n_updates, model._episode_num)
    for one in (model, twin):  # the same samples, target copies and steps of Adam from here on
        torch.manual_seed(0)
        one._logger = model.logger
        one.train()
    assert torch.equal(weights(model.policy), weights(twin.policy))
    for name, array in saved[2].items():
        if name != "priorities":
            np.testing.assert_array_equal(twin.replay_arrays()[name], array)
    twin._episode_num = model._episode_num
    twin.learn(64, reset_num_timesteps=False)
    assert twin.num_timesteps == 352
    assert float(twin.explorer.eps) == pytest.approx(twin.exploration_schedule(1 - 352 / 8000))


def test_a_full_buffer_goes_on_in_a_larger_one_and_not_in_a_smaller_one():
    model = build().learn(288)
    saved = model.replay_arrays()
    assert len(saved["action"]) == 200 > saved["pos"] > 0
    with pytest.raises(CheckpointError, match="held 200 steps, and this model's takes 100"):
        build(buffer_size=100).refill_replay(saved)
    larger = build(buffer_size=400)
    larger.refill_replay(saved)
    oldest_first = np.roll(saved["observation"], -int(saved["pos"]), axis=0)
    np.testing.assert_array_equal(larger.replay_arrays()["observation"], oldest_first)
    larger.learn(96)
    assert len(larger.replay_buffer) == 296
    np.testing.assert_array_equal(larger.replay_arrays()["observation"][:200], oldest_first)


def test_priorities_decide_what_is_drawn_and_weights_make_up_for_it():
    sampler = torchrl_replay.ProportionalSampler(10, alpha=1.0, beta=1.0)
    sampler.extend(torch.arange(4))
    sampler.update_priority(torch.arange(4), torch.tensor([1.0, 4.0, 9.0, 16.0]))  # squared errors: 1, 2, 3, 4
    torch.manual_seed(0)
    index, info = sampler.sample(range(4), 20_000)
    shares = torch.bincount(index, minlength=4) / 20_000
    torch.testing.assert_close(shares, torch.tensor([0.1, 0.2, 0.3, 0.4]), rtol=0, atol=0.02)
    torch.testing.assert_close(info["priority_weight"], 1.0 / (index + 1.0))
    sampler.extend(torch.tensor([4]))
    assert float(sampler.priorities[4]) == pytest.approx(4.0, rel=1e-3)


def test_weights_fit_sb3():
    model = build().learn(128)
    theirs = stable_baselines3.DQN("MlpPolicy", make_vec_env("CartPole-v1"), policy_kwargs={"net_arch": [16]})
    theirs.policy.load_state_dict(model.policy.state_dict())
    observations = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    mine, yours = (one.predict(observations, deterministic=True)[0] for one in (model, theirs))
    assert (mine == yours).all()


def test_what_it_does_not_take_is_said():
    with pytest.raises(EnvError, match="takes float32 vectors"):
        build(env_id="FrozenLake-v1")
    with pytest.raises(ParamsError, match="has no double_dqn"):
        load_params("cartpole", {"algorithm": "sb3", "double_dqn": True})
    with pytest.raises(ParamsError, match="no multiple of n_envs=3"):
        load_params("cartpole", {"n_envs": 3})
    for algorithm in ("torchrl", "rlkit"):
        params = load_params("cartpole", {"algorithm": algorithm, "buffer_size": 10**12})
        with pytest.raises(ParamsError, match="buffer_size=1000000000000 steps of 52 bytes"):
            build_model(params, make_params_env(params))
    model = build().learn(96)
    model.policy.q_net.q_net[0].weight.data.fill_(np.nan)
    with pytest.raises(RlkitError, match="loss is nan"):
        model.train()


@pytest.mark.parametrize("algorithm", ["torchrl", "sb3", "rlkit"])
def test_a_run_of_each_library(algorithm):
    params = load_params("cartpole", {"algorithm": algorithm, "net_arch": [16]}, profile="testing")
    run = train(params)
    assert run.status()["state"] == "done"
    metrics = run.metrics()
    looks = metrics.dropna(subset=["eval/mean_return"])
    assert len(looks) >= 3
    assert (looks["eval/training_seconds"].diff().dropna() > 0).all()
    assert metrics["train/n_updates"].max() == 32 * 7  # 2048 / 256 batches, the first is play alone
    assert metrics["rollout/exploration_rate"].dropna().iloc[-1] == pytest.approx(0.04)
    assert [path.name for path in sorted((run.folder / "checkpoints").iterdir(), key=lambda p: int(p.name))][
        -1
    ] == "2048"


def test_the_three_start_from_the_same_net():
    models = []
    for algorithm in ("torchrl", "sb3", "rlkit"):
        params = load_params("cartpole", {"algorithm": algorithm})
        models.append(build_model(params, make_params_env(params)))
        assert isinstance(models[-1].get_env(), DummyVecEnv)
    assert torch.equal(weights(models[0].policy.q_net), weights(models[1].policy.q_net))
    assert torch.equal(weights(models[2].policy.q_net), weights(models[1].policy.q_net))
