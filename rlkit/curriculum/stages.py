"""A curriculum as data: what each stage sets in the env, how its episodes are judged, and when the next one comes."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from rlkit.errors import did_you_mean


class Passed(BaseModel):
    """What lets a stage be passed; all that is given has to hold, by the lower ends of 95 % intervals."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    win_rate: float | None = Field(None, gt=0, lt=1, description="share of the last `games` episodes that are won")
    elo: float | None = Field(None, description="rating that those games show against opponents of `opponent_elo`")
    games: int = Field(100, ge=5, le=100_000, description="episodes, begun in this stage, that are looked at")
    steps: int = Field(0, ge=0, description="env steps in this stage, at least")

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.win_rate is None and self.elo is None:
            raise ValueError("asks for nothing; give win_rate or elo, or leave `passed` out and end it by steps")
        return self


class Stage(BaseModel):
    """One stage. `env` goes to the env's `set_stage`; what it does not name is as the env was built."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(min_length=1, max_length=60)
    env: dict[str, Any] = Field({}, description="for set_stage, e.g. {mode: 1v2, starts: {touch: 1}}")
    success: str | float = Field(
        "goal", description="what wins an episode: a reward term that is paid, is_success, or a return to reach"
    )
    opponent_elo: float | None = Field(None, description="rating of this stage's opponents")
    passed: Passed | None = Field(None, description="the next stage comes when this holds")
    failed_below: float | None = Field(
        None, gt=0, lt=1, description="back to the stage before when the win rate is surely below"
    )
    max_steps: int | None = Field(None, ge=1, description="env steps in this stage, at most")
    until_step: int | None = Field(None, ge=1, description="env step of the training at which it ends at the latest")
    next: str = Field("", description="the stage that follows; by default the next in the list")

    @property
    def is_judged(self) -> bool:
        """Whether won episodes decide about it."""
        return self.passed is not None or self.failed_below is not None

    @model_serializer(mode="wrap")
    def _only_what_was_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """So that a run's parameters read like the profile that they came from."""
        fields = type(self).model_fields
        return {name: value for name, value in dump(self).items() if value != fields[name].default}

    @model_validator(mode="after")
    def _weights_are_numbers(self) -> Self:
        weights = self.env.get("reward_weights", {})
        if not isinstance(weights, dict):
            raise ValueError(f"reward_weights={weights!r}; give terms with numbers, such as {{touch: 0.5}}")
        for term, weight in weights.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float):
                raise ValueError(f"the weight of '{term}' is {weight!r}; give a number, 0 to leave the term out")
        return self

    @model_validator(mode="after")
    def _conditions_fit(self) -> Self:
        passed = self.passed
        if passed and passed.elo is not None and self.opponent_elo is None:
            raise ValueError("passed by elo, which needs opponent_elo: the rating of those it plays against")
        if passed and self.max_steps is not None and passed.steps >= self.max_steps:
            raise ValueError(f"passed after steps={passed.steps} at the earliest, but over after {self.max_steps}")
        if passed and passed.win_rate is not None and (self.failed_below or 0) >= passed.win_rate:
            raise ValueError(
                f"failed_below={self.failed_below} is not below passed.win_rate={passed.win_rate}, so that one "
                "result would lead forwards and back; lower it"
            )
        return self


def in_order(stages: Sequence[Stage | Mapping[str, Any]]) -> tuple[Stage, ...]:
    """The stages in the order in which a training meets them, checked; ValueError names the place and the way out."""
    listed = tuple(stage if isinstance(stage, Stage) else Stage.model_validate(stage) for stage in stages)
    names = [stage.name for stage in listed]
    if not listed:
        raise ValueError("a curriculum needs a stage, such as {name: all}")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two stages are called '{name}'; every one needs a name of its own")
    path = _path(listed)
    for stage in listed:
        if stage not in path:
            raise ValueError(f"stage '{stage.name}' cannot be reached: no stage leads to it. Name it as a `next`")
    _check_edges(path)
    return path


def _path(listed: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The stages as `next` leads from one to another."""
    by_name = {stage.name: stage for stage in listed}
    following = dict(zip(by_name, [*list(by_name)[1:], ""], strict=True))
    path = [listed[0]]
    while name := path[-1].next or following[path[-1].name]:
        if name not in by_name:
            raise ValueError(f"stage '{path[-1].name}': next='{name}' is no stage. {did_you_mean(name, by_name)}")
        if by_name[name] in path:
            circle = " -> ".join([*(stage.name for stage in path), name])
            raise ValueError(f"the stages go in a circle: {circle}. A way back is `failed_below`, not `next`")
        path.append(by_name[name])
    return tuple(path)


def _check_edges(path: tuple[Stage, ...]) -> None:
    """Every stage but the last can be left, the last has no end of its own, and step edges follow one another."""
    edge, edged = 0, ""
    for stage in path[:-1]:
        if stage.passed is None and stage.max_steps is None and stage.until_step is None:
            after = path[path.index(stage) + 1].name
            raise ValueError(
                f"stage '{after}' cannot be reached: '{stage.name}' never ends. Give that one until_step, max_steps "
                "or passed"
            )
        if stage.until_step is not None:
            if stage.until_step <= edge:
                raise ValueError(
                    f"stages overlap: '{stage.name}' ends at step {stage.until_step:,}, but '{edged}' before it at "
                    f"{edge:,}. Its until_step must be larger"
                )
            edge, edged = stage.until_step, stage.name
    last = path[-1]
    if last.passed or last.max_steps or last.until_step:
        raise ValueError(
            f"stage '{last.name}' is the last and ends with the training: leave out its passed, max_steps, until_step"
        )
    if path[0].failed_below is not None:
        raise ValueError(f"stage '{path[0].name}' is the first; there is none to go back to. Leave out failed_below")


def check_reach(path: Sequence[Stage], total_timesteps: int) -> None:
    """ValueError for a stage that a training of so many steps cannot come to, even if it passes all before at once."""
    begins = 0
    for stage, following in pairwise(path):
        ends = [begins + stage.passed.steps] if stage.passed else []
        ends += [begins + stage.max_steps] if stage.max_steps is not None else []
        ends += [max(stage.until_step, begins)] if stage.until_step is not None else []
        begins = min(ends)
        if begins >= total_timesteps:
            raise ValueError(
                f"stage '{following.name}' cannot be reached: it begins at step {begins:,} at the earliest, and the "
                f"training ends at {total_timesteps:,}. Raise total_timesteps, or let '{stage.name}' end sooner"
            )


def shortened(stages: Sequence[Stage], share: float) -> list[Stage]:
    """The stages with that share of all their steps, for a training that is as much shorter."""

    def less(stage: Stage) -> Stage:
        ends = {name: getattr(stage, name) for name in ("max_steps", "until_step")}
        update: dict[str, Any] = {name: max(1, int(end * share)) for name, end in ends.items() if end is not None}
        if stage.passed:
            update["passed"] = stage.passed.model_copy(update={"steps": int(stage.passed.steps * share)})
        return stage.model_copy(update=update)

    return [less(stage) for stage in stages]
