"""Imitation: the script's actions reach every row, the policy takes them over, and what cannot imitate says so."""

import time

import numpy as np
import pytest
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.vec_env import VecNormalize

import rlkit
from rlkit.errors import EnvError
from rlkit.params import load_params
from rlkit.runs import all_runs
from rlkit.seeding import stream
from rlkit.trainers import imitation
from rlkit.trainers.imitation import advice, check, imitate, watch

BOOSTS = {7, 8}  # of table28: straight, and a little to the side of the ball


@pytest.fixture(autouse=True)
def few_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imitation, "DECISIONS", 6000)
    monkeypatch.setattr(imitation, "BATCH_SIZE", 64)


def football(n_workers: int = 1, **more):
    options = {"n_envs": 6, "opponents": {"self": 0.5, "rule": 0.5}, "starts": {"kickoff": 1}} | more
    env = rlkit.make_vec_env("rlkit/RocketLeague-v0", n_workers=n_workers, seed=3, **options)
    env.reset()
    return env


def pupil(env) -> rlkit.PPO:
    return rlkit.PPO("MlpPolicy", env, n_steps=16, batch_size=32, seed=0, device="cpu")


def test_a_kickoff_is_boosted_at() -> None:
    assert set(advice(football(starts={"kickoff": 1}), "basic")) <= BOOSTS


def test_every_process_answers_for_its_rows() -> None:
    alone, spread = football(starts={"scatter": 1}), football(2, starts={"scatter": 1})
    try:
        told = advice(alone, "striker")
        assert len(set(told)) > 1
        np.testing.assert_array_equal(advice(spread, "striker"), told)
    finally:
        spread.close()


def test_a_policy_takes_over_what_the_script_does() -> None:
    model = pupil(football(starts={"scatter": 1}))
    values = [weight.clone() for name, weight in model.policy.state_dict().items() if "value_net" in name]
    facts = imitate(model, "basic")
    assert facts["decisions"] == 6000
    _, told = watch(football(starts={"scatter": 1}), "basic", stream(0), lambda: True)
    assert facts["accuracy"] > 1.3 * max(np.bincount(told)) / len(told)  # no single action would do
    same = pupil(football(starts={"scatter": 1}))
    assert imitate(same, "basic")["accuracy"] == facts["accuracy"]
    assert all(map(torch.equal, model.policy.state_dict().values(), same.policy.state_dict().values()))
    kept = [weight for name, weight in model.policy.state_dict().items() if "value_net" in name]
    assert all(map(torch.equal, values, kept))


def test_the_statistics_of_rewards_are_left_to_the_training() -> None:
    model = pupil(VecNormalize(football(), norm_obs=False))
    imitate(model, "basic")
    assert model.get_env().ret_rms.count < 1
    assert model.get_env().training


SMALL = {"n_envs": 6, "n_workers": 1, "n_steps": 16, "batch_size": 32, "total_timesteps": 96, "eval_games": 2}


def test_a_training_starts_from_a_script() -> None:
    run = rlkit.train(load_params("baseline", SMALL | {"start_from": "basic"}))
    (told,) = (event for event in run.events() if event["kind"] == "imitated")
    assert (told["decisions"], told["accuracy"] > 0.1) == (6000, True)
    assert run.status()["steps"] == 96


def test_a_stop_ends_the_imitation_and_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = imitation.watch

    def stopped(env, script, rng, wanted):
        all_runs()[-1].stop()
        while wanted():
            time.sleep(0.01)
        return real(env, script, rng, wanted)

    monkeypatch.setattr(imitation, "watch", stopped)
    run = rlkit.train(load_params("baseline", SMALL | {"start_from": "basic"}))
    assert run.status()["state"] == "interrupted"
    assert not any((run.folder / "checkpoints").glob("[0-9]*"))
    assert not any(event["kind"] == "imitated" for event in run.events())
    assert not real(football(), "basic", stream(0), lambda: False)[0].any()


def test_what_cannot_imitate_says_so_before_there_is_a_run() -> None:
    for changes, message in (
        ({"env_id": "CartPole-v1", "start_from": "basic"}, "this env has no scripts to imitate"),
        ({"env_kwargs": {"actions": "multi_discrete"}, "start_from": "basic"}, "actions='table28' or 'table90'"),
    ):
        with pytest.raises(EnvError, match=message):
            rlkit.start(load_params("baseline", SMALL | changes))
    with pytest.raises(EnvError, match="a DQNPolicy cannot imitate"):
        check(DQN("MlpPolicy", football()), "basic")
    with pytest.raises(EnvError, match="Did you mean 'striker'"):
        check(pupil(football()), "strikr")
    assert all_runs() == []
