"""Which path and switches a model gets, what it says about them, and the line that comes with each refusal."""

import types
import warnings

import numpy as np
import pytest
import stable_baselines3
import torch
from general_models import make
from stable_baselines3.common.buffers import RolloutBuffer
from walk import parameters

from rlkit.errors import ParamsError
from rlkit.trainers.general import path, switches
from rlkit.trainers.ppo import PPO

OFF = {"use_amp": "off", "use_torch_compile": "off", "use_pinned_memory": "off"}


class OwnBuffer(RolloutBuffer):
    """A rollout buffer of one's own."""


def compiler_fails(*_, **__):
    raise RuntimeError("\n  no Python.h here\n  and more")


def test_the_native_path_comes_first():
    assert make(PPO, "categorical").switches == {"path": "native, 1 thread"} | OFF
    assert make(PPO, "categorical", n_threads=2).switches["path"] == "native, 2 threads"
    assert make(PPO, "categorical", n_threads="auto").switches["path"] == "native, threads by trial"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("image", "ActorCriticCnnPolicy"), ("own policy", "Own"), ("dict", "MultiInputActorCriticPolicy")],
)
def test_other_policies_take_the_torch_path_without_a_word(kind, reason):
    model = make(PPO, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model._setup_learn(100)
    assert model.switches == {"path": "torch", "reason": f"the policy is {reason}"} | OFF


REFUSED = {  # kind and options; the line; what is on
    "amp": (
        "gaussian",
        {"use_amp": True, "amp_dtype": "float16"},
        "use_amp is off, because float16 needs CUDA",
        "native",
    ),
    "pinned": ("image", {"use_pinned_memory": True}, "use_pinned_memory is off, because it speeds up copies", "torch"),
    "own policy": ("own policy", {"use_torch_compile": True}, "Own has an evaluate_actions or a forward of", "torch"),
    "gSDE": ("gSDE", {"use_torch_compile": True}, "distribution is StateDependentNoise", "torch"),
    "optimizer": ("RMSprop", {"use_torch_compile": True}, "use_torch_compile is off.*optimizer is RMSprop", "torch"),
    "not fast": (
        "gaussian",
        {"use_amp": True, "fast": False},
        "use_amp is off, because fast=False",
        "stable-baselines3",
    ),
    "buffer": (
        "gaussian",
        {"rollout_buffer_class": OwnBuffer},
        "own code.*rollout buffer is OwnBuffer",
        "stable-baselines3",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_switch_says_why(name):
    kind, options, line, on = REFUSED[name]
    model = make(PPO, kind, **options)
    with pytest.warns(UserWarning, match=f"rlkit.PPO: .*{line}"):
        model._setup_learn(100)
    assert model.switches["path"].split(",")[0] == on
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "rlkit.PPO")
        model.learn(200)


def test_without_a_compiler_the_native_path_serves(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    model = make(PPO, "gaussian", use_torch_compile=True)
    with pytest.warns(UserWarning, match=r"no C\+\+ compiler \(no-such-compiler\); install it or set CXX"):
        model._setup_learn(100)
    assert model.switches["path"] == "native, 1 thread"
    assert model.switches["use_torch_compile"].startswith("off, because there is no C++ compiler")


def test_a_compiler_that_fails_is_given_up(monkeypatch):
    monkeypatch.setattr(switches.shutil, "which", lambda name: name)
    monkeypatch.setattr(torch, "compile", compiler_fails)
    model = make(PPO, "dict", use_torch_compile=True)
    with pytest.warns(UserWarning, match="use_torch_compile is off, because compiling failed: no Python.h here"):
        model.learn(400)
    twin = make(stable_baselines3.PPO, "dict").learn(400)
    np.testing.assert_allclose(parameters(model), parameters(twin), atol=1e-5)
    assert model.switches["path"] == "torch"
    monkeypatch.setattr(path, "CompiledStep", None)  # is not tried again
    model.learn(200)


def test_what_is_compiled_lasts_as_long_as_it_fits():
    model = make(PPO, "image")
    model.learn(64)
    first = model._path
    model.learn(64)
    assert model._path is first
    model.n_threads = 1
    model.learn(64)
    second = model._path
    assert second is not first
    model.policy.optimizer = torch.optim.Adam(model.policy.parameters())
    model.learn(64)
    assert model._path is not second


def test_a_line_tells_what_runs(capsys):
    make(PPO, "categorical", verbose=1).learn(200)
    assert "rlkit.PPO runs native, 1 thread" in capsys.readouterr().out
    make(PPO, "categorical").learn(200)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"n_threads": 0}, "n_threads=0 must be at least 1"),
        ({"n_threads": "many"}, "n_threads='many' must be"),
        ({"amp_dtype": "bfloat"}, "amp_dtype='bfloat' is not a choice. Did you mean 'bfloat16'"),
        ({"compile_mode": "reduce"}, "compile_mode='reduce' is not a choice"),
    ],
)
def test_arguments_that_no_machine_could_follow(options, line):
    with pytest.raises(ParamsError, match=line):
        make(PPO, "categorical", **options)


def on_cuda(kind, **options):
    """As much of a model on CUDA as plans look at."""
    model = make(PPO, kind, **options)
    names = ("fast", "n_threads", "use_amp", "amp_dtype", "use_torch_compile", "compile_mode", "use_pinned_memory")
    facts = {name: getattr(model, name) for name in (*names, "rollout_buffer", "policy")}
    return types.SimpleNamespace(device=torch.device("cuda:0"), **facts)


def test_plans_for_cuda(monkeypatch):
    monkeypatch.setattr(switches.native, "obstacle", lambda model: "the policy is on cuda:0")
    monkeypatch.setattr(switches, "find_spec", lambda name: name)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda emulated: True)
    wishes = {"use_amp": True, "use_torch_compile": True, "use_pinned_memory": True, "compile_mode": "reduce-overhead"}
    plan = switches.make_plan(on_cuda("image", n_threads=2, **wishes))
    assert plan.describe()["path"] == "torch, compiled (reduce-overhead), bfloat16, pinned memory"
    assert plan.describe()["use_pinned_memory"] == "on"
    plan = switches.make_plan(on_cuda("image", amp_dtype="float16", **wishes))
    assert plan.describe()["path"] == "torch, float16, pinned memory"
    assert plan.describe()["use_torch_compile"].endswith("is not compiled; amp_dtype='bfloat16' is")
    monkeypatch.setattr(switches, "find_spec", lambda name: None)
    assert "triton is missing" in switches.make_plan(on_cuda("image", **wishes)).describe()["use_torch_compile"]


def test_cuda_graphs_are_for_cuda(monkeypatch):
    monkeypatch.setattr(switches.shutil, "which", lambda name: name)
    model = make(PPO, "image", use_torch_compile=True, compile_mode="reduce-overhead")
    with pytest.warns(UserWarning, match="compile_mode is 'default', because reduce-overhead means CUDA graphs"):
        model._setup_learn(100)
    assert model.switches["path"] == "torch, compiled (default)"
