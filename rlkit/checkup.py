"""Before a training: is everything what it claims to be, and how fast is each part on this machine?"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from stable_baselines3.common.vec_env import VecEnv

from rlkit.diagnostics.env_check import CHECKS, soak
from rlkit.diagnostics.machine import gpu_load, machine, pick_device
from rlkit.diagnostics.throughput import measure_env, measure_inference
from rlkit.envs.registry import ENVS, ROCKET_LEAGUE
from rlkit.envs.rocket_league.proofs import prove_mesh
from rlkit.envs.rocket_league.scripts import SCRIPTS
from rlkit.experiment import build_model, make_params_env, torch_threads
from rlkit.league.matches import play_matches
from rlkit.phases import Params

Check = tuple[str, str, str, bool]  # check, found, expected, ok


def verify(params: Params) -> pd.DataFrame:
    """One row per check: `check`, `found`, `expected`, `ok`. Spaces, one step, the nets, and the env's own proofs."""
    env = make_params_env(params, n_workers=1 if params.env_id in ENVS else None)
    try:
        rows = [*_spaces(env), *_nets(params, env)]
    finally:
        env.close()
    rows += PROOFS.get(params.env_id, _soak)(params)
    return pd.DataFrame(rows, columns=["check", "found", "expected", "ok"])


def measure(params: Params, seconds: float = 2.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(speed, inference): env steps per second with random actions, and the policy's latency by batch size.

    speed has columns `figure` and `value`, the device and, where there is a GPU, its memory and load among them.
    """
    env = make_params_env(params)
    try:
        with torch_threads(params.n_threads):
            speed = measure_env(env, seconds)
            inference = measure_inference(build_model(params, env).policy, (1, params.n_envs, 1024), seconds / 3)
    finally:
        env.close()
    facts = machine()
    rows = {
        "env steps per second": f"{speed['steps_per_second']:,.0f}",
        "env ms per step of all rows": f"{speed['ms_per_step']:.2f}",
        "device picked": f"{facts['device']} ({facts['device_name']}, {facts['backend']})",
        "cores": facts["cores_usable"],
    } | {name: f"{value:.1f}" for name, value in gpu_load(pick_device()).items()}
    return pd.DataFrame(list(rows.items()), columns=["figure", "value"]), inference.reset_index()


def _spaces(env: VecEnv) -> list[Check]:
    observations = env.reset()
    env.action_space.seed(0)
    actions = np.stack([env.action_space.sample() for _ in range(env.num_envs)])
    observations, rewards, _, _ = env.step(actions)
    inside = isinstance(observations, dict) or all(env.observation_space.contains(row) for row in observations)
    low, high = float(rewards.min()), float(rewards.max())
    return [
        ("observation space", _spell(env.observation_space), "", True),
        ("action space", _spell(env.action_space), "", True),
        ("observations after a step", f"{env.num_envs} rows", "in their space", inside),
        ("rewards of a step", f"{low:.3f} to {high:.3f}", "finite", bool(np.isfinite(rewards).all())),
    ]


def _spell(space: object) -> str:
    """A space as text, without the bounds of every number."""
    kind, shape, dtype = type(space).__name__, getattr(space, "shape", None), getattr(space, "dtype", "")
    return f"{kind}{shape} {dtype}" if kind == "Box" else str(space)


def _nets(params: Params, env: VecEnv) -> list[Check]:
    """The heads that the action space asks for, and that their outputs are a distribution over it."""
    policy = build_model(params, env).policy
    observations, _ = policy.obs_to_tensor(env.reset())
    with torch.no_grad():
        actions, values, log_probs = policy(observations)
    count = sum(parameter.numel() for parameter in policy.parameters())
    valid = all(env.action_space.contains(action) for action in actions.cpu().numpy())
    finite = bool(torch.isfinite(values).all() and torch.isfinite(log_probs).all())
    return [
        ("policy heads", type(policy.action_dist).__name__, "actions in their space", valid),
        ("values and log probabilities", f"{len(values)} rows", "finite", finite),
        ("parameters of the nets", f"{count:,}", "", True),
    ]


def _rocket_league(params: Params) -> list[Check]:
    """The arena's physics against the game's, and that every script but `idle` finds the ball."""
    rows: list[Check] = [
        (proof.name, f"{proof.measured:g}", proof.expected, proof.ok)
        for proof in prove_mesh(params.env_kwargs.get("mesh", "generated"))
    ]
    for name in SCRIPTS:
        games = play_matches(name, "idle", games=4, seed=params.seed, max_seconds=15.0).table
        touches = int(games["touches"].sum())
        idle = name == "idle"
        rows.append((f"opponent {name}", f"{touches} touches", "0" if idle else "1 or more", (touches == 0) == idle))
    return rows


def _soak(params: Params) -> list[Check]:
    """Two full random episodes of any other env: in bounds, finite, seeded, ending."""
    found = soak(lambda: make_params_env(params, n_envs=1), seeds=2, episodes=1)
    steps = f"{found.steps} steps"
    return [
        (f"soak: {check}", found.failures.get(check, steps), meaning, check not in found.failures)
        for check, meaning in CHECKS.items()
    ]


PROOFS: dict[str, Callable[[Params], list[Check]]] = {ROCKET_LEAGUE: _rocket_league}
