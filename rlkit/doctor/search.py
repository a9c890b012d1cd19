"""Tries remedies one at a time, on top of what helped already, and keeps those that are surely faster here.

The largest part of the time comes first. What was kept changes where the time goes, so the parts are timed anew after
each. At the end all that was kept is measured together against the beginning, in fresh rounds: the best of many tries
looks better than it is.
"""

import time
from dataclasses import replace

import numpy as np

from rlkit.diagnostics.ablation import MIN_ROUNDS, Ratio, ratio, take_turns
from rlkit.diagnostics.machine import machine
from rlkit.doctor.diagnosis import Attempt, Diagnosis, Verdict
from rlkit.doctor.remedies import Remedy, remedies
from rlkit.doctor.trial import Trial
from rlkit.errors import ParamsError, RlkitError
from rlkit.phases import Params
from rlkit.phases.baseline import BaselineParams
from rlkit.phases.speed import SpeedParams
from rlkit.progress import ProgressLine

WORTH_SHARE = 0.05  # of the time: a training without a smaller part altogether would be less than 1.053x as fast
ROUNDS = (15, 12, 9, MIN_ROUNDS)  # as many as the budget allows; from 9 on the interval forgives a disturbed round
BUDGET_SECONDS = 180.0


def diagnose(params: Params, budget: float = BUDGET_SECONDS) -> Diagnosis:
    """Find out what makes this training faster here, in about `budget` seconds.

    The baseline is looked at as the speed phase with its switches off: the same training, which can be changed.
    ParamsError for a phase without rollouts of n_steps.
    """
    params = switchable(params)
    with Trial(params) as base:
        search = _Search(base, time.monotonic() + budget)
        try:
            parts = search.parts
            search.climb()
            together, speeds = search.check()
            search.offer()
            return Diagnosis(
                params=params,
                better=search.best.params,
                machine=machine(),
                memory=search.memory,
                parts=parts,
                parts_after=search.parts,
                attempts=search.attempts,
                steps_per_second=float(np.median(speeds[:, 0])),
                steps_per_second_after=float(np.median(speeds[:, -1])),
                together=together,
            )
        finally:
            search.close()


def switchable(params: Params) -> Params:
    """The same training in a phase that has the switches: the baseline becomes the speed phase with all of them off."""
    if not hasattr(params, "n_steps") or getattr(params, "algorithm", "ppo") != "ppo":
        raise ParamsError(f"the doctor times rollouts, and phase '{params.phase}' has none. Give it a phase of PPO.")
    return SpeedParams(**params.model_dump(), fast=False) if type(params) is BaselineParams else params


