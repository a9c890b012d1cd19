"""The torch engine of rlkit.RecurrentPPO: policies that only it serves, half precision, compiling, and what it says."""

import shutil

import gymnasium
import numpy as np
import pytest
import sb3_contrib
import torch
from gymnasium import spaces
from recurrent_models import build, quiet, rolled_out, updated
from stable_baselines3.common.env_util import make_vec_env
from walk import assert_same_training, parameters

from rlkit.trainers.general import switches
from rlkit.trainers.recurrent.torch_engine import TorchEngine

OFF = {"use_amp": "off", "use_torch_compile": "off"}


class Pictures(gymnasium.Env):
    """Images, or images and a vector, for the policies that only torch serves."""

    def __init__(self, both=False):
        image = spaces.Box(0, 255, (36, 36, 1), np.uint8)
        self.observation_space = spaces.Dict({"image": image, "speed": spaces.Box(-1, 1, (2,))}) if both else image
        self.action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        ends = self.np_random.random(2) < 0.1
        return self.observation_space.sample(), 1.0, bool(ends[0]), bool(ends[1]), {}


@pytest.mark.parametrize("memory", ["Lstm", "Gru"])
@pytest.mark.parametrize("kind", ["Cnn", "MultiInput"])
def test_other_policies_run_in_torch(kind, memory):
    env = quiet(make_vec_env, lambda: Pictures(kind == "MultiInput"), 2, seed=0)
    kwargs = {"env": env, "n_steps": 32, "batch_size": 32, "exact": True, "policy": f"{kind}{memory}Policy"}
    extractor = {"features_extractor_kwargs": {"features_dim" if kind == "Cnn" else "cnn_output_dim": 16}}
    ours, theirs = (quiet(build, fast=fast, policy_kwargs=extractor, **kwargs) for fast in (True, False))
    buffer = rolled_out(ours).rollout_buffer
    assert type(ours._engine) is TorchEngine
    theirs._setup_learn(1000)
    for model in (ours, theirs):
        updated(model, buffer)
    assert_same_training(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"use_sde": True, "space": "box", "sde_sample_freq": 4},
        {"policy_kwargs": {"optimizer_class": torch.optim.SGD}},
        {"policy_kwargs": {"activation_fn": torch.nn.ELU}},
        {"policy_kwargs": {"lstm_kwargs": {"dropout": 0.1}, "n_lstm_layers": 2}},
        {"policy_kwargs": {"share_features_extractor": False, "lstm_kwargs": {"bias": False}}},
        {"use_amp": True, "policy": "MlpGruPolicy"},
    ],
)
def test_what_kernels_do_not_serve_runs_in_torch(kwargs):
    model = build(**kwargs)
    before = parameters(model)
    assert model.switches["path"] == "torch"
    quiet(model.learn, 400)
    assert type(model._engine) is TorchEngine
    assert np.isfinite(parameters(model)).all()
    assert (parameters(model) != before).any()


@pytest.mark.parametrize("policy", ["MlpLstmPolicy", "MlpGruPolicy"])
def test_half_precision_stays_near(policy):
    half, whole = build(policy=policy, use_amp=True, exact=True), build(policy=policy, exact=True)
    if half.switches["use_amp"] != "bfloat16":
        pytest.skip(half.switches["use_amp"])
    buffer = rolled_out(whole).rollout_buffer
    half._setup_learn(1000)
    for model in (half, whole):
        updated(model, buffer)
    assert 0 < np.abs(parameters(half) - parameters(whole)).max() < 5e-3


def test_a_policy_of_ones_own_runs_sb3_contribs_code():
    class Own(sb3_contrib.ppo_recurrent.MlpLstmPolicy):
        def evaluate_actions(self, *args):
            return super().evaluate_actions(*args)

    model = build(policy=Own)
    with pytest.warns(UserWarning, match="sb3-contrib's own code, because Own has its own evaluate_actions") as caught:
        model.learn(400)
    assert caught[0].filename == __file__
    assert model._engine is None


def test_one_line_says_why_it_is_not_native():
    model = build(policy_kwargs={"activation_fn": torch.nn.ELU})
    with pytest.warns(UserWarning, match="rlkit.RecurrentPPO: torch path, because the activation is ELU") as caught:
        model.learn(400)
    assert caught[0].filename == __file__
    assert model.switches == {"path": "torch", "reason": "the activation is ELU", **OFF}
    assert build(use_amp=True, policy="MlpGruPolicy").switches["use_amp"] == "bfloat16"
    assert build(fast=False).switches["path"] == "sb3-contrib"
    assert build().switches == {"path": "native", "reason": "", **OFF}


def test_a_processor_without_half_precision_says_so(monkeypatch):
    def missing(*_, **__):
        raise RuntimeError("could not create a primitive")

    model = build(use_amp=True)
    monkeypatch.setattr(torch.nn.LSTM, "forward", missing)
    with pytest.warns(UserWarning, match="use_amp is off, because torch has no LSTM in bfloat16 on this CPU"):
        model._setup_learn(100)
    assert model.switches["path"] == "native"


@pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")
def test_a_compiled_update_is_the_eager_one():
    """Sequences of other lengths in every minibatch, and a schedule, ask for no new graphs."""
    env = quiet(make_vec_env, Pictures, 2, seed=0)
    kwargs = {"env": env, "n_steps": 32, "batch_size": 32, "sequence_length": 8, "clip_range_vf": 0.1}
    kwargs |= {"policy": "CnnGruPolicy", "policy_kwargs": {"features_extractor_kwargs": {"features_dim": 16}}}
    compiled, eager = (quiet(build, use_torch_compile=on, **kwargs) for on in (True, False))
    buffer = rolled_out(compiled).rollout_buffer
    assert compiled.switches["use_torch_compile"] == "on"
    eager._setup_learn(1000)
    graphs = []
    for clip_range in (0.2, 0.1):
        for model in (compiled, eager):
            model.clip_range = lambda left, limit=clip_range: limit
            updated(model, buffer)
        assert_same_training(compiled, eager, atol=1e-6)
        graphs.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert 0 < graphs[0] == graphs[1]


def test_a_compiler_that_fails_is_given_up(monkeypatch):
    def compiler_fails(*_, **__):
        raise RuntimeError("\n  no Python.h here\n  and more")

    monkeypatch.setattr(switches.shutil, "which", lambda name: name)
    monkeypatch.setattr(torch, "compile", lambda function: compiler_fails)
    model = build(use_torch_compile=True, seed=4)
    with pytest.warns(UserWarning, match="use_torch_compile is off, because compiling failed: no Python.h here"):
        model.learn(400)
    assert model.switches["use_torch_compile"] == "off, because compiling failed: no Python.h here"
    monkeypatch.setattr(TorchEngine, "_compile", lambda self, rows: None)
    twin = build(use_torch_compile=True, seed=4).learn(400)
    assert (parameters(model) == parameters(twin)).all()  # the failed try left no trace


@pytest.mark.parametrize(
    ("kwargs", "reason", "path"),
    [
        ({}, "there is no C\\+\\+ compiler \\(no-such-compiler\\)", "native"),
        ({"use_sde": True, "space": "box"}, "the action distribution is StateDependentNoise", "torch"),
    ],
)
def test_what_cannot_be_compiled_says_so(kwargs, reason, path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    model = build(use_torch_compile=True, **kwargs)
    with pytest.warns(UserWarning, match=f"rlkit.RecurrentPPO: use_torch_compile is off, because {reason}"):
        model._setup_learn(100)
    assert model.switches["path"] == path
    assert model.switches["use_torch_compile"].startswith("off, because ")
