"""Callbacks that belong to a phase, such as a league of opponents, and go on where they were when a training does."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from stable_baselines3.common.callbacks import BaseCallback

from rlkit.curriculum.callback import CurriculumCallback
from rlkit.league.pool import LEAGUE
from rlkit.phases.base import Params
from rlkit.phases.curriculum import CurriculumParams
from rlkit.trainers.self_play import league_of

Tell = Callable[..., None]  # tell(kind, **facts): a line of the run's events.jsonl


class Companion(Protocol):
    """An SB3 callback whose state goes into every checkpoint: plain data that torch's weights-only loader reads."""

    def state(self) -> dict[str, Any]:
        """All that a resumed training needs of it."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; called before the training starts, on a fresh companion."""


def _curriculum(params: CurriculumParams, folder: Path, tell: Tell) -> list[BaseCallback]:
    return [CurriculumCallback(params.path(), params.reward_weights, tell)] if params.moves else []


COMPANIONS: dict[str, Callable[..., list[BaseCallback]]] = {  # by phase: (params, run folder, tell)
    "curriculum": _curriculum,
    "self_play": lambda params, folder, tell: [league_of(params, folder / LEAGUE, tell)],
}


def companions_of(params: Params, folder: Path, tell: Tell) -> list[BaseCallback]:
    """The callbacks that this phase trains with, fresh."""
    return COMPANIONS[params.phase](params, folder, tell) if params.phase in COMPANIONS else []


def states(companions: Sequence[Companion]) -> dict[str, Any]:
    """Their states by the names of their classes, for a checkpoint."""
    return {type(companion).__name__: companion.state() for companion in companions}


def restore(companions: Sequence[Companion], saved: Mapping[str, Any]) -> None:
    """Give each its state back; one that the checkpoint knows nothing of, as after a change of phase, starts fresh."""
    for companion in companions:
        if type(companion).__name__ in saved:
            companion.restore(saved[type(companion).__name__])
