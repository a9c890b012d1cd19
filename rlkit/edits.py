"""Changes to a training that runs: what can be changed, how it reaches the model, and when.

An edit is {"name", "value"} and is applied at the start of the next rollout. Edits are a part of what decides a run:
`params.edits` holds them as a schedule, [{"step": 500000, "learning_rate": 1e-4}, ...], which replays to the same
numbers, and `tape` turns the edits that a run has seen into such a schedule.
"""

from collections.abc import Callable
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import FloatSchedule

from rlkit.files import read_json
from rlkit.phases.base import ENV_EDITS
from rlkit.runs import Run


def apply_edit(model: BaseAlgorithm, name: str, value: Any) -> None:
    """Set a parameter of a model, or of its env, between two rollouts; AttributeError where it has none of that name.

    The value is one that `Params.with_edit` has passed.
    """
    APPLIED.get(name, _set_attribute)(model, name, value)


def _set_attribute(model: BaseAlgorithm, name: str, value: Any) -> None:
    getattr(model, name)  # a model that lacks it would take it in silence
    setattr(model, name, value)


def _set_learning_rate(model: BaseAlgorithm, name: str, value: float) -> None:
    """The optimizer takes the rate from its schedule before each update, so the schedule is what has to change."""
    model.learning_rate, model.lr_schedule = value, FloatSchedule(value)


def _set_schedule(model: BaseAlgorithm, name: str, value: float) -> None:
    setattr(model, name, FloatSchedule(value))


def _set_discount(model: BaseAlgorithm, name: str, value: float) -> None:
    """Buffers that sum rewards have their own copy: for the advantages, or for returns of several steps."""
    _set_attribute(model, name, value)
    for buffer in (getattr(model, kind, None) for kind in ("rollout_buffer", "replay_buffer")):
        if hasattr(buffer, name):
            setattr(buffer, name, value)


def _call_env(model: BaseAlgorithm, name: str, value: Any) -> None:
    model.get_env().env_method(f"set_{name}", value)


def _set_stage(model: BaseAlgorithm, name: str, value: str | dict[str, Any]) -> None:
    """Enter a stage of the training's curriculum by its name; a stage in full goes to the env."""
    if isinstance(value, str):
        model.curriculum.go_to(value, model.num_timesteps)
    else:
        _call_env(model, name, value)


APPLIED: dict[str, Callable[[BaseAlgorithm, str, Any], None]] = {
    "learning_rate": _set_learning_rate,
    "clip_range": _set_schedule,
    "gamma": _set_discount,
    "gae_lambda": _set_discount,
    **dict.fromkeys(ENV_EDITS, _call_env),
    "stage": _set_stage,
}


def in_checkpoint(name: str, value: Any) -> bool:
    """Whether checkpoints hold what an edit did, so that making it again on resume would undo what came after it."""
    return name == "stage" and isinstance(value, str)


def schedule(run: Run) -> list[tuple[int, str, Any]]:
    """(step, name, value) of every edit that the run was started with or has seen, in the order they took effect."""
    planned = [
        (edit["step"], name, value) for edit in run.params.edits for name, value in edit.items() if name != "step"
    ]
    seen = [(e["step"], e["name"], e["value"]) for e in run.events() if e["kind"] == "edit" and not e["planned"]]
    return sorted(planned + seen, key=lambda edit: edit[0])


def tape(run: Run) -> list[dict[str, Any]]:
    """The run's edits as a value of `params.edits`: with it, the same parameters train to the same numbers."""
    return [{"step": step, name: value} for step, name, value in schedule(run)]


def in_force(run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """(parameters, the env's configuration) that the training works with now: as it was started, and the edits since.

    The configuration is {} for an env of others, and until the training has built its env.
    """
    config = dict((read_json(run.folder / "env.json") or {}).get("config", {}))
    values = run.params.model_dump()
    steps = run.status().get("steps", 0)
    for step, name, value in schedule(run):
        if step <= steps and name in ENV_EDITS and isinstance(value, dict):
            _configure(config, name, value)
        elif step <= steps:
            values[name] = value
    return values, config


def _configure(config: dict[str, Any], name: str, value: Any) -> None:
    """Edit an env's configuration as the env does: weights by name, a stage part by part, others as a whole."""
    if name == "stage":
        for part, its_value in value.items():
            _configure(config, part, its_value)
    elif name == "reward_weights":
        config[name] = {**config.get(name, {}), **value}
    else:
        config[name] = value
