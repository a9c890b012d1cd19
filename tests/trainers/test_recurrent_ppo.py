"""rlkit.RecurrentPPO where users touch it: rollouts, states, files, errors, fallbacks and learning."""

import copy
import json
import zipfile

import gymnasium
import numpy as np
import pytest
import sb3_contrib
import torch
from gymnasium import spaces
from recurrent_models import BATCH, HIDDEN, MEMORIES, N_STEPS, build, rolled_out, updated, without_kernels
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from walk import N_ENVS, SPACES, Walk, assert_same_training, parameters

from rlkit.errors import CheckpointError, EnvError, ParamsError, RlkitError
from rlkit.trainers.recurrent.native_engine import NativeEngine
from rlkit.trainers.recurrent.policies import MlpGruPolicy
from rlkit.trainers.recurrent.torch_engine import TorchEngine
from rlkit.trainers.recurrent_ppo import RecurrentPPO

pytestmark = pytest.mark.filterwarnings("ignore:.*the test says so")
ENGINES = {"native": NativeEngine, "torch": TorchEngine}
STATES = "hidden_states_pi", "cell_states_pi", "hidden_states_vf", "cell_states_vf"


@pytest.fixture(params=ENGINES)
def engine(request, monkeypatch):
    if request.param == "torch":
        without_kernels(monkeypatch)
    return ENGINES[request.param]


@pytest.mark.parametrize("policy", ["MlpLstmPolicy", "MlpGruPolicy"])
@pytest.mark.parametrize("memory", MEMORIES)
def test_a_rollout_holds_what_the_policy_says(memory, policy, engine):
    """Every state, value and log-probability, one step after the other, by the policy's own methods."""
    model = rolled_out(build(policy=policy, memory=memory, space="box"))
    assert type(model._engine) is engine
    buffer = model.rollout_buffer
    states = RNNStates(*(tuple(torch.from_numpy(getattr(buffer, n)[0]) for n in p) for p in (STATES[:2], STATES[2:])))
    starts = torch.from_numpy(buffer.episode_starts)
    assert 20 < starts.sum() < 200
    for t in range(N_STEPS):
        for name, state in zip(STATES, (*states.pi, *states.vf), strict=True):
            np.testing.assert_allclose(getattr(buffer, name)[t], state, atol=1e-5, err_msg=f"{name}, step {t}")
        observations, actions = torch.from_numpy(buffer.observations[t]), torch.from_numpy(buffer.actions[t])
        with torch.no_grad():
            values, log_probs, _ = model.policy.evaluate_actions(observations, actions, states, starts[t])
            states = model.policy(observations, states, starts[t])[3]
        np.testing.assert_allclose(buffer.values[t], values.ravel(), atol=1e-5)
        np.testing.assert_allclose(buffer.log_probs[t], log_probs, atol=1e-5)
    for mine, yours in zip(
        (*model._last_lstm_states.pi, *model._last_lstm_states.vf), (*states.pi, *states.vf), strict=True
    ):
        np.testing.assert_allclose(mine, yours, atol=1e-5)
    dones = torch.as_tensor(model._last_episode_starts).float()
    last = model.policy.predict_values(torch.as_tensor(model._last_obs), states.vf, dones).detach()
    advantages = buffer.advantages.copy()
    buffer.compute_returns_and_advantage(last, model._last_episode_starts)
    np.testing.assert_allclose(advantages, buffer.advantages, atol=1e-5)


@pytest.mark.parametrize("memory", MEMORIES)
def test_a_rollout_is_sb3_contribs_but_for_the_actions(memory, engine):
    ours, theirs = rolled_out(build(memory=memory)), rolled_out(build(sb3_contrib.RecurrentPPO, memory=memory))
    for name in ("observations", "episode_starts", "rewards", "values", "advantages", "returns", *STATES):
        mine, yours = getattr(ours.rollout_buffer, name), getattr(theirs.rollout_buffer, name)
        assert mine.shape == yours.shape
        assert mine.dtype == yours.dtype
        np.testing.assert_allclose(mine, yours, atol=1e-5, err_msg=name)
    assert ours.rollout_buffer.actions.dtype == theirs.rollout_buffer.actions.dtype
    assert [e["l"] for e in ours.ep_info_buffer] == [e["l"] for e in theirs.ep_info_buffer]
    assert any(e["l"] == 17 for e in ours.ep_info_buffer)  # some were cut, so the bootstrapped rewards are among them


