"""A small env of any action space, and models of both PPOs on it, for the tests of rlkit.PPO."""

import warnings

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env

torch.set_num_threads(1)
N_ENVS, N_STEPS, BATCH = 4, 100, 48  # 400 samples: the last minibatch has 16
SPACES = {
    "discrete": spaces.Discrete(5),
    "multidiscrete": spaces.MultiDiscrete([3, 2, 20]),
    "multibinary": spaces.MultiBinary(3),
    "box": spaces.Box(-0.5, 0.5, (2, 1), np.float32),
}
RELU = {"activation_fn": torch.nn.ReLU, "net_arch": {"pi": [33, 20, 7], "vf": [70]}}
OPTIONS = {
    "defaults": {},
    "entropy": {"ent_coef": 0.02, "vf_coef": 0.3, "learning_rate": lambda left: 1e-3 * left, "max_grad_norm": 5.0},
    "clip_range_vf": {"clip_range_vf": 0.1, "normalize_advantage": False, "policy_kwargs": RELU},
    "target_kl": {"target_kl": 0.01, "learning_rate": 3e-3},
    "linear": {"policy_kwargs": {"net_arch": []}, "clip_range": 0.05},
}


class Walk(gymnasium.Env):
    """Observations, rewards and ends that no action changes; ends by chance, cut after 17 steps."""

    def __init__(self, action_space=SPACES["discrete"], dtype=np.float32):
        self.observation_space = spaces.Box(-9, 9, (3, 3), dtype)
        self.action_space = action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.look(), {}

    def step(self, action):
        assert self.action_space.contains(np.asarray(action).astype(self.action_space.dtype)), action
        self.steps += 1
        return self.look(), float(self.np_random.normal()), self.np_random.random() < 0.04, self.steps >= 17, {}

    def look(self):
        return self.np_random.normal(size=(3, 3)).clip(-9, 9).astype(self.observation_space.dtype)


def build(algorithm, space="discrete", dtype=np.float32, seed=3, **kwargs):
    env = make_vec_env(lambda: Walk(SPACES[space], dtype), N_ENVS, seed=1)
    fixed = {"n_steps": N_STEPS, "batch_size": BATCH, "n_epochs": 3, "seed": seed, "device": "cpu"}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You have specified a mini-batch size")
        return algorithm("MlpPolicy", env, **{**fixed, **kwargs})


def rolled_out(model):
    """The model after one rollout of its own."""
    _, callback = model._setup_learn(1000)
    assert model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps)
    return model


def parameters(model):
    return model.policy.parameters_to_vector()


def adam_state(model):
    state = model.policy.optimizer.state
    return [state[tensor][name].numpy() for tensor in model.policy.parameters() for name in ("exp_avg", "exp_avg_sq")]


def assert_same_training(ours, theirs, atol=0.0):
    np.testing.assert_allclose(parameters(ours), parameters(theirs), rtol=0, atol=atol)
    for mine, yours in zip(adam_state(ours), adam_state(theirs), strict=True):
        np.testing.assert_allclose(mine, yours, rtol=0, atol=atol)
