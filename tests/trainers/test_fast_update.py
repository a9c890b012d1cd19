"""The native update against torch's: same samples, same minibatches, same parameters and metrics."""

import copy

import numpy as np
import pytest
import stable_baselines3
from walk import OPTIONS, SPACES, assert_same_training, build, parameters, rolled_out

from rlkit.errors import ParamsError, RlkitError
from rlkit.trainers.fast import threads
from rlkit.trainers.ppo import PPO


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("options", OPTIONS)
def test_updates_are_those_of_torch(space, options):
    ours = rolled_out(build(PPO, space, **OPTIONS[options]))
    theirs = build(stable_baselines3.PPO, space, **OPTIONS[options])
    theirs._setup_learn(1000)
    assert ours.switches["path"] == "native, 1 thread"
    assert (parameters(ours) == parameters(theirs)).all()  # the seed makes the same networks
    buffer = ours.rollout_buffer
    for update in range(5):
        states = []
        for model in (ours, theirs):
            model.rollout_buffer = copy.deepcopy(buffer)
            model._update_current_progress_remaining(update, 5)
            np.random.seed(update)
            model.train()
            states.append(np.random.get_state()[1:3])
        assert (states[0][0] == states[1][0]).all()  # the same permutations were drawn
        assert states[0][1] == states[1][1]
        mine, yours = ours.logger.name_to_value, theirs.logger.name_to_value
        assert mine.keys() == yours.keys()
        for name in yours:
            assert mine[name] == pytest.approx(yours[name], rel=1e-4, abs=2e-5), name
    assert_same_training(ours, theirs, atol=1e-5)
    assert (ours._n_updates < 15) == (options == "target_kl")


def test_a_hundred_minibatches_stay_together():
    ours, theirs = rolled_out(build(PPO, n_epochs=12)), build(stable_baselines3.PPO, n_epochs=12)
    theirs._setup_learn(1000)
    theirs.rollout_buffer = copy.deepcopy(ours.rollout_buffer)
    for model in (ours, theirs):
        np.random.seed(0)
        model.train()
    assert_same_training(ours, theirs, atol=1e-5)
    assert int(next(iter(ours.policy.optimizer.state.values()))["step"]) == 12 * 9


@pytest.mark.parametrize("options", ["defaults", "target_kl"])
def test_threads_change_nothing_but_the_last_bits(options, monkeypatch):
    monkeypatch.setattr(threads, "WORTH_ROWS_TIMES_WEIGHTS", 0)
    models = [rolled_out(build(PPO, "box", batch_size=200, n_threads=n, **OPTIONS[options])) for n in (1, 3)]
    for model in models:
        model.rollout_buffer = models[0].rollout_buffer
        np.random.seed(0)
        model.train()
    assert_same_training(*models, atol=1e-6)
    assert models[0]._n_updates == models[1]._n_updates
    with pytest.raises(ParamsError, match="n_threads=0 must be at least 1"):
        build(PPO, n_threads=0)


def test_a_lost_policy_is_an_error():
    model = rolled_out(build(PPO))
    model.rollout_buffer.observations[3] = np.nan
    with pytest.raises(RlkitError, match="loss is nan after update 3"):
        model.train()


def test_reading_the_buffer_before_the_update_changes_nothing():
    models = [rolled_out(build(PPO)) for _ in range(2)]
    list(models[0].rollout_buffer.get(50))  # lays the buffer out env by env
    for model in models:
        np.random.seed(0)
        model.train()
    assert (parameters(models[0]) == parameters(models[1])).all()
