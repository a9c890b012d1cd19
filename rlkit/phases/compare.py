"""The parameters of a comparison: which runs, or else the study that makes some."""

from typing import Any, ClassVar

from pydantic import Field, field_validator

from rlkit.phases.base import Params


class CompareParams(Params):
    """Runs that are there already, judged over their seeds; with none named, two ways of training are compared.

    The parameters from env_id on, `metric`, `threshold` and `trials` aside, are those of that study.
    """

    phase: ClassVar[str] = "compare"

    env_id: str = Field("CartPole-v1", min_length=1, description="an id of the kit or any Gymnasium id")
    n_envs: int = Field(8, ge=1, le=65536, description="rows stepped together")
    total_timesteps: int = Field(50_000, ge=1, description="env steps of each training, over all rows")
    runs: list[str] = Field([], description='ids of runs, parts of ids, or patterns such as "speed/*fast*"')
    metric: str = Field("rollout/ep_rew_mean", description="a column of metrics.csv, higher being better")
    threshold: float = Field(195.0, description="value of the metric whose reaching is timed")
    trains: str = Field("speed", description="phase of the study's trainings")
    settings: dict[str, Any] = Field(
        {"n_steps": 128, "batch_size": 128, "learning_rate": 1e-3},
        description="parameters that all of them share",
    )
    sides: list[dict[str, Any]] = Field(
        [{"fast": False}, {"fast": True}], min_length=2, description="what they differ in; the first is the reference"
    )
    n_seeds: int = Field(5, ge=1, le=100, description="trainings of each side, from seed on")
    trials: int = Field(400, ge=10, le=100_000, description="comparisons of equals that count false alarms")

    @field_validator("sides")
    @classmethod
    def _sides_differ(cls, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if any(side in value[:place] for place, side in enumerate(value)):
            raise ValueError(f"{value} holds one side twice; equal sides have nothing to tell apart")
        return value
