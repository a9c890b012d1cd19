"""The builder of PPO, DQN and SAC: what was asked for reaches the model, and what cannot work is said first."""

from typing import Any

import pytest
import torch
from stable_baselines3 import SAC

from rlkit.errors import ParamsError
from rlkit.experiment import build_model, make_params_env
from rlkit.files import project_root
from rlkit.params import load_params
from rlkit.phases.dodge import DodgeParams
from rlkit.trainers.dqn import DQN
from rlkit.trainers.ppo import PPO

PROFILES = sorted(path.stem for path in (project_root() / "params" / "dodge").glob("*.yaml"))
ACTIONS = {"ppo": "discrete5", "dqn": "discrete5", "sac": "continuous3"}


def model_of(algorithm: str, **values: Any) -> Any:
    """A small model of an algorithm, on two games."""
    small = {"n_envs": 2, "n_steps": 8, "batch_size": 16, "buffer_size": 64, "learning_starts": 10}
    env_kwargs = {"level": 2, "actions": ACTIONS[algorithm]}
    params = DodgeParams(algorithm=algorithm, env_kwargs=env_kwargs, **small | values)
    return build_model(params, make_params_env(params, n_workers=1))


@pytest.mark.parametrize(("algorithm", "kind"), [("ppo", PPO), ("dqn", DQN), ("sac", SAC)])
def test_an_algorithm_gets_its_arguments(algorithm: str, kind: type) -> None:
    model = model_of(algorithm, gamma=0.9, learning_rate=0.5, learning_rate_end=0.1, net_arch=[7], activation="relu")
    assert type(model) is kind
    assert (model.gamma, model.batch_size) == (0.9, 16)
    assert [model.lr_schedule(left) for left in (1.0, 0.5, 0.0)] == pytest.approx([0.5, 0.3, 0.1])
    layers = [layer for layer in model.policy.modules() if isinstance(layer, torch.nn.Linear)]
    assert {layer.out_features for layer in layers} >= {7}
    assert any(isinstance(layer, torch.nn.ReLU) for layer in model.policy.modules())
    assert model.device.type == "cpu"


def test_off_policy_arguments_arrive() -> None:
    common = {"tau": 0.25, "train_freq": 3, "gradient_steps": 2}
    for algorithm in ("dqn", "sac"):
        model = model_of(algorithm, **common)
        assert (model.tau, model.train_freq.frequency, model.gradient_steps) == (0.25, 3, 2)
        assert (model.buffer_size, model.learning_starts) == (64, 10)
    dqn = model_of("dqn", target_update_interval=40, exploration_fraction=0.5, exploration_final_eps=0.125)
    assert dqn.target_update_interval == 40
    assert dqn.exploration_schedule(0.0) == pytest.approx(0.125)
    assert model_of("sac", return_steps=3).replay_buffer.n_steps == 3


def test_ppo_arguments_arrive() -> None:
    ppo = model_of("ppo", n_epochs=3, gae_lambda=0.5, clip_range=0.3, ent_coef=0.07, vf_coef=0.2, max_grad_norm=0.9)
    assert (ppo.n_steps, ppo.n_epochs, ppo.gae_lambda) == (8, 3, 0.5)
    assert (ppo.clip_range(1.0), ppo.ent_coef, ppo.vf_coef, ppo.max_grad_norm) == (0.3, 0.07, 0.2, 0.9)


@pytest.mark.parametrize("algorithm", ["dqn", "sac"])
def test_a_replay_buffer_beyond_the_memory_is_refused_before_it_is_made(algorithm: str) -> None:
    with pytest.raises(ParamsError, match=r"buffer_size=100000000000 steps of \d+ bytes need \d+\.\d GiB"):
        model_of(algorithm, buffer_size=10**11)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"algorithm": "sac"}, "needs continuous actions"),
        ({"algorithm": "dqn", "env_kwargs": {"actions": "continuous3"}}, "needs actions='discrete5'"),
        ({"algorithm": "dqn", "total_timesteps": 5000}, "leaves nothing of total_timesteps=5000"),
        ({"algorithm": "dqn", "buffer_size": 100}, "holds less than one step of n_envs=128"),
        ({"algorithm": "a2c"}, "'ppo', 'dqn' or 'sac'"),
        ({"n_steps": 2, "n_envs": 2}, "larger than the rollout"),
    ],
)
def test_what_does_not_fit_together_is_said(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        load_params("dodge", values)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_makes_its_env(profile: str) -> None:
    params = load_params("dodge", profile=profile)
    make_params_env(params, n_envs=2, n_workers=1).close()


def test_the_settings_of_the_notebook_are_profiles() -> None:
    for profile in ("development", "testing", "production"):
        assert set(load_params("dodge", profile=profile).settings) <= set(PROFILES)
