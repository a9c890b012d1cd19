"""The parameters of the curriculum phase: PPO's own, what is paid for, and the stages that it goes through."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from rlkit.curriculum.stages import Stage, check_reach, in_order
from rlkit.envs.registry import ROCKET_LEAGUE
from rlkit.envs.rocket_league.reward_modes import SHAPED, mode_weights
from rlkit.envs.rocket_league.shaping import GAMMA
from rlkit.errors import did_you_mean
from rlkit.phases.ppo import PPOParams


class CurriculumParams(PPOParams):
    """Phase 3: rlkit.PPO on rewards of a mode, and on stages that lead from a simple task to the whole one.

    `arms` are profiles of params/curriculum that the notebook compares, each trained over the seeds. Without any it is
    about one training.
    """

    phase: ClassVar[str] = "curriculum"
    live: ClassVar[tuple[str, ...]] = (*PPOParams.live, "stage")

    total_timesteps: int = Field(2_000_000, ge=1, description="env steps of each training, over all rows")
    checkpoint_every: int = Field(1_000_000, ge=1, description="env steps between checkpoints")
    eval_games: int = Field(100, ge=2, le=100_000, description="games per opponent, or episodes of any other env")

    reward_mode: Literal["env", "sparse", "dense", "hybrid"] = Field(
        "hybrid", description="what is paid for (reward_modes.py); env: the env's own weights"
    )
    reward_scales: dict[str, float | list[float]] = Field(
        {}, description="of families, over the mode's; [start, end] moves with progress"
    )
    normalize_reward: bool = Field(False, description="divide rewards by a running spread of the return (VecNormalize)")
    stages: list[Stage] = Field([], description="the curriculum, e.g. [{name: a, until_step: 500000}, {name: b}]")
    arms: list[str] = Field(
        ["sparse", "dense", "hybrid", "ladder"],
        description="profiles of params/curriculum that are compared; []: one run only",
    )
    n_seeds: int = Field(5, ge=1, le=100, description="trainings of each arm, from seed on")
    n_jobs: int = Field(2, ge=1, le=64, description="trainings at once")
    study_share: float = Field(1.0, gt=0, le=100, description="of each arm's steps and stages, how much is trained")

    @field_validator("stages")
    @classmethod
    def _stages_make_a_curriculum(cls, value: list[Stage]) -> list[Stage]:
        return list(in_order(value)) if value else value

    @field_validator("reward_scales")
    @classmethod
    def _pairs_are_pairs(cls, value: dict[str, float | list[float]]) -> dict[str, float | list[float]]:
        for family, scale in value.items():
            if isinstance(scale, list) and len(scale) != 2:
                raise ValueError(f"'{family}' is {scale}; give a number, or [at the start, at the end]")
        return value

    @model_validator(mode="after")
    def _rewards_are_there(self) -> Self:
        if self.env_id != ROCKET_LEAGUE and (self.reward_mode != "env" or self.reward_scales):
            raise ValueError(f"reward_mode='{self.reward_mode}' is for {ROCKET_LEAGUE}; give reward_mode=env")
        if self.reward_mode == "env" and self.reward_scales:
            raise ValueError("reward_scales are of a mode's families, and reward_mode=env has none; take a mode")
        weights = self.reward_weights() or {}
        shaped = [term for term in SHAPED if weights.get(term)]
        if shaped and self.gamma != GAMMA:
            raise ValueError(
                f"gamma={self.gamma}, but {shaped[0]} is shaping for {GAMMA}: another gamma changes what is best. Take "
                f"gamma={GAMMA}, or give it no weight: env_kwargs={{reward_weights: {{{shaped[0]}: 0}}}}"
            )
        return self

    @model_validator(mode="after")
    def _stages_are_reached(self) -> Self:
        check_reach(self.stages, self.total_timesteps)
        return self

    def path(self) -> list[Stage]:
        """The stages in the order in which the training meets them; one without a curriculum has a single one."""
        return self.stages or [Stage(name="all")]

    @property
    def moves(self) -> bool:
        """Whether anything about the task changes while it trains."""
        return bool(self.stages) or any(isinstance(scale, list) for scale in self.reward_scales.values())

    def reward_weights(self, progress: float = 0.0) -> Mapping[str, float] | None:
        """The weight of every term at a share 0 to 1 of the training, before a stage's own; None for the env's own."""
        if self.reward_mode == "env":
            return None
        own = self.env_kwargs.get("reward_weights", {})
        return {**mode_weights(self.reward_mode, self.reward_scales, progress), **own}

    def env_arguments(self) -> dict[str, Any]:
        """`env_kwargs`, with all reward weights of the mode."""
        weights = self.reward_weights()
        return self.env_kwargs if weights is None else {**self.env_kwargs, "reward_weights": dict(weights)}

    def with_edit(self, name: str, value: Any) -> Any:
        """As in every phase; what the stages set, or scales that move, cannot be edited beside them."""
        if name == "stage" and self.stages:
            names = [stage.name for stage in self.stages]
            if value not in names:
                raise ValueError(f"stage='{value}' is no stage of this training. {did_you_mean(str(value), names)}")
            return value
        set_by = {key for stage in self.stages for key in stage.env} | ({"reward_weights"} if self.moves else set())
        if name in set_by:
            raise ValueError(f"'{name}' is set by the stages or scales of this training; enter another stage instead")
        return super().with_edit(name, value)
