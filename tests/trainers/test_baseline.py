"""What every way of training PPO takes of the parameters: each of them reaches the model."""

from pkgutil import resolve_name

import pytest
import torch

from rlkit.envs import make_vec_env
from rlkit.experiment import build_model
from rlkit.params import load_params
from rlkit.trainers import TRAINERS
from rlkit.trainers.baseline import linear

UNUSUAL = {
    "seed": 7, "n_steps": 24, "batch_size": 12, "n_epochs": 3, "gamma": 0.9, "gae_lambda": 0.8, "ent_coef": 0.02,
    "vf_coef": 0.3, "max_grad_norm": 0.7,
}  # fmt: skip


@pytest.mark.parametrize("home", TRAINERS.values())
def test_every_trainer_is_where_the_table_says(home: str) -> None:
    assert callable(resolve_name(home))


@pytest.mark.parametrize("phase", ["baseline", "speed", "recurrent", "curriculum", "dodge"])
def test_every_hyperparameter_reaches_the_model(phase: str) -> None:
    shaped = {
        "learning_rate": 0.01,
        "learning_rate_end": 0.001,
        "clip_range": 0.15,
        "net_arch": [5],
        "activation": "relu",
    }
    plain = {"recurrent": {"memory": "none"}, "curriculum": {"reward_mode": "env"}}.get(phase, {})
    params = load_params(phase, UNUSUAL | shaped | plain | {"env_id": "CartPole-v1", "env_kwargs": {}, "n_envs": 1})
    model = build_model(params, make_vec_env("CartPole-v1"))
    assert {name: getattr(model, name) for name in UNUSUAL} == UNUSUAL
    assert (model.lr_schedule(1.0), model.lr_schedule(0.0)) == pytest.approx((0.01, 0.001))
    assert model.clip_range(1.0) == 0.15
    hidden = model.policy.mlp_extractor.policy_net
    assert (hidden[0].out_features, type(hidden[1])) == (5, torch.nn.ReLU)


@pytest.mark.parametrize(("left", "rate"), [(1.0, 0.8), (0.5, 0.5), (0.0, 0.2), (-0.5, 0.2)])
def test_linear_falls_to_its_end_and_stays(left: float, rate: float) -> None:
    assert linear(0.8, 0.2)(left) == pytest.approx(rate)
