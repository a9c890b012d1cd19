"""What the parameters of every phase have in common."""

from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from rlkit.envs.registry import ROCKET_LEAGUE


class Params(BaseModel):
    """What every phase has: a name, a seed, an environment and a budget."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    phase: ClassVar[str]

    name: str = Field("development", description="label of the run, a part of its folder's name")
    seed: int = Field(0, ge=0, lt=2**31, description="seeds the env, the networks and the sampling")
    env_id: str = Field(ROCKET_LEAGUE, min_length=1, description="an id of the kit or any Gymnasium id")
    env_kwargs: dict[str, Any] = Field({}, description="keyword arguments of the env, e.g. {mode: 2v2}")
    n_envs: int = Field(
        64, ge=1, le=65536, description="rows stepped together; in Rocket League each learning car is one"
    )
    n_workers: int = Field(0, ge=0, le=256, description="processes that step the env; 0 means by the machine's cores")
    total_timesteps: int = Field(3_000_000, ge=1, description="env steps of the whole training, over all rows")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="auto means the CPU for nets this small")
    n_threads: int = Field(1, ge=1, le=256, description="torch threads; more than 1 rarely pays at these sizes")
    checkpoint_every: int = Field(500_000, ge=1, description="env steps between checkpoints")
    eval_games: int = Field(100, ge=2, le=100_000, description="games per opponent, or episodes of any other env")

    def smallest(self) -> Self:
        """These parameters with the least memory for training, for a model that is only to play."""
        small = {"n_steps": 2, "batch_size": 2, "buffer_size": 1}
        return self.model_copy(update={name: size for name, size in small.items() if name in type(self).model_fields})

    @field_validator("env_kwargs")
    @classmethod
    def _no_core_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        own = {"id", "env_id", "n_envs", "n_workers", "seed", "part"} & set(value)
        if own:
            raise ValueError(f"{', '.join(sorted(own))} cannot stand here; it is a parameter of its own")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _plain_numbers(cls, value: Any, info: Any) -> Any:
        """YAML 1.1 reads 3e-4 and 1e6 as text, and Python takes True for 1: mend the first, refuse the second."""
        kind = cls.model_fields[info.field_name].annotation
        if kind is str and isinstance(value, int | float):
            return str(value)  # a name such as 5, which YAML reads as a number
        if kind in (int, float) and isinstance(value, bool):
            raise ValueError("is true/false, and a number is needed")
        if kind is int and isinstance(value, str):
            try:
                return int(float(value)) if float(value).is_integer() else value
            except (ValueError, OverflowError):
                return value
        return value
