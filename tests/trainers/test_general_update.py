"""The update on the torch path against SB3's: same samples and minibatches, same parameters and metrics."""

import copy
import shutil

import numpy as np
import pytest
import stable_baselines3
import torch
from general_models import KINDS, make
from walk import assert_same_training, parameters, rolled_out

from rlkit.errors import RlkitError
from rlkit.trainers.fast import threads
from rlkit.trainers.general import path, switches
from rlkit.trainers.general.evaluation import Evaluation
from rlkit.trainers.general.path import TorchPath
from rlkit.trainers.general.steps import EagerStep
from rlkit.trainers.ppo import PPO

pytestmark = pytest.mark.filterwarnings("ignore:rlkit.PPO. torch path")
N_EPOCHS = 20  # of 5 minibatches: 100, of which every fifth is a smaller one


@pytest.fixture(autouse=True)
def torch_path(monkeypatch):
    """Every model takes the torch path."""
    monkeypatch.setattr(switches.native, "obstacle", lambda model: "the test says so")


def update_both(ours, theirs):
    """Both models after an update on the rollout that the first one has."""
    buffer = ours.rollout_buffer
    theirs._setup_learn(1000)
    states = []
    for model in (ours, theirs):
        model.rollout_buffer = copy.deepcopy(buffer)
        np.random.seed(0)
        model.train()
        states.append(np.random.get_state())
    assert (states[0][1] == states[1][1]).all()  # the same random numbers were drawn,
    assert states[0][2] == states[1][2]  # and as many


@pytest.mark.parametrize("kind", KINDS)
def test_updates_are_those_of_sb3(kind):
    ours, theirs = (make(algorithm, kind, n_epochs=N_EPOCHS) for algorithm in (PPO, stable_baselines3.PPO))
    rolled_out(ours)
    assert type(ours._path) is TorchPath
    assert (parameters(ours) == parameters(theirs)).all()  # the seed makes the same networks
    update_both(ours, theirs)
    np.testing.assert_allclose(parameters(ours), parameters(theirs), rtol=0, atol=1e-5)
    mine, yours = ours.logger.name_to_value, theirs.logger.name_to_value
    assert mine.keys() == yours.keys()
    for name in yours:
        assert mine[name] == pytest.approx(yours[name], rel=1e-4, abs=2e-5), name
    assert (ours._n_updates < N_EPOCHS) == (kind == "target_kl")


@pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")
def test_a_compiled_update_is_that_of_sb3(monkeypatch):
    ours = rolled_out(make(PPO, "gaussian", n_epochs=N_EPOCHS, use_torch_compile=True, target_kl=0.5))
    theirs = make(stable_baselines3.PPO, "gaussian", n_epochs=N_EPOCHS, target_kl=0.5)
    eager, sizes = EagerStep.__call__, []
    monkeypatch.setattr(EagerStep, "__call__", lambda self, *args: sizes.append(len(args[2])) or eager(self, *args))
    update_both(ours, theirs)
    assert ours.switches["path"] == "torch, compiled (default)"
    assert sizes == N_EPOCHS * [8]  # of 200 samples; the other four minibatches of 48 ran compiled
    assert_same_training(ours, theirs, atol=1e-5)
    assert {int(state["step"]) for state in ours.policy.optimizer.state.values()} == {100}

    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    ours.lr_schedule = ours.clip_range = lambda left: 0.01
    ours.learn(400)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == graphs  # the same code serves them
    before, steps = parameters(ours), {int(state["step"]) for state in ours.policy.optimizer.state.values()}
    ours.target_kl = 1e-12
    ours.rollout_buffer.log_probs[:] -= 1.0
    ours.train()
    assert (parameters(ours) == before).all()  # the very first minibatch passed the limit
    assert {int(state["step"]) for state in ours.policy.optimizer.state.values()} == steps


