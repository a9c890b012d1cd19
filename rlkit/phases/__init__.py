"""What decides a run of each phase, completely: one pydantic model per phase, and the table of them.

A notebook's parameters cell, `rlkit run --help` and the profiles in params/ all follow from these models.
"""

from rlkit.phases.base import Params
from rlkit.phases.baseline import BaselineParams
from rlkit.phases.cartpole import CartPoleParams
from rlkit.phases.compare import CompareParams
from rlkit.phases.curriculum import CurriculumParams
from rlkit.phases.dodge import DodgeParams
from rlkit.phases.recurrent import RecurrentParams
from rlkit.phases.self_play import SelfPlayParams
from rlkit.phases.speed import SpeedParams

PHASES: dict[str, type[Params]] = {
    model.phase: model
    for model in (
        BaselineParams,
        SpeedParams,
        RecurrentParams,
        CurriculumParams,
        SelfPlayParams,
        DodgeParams,
        CartPoleParams,
        CompareParams,
    )
}
