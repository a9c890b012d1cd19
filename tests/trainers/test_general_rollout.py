"""Rollouts and whole trainings on the torch path, which draw SB3's own random numbers, against SB3's."""

import copy
import json
import zipfile

import numpy as np
import pytest
import stable_baselines3
import torch
from general_models import KINDS, make
from walk import assert_same_training, parameters, rolled_out

from rlkit.trainers.general import switches
from rlkit.trainers.general.samples import Store, each
from rlkit.trainers.ppo import PPO

pytestmark = pytest.mark.filterwarnings("ignore:rlkit.PPO. torch path")
SHOWN = ("obs_tensor", "actions", "clipped_actions", "values", "log_probs", "rewards", "dones", "new_obs", "n_steps")
SOME = ("categorical", "dict", "image", "squashed gSDE")


@pytest.fixture(autouse=True)
def torch_path(monkeypatch):
    """Every model takes the torch path."""
    monkeypatch.setattr(switches.native, "obstacle", lambda model: "the test says so")


@pytest.mark.parametrize("kind", KINDS)
def test_a_rollout_is_that_of_sb3(kind):
    ours, theirs = (rolled_out(make(algorithm, kind)) for algorithm in (PPO, stable_baselines3.PPO))
    for name in (
        "observations",
        "actions",
        "episode_starts",
        "values",
        "log_probs",
        "rewards",
        "advantages",
        "returns",
    ):
        each(assert_alike, getattr(ours.rollout_buffer, name), getattr(theirs.rollout_buffer, name))
    each(assert_alike, ours._last_obs, theirs._last_obs)
    assert [e["l"] for e in ours.ep_info_buffer] == [e["l"] for e in theirs.ep_info_buffer]
    assert kind == "image" or any(e["l"] == 17 for e in ours.ep_info_buffer)  # cut: rewards with a value in them
    assert ours.rollout_buffer.full
    assert ours.rollout_buffer.pos == ours.n_steps


def assert_alike(mine, yours):
    assert (mine.dtype, mine.shape) == (yours.dtype, yours.shape)
    np.testing.assert_allclose(mine, yours, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", SOME)
def test_a_training_is_that_of_sb3(kind):
    models, draws = [], []
    for algorithm in (PPO, stable_baselines3.PPO):
        models.append(make(algorithm, kind).learn(128 if kind == "image" else 600))  # two or three rollouts
        draws.append((torch.get_rng_state(), np.random.get_state()[1]))
    ours, theirs = models
    assert ours.switches["path"] == "torch"
    assert all((mine == yours).all() for mine, yours in zip(*draws, strict=True))
    assert_same_training(ours, theirs, atol=2e-5)
    assert ours._n_updates == theirs._n_updates


@pytest.mark.parametrize("kind", SOME)
def test_callbacks_see_what_sb3_shows_them(kind):
    seen = {}

    def look(local_values, _):
        found = {name: copy.deepcopy(local_values[name]) for name in SHOWN}
        seen.setdefault(local_values["self"].__class__, []).append(found)
        return True

    for algorithm in (PPO, stable_baselines3.PPO):
        make(algorithm, kind, n_steps=16).learn(64, callback=look)
    for mine, yours in zip(seen[PPO], seen[stable_baselines3.PPO], strict=True):
        for name in SHOWN:
            assert type(mine[name]) is type(yours[name]), name
            each(lambda a, b: assert_alike(np.asarray(a), np.asarray(b)), mine[name], yours[name])


def test_files_load_on_both_sides(tmp_path):
    for there, back in ((PPO, stable_baselines3.PPO), (stable_baselines3.PPO, PPO)):
        saved = make(there, "image").learn(64)
        saved.save(tmp_path / "model.zip")
        loaded = back.load(tmp_path / "model.zip", env=saved.get_env(), device="cpu")
        assert_same_training(loaded, saved)
        loaded.learn(64, reset_num_timesteps=False)
        assert (parameters(loaded) != parameters(saved)).any()


def test_a_file_holds_nothing_but_sb3s(tmp_path):
    names = []
    for algorithm, options in ((PPO, {"use_amp": True, "n_threads": 1}), (stable_baselines3.PPO, {})):
        make(algorithm, "gSDE", **options).learn(400).save(tmp_path / "model.zip")
        with zipfile.ZipFile(tmp_path / "model.zip") as file:
            names.append(set(json.loads(file.read("data"))))
    assert names[0] == names[1]


def test_a_copy_trains_on():
    model = make(PPO, "dict").learn(400)
    twin = copy.deepcopy(model)
    twin.learn(400)
    assert (parameters(twin) != parameters(model)).any()


class Apart(Store):
    """A `Store` off the CPU whose device is other memory of the CPU."""

    def __init__(self, pinned=False):
        super().__init__(torch.device("meta"), pinned)

    def _send(self, array):
        return torch.from_numpy(array.copy())


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("kind", SOME)
def test_a_device_holds_the_rollout(kind, pinned, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pin_memory", torch.Tensor.clone)
    model, twin = make(PPO, kind), make(PPO, kind)
    for each_model in (model, twin):
        each_model._setup_learn(1000)
    model._path._store = store = Apart(pinned)
    for _ in range(2):
        for each_model in (model, twin):
            torch.manual_seed(0)
            each_model.collect_rollouts(each_model.env, *arguments(each_model))
        assert store._there is not None
        mine, yours = store.samples(model.rollout_buffer), twin._path._store.samples(twin.rollout_buffer)
        assert (mine.table == yours.table).all()
        each(lambda a, b: np.testing.assert_array_equal(a, b), mine.observations, yours.observations)
    table = mine.table
    buffer = copy.deepcopy(model.rollout_buffer)
    each(lambda array: array.fill(1), buffer.observations)
    again = store.samples(buffer)  # other arrays than the rollout's: sent anew
    each(lambda tensor: np.testing.assert_array_equal(tensor, torch.ones_like(tensor)), again.observations)
    assert again.table.data_ptr() == table.data_ptr()  # CUDA graphs read the same memory every time


def arguments(model):
    _, callback = model._setup_learn(1000, reset_num_timesteps=False)
    return callback, model.rollout_buffer, model.n_steps
