"""Behaviour cloning: a policy learns what a script does, so that PPO begins with skills that chance hardly finds.

A Framework for Behavioural Cloning, Bain & Sammut 1995. Some of the actions played are drawn at random, so that the
pupil also sees how the script gets out of trouble; after DART, Laskey et al. 2017.
"""

import time

import numpy as np
import torch
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from rlkit.errors import EnvError

DECISIONS = 1_000_000  # of the script that are watched
SLIPS = 0.08  # share of the actions played that are drawn at random
HELD_OUT = 0.05  # share of the decisions that only judge
EPOCHS, BATCH_SIZE, LEARNING_RATE = 4, 1024, 1e-3  # Adam's step size falls to 0 linearly


def imitate(model: OnPolicyAlgorithm, script: str, seed: int = 0) -> dict[str, float]:
    """Fit the policy of an untrained model to a script, on the model's own env; the value net learns nothing.

    Returns how many `decisions` were watched, the `accuracy`, which is the share of those held out in which the
    script's action is the most likely one, and the `seconds` it took. EnvError for an env without scripts, and for a
    policy that is no plain actor-critic.
    """
    if type(model.policy).forward is not ActorCriticPolicy.forward:
        name = type(model.policy).__name__
        raise EnvError(f"start_from={script}: a {name} cannot imitate. Take a PPO with an MlpPolicy.")
    began, rng = time.perf_counter(), np.random.default_rng(seed)
    observations, actions = watch(model.get_env(), script, rng)
    accuracy = fit(model.policy, observations, actions, rng)
    return {"decisions": len(actions), "accuracy": accuracy, "seconds": time.perf_counter() - began}


def advice(env: VecEnv, script: str) -> np.ndarray:
    """What the script would do in every row, int64 (num_envs,); EnvError for an env that has no such script."""
    if not env.has_attr("scripts"):
        raise EnvError(f"start_from={script}: this env has no scripts to imitate; rlkit/RocketLeague-v0 has.")
    answers, told = env.env_method("advice", script), []
    while len(told) < env.num_envs:  # each process answers for all its rows, in the place of each of them
        told.extend(answers[len(told)])
    return np.array(told)


def watch(env: VecEnv, script: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Observations and the script's actions in them, in games that it plays in every row."""
    observations, seen, done = env.reset(), [], []
    for _ in range(-(-DECISIONS // env.num_envs)):
        told = advice(env, script)
        seen.append(observations.copy())
        done.append(told)
        slips = rng.integers(env.action_space.n, size=env.num_envs)
        observations, *_ = env.step(np.where(rng.random(env.num_envs) < SLIPS, slips, told))
    return np.concatenate(seen), np.concatenate(done)


def fit(policy: ActorCriticPolicy, observations: np.ndarray, actions: np.ndarray, rng: np.random.Generator) -> float:
    """Maximise the likelihood of the actions; the accuracy on the last of them, which it does not learn from."""
    x, y = (torch.as_tensor(values, device=policy.device) for values in (observations, actions))
    learned = len(y) - int(HELD_OUT * len(y))
    optimizer = torch.optim.Adam(policy.parameters(), LEARNING_RATE)
    updates = EPOCHS * -(-learned // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, updates)
    for _ in range(EPOCHS):
        for rows in torch.as_tensor(rng.permutation(learned), device=policy.device).split(BATCH_SIZE):
            loss = -policy.get_distribution(x[rows]).log_prob(y[rows]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        guesses = policy.get_distribution(x[learned:]).mode()
    return float((guesses == y[learned:]).float().mean())
