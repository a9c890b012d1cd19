"""Reward modes: which terms a training is paid for. A term's weight is that of FAMILIES times its family's scale.

The families and the scales are those of the bot whose curriculum this kit re-tells (RL-Bot), and so are the weights of
what happens once: goals, shots, saves, demolitions, aerial touches. What lasts is paid for at every decision, 15 times
a second, and its weights are far smaller here: 0.05 a decision for being well placed would be 45 in a minute.
"""

from collections.abc import Mapping

from rlkit.envs.rocket_league.rewards import REWARDS
from rlkit.errors import EnvError, did_you_mean

Scale = float | tuple[float, float]  # of a family; a pair goes linearly from its value at the start to that at the end

FAMILIES: dict[str, dict[str, float]] = {  # weight of each term, by family; a term that stands nowhere has none
    "sparse": {"goal": 10.0, "concede": -10.0, "shot": 2.0, "save": 3.0, "demolition": 1.0, "demolished": -1.0},
    "ball": {
        "touch": 0.1,
        "touch_acceleration": 1.0,
        "player_to_ball_velocity": 0.03,
        "face_ball": 0.005,
        "approach": 0.5,
    },
    "goal": {"ball_to_goal_velocity": 0.05, "ball_progress": 2.0},
    "positioning": {"alignment": 0.005, "goal_side": 0.003, "spacing": 0.003, "possession": 0.002, "stale": -0.01},
    "boost": {"boost_gain": 0.2, "boost_waste": -0.3, "low_boost": -0.002},
    "aerial": {"aerial_touch": 0.5, "aerial_goal": 5.0},
    "mechanics": {"upside_down": -0.02},
    "penalties": {"own_goal": -5.0, "double_commit": -0.02, "overcommit": -0.003},
}
MODES: dict[str, dict[str, float]] = {  # scale of each family
    "sparse": dict(zip(FAMILIES, (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), strict=True)),
    "dense": dict(zip(FAMILIES, (0.2, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0), strict=True)),
    "hybrid": dict(zip(FAMILIES, (1.0, 0.5, 0.7, 0.6, 0.5, 0.8, 0.4, 0.7), strict=True)),
}
SHAPED = ("approach", "ball_progress")  # terms that are neutral with the shaping's own gamma only


def mode_weights(mode: str, scales: Mapping[str, Scale] | None = None, progress: float = 0.0) -> dict[str, float]:
    """The weight of every term in a mode, at a share 0 to 1 of the training; scales replace those of the mode.

    EnvError for an unknown mode or family.
    """
    if mode not in MODES:
        raise EnvError(f"unknown reward mode '{mode}'. {did_you_mean(mode, MODES)}")
    for family in scales or {}:
        if family not in FAMILIES:
            raise EnvError(f"reward_scales: unknown family '{family}'. {did_you_mean(family, FAMILIES)}")
    chosen = {family: scale_at(scale, progress) for family, scale in {**MODES[mode], **(scales or {})}.items()}
    weights = dict.fromkeys(REWARDS, 0.0)
    for family, terms in FAMILIES.items():
        weights |= {term: weight * chosen[family] for term, weight in terms.items()}
    return weights


def scale_at(scale: Scale, progress: float) -> float:
    """A scale at a share 0 to 1 of the training."""
    if isinstance(scale, tuple | list):
        start, end = scale
        return start + (end - start) * min(max(progress, 0.0), 1.0)
    return float(scale)
