"""Phase 4: rlkit.PPO, and the companion that leads its league."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from rlkit.league.member import read_member, shipped
from rlkit.league.samplers import Taste
from rlkit.league.self_play import Rules, SelfPlay
from rlkit.phases.self_play import SelfPlayParams
from rlkit.trainers.baseline import nets, policy_kind, ppo_arguments
from rlkit.trainers.ppo import PPO

SNAPSHOT = "step-"  # how members made of a training are named, so that guests cannot be


def self_play_ppo(env: VecEnv, params: SelfPlayParams) -> PPO:
    """A `rlkit.PPO` on `env`; its opponents are the companion's business."""
    kind = f"{policy_kind(env)}Policy"
    return PPO(kind, env, **ppo_arguments(params), policy_kwargs=nets(params), n_threads=params.n_threads)


def league_of(params: SelfPlayParams, folder: Path, tell: Any) -> SelfPlay:
    """The callback that leads the league in this folder; CheckpointError for a guest that is not whole."""
    taste = Taste(params.temperature, params.window, params.target_win_rate)
    same = {field.name: getattr(params, field.name) for field in fields(Rules) if field.name != "taste"}
    guests = [_guest(name) for name in params.members]
    return SelfPlay(folder, Rules(taste=taste, **same), params.seed, params.activation, guests, tell)


def _guest(name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    facts, weights = read_member(shipped().get(name, Path(name)))
    own = facts["name"]
    return facts | {"name": f"guest-{own}" if own.startswith(SNAPSHOT) else own}, weights