@pytest.mark.parametrize("space", SPACES)
def test_callbacks_see_what_sb3_shows_them(space, engine):
    seen = {}

    def look(local_values, _):
        names = ("actions", "clipped_actions", "values", "log_probs", "rewards", "dones", "new_obs", "infos", "n_steps")
        seen.setdefault(local_values["self"].__class__, []).append({name: local_values[name] for name in names})
        return len(seen[local_values["self"].__class__]) < 25

    for algorithm in (RecurrentPPO, sb3_contrib.RecurrentPPO):
        build(algorithm, space=space, n_steps=50).learn(1000, callback=look)
    assert len(seen[RecurrentPPO]) == len(seen[sb3_contrib.RecurrentPPO]) == 25  # and both stop
    for mine, yours in zip(*seen.values(), strict=True):
        for name, value in yours.items():
            assert type(mine[name]) is type(value), name
            assert getattr(mine[name], "shape", None) == getattr(value, "shape", None), name
            assert getattr(mine[name], "dtype", None) == getattr(value, "dtype", None), name
        np.testing.assert_allclose(mine["rewards"], yours["rewards"], atol=1e-5)


def test_same_seed_same_training(engine):
    first, second, other = (build(seed=seed).learn(800) for seed in (5, 5, 6))
    assert (parameters(first) == parameters(second)).all()
    assert (parameters(first) != parameters(other)).any()


def test_without_fast_it_is_stock_to_the_bit():
    ours, theirs = build(fast=False).learn(400), build(sb3_contrib.RecurrentPPO).learn(400)
    assert (parameters(ours) == parameters(theirs)).all()


def test_a_gru_trains_on_sb3_contribs_code():
    """Which resets states step by step, where the engines cut sequences: same updates."""
    ours, theirs = (build(policy="MlpGruPolicy", exact=True, fast=fast) for fast in (True, False))
    buffer = rolled_out(ours).rollout_buffer
    theirs._setup_learn(1000)
    for model in (ours, theirs):
        updated(model, buffer)
    assert_same_training(ours, theirs, atol=1e-6)


SIDES = [RecurrentPPO, sb3_contrib.RecurrentPPO]


@pytest.mark.parametrize("there", SIDES)
@pytest.mark.parametrize("back", SIDES)
@pytest.mark.parametrize("policy", ["MlpLstmPolicy", MlpGruPolicy])
def test_files_load_on_both_sides(there, back, policy, tmp_path):
    saved = build(there, policy=policy, space="box").learn(400)
    saved.save(tmp_path / "model")
    loaded = back.load(tmp_path / "model", env=saved.get_env(), device="cpu")
    assert_same_training(loaded, saved)
    state = None
    for observations in np.random.default_rng(0).normal(size=(5, N_ENVS, 3, 3)):
        mine, next_state = loaded.predict(observations, state, np.zeros(N_ENVS), deterministic=True)
        assert (saved.predict(observations, state, np.zeros(N_ENVS), deterministic=True)[0] == mine).all()
        state = next_state
    loaded.learn(400, reset_num_timesteps=False)
    assert loaded.num_timesteps == 800
    assert not np.allclose(parameters(loaded), parameters(saved))


def test_a_file_remembers_how_sequences_are_cut(tmp_path):
    build(sequence_length=10).learn(400).save(tmp_path / "model.zip")
    assert RecurrentPPO.load(tmp_path / "model.zip").sequence_length == 10
    sb3_contrib.RecurrentPPO.load(tmp_path / "model.zip")
    build(sb3_contrib.RecurrentPPO).learn(400).save(tmp_path / "stock.zip")
    names = []
    for file in ("model.zip", "stock.zip"):
        with zipfile.ZipFile(tmp_path / file) as archive:
            names.append(set(json.loads(archive.read("data"))))
    assert names[0] - names[1] == {"sequence_length", "exact", "store_full_episodes"}


def test_one_minibatch_is_the_whole_rollout(engine):
    model = build(batch_size=None, sequence_length=100).learn(400)
    assert {int(state["step"]) for state in model.policy.optimizer.state.values()} == {2}


def test_a_copy_trains_on():
    model = build().learn(400)
    twin = copy.deepcopy(model)
    twin.learn(400)
    assert (parameters(twin) != parameters(model)).any()