class _Search:
    """Climbs from one trial to the next better one, and writes down each attempt."""

    def __init__(self, base: Trial, deadline: float) -> None:
        self.base = self.best = base
        self.attempts: list[Attempt] = []
        self.parts, self.memory = _microseconds(base), base.memory()
        self._deadline, self._line = deadline, ProgressLine()
        every = remedies(base.params, base.choice)
        self._untried = [remedy for remedy in every if not remedy.learning]
        self._n_offers = len(every) - len(self._untried)
        self._check_ahead = True  # some of the budget is kept for the last check, until that is made

    def climb(self) -> None:
        """Try what speaks to the largest parts, until nothing is left that could matter; note what was not tried."""
        while worth := [remedy for remedy in self._untried if self._share(remedy) >= WORTH_SHARE]:
            remedy = max(worth, key=self._share)
            self._untried.remove(remedy)
            self._try(remedy)
        for remedy in self._untried:
            self._note(remedy, "not tried", "too small a part of the time")

    def check(self) -> tuple[Ratio | None, np.ndarray]:
        """(the best against the beginning, the speeds in each round); back to the beginning if it is not faster."""
        self._line.show("checking all of it together")
        self._check_ahead = False
        sides = [self.base] if self.best is self.base else [self.base, self.best]
        speeds = take_turns([side.turn for side in sides], self._rounds(sides, 1) or MIN_ROUNDS)
        together = ratio(speeds[:, 0], speeds[:, -1]) if len(sides) == 2 else None
        if together and not together.faster:
            self._move(self.base)
            gone = {"verdict": "no gain", "note": "not faster when all was checked together"}
            self.attempts = [replace(one, **gone) if one.verdict == "kept" else one for one in self.attempts]
            return None, speeds[:, :1]
        return together, speeds

    def offer(self) -> None:
        """Measure, on top of the best, what may change the learning; it is never kept."""
        for remedy in remedies(self.best.params, self.best.choice):
            if remedy.learning:
                self._try(remedy)

    def close(self) -> None:
        """Free the best trial; the base is its owner's."""
        self._line.end("")
        if self.best is not self.base:
            self.best.close()

    def _try(self, remedy: Remedy) -> None:
        """Build the best with the remedy, compare, and write it down; it becomes the best if it is surely faster."""
        self._line.show(f"trying {remedy.name}")
        needed = remedy.seconds + MIN_ROUNDS * self.best.turn_seconds  # and more, for its own turns
        if needed > self._left():
            self._note(remedy, "not tried", f"no time left: it needs more than {needed:.0f} s")
            return
        try:
            trial = Trial(self.best.params.model_copy(update=remedy.changes))
        except RlkitError as error:
            self._note(remedy, "not here", str(error).splitlines()[0])
            return
        kept = False
        try:
            kept = self._compare(remedy, trial)
        finally:
            if kept:
                self._move(trial)
            else:
                trial.close()

    def _compare(self, remedy: Remedy, trial: Trial) -> bool:
        """Whether the trial is to be kept; the attempt is noted."""
        if refused := [note for note in trial.notes if note not in self.best.notes]:
            self._note(remedy, "not here", refused[0].removeprefix("rlkit.PPO: "))
            return False
        rounds = self._rounds([self.best, trial], 1 + len(self._untried) + self._n_offers)
        if not rounds:
            needed = MIN_ROUNDS * (self.best.turn_seconds + trial.turn_seconds)
            self._note(remedy, "not tried", f"no time left: {MIN_ROUNDS} rounds take {needed:.0f} s")
            return False
        found = ratio(*take_turns([self.best.turn, trial.turn], rounds).T)
        better: Verdict = "your choice" if remedy.learning else "kept"
        verdict = better if found.faster else "slower" if found.high < 1 else "no gain"
        self._note(remedy, verdict, remedy.learning or remedy.what, found)
        return verdict == "kept"

    def _move(self, trial: Trial) -> None:
        """Go on from another trial: the last one is freed, unless it is the beginning."""
        if self.best is not self.base:
            self.best.close()
        if trial is not self.best:
            self.best, self.parts = trial, _microseconds(trial)

    def _rounds(self, sides: list[Trial], n_comparisons: int) -> int:
        """Rounds that fit into this comparison's share of the time left; 0 when not even the fewest fit into all."""
        seconds = sum(side.turn_seconds for side in sides)
        for rounds in ROUNDS:
            if rounds * seconds <= self._left() / n_comparisons:
                return rounds
        return MIN_ROUNDS if MIN_ROUNDS * seconds <= self._left() else 0

    def _left(self) -> float:
        """Seconds of the budget, less what the last check needs if that is yet to come."""
        check = MIN_ROUNDS * (self.base.turn_seconds + self.best.turn_seconds)
        return self._deadline - time.monotonic() - check * self._check_ahead

    def _share(self, remedy: Remedy) -> float:
        return sum(self.parts[part] for part in remedy.parts) / sum(self.parts.values())

    def _note(self, remedy: Remedy, verdict: Verdict, note: str, found: Ratio | None = None) -> None:
        whole = sum(self.parts.values())
        shares = {part: self.parts[part] / whole for part in remedy.parts}
        told = min(WORTH_SHARE, max(shares.values()))
        named = [f"{part} {share:.0%}" for part, share in shares.items() if share >= told]
        self.attempts.append(Attempt(remedy.name, ", ".join(named), verdict, note, found, remedy.changes))


def _microseconds(trial: Trial) -> dict[str, float]:
    return {part: seconds * 1e6 for part, seconds in trial.parts().items()}
