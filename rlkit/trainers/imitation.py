"""Behaviour cloning: a policy learns what a script does, so that PPO begins with skills instead of with nothing.

A Framework for Behavioural Cloning, Bain & Sammut 1995. Some of the actions played are drawn at random, so that the
pupil also sees how the script gets out of trouble; after DART, Laskey et al. 2017.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from rlkit.errors import EnvError, did_you_mean
from rlkit.seeding import stream

DECISIONS = 1_000_000  # of the script that are watched; with the 74 values of 1v1 they take 300 MB
SLIPS = 0.08  # share of the actions played that are drawn at random
HELD_OUT = 0.05  # share of the decisions that only judge
EPOCHS, BATCH_SIZE, LEARNING_RATE = 4, 1024, 1e-3  # Adam's step size falls to 0 linearly


def check(model: OnPolicyAlgorithm, script: str) -> None:
    """EnvError where the model's env has no such script, and for a policy that is no plain actor-critic."""
    env, name = model.get_env(), type(model.policy).__name__
    known = env.get_attr("scripts")[0] if env.has_attr("scripts") else ()
    if script not in known:
        raise EnvError(
            f"start_from={script}: this env has no such script to imitate. {did_you_mean(script, known)}"
            if known
            else f"start_from={script}: this env has no scripts to imitate; rlkit/RocketLeague-v0 has."
        )
    if type(model.policy).forward is not ActorCriticPolicy.forward:
        raise EnvError(f"start_from={script}: a {name} cannot imitate; a PPO can that has no memory (memory=none).")
    advice(env, script)


def imitate(
    model: OnPolicyAlgorithm, script: str, seed: int = 0, wanted: Callable[[], bool] = lambda: True
) -> dict[str, float]:
    """Fit the policy of an untrained model to a script, on the model's own env as it is; the value net learns nothing.

    Returns how many `decisions` were watched, the `accuracy`, which is the share of those held out in which the
    script's action is the most likely one, and the `seconds` it took. It breaks off when it is no longer `wanted`.
    Errors as `check`.
    """
    check(model, script)
    began, rng, normalizer = time.perf_counter(), stream(seed), model.get_vec_normalize_env()
    if normalizer:
        normalizer.training = False  # its statistics are to be those of the training
    observations, actions = watch(model.get_env(), script, rng, wanted)
    if normalizer:
        normalizer.training = True
    accuracy = fit(model.policy, observations, actions, rng, wanted)
    return {"decisions": len(actions), "accuracy": accuracy, "seconds": time.perf_counter() - began}


def watch(
    env: VecEnv, script: str, rng: np.random.Generator, wanted: Callable[[], bool]
) -> tuple[np.ndarray, np.ndarray]:
    """Observations (n, ...) and the script's actions in them, int64 (n,), in games that it plays in every row."""
    steps, space = -(-DECISIONS // env.num_envs), env.observation_space
    seen = np.zeros((steps, env.num_envs, *space.shape), space.dtype)
    told = np.zeros((steps, env.num_envs), np.int64)
    observations = env.reset()
    for step in range(steps):
        if not wanted():
            break
        seen[step], told[step] = observations, advice(env, script)
        slips = rng.integers(env.action_space.n, size=env.num_envs)
        observations, *_ = env.step(np.where(rng.random(env.num_envs) < SLIPS, slips, told[step]))
    return seen.reshape(-1, *space.shape), told.ravel()


def advice(env: VecEnv, script: str) -> list[int]:
    """What the script would do in every row."""
    answers, told = env.env_method("advice", script), []
    while len(told) < env.num_envs:  # each process answers for all its rows, in the place of each of them
        told.extend(answers[len(told)].tolist())
    return told


def fit(
    policy: ActorCriticPolicy,
    observations: np.ndarray,
    actions: np.ndarray,
    rng: np.random.Generator,
    wanted: Callable[[], bool],
) -> float:
    """Maximise the likelihood of the actions (n,); the accuracy on the last of them, which it does not learn from."""
    x, y = torch.as_tensor(observations), torch.as_tensor(actions)
    learned = len(y) - int(HELD_OUT * len(y))
    optimizer = torch.optim.Adam(policy.parameters(), LEARNING_RATE)
    updates = EPOCHS * -(-learned // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, updates)
    for _ in range(EPOCHS):
        for rows in torch.as_tensor(rng.permutation(learned)).split(BATCH_SIZE):
            if not wanted():
                break
            loss = -policy.get_distribution(x[rows].to(policy.device)).log_prob(y[rows].to(policy.device)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        guesses = policy.get_distribution(x[learned:].to(policy.device)).mode().cpu()
    return float((guesses == y[learned:]).float().mean())
