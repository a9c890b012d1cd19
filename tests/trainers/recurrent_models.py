"""Recurrent models on the env of `walk`, small and of every kind, for the tests of rlkit.RecurrentPPO."""

import copy
import warnings

import numpy as np
from stable_baselines3.common.env_util import make_vec_env
from walk import N_ENVS, SPACES, Walk

from rlkit.trainers.recurrent_ppo import RecurrentPPO

N_STEPS, BATCH = 100, 48  # of 4 envs: sequences of 1 to 17 steps, and a last minibatch of 16
HIDDEN = 20  # not a multiple of a vector's lanes
MEMORIES = {
    "separate": {},
    "shared": {"shared_lstm": True, "enable_critic_lstm": False},
    "no critic memory": {"enable_critic_lstm": False},
    "two layers": {"n_lstm_layers": 2},
}


def build(algorithm=RecurrentPPO, policy="MlpLstmPolicy", space="discrete", memory="separate", seed=3, **kwargs):
    env = kwargs.pop("env", None) or make_vec_env(lambda: Walk(SPACES[space]), N_ENVS, seed=1)
    policy_kwargs = {"lstm_hidden_size": HIDDEN, **MEMORIES[memory], **kwargs.pop("policy_kwargs", {})}
    fixed = {"n_steps": N_STEPS, "batch_size": BATCH, "n_epochs": 2, "seed": seed, "device": "cpu"}
    return algorithm(policy, env, policy_kwargs=policy_kwargs, **{**fixed, **kwargs})


def rolled_out(model):
    """The model after two rollouts of its own: the second begins in the middle of episodes."""
    _, callback = model._setup_learn(1000)
    for _ in range(2):
        assert model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps)
    return model


def updated(model, buffer, seed=0):
    """The model after an update with a copy of the buffer."""
    model.rollout_buffer = copy.deepcopy(buffer)
    np.random.seed(seed)
    model.train()
    return model


def without_kernels(monkeypatch):
    """Let the torch engine serve everything."""
    monkeypatch.setattr("rlkit.trainers.recurrent.plan.native_obstacle", lambda model: "the test says so")


def quiet(function, *args, **kwargs):
    """The result, with all warnings off."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)
