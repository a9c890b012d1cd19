"""Recall: a cue is shown once, and asked for after a delay in which nothing is seen. Only memory can tell it.

The smallest case of the tasks of Hochreiter and Schmidhuber 1997 (Neural Computation 9:1735), as a problem of acting.
"""

from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from rlkit.envs.batch import Batch
from rlkit.envs.dodge import physics
from rlkit.errors import EnvError
from rlkit.kernels import entry
from rlkit.seeding import stream

CUES, DELAY = (2, 64), (0, 10_000)  # lowest and highest; steps
SIDE = 64  # pixels of the picture
BLANK, QUESTION = (40, 44, 52), (255, 255, 255)  # colours of the picture: nothing to see, and the question
ROW = np.dtype([("random", np.uint64), ("cue", np.int64), ("steps", np.int64)])
compiled = partial(entry, folders=(Path(physics.__file__).parent,))  # whose random numbers are a part of ours


class Recall(Batch):
    """See a cue, wait `delay` steps seeing nothing, and name the cue when asked.

    Observation: Box(0, 1) float32 (cues + 1,): the cue as a one among zeros, in the first step only; zeros while
        waiting; at the end the last number is 1, which asks.
    Action: Discrete(cues): a cue. Only the one after the question counts.
    Reward: 1 for the right answer, else 0.
    Episode end: the answer terminates, after delay + 2 steps.
    Arguments:
        n_envs: rows. part: (k, n) for part k of n processes: a contiguous share of the rows.
        cues: how many there are, each as likely as any other.
        delay: steps between cue and question.
    Without memory: the question looks the same after every cue, so the answer cannot depend on it, and no policy that
        sees one observation at a time has a mean return above 1 / cues. With memory it is 1.
    """

    reward_terms = ("answer",)
    rows_per_worker = 4096  # a step of a row takes about 10 ns
    render_fps = 4

    def __init__(self, n_envs: int = 1, part: tuple[int, int] = (0, 1), *, cues: int = 4, delay: int = 8) -> None:
        for name, value, (low, high) in (("cues", cues, CUES), ("delay", delay, DELAY)):
            if isinstance(value, bool) or int(value) != value or not low <= value <= high:
                raise EnvError(f"{name}={value} must be a whole number from {low} to {high}.")
        self._first, last = (n_envs * k // part[1] for k in (part[0], part[0] + 1))
        space = gymnasium.spaces.Box(0.0, 1.0, (cues + 1,), np.float32)
        super().__init__(last - self._first, space, gymnasium.spaces.Discrete(cues))
        self.cues, self.delay = cues, delay
        self.config = {"cues": cues, "delay": delay}
        self.rows = np.zeros(self.n_envs, ROW)
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Restart every random stream: a row's depends on the seed and on its place in the whole."""
        bits = stream(seed).integers(2**64, size=self._first + self.n_envs, dtype=np.uint64)
        self.rows["random"] = bits[self._first :]

    def reset(self, rows: np.ndarray | None = None) -> None:
        """Start new episodes in the rows of a bool mask (n_envs,), by default in all; fills `observations`."""
        show_cues(self.rows, np.ones(self.n_envs, bool) if rows is None else rows, self.observations)

    def step(self, actions: np.ndarray) -> None:
        """One step of every row, without any reset; EnvError for an answer that is no cue."""
        if ((actions < 0) | (actions >= self.cues)).any():
            raise EnvError(f"actions must be cues, 0 to {self.cues - 1}, and one of them is {_worst(actions)}.")
        take_answers(self.rows, actions, self.delay, self.observations, self.rewards, self.terminated)
        self.terms[:, 0] = self.rewards

    def render(self) -> np.ndarray:
        """What row 0 shows, uint8 (SIDE, SIDE, 3): a colour for each cue, dark for nothing, white for the question."""
        seen: Any = self.observations[0]
        colour = BLANK
        if seen[-1]:
            colour = QUESTION
        elif seen.any():
            share = seen.argmax() / (self.cues - 1)
            colour = (int(255 * share), 120, int(255 * (1 - share)))
        return np.full((SIDE, SIDE, 3), colour, np.uint8)


def _worst(actions: np.ndarray) -> int:
    return int(actions[np.abs(actions).argmax()])


@compiled
def show_cues(rows: np.ndarray, chosen: np.ndarray, observations: np.ndarray) -> None:
    """New episodes in the rows of a bool mask (n,). rows: ROW (n,); observations: float32 (n, cues + 1), filled."""
    cues = observations.shape[1] - 1
    for i in range(len(rows)):
        if chosen[i]:
            rows[i].cue = int(physics.uniform(rows[i]) * cues)
            rows[i].steps = 0
            observations[i] = 0.0
            observations[i, rows[i].cue] = 1.0


@compiled
def take_answers(
    rows: np.ndarray,
    actions: np.ndarray,
    delay: int,
    observations: np.ndarray,
    rewards: np.ndarray,
    terminated: np.ndarray,
) -> None:
    """A step of every row; actions: integers (n,); the last three are the Batch's arrays, which it fills."""
    for i in range(len(rows)):
        terminated[i] = rows[i].steps > delay
        rewards[i] = 1.0 if terminated[i] and actions[i] == rows[i].cue else 0.0
        rows[i].steps += 1
        observations[i] = 0.0
        observations[i, -1] = 1.0 if rows[i].steps == delay + 1 else 0.0
