"""The recurrent phase's trainer: each memory's model, stacks that play on a plain env, and the contract of a run."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack

from rlkit.assess import evaluate, play_episodes, player
from rlkit.diagnostics.evaluation import ModelPredict, evaluate_episodes
from rlkit.envs import make_vec_env
from rlkit.errors import CheckpointError, ParamsError
from rlkit.experiment import build_model, load_model, make_params_env, train
from rlkit.league.matches import play_matches
from rlkit.params import load_params
from rlkit.phases.recurrent import RecurrentParams
from rlkit.trainers.memory import StackedPPO, memory_ppo
from rlkit.trainers.ppo import PPO
from rlkit.trainers.recurrent.policies import MlpGruPolicy
from rlkit.trainers.recurrent_ppo import RecurrentPPO

SMALL = {
    "env_kwargs": {"cues": 2, "delay": 1},
    "n_envs": 4,
    "n_steps": 32,
    "batch_size": 32,
    "total_timesteps": 256,
    "checkpoint_every": 128,
    "lstm_hidden_size": 8,
    "net_arch": [8],
    "eval_games": 8,
}


def params(**changes: Any) -> RecurrentParams:
    return load_params("recurrent", SMALL | changes)


def build(**changes: Any) -> Any:
    asked = params(**changes)
    return build_model(asked, make_params_env(asked))


@pytest.mark.parametrize(
    ("memory", "kind"), [("none", PPO), ("stack", StackedPPO), ("gru", RecurrentPPO), ("lstm", RecurrentPPO)]
)
def test_each_memory_is_a_model_of_its_own(memory: str, kind: type) -> None:
    model = build(memory=memory)
    assert type(model) is kind
    assert isinstance(model.policy, MlpGruPolicy) is (memory == "gru")
    assert model.observation_space.shape == (12 if memory == "stack" else 3,)
    assert model.switches["path"].startswith("native")


def test_the_arguments_reach_the_memory() -> None:
    model = build(memory="lstm", n_lstm_layers=2, shared_lstm=False, sequence_length=9)
    assert (model.policy.lstm_actor.hidden_size, model.policy.lstm_actor.num_layers) == (8, 2)
    assert model.policy.lstm_critic is not None
    assert model.sequence_length == 9
    shared = build(memory="gru", exact=True)
    assert shared.policy.lstm_critic is None
    assert shared.sequence_length is None
    assert shared.exact
    assert build(memory="gru", store_full_episodes=True).store_full_episodes


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"sequence_length": 33}, "sequence_length=33 is longer than the rollout of n_steps=32"),
        ({"sequence_length": 30, "batch_size": 16}, "more than batch_size=16"),
        ({"sequence_length": 8, "exact": True}, "sequence_length and exact exclude each other"),
        ({"exact": True, "store_full_episodes": True}, "exact and store_full_episodes exclude each other"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ParamsError, match=why):
        params(**given)


def test_a_model_that_only_plays_can_be_built_of_any_sequence_length() -> None:
    asked = params(memory="gru", sequence_length=32).smallest()
    assert build_model(asked, make_params_env(asked)).n_steps == 2


def test_a_stack_plays_on_the_plain_env_as_on_stacked_observations() -> None:
    """Six CartPoles that fall at different times: rows begin anew one by one."""
    kwargs = {"env_id": "CartPole-v1", "env_kwargs": {}, "n_envs": 6, "n_workers": 1}
    model = build(memory="stack", n_stack=3, **kwargs)
    plain, stacked = (make_vec_env("CartPole-v1", 6, seed=1, n_workers=1) for _ in range(2))
    stacked = VecFrameStack(stacked, 3)
    agent, observations, stacks = ModelPredict(model), plain.reset(), stacked.reset()
    agent.ended(np.ones(6, bool))
    ends = 0
    for _ in range(80):
        actions = agent(observations)
        np.testing.assert_array_equal(actions, model.predict(stacks, deterministic=True)[0])
        observations, _, dones, _ = plain.step(actions)
        stacks, *_ = stacked.step(actions)
        agent.ended(dones)
        ends += dones.sum()
    assert ends >= 6


def test_a_stack_takes_one_observation_too() -> None:
    model = build(memory="stack")
    one, state = model.predict(np.zeros(3, np.float32), deterministic=True)
    assert np.shape(one) == ()
    assert state[0].shape == (1, 12)


def test_a_stack_of_pictures_is_refused() -> None:
    env = DummyVecEnv([lambda: gymnasium.make("rlkit/Dodge-v0", observation="image")])
    with pytest.raises(ParamsError, match="a row of numbers"):
        memory_ppo(env, params(memory="stack"))


def test_memory_learns_recall_and_keeps_it_over_the_episodes_of_an_evaluation() -> None:
    """40 episodes on 10 rows: each row begins four times, with what it remembered cleared."""
    asked = {"total_timesteps": 24_000, "n_envs": 16, "lstm_hidden_size": 16, "learning_rate": 0.01}
    run = train(params(memory="gru", **asked))
    env = make_params_env(run.params, n_envs=10, seed=5)
    played = evaluate_episodes(env, ModelPredict(load_model(run, env)), 40, seed=5)
    assert played["return"].mean() > 0.9
    assert set(played["length"]) == {3}


@pytest.mark.parametrize("memory", ["stack", "gru", "lstm"])
def test_a_run_is_evaluated_and_goes_on(memory: str) -> None:
    asked = params(memory=memory)
    run = train(asked)
    assert run.status()["state"] == "done"
    table, _ = play_episodes(run, 8)
    assert len(table) == 8
    longer = train(asked.model_copy(update={"start_from": run.id, "total_timesteps": 512}))
    steps = longer.metrics()["time/total_timesteps"]
    assert (steps.min(), steps.max()) == (384, 512)


@pytest.mark.parametrize(
    ("memory", "other", "why"), [("gru", "lstm", "with GRU memory"), ("lstm", "gru", "with LSTM memory")]
)
def test_a_checkpoint_of_the_other_memory_is_refused(memory: str, other: str, why: str) -> None:
    run = train(params(memory=memory))
    with pytest.raises(CheckpointError, match=why):
        train(params(memory=other, start_from=run.id))


def test_a_checkpoint_with_memory_is_refused_without() -> None:
    run = train(params(memory="gru"))
    with pytest.raises(CheckpointError):
        train(params(memory="none", start_from=run.id))


def test_evaluate_keeps_the_results_and_a_film() -> None:
    run = train(params(memory="gru"))
    table = evaluate(run)
    assert table["episodes"].item() == 8
    assert list(run.folder.glob("replays/*.npz"))


class Watched(ModelPredict):
    """Notes for how many rows it is asked, and how many of them begin."""

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        self.seen.append((len(observations), int(self._episode_start.sum())))
        return super().__call__(observations)


def test_memory_plays_matches_that_end_one_by_one() -> None:
    """The state of a row stays with its game, and each side has a memory of its own."""
    pytest.importorskip("RocketSim")
    small = {"env_kwargs": {}, "env_id": "rlkit/RocketLeague-v0", "n_workers": 1, "total_timesteps": 128}
    agent = player(train(params(memory="gru", **small)))
    agent.predict.__class__, agent.predict.seen = Watched, []
    matches = play_matches(agent, "rule", games=4, seed=0, max_seconds=20.0)
    assert matches.table["seconds"].nunique() > 1
    assert agent.predict.seen == [(4, 4)] + [(4, 0)] * (len(agent.predict.seen) - 1)
    agent.predict.seen.clear()
    play_matches(agent, agent, games=2, seed=0, max_seconds=1.0)
    assert agent.predict.seen[:4] == [(2, 2), (2, 2), (2, 0), (2, 0)]
