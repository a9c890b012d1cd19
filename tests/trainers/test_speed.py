"""The speed phase's trainer: switches off is the baseline to the bit, and every switch reaches rlkit.PPO."""

from typing import Any

import pytest
import torch

from rlkit.experiment import build_model, make_params_env
from rlkit.params import load_params
from rlkit.phases import Params
from rlkit.trainers.ppo import PPO

SMALL = {"env_id": "CartPole-v1", "n_envs": 2, "n_steps": 32, "batch_size": 16, "n_epochs": 2, "total_timesteps": 128}


def trained(params: Params) -> dict[str, torch.Tensor]:
    env = make_params_env(params)
    model = build_model(params, env)
    model.learn(params.total_timesteps)
    env.close()
    return model.policy.state_dict()


def test_without_fast_it_is_the_baseline_to_the_bit() -> None:
    baseline = trained(load_params("baseline", SMALL))
    speed = trained(load_params("speed", SMALL | {"fast": False}))
    assert all(torch.equal(weights, speed[name]) for name, weights in baseline.items())


@pytest.mark.parametrize(
    ("given", "attribute", "value"),
    [
        ({}, "fast", True),
        ({"fast": False}, "fast", False),
        ({"n_threads": 2}, "n_threads", 2),
        ({"n_threads": 0}, "n_threads", "auto"),
        ({"use_amp": True}, "use_amp", True),
        ({"amp_dtype": "float16"}, "amp_dtype", "float16"),
        ({"use_torch_compile": True}, "use_torch_compile", True),
        ({"compile_mode": "reduce-overhead"}, "compile_mode", "reduce-overhead"),
        ({"use_pinned_memory": True}, "use_pinned_memory", True),
    ],
)
def test_a_switch_reaches_the_model(given: dict[str, Any], attribute: str, value: Any) -> None:
    params = load_params("speed", SMALL | given)
    env = make_params_env(params, vec_env="dummy")
    model = build_model(params, env)
    assert type(model) is PPO
    assert getattr(model, attribute) == value
    env.close()


def test_the_env_switches_reach_the_env() -> None:
    """Held twice, 500 steps of CartPole are an episode of 250."""
    env = make_params_env(load_params("speed", SMALL | {"action_repeat": 2, "vec_env": "dummy"}))
    env.reset()
    assert env.choice.vec_env == "dummy"
    _, rewards, _, _ = env.step([0, 1])
    assert rewards.tolist() == [2.0, 2.0]
    env.close()
