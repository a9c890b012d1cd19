"""Where a training is in its curriculum: the stage it is in, what it has won there, and whether it goes on or back."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rlkit.curriculum.stages import Stage, in_order
from rlkit.diagnostics.statistics import proportion_interval
from rlkit.errors import ParamsError, did_you_mean
from rlkit.league.ratings import SCALE

GAMES = 100  # episodes looked at in a stage that does not say how many


class Record(NamedTuple):
    """The last episodes of a stage: how many, how many won, and the win rate with its 95 % Wilson interval."""

    games: int
    wins: int
    low: float
    high: float
    elo: float  # that the lower end of the score shows, draws counted half; nan without opponent_elo

    def facts(self) -> dict[str, Any]:
        """For an event: plain numbers, without those that are not there."""
        found = {"games": self.games, "wins": self.wins, "low": round(self.low, 4), "high": round(self.high, 4)}
        return found | ({"elo": round(self.elo, 1)} if math.isfinite(self.elo) else {})


class Curriculum:
    """The state of a training among its stages. Steps are env steps of the whole training, as SB3 counts them.

    `scored` takes the episodes of the stage as they end, `decide` says when another stage comes, and `state` and
    `restore` carry all of it over a stop. Plain data throughout, so that SB3's `save` keeps it as well.
    """

    def __init__(self, stages: Sequence[Stage | Mapping[str, Any]]) -> None:
        """ParamsError where the stages make no curriculum, see `stages.in_order`."""
        try:
            self.stages = in_order(stages)
        except ValueError as error:
            raise ParamsError(f"stages: {error}") from None
        self._enter(0, 0)

    @property
    def stage(self) -> Stage:
        """The stage it is in."""
        return self.stages[self.index]

    def _enter(self, index: int, steps: int) -> None:
        self.index, self.entered_at = index, steps
        passed = self.stage.passed
        self._scores: deque[float] = deque(maxlen=passed.games if passed else GAMES)
        self._record: Record | None = None

    def scored(self, score: float) -> None:
        """Count an episode that began in this stage: 1 won, 0.5 drawn, 0 lost."""
        self._scores.append(score)
        self._record = None

    def record(self) -> Record:
        """What the stage's last episodes show."""
        self._record = self._record or self._count()
        return self._record

    def _count(self) -> Record:
        games, wins = len(self._scores), sum(score == 1 for score in self._scores)
        low, high = proportion_interval(wins, games)
        points, rated = proportion_interval(math.floor(sum(self._scores)), games)[0], self.stage.opponent_elo
        shown = rated + SCALE * math.log10(points / (1 - points)) if rated is not None and 0 < points < 1 else None
        return Record(games, wins, low, high, math.nan if shown is None else shown)

    def decide(self, steps: int) -> dict[str, Any] | None:
        """Go on or back if it is time: facts of the change (what was left, and how that stage stood), else None.

        Their reason is "passed", "steps" (its limit) or "failed".
        """
        if self.index + 1 < len(self.stages):
            if self._is_over(steps):
                return self._move(self.index + 1, steps, "steps")
            if self._is_passed(steps):
                return self._move(self.index + 1, steps, "passed")
        if self._is_failed(steps):
            return self._move(self.index - 1, steps, "failed")
        return None

    def go_to(self, name: str, steps: int) -> dict[str, Any]:
        """Enter a stage because somebody asked for it; ParamsError for one that is not there."""
        names = [stage.name for stage in self.stages]
        if name not in names:
            raise ParamsError(f"stage='{name}' is no stage of this training. {did_you_mean(name, names)}")
        return self._move(names.index(name), steps, "asked")

    def _move(self, index: int, steps: int, reason: str) -> dict[str, Any]:
        facts = {"left": self.stage.name, "steps_in_stage": steps - self.entered_at} | self.record().facts()
        self._enter(index, steps)
        return {"reason": reason, **facts}

    def _is_over(self, steps: int) -> bool:
        stage = self.stage
        long = stage.max_steps is not None and steps - self.entered_at >= stage.max_steps
        return long or (stage.until_step is not None and steps >= stage.until_step)

    def _is_passed(self, steps: int) -> bool:
        passed = self.stage.passed
        if passed is None or len(self._scores) < passed.games or steps - self.entered_at < passed.steps:
            return False
        record = self.record()
        return record.low >= (passed.win_rate or 0) and (passed.elo is None or record.elo >= passed.elo)

    def _is_failed(self, steps: int) -> bool:
        """Surely below, with all its games played, where the stage before is not over by the clock."""
        below = self.stage.failed_below
        if below is None or len(self._scores) < (self._scores.maxlen or 0) or self.record().high >= below:
            return False
        until = self.stages[self.index - 1].until_step
        return until is None or steps < until

    def state(self) -> dict[str, Any]:
        """All that changes, as plain data."""
        return {"stage": self.stage.name, "entered_at": self.entered_at, "scores": list(self._scores)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`; in other stages, where its stage is not among them, from the first."""
        names = [stage.name for stage in self.stages]
        if state["stage"] in names:
            self._enter(names.index(state["stage"]), state["entered_at"])
            self._scores.extend(state["scores"])