def test_bfloat16_stays_near():
    ours = rolled_out(make(PPO, "own extractors", use_amp=True))
    theirs = make(stable_baselines3.PPO, "own extractors")
    layers = []
    ours.policy.vf_features_extractor.layer.register_forward_hook(lambda *args: layers.append(args[2].dtype))
    start = parameters(ours)
    update_both(ours, theirs)
    assert set(layers) == {torch.bfloat16}
    assert {param.dtype for param in ours.policy.parameters()} == {torch.float32}
    moves = parameters(ours) - start, parameters(theirs) - start
    assert np.corrcoef(*moves)[0, 1] > 0.9  # 8 bits of precision in the networks; the direction is the same
    mine, yours = ours.logger.name_to_value, theirs.logger.name_to_value
    assert mine["train/value_loss"] == pytest.approx(yours["train/value_loss"], rel=0.05)


def test_float16_scales_its_gradients():
    model = rolled_out(make(PPO, "gaussian"))
    evaluation = Evaluation(model.policy, torch.float16)  # `switches` keeps it to CUDA; the arithmetic is there
    step, before = EagerStep(evaluation), parameters(model)
    samples, rows = model._path._store.samples(model.rollout_buffer), torch.arange(48)
    step(samples, model._settings()._replace(clip_range_vf=None), rows)
    assert np.isfinite(parameters(model)).all()
    assert 0 < np.abs(parameters(model) - before).max() < 1e-3
    before = parameters(model)
    samples.table[3, 2] = np.inf  # an advantage
    step(samples, model._settings()._replace(clip_range_vf=None), rows)
    assert (parameters(model) == before).all()  # a step with infinite gradients is left out
    assert step._scaler.get_scale() == 2.0**15  # and the scale, 2**16 at first, is halved


def test_fused_adam_leaves_no_trace():
    models = [rolled_out(make(PPO, "gaussian")), make(stable_baselines3.PPO, "gaussian")]
    inside = []
    hook = models[0].policy.optimizer.register_step_pre_hook(
        lambda adam, *_: inside.append(adam.param_groups[0]["fused"])
    )
    update_both(*models)
    hook.remove()
    assert set(inside) == {True}
    ours, theirs = (model.policy.optimizer.state_dict() for model in models)
    assert ours["param_groups"] == theirs["param_groups"]
    for mine, yours in zip(ours["state"].values(), theirs["state"].values(), strict=True):
        assert {name: (t.dtype, t.device, t.shape) for name, t in mine.items()} == {
            name: (t.dtype, t.device, t.shape) for name, t in yours.items()
        }


def test_a_lost_policy_is_an_error():
    model = rolled_out(make(PPO, "gaussian"))
    model.rollout_buffer.rewards[3] = model.rollout_buffer.returns[3] = np.nan
    with pytest.raises(RlkitError, match="loss is nan after update 3"):
        model.train()


def test_reading_the_buffer_before_the_update_changes_nothing():
    models = [rolled_out(make(PPO, "dict")) for _ in range(2)]
    list(models[0].rollout_buffer.get(50))  # lays the buffer out env by env
    for model in models:
        np.random.seed(0)
        model.train()
    assert (parameters(models[0]) == parameters(models[1])).all()


@pytest.mark.parametrize("gain", [1.05, 1.4])
def test_threads_are_chosen_by_trial(gain, monkeypatch):
    model = rolled_out(make(PPO, "gaussian", n_threads="auto", n_epochs=1))
    before, draws = parameters(model), torch.get_rng_state()
    monkeypatch.setattr(path, "cores_usable", lambda: 2)
    clock = iter(np.cumsum([0.0, *([gain, 0.0, 1.0, 0.0] * 6)]))  # run(1) takes gain, run(2) takes 1
    monkeypatch.setattr(threads.time, "perf_counter", lambda: next(clock))
    model._path._choose_threads(model._path._store.samples(model.rollout_buffer), model._settings())
    assert model.switches["path"] == ("torch, 2 threads" if gain > 1.15 else "torch, 1 thread")
    assert (parameters(model) == before).all()
    assert (torch.get_rng_state() == draws).all()
    used, outside = [], torch.get_num_threads()
    step = EagerStep.__call__
    monkeypatch.setattr(EagerStep, "__call__", lambda *a: used.append(torch.get_num_threads()) or step(*a))
    model.train()
    assert set(used) == {2 if gain > 1.15 else 1}
    assert torch.get_num_threads() == outside
