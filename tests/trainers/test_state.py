"""A model's state: put into a fresh model, the training goes on as if it had never stopped."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm

import rlkit
from rlkit.checkpoint import load_checkpoint, load_training, save_checkpoint
from rlkit.errors import CheckpointError
from rlkit.league.member import read_member, shipped
from rlkit.trainers.state import go_on_from, learned_weights, refill_replay, replay_arrays, training_state, warm_start

MODELS: dict[str, Any] = {
    "PPO": lambda **more: PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, seed=0, device="cpu", **more),
    "DQN": lambda **more: DQN("MlpPolicy", "CartPole-v1", buffer_size=50, learning_starts=20, seed=0, device="cpu"),
    "SAC, n_steps": lambda **more: SAC(
        "MlpPolicy", "Pendulum-v1", buffer_size=50, learning_starts=20, n_steps=4, seed=0, device="cpu"
    ),
    "SAC": lambda **more: SAC("MlpPolicy", "Pendulum-v1", buffer_size=50, learning_starts=20, seed=0, device="cpu"),
}


def update(model: BaseAlgorithm) -> None:
    """An update that needs nothing but the model's own state."""
    if isinstance(model, PPO):
        random = np.random.default_rng(1)
        buffer = model.rollout_buffer
        buffer.reset()
        for _ in range(model.n_steps):
            log_probs = torch.zeros(1)
            buffer.add(random.random((1, 4)), np.zeros((1, 1)), np.ones(1), np.zeros(1), torch.zeros(1), log_probs)
        buffer.compute_returns_and_advantage(torch.zeros(1), np.zeros(1))
        model.train()
    else:
        model.train(gradient_steps=3, batch_size=8)


@pytest.mark.parametrize("name", MODELS)
def test_a_fresh_model_goes_on_like_the_first(name: str, tmp_path: Path) -> None:
    first = MODELS[name]().learn(64)
    facts = {"env": {}, "step": 64}
    weights, state, replay = learned_weights(first), training_state(first), replay_arrays(first)
    save_checkpoint(tmp_path / "64", weights, state, facts, replay)
    update(first)

    second = MODELS[name]()
    second.set_logger(first.logger)
    (weights, _), (state, replay) = load_checkpoint(tmp_path / "64"), load_training(tmp_path / "64")
    go_on_from(second, weights, state)
    assert (second.num_timesteps, second._n_updates) == (64, state["counters"]["_n_updates"])
    assert list(second.ep_info_buffer) == state["episodes"]
    if name != "PPO":
        refill_replay(second, replay)
        buffer = second.replay_buffer
        assert buffer.size() == 50
        assert (buffer.dones + buffer.timeouts)[buffer.pos - 1].all()  # no return runs on into the next episode
    update(second)
    for weight, (key, expected) in zip(learned_weights(second).values(), learned_weights(first).items(), strict=True):
        assert torch.equal(weight, expected), key


def test_another_model_is_refused() -> None:
    other = MODELS["PPO"](policy_kwargs={"net_arch": [8]})
    first = MODELS["PPO"]()
    with pytest.raises(CheckpointError, match="of another model"):
        go_on_from(other, learned_weights(first), training_state(first))


def test_a_smaller_replay_buffer_is_refused() -> None:
    arrays = replay_arrays(MODELS["DQN"]().learn(64))
    small = DQN("MlpPolicy", "CartPole-v1", buffer_size=10)
    with pytest.raises(CheckpointError, match="held 50 steps"):
        refill_replay(small, arrays)


def test_a_larger_replay_buffer_takes_the_steps_in_their_order() -> None:
    model = MODELS["DQN"]().learn(64)  # a buffer of 50, full, the next step at 14
    large = DQN("MlpPolicy", "CartPole-v1", buffer_size=100)
    refill_replay(large, replay_arrays(model))
    assert (large.replay_buffer.pos, large.replay_buffer.full) == (50, False)
    old = model.replay_buffer.observations
    np.testing.assert_array_equal(large.replay_buffer.observations[:50], np.concatenate([old[14:], old[:14]]))


def test_a_training_starts_from_a_member_that_comes_with_the_kit() -> None:
    env = rlkit.make_vec_env("rlkit/RocketLeague-v0", n_envs=2, n_workers=1, opponents={"self": 1})
    config, folder = env.get_attr("config")[0], shipped()["champion"]

    def model(**policy: Any) -> BaseAlgorithm:
        return rlkit.PPO("MlpPolicy", env, n_steps=2, batch_size=4, policy_kwargs=policy, device="cpu")

    started = model(net_arch=[256, 256])
    warm_start(started, folder, config)
    weights = read_member(folder)[1]
    assert all(np.array_equal(weights[name], value) for name, value in started.policy.state_dict().items())
    smaller, other = {"net_arch": [64, 64]}, {"net_arch": [256, 256], "activation_fn": torch.nn.ReLU}
    with pytest.raises(CheckpointError, match=r"net_arch=\[256, 256\], and this training has net_arch=\[64, 64\]"):
        warm_start(model(**smaller), folder, config)
    with pytest.raises(CheckpointError, match="activation=tanh, and this training has activation=relu"):
        warm_start(model(**other), folder, config)
    with pytest.raises(CheckpointError, match="seats=1v1, and this training has seats=2v2"):
        warm_start(model(net_arch=[256, 256]), folder, config | {"seats": "2v2"})
