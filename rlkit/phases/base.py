"""What the parameters of every phase have in common."""

import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from rlkit.envs.registry import ROCKET_LEAGUE
from rlkit.errors import did_you_mean


def check_mapping(name: str, value: Any) -> dict[str, Any]:
    """What an edit of the env holds, by name; ValueError where it is no mapping. The env knows the names."""
    if not isinstance(value, dict) or not value:
        raise ValueError(f"{name}={value!r}: give what changes by name, as {{name: value}}")
    return {str(key): one for key, one in value.items()}


def check_numbers(name: str, value: Any) -> dict[str, float]:
    """Finite numbers by name, such as reward weights; ValueError where they are none."""
    given = check_mapping(name, value)
    try:
        numbers = {key: float(number) for key, number in given.items()}
    except (TypeError, ValueError):
        numbers = {"": math.nan}
    if not all(map(math.isfinite, numbers.values())):
        raise ValueError(f"{name}={value!r}: every value must be a finite number")
    return numbers


ENV_EDITS: dict[str, Callable[[str, Any], dict[str, Any]]] = {
    # an edit that the env takes, if it has the method set_<name>, and what a value must be before it is sent there
    "reward_weights": check_numbers,
    "opponents": check_numbers,
    "stage": check_mapping,
}


class Params(BaseModel):
    """What every phase has: a name, a seed, an environment and a budget."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    phase: ClassVar[str]
    live: ClassVar[tuple[str, ...]] = tuple(ENV_EDITS)  # what an edit can change while it trains

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

    start_from: str = Field(
        "", description="a run, RUN/STEP or league member to go on from, or a script to imitate first"
    )
    edits: list[dict[str, Any]] = Field([], description="changes on the way, e.g. [{step: 500000, gamma: 0.99}]")

    def env_arguments(self) -> dict[str, Any]:
        """Keyword arguments of the env: `env_kwargs`, and what else a phase decides about it."""
        return self.env_kwargs

    def with_edit(self, name: str, value: Any) -> Any:
        """The value of an edit as the training takes it; ValueError, with the way out, for one that it cannot take."""
        if name not in self.live:
            known = name in type(self).model_fields
            way = "A branch can: `rlkit branch RUN -p NAME=VALUE`." if known else did_you_mean(name, self.live)
            raise ValueError(f"'{name}' cannot be changed while it trains. {way}")
        if name in ENV_EDITS:
            return ENV_EDITS[name](name, value)
        return getattr(type(self)(**self.model_dump() | {"edits": [], name: value}), name)

    @field_validator("edits")
    @classmethod
    def _edits_have_steps(cls, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for edit in value:
            if isinstance(edit.get("step"), bool) or not isinstance(edit.get("step"), int) or edit["step"] < 0:
                raise ValueError(f"{edit} needs the step from which it holds, such as {{step: 500000, gamma: 0.99}}")
        return value

    @model_validator(mode="after")
    def _edits_can_be_made(self) -> Self:
        for edit in self.edits:
            for name, value in edit.items():
                if name != "step":
                    edit[name] = self.with_edit(name, value)
        return self

    def smallest(self) -> Self:
        """These parameters with the least memory for training, for a model that is only to play."""
        small = {"n_steps": 2, "batch_size": 2, "buffer_size": 1}
        return self.model_copy(update={name: size for name, size in small.items() if name in type(self).model_fields})

    @field_validator("env_kwargs")
    @classmethod
    def _no_core_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        own = {"id", "env_id", "n_envs", "n_workers", "vec_env", "seed", "part"} & set(value)
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
