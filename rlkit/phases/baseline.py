"""The parameters of phase 0."""

from typing import ClassVar

from rlkit.phases.ppo import PPOParams


class BaselineParams(PPOParams):
    """Phase 0: stable-baselines3's own PPO, unchanged."""

    phase: ClassVar[str] = "baseline"