def test_new_parameters_are_taken_up(engine):
    model, other = rolled_out(build()), build(seed=9).learn(400)
    model.set_parameters(other.get_parameters(), device="cpu")
    rolled_out(model)
    buffer = model.rollout_buffer
    states = tuple(torch.from_numpy(getattr(buffer, name)[0]) for name in STATES[2:])
    starts = torch.from_numpy(buffer.episode_starts[0])
    values = other.policy.predict_values(torch.from_numpy(buffer.observations[0]), states, starts).detach().ravel()
    np.testing.assert_allclose(buffer.values[0], values, atol=1e-5)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"sequence_length": N_STEPS + 1}, "sequence_length=101 does not fit a rollout of n_steps=100"),
        ({"sequence_length": 0}, "sequence_length=0 does not fit"),
        ({"sequence_length": BATCH + 1}, "sequence_length=49 is more than batch_size=48"),
        ({"sequence_length": 8, "exact": True}, "sequence_length and exact exclude each other"),
        ({"store_full_episodes": True, "exact": True}, "exact and store_full_episodes exclude each other"),
        ({"sequence_length": 8, "fast": False}, "sequence_length and fast=False exclude each other"),
        ({"amp_dtype": "float8"}, "amp_dtype='float8' is not a choice"),
    ],
)
def test_wrong_arguments_say_so(kwargs, message):
    with pytest.raises(ParamsError, match=message):
        build(**kwargs)


def test_a_state_of_another_shape_says_so():
    model, observations = build(), np.zeros((N_ENVS, 3, 3), np.float32)
    state = model.predict(observations)[1]
    assert [s.shape for s in state] == [(1, N_ENVS, HIDDEN)] * 2
    for wrong in ((state[0], state[1][..., :5]), (state[0],), (state[0][:, :2], state[1][:, :2])):
        with pytest.raises(ParamsError, match=r"state has shapes .* = \(1, 4, 20\)"):
            model.predict(observations, wrong)
    with pytest.raises(ParamsError, match=r"= \(1, 1, 20\)"):
        model.predict(observations[0], state)
    model.predict(observations[0], model.predict(observations[0])[1])


def test_episode_starts_that_fit_no_observation_say_so():
    model, observations = build(), np.zeros((N_ENVS, 3, 3), np.float32)
    with pytest.raises(ParamsError, match=rf"episode_start has shape \(3,\) for {N_ENVS} observations"):
        model.predict(observations, episode_start=np.zeros(3, bool))
    model.predict(observations, episode_start=np.ones(N_ENVS, bool))
    model.predict(observations[0], episode_start=np.ones((), bool))


@pytest.mark.parametrize(("mine", "other"), [("Gru", "LSTM"), ("Lstm", "GRU")])
def test_the_other_memorys_checkpoint_says_so(mine, other, tmp_path):
    build(policy=f"Mlp{other.title()}Policy").save(tmp_path / "model.zip")
    with pytest.raises(CheckpointError, match=f"policy with {other} memory, this model's policy is .*"):
        build(policy=f"Mlp{mine}Policy").set_parameters(tmp_path / "model.zip", device="cpu")


class Endless(Walk):
    """Never ends."""

    def step(self, action):
        observation, reward, _, _, info = super().step(action)
        return observation, reward, False, False, info


def test_endless_episodes_cannot_be_stored(engine):
    model = build(env=make_vec_env(Endless, N_ENVS), store_full_episodes=True)
    with pytest.raises(EnvError, match="in env 0 no episode began or ended in n_steps=100 steps"):
        model.learn(1000)
    build(env=make_vec_env(Endless, N_ENVS)).learn(1000)


def test_a_batch_that_outgrows_its_memory_says_so():
    model = rolled_out(build())
    model.batch_size = 400
    with pytest.raises(ParamsError, match=r"A minibatch has 400 samples, .* the largest possible had 100"):
        model.train()


def test_a_lost_policy_is_an_error(engine):
    model = rolled_out(build())
    model.rollout_buffer.observations[3] = np.nan
    with pytest.raises(RlkitError, match="loss is nan after update 2"):
        model.train()


class BlindCartPole(gymnasium.ObservationWrapper):
    """CartPole without its velocities, which only a memory can make up for."""

    def __init__(self):
        super().__init__(gymnasium.make("CartPole-v1", max_episode_steps=200))
        self.observation_space = spaces.Box(-5, 5, (2,))

    def observation(self, observation):
        return observation[[0, 2]]


def test_it_learns_to_remember():
    schedule = {"n_steps": 32, "batch_size": 256, "n_epochs": 20, "gae_lambda": 0.9, "gamma": 0.98}
    env = make_vec_env(BlindCartPole, 8, seed=0)
    model = RecurrentPPO(
        "MlpGruPolicy",
        env,
        learning_rate=lambda left: 2e-3 * left,
        policy_kwargs={"lstm_hidden_size": 32, "shared_lstm": True, "enable_critic_lstm": False},
        seed=0,
        device="cpu",
        **schedule,
    )
    model.learn(60_000)
    mean, _ = evaluate_policy(model, make_vec_env(BlindCartPole, 8, seed=100), 16)
    assert mean > 120  # without a memory about 50
