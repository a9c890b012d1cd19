"""The parameters of the recurrent phase: PPO's own, the kind of memory, and how sequences are cut for learning."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from rlkit.envs.registry import RECALL
from rlkit.phases.ppo import PPOParams

Memory = Literal["none", "stack", "gru", "lstm"]


class RecurrentParams(PPOParams):
    """Phase 2: PPO that remembers, by the last few observations or by a recurrent net; "none" is plain rlkit.PPO."""

    phase: ClassVar[str] = "recurrent"

    env_id: str = Field(RECALL, min_length=1, description="an id of the kit or any Gymnasium id")
    n_envs: int = Field(32, ge=1, le=65536, description="rows stepped together")
    total_timesteps: int = Field(150_000, ge=1, description="env steps of each training, over all rows")
    checkpoint_every: int = Field(50_000, ge=1, description="env steps between checkpoints")

    n_steps: int = Field(64, ge=2, description="env steps per row in each rollout")
    batch_size: int = Field(256, ge=2, description="samples per gradient step")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="Adam's step size at the start")
    learning_rate_end: float = Field(0.0, ge=0, le=1, description="Adam's step size at the end, reached linearly")

    memory: Memory = Field("gru", description="none: an MLP; stack: one that sees n_stack observations; gru, lstm")
    n_stack: int = Field(4, ge=2, le=1000, description="stack: observations that the net sees at once")
    lstm_hidden_size: int = Field(64, ge=1, le=4096, description="gru, lstm: numbers that it remembers, per layer")
    n_lstm_layers: int = Field(1, ge=1, le=16, description="gru, lstm: layers of the memory")
    shared_lstm: bool = Field(True, description="gru, lstm: the critic reads the actor's memory; false: has its own")
    sequence_length: int = Field(0, ge=0, description="gru, lstm: steps learned back through; 0: 16, or what fits")
    exact: bool = Field(False, description="gru, lstm: minibatches cut as sb3-contrib cuts them")
    store_full_episodes: bool = Field(False, description="gru, lstm: never cut an episode but at a rollout's end")

    problems: list[str] = Field(
        ["recall", "cartpole", "dodge"], description="profiles of params/recurrent that are compared; []: one run only"
    )
    goal_return: float = Field(0.0, description="return whose reaching is counted in samples; 0: none")
    n_seeds: int = Field(5, ge=1, le=100, description="trainings of each memory on each problem, from seed on")
    n_jobs: int = Field(2, ge=1, le=256, description="trainings that run at once")
    study_share: float = Field(1.0, gt=0, le=1, description="of each problem's total_timesteps, how much is trained")
    n_rounds: int = Field(9, ge=6, le=1000, description="turns of each memory when its cost is measured")

    def smallest(self) -> Self:
        """These parameters with the least memory for training; sequences then are as short as the rollout."""
        return super().smallest().model_copy(update={"sequence_length": 0})

    @model_validator(mode="after")
    def _sequences_fit(self) -> Self:
        asked = {name: getattr(self, name) for name in ("sequence_length", "exact", "store_full_episodes")}
        chosen = [name for name, value in asked.items() if value]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} exclude each other: each decides how a rollout is cut. Keep one")
        if self.sequence_length > self.n_steps:
            raise ValueError(
                f"sequence_length={self.sequence_length} is longer than the rollout of n_steps={self.n_steps} per row; "
                "shorten it or lengthen the rollout"
            )
        if self.sequence_length > self.batch_size:
            raise ValueError(
                f"sequence_length={self.sequence_length} is more than batch_size={self.batch_size}, so that no "
                "sequence fits a minibatch; shorten it or take larger minibatches"
            )
        return self
