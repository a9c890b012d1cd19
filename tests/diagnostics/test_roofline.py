"""Operations counted by hand."""

import gymnasium
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3 import PPO
from torch import nn

from rlkit.diagnostics import roofline


def test_operations_of_a_small_net() -> None:
    """Weights 3 x 5 and 5 x 2: forward 2 (15 + 10); backward twice that, less 2 x 15 for the inputs."""
    net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    assert roofline.flops_per_step(net, 3, n_epochs=4) == (50, 4 * (150 - 30))


def test_operations_of_a_ppo_policy() -> None:
    """CartPole, two nets of 4-8-8, heads of 2 and 1: 2 (2 (32 + 64) + 8 (2 + 1)) forward; two first layers of 32."""
    model = PPO("MlpPolicy", gymnasium.make("CartPole-v1"), policy_kwargs={"net_arch": [8, 8]}, device="cpu")
    forward = 2 * (2 * (32 + 64) + 24)
    assert roofline.flops_per_step(model.policy, 4, n_epochs=1) == (forward, 3 * forward - 2 * 2 * 32)


def test_a_hidden_layer_as_wide_as_the_observation_is_not_the_first() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    assert roofline.flops_per_step(net, 4, n_epochs=1) == (64, 3 * 64 - 32)


def test_operations_of_a_recurrent_policy() -> None:
    """CartPole, an LSTM of 8 for each of policy and value, then nets of 8: 4 gates of 8 times 4 inputs and 8 states."""
    kwargs = {"lstm_hidden_size": 8, "net_arch": [8]}
    model = RecurrentPPO("MlpLstmPolicy", gymnasium.make("CartPole-v1"), policy_kwargs=kwargs, device="cpu")
    forward = 2 * (2 * 32 * (4 + 8) + 2 * 64 + 24)
    assert roofline.flops_per_step(model.policy, 4, n_epochs=2) == (forward, 2 * (3 * forward - 2 * 2 * 32 * 4))


def test_operations_of_convolutions() -> None:
    """3 x 3 kernels from 2 to 4 channels on 5 x 5 give 3 x 3 places, and 1 x 1 from 4 to 3 as many."""
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 1), nn.Flatten(), nn.Linear(27, 2))
    first = 2 * 2 * 4 * 9 * 9
    assert roofline.convolution_flops(net, torch.zeros(1, 2, 5, 5)) == (first + 2 * 4 * 3 * 9, first)


def test_products_run(monkeypatch) -> None:
    monkeypatch.setattr(roofline, "TRIES", 1)
    assert roofline.torch_product_flops(8, 4, 4) > 0
    assert len(roofline.numpy_product_flops((8, 4, 4), (4, 4, 4))) == 2
