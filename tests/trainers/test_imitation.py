"""Imitation: the script's actions reach every row, the policy takes them over, and what cannot imitate says so."""

import numpy as np
import pytest
import torch
from stable_baselines3 import DQN

import rlkit
from rlkit.errors import EnvError
from rlkit.params import load_params
from rlkit.trainers import imitation
from rlkit.trainers.imitation import advice, imitate

BOOSTS = {7, 8}  # of table28: straight, and a little to the side of the ball


@pytest.fixture(autouse=True)
def few_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imitation, "DECISIONS", 6000)


def football(n_workers: int = 1, **more):
    options = {"n_envs": 6, "opponents": {"self": 0.5, "rule": 0.5}, "starts": {"kickoff": 1}} | more
    env = rlkit.make_vec_env("rlkit/RocketLeague-v0", n_workers=n_workers, seed=3, **options)
    env.reset()
    return env


def pupil(env) -> rlkit.PPO:
    return rlkit.PPO("MlpPolicy", env, n_steps=16, batch_size=32, seed=0, device="cpu")


def test_a_kickoff_is_boosted_at() -> None:
    assert set(advice(football(starts={"kickoff": 1}), "basic").tolist()) <= BOOSTS


def test_every_process_answers_for_its_rows() -> None:
    alone, spread = football(starts={"scatter": 1}), football(2, starts={"scatter": 1})
    try:
        told = advice(alone, "striker")
        assert len(set(told.tolist())) > 1
        np.testing.assert_array_equal(advice(spread, "striker"), told)
    finally:
        spread.close()


def test_a_policy_takes_over_what_the_script_does() -> None:
    model = pupil(football())
    values = [weight.clone() for name, weight in model.policy.state_dict().items() if "value_net" in name]
    facts = imitate(model, "basic")
    assert facts["decisions"] == 6000
    assert facts["accuracy"] > 0.5  # of 28 actions
    same = pupil(football())
    assert imitate(same, "basic")["accuracy"] == facts["accuracy"]
    assert all(map(torch.equal, model.policy.state_dict().values(), same.policy.state_dict().values()))
    kept = [weight for name, weight in model.policy.state_dict().items() if "value_net" in name]
    assert all(map(torch.equal, values, kept))


def test_a_training_starts_from_a_script() -> None:
    small = {"n_envs": 6, "n_workers": 1, "n_steps": 16, "batch_size": 32, "total_timesteps": 96, "eval_games": 2}
    run = rlkit.train(load_params("baseline", small | {"start_from": "basic"}))
    (told,) = (event for event in run.events() if event["kind"] == "imitated")
    assert (told["script"], told["decisions"], told["accuracy"] > 0.1) == ("basic", 6000, True)
    with pytest.raises(EnvError, match="this env has no scripts to imitate"):
        rlkit.train(load_params("baseline", small | {"env_id": "CartPole-v1", "start_from": "basic"}))


def test_what_cannot_imitate_says_so() -> None:
    with pytest.raises(EnvError, match="a DQNPolicy cannot imitate"):
        imitate(DQN("MlpPolicy", football()), "basic")
    with pytest.raises(EnvError, match="Take actions='table28' or 'table90'"):
        advice(football(actions="multi_discrete"), "basic")
