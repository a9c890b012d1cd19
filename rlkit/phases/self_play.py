"""The parameters of the self-play phase: PPO's own, and how its league is led."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from rlkit.envs.registry import ROCKET_LEAGUE
from rlkit.phases.ppo import PPOParams

Sampler = Literal["uniform", "elo_weighted", "recent_weighted", "difficulty_adjusted"]
Arm = Literal["scripts", "self", "uniform", "elo_weighted", "recent_weighted", "difficulty_adjusted"]


class SelfPlayParams(PPOParams):
    """Phase 4: rlkit.PPO against a league of its own past, beside self-play and the scripts of `opponents`."""

    phase: ClassVar[str] = "self_play"

    sampler: Sampler = Field("elo_weighted", description="how members are picked as opponents")
    temperature: float = Field(0.5, gt=0, description="recent_weighted: higher is choosier; difficulty_adjusted: lower")
    window: float = Field(200.0, gt=0, description="elo_weighted: Elo at which a member has 1/e of the weight")
    target_win_rate: float = Field(0.5, gt=0, lt=1, description="difficulty_adjusted: the expected score wanted")
    league_share: float = Field(0.5, ge=0, le=1, description="of episodes other than self-play, against members")
    opponents_at_once: int = Field(8, ge=1, le=64, description="members drawn for each rollout")
    members: list[str] = Field(
        [], description="who is in the league from the start: names that come with the kit, folders"
    )
    member_every: int = Field(100_000, ge=1, description="env steps between new members")
    promote_gain: float = Field(100.0, gt=0, description="Elo since the newest member that makes another one at once")
    prune_gap: float = Field(300.0, gt=0, description="Elo below the learner at which a member is retired")
    pool_floor: int = Field(3, ge=1, description="members that stay, however weak")
    rate_every: int = Field(500_000, ge=1, description="env steps between ratings")
    rate_games: int = Field(10, ge=2, description="games against each script, the newest member and another one")
    rate_seconds: float = Field(60.0, gt=0, description="of a game at most, which is a draw then")
    anchors: dict[str, float] = Field({"rule": 1200.0}, description="fixed Elo of scripts, which the scale hangs on")

    arms: list[Arm] = Field(
        ["scripts", "self", "uniform", "elo_weighted", "recent_weighted", "difficulty_adjusted"],
        description="whom each faces",
    )
    n_seeds: int = Field(5, ge=1, le=100, description="trainings of each arm, from seed on")
    n_jobs: int = Field(2, ge=1, le=64, description="trainings at once")
    study_share: float = Field(1.0, gt=0, le=1, description="of total_timesteps, how much each arm trains")

    @model_validator(mode="after")
    def _a_league_can_play(self) -> Self:
        if self.env_id != ROCKET_LEAGUE:
            raise ValueError(f"env_id={self.env_id} has no seats for opponents; self-play is for {ROCKET_LEAGUE}")
        opponents = self.env_kwargs.get("opponents", {"": 1})
        if isinstance(opponents, dict) and set(opponents) <= {"self"}:
            raise ValueError("opponents={self: 1} leaves no seat for the league; give a script a share, such as basic")
        return self
