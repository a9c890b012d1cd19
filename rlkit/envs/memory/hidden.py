"""Hidden: any other problem with some numbers of its observation left out, so that a single look is not enough."""

from collections.abc import Callable, Collection
from typing import Any

import gymnasium
import numpy as np

from rlkit.envs.batch import Batch
from rlkit.envs.memory.gym_batch import GymBatch
from rlkit.envs.registry import ENVS, check_keywords, load_problem
from rlkit.errors import EnvError


class Hidden(Batch):
    """The problem `task`, seen without the numbers at the indices `hidden`: CartPole without its two speeds, say.

    Observation: the task's, shorter by the hidden numbers, the others in their order.
    Action, reward, episode end: the task's.
    Arguments:
        n_envs: rows. part: (k, n) for part k of n processes: a contiguous share of the rows.
        task: an id of the kit or any Gymnasium id, with a flat Box for its observations.
        hidden: indices of the numbers to leave out, from 0 on; [] leaves all of them.
        **task_kwargs: the task's own arguments.
    Source: velocities left out to ask for memory: Hausknecht and Stone 2015, arXiv:1507.06527, for flickering games;
        Meuleau et al. 1999, UAI, for the pole.
    """

    rows_per_worker = 32  # CartPole steps a row in about 5 us, a wake-up takes 100

    def __init__(
        self,
        n_envs: int = 1,
        part: tuple[int, int] = (0, 1),
        *,
        task: str = "CartPole-v1",
        hidden: Collection[int] = (1, 3),
        **task_kwargs: Any,
    ) -> None:
        self.inner = inner = _build(task, n_envs, part, task_kwargs)
        self._shown = _shown(task, inner.observation_space, hidden)
        low, high = inner.observation_space.low[self._shown], inner.observation_space.high[self._shown]
        space = gymnasium.spaces.Box(low, high, dtype=inner.observation_space.dtype)
        self.reward_terms, self.success, self.render_fps = inner.reward_terms, inner.success, inner.render_fps
        super().__init__(inner.n_envs, space, inner.action_space)
        self.config = inner.config = {**inner.config, "task": task, "hidden": sorted(hidden)}

    def seed(self, seed: int) -> None:
        """Restart every random stream of the task."""
        self.inner.seed(seed)

    def reset(self, rows: np.ndarray | None = None) -> None:
        """Start new episodes in the rows of a bool mask (n_envs,), by default in all; fills `observations`."""
        self.inner.reset(rows)
        self._look()

    def step(self, actions: np.ndarray) -> None:
        """One step of every row of the task, without any reset."""
        self.inner.step(actions)
        for name in ("rewards", "terms", "terminated", "truncated"):
            getattr(self, name)[:] = getattr(self.inner, name)
        self._look()

    def _look(self) -> None:
        np.take(self.inner.observations, self._shown, axis=1, out=self.observations)

    def render(self) -> np.ndarray:
        """Row 0 as the task draws it, with nothing hidden; uint8 (height, width, 3)."""
        return self.inner.render()

    def apply(self, function: Callable[[Batch], Any]) -> list[Any]:
        """`function(problem)` of the task itself, whose attributes are the ones that a caller means."""
        return self.inner.apply(function)

    def close(self) -> None:
        """Free the task; calling it twice is fine."""
        self.inner.close()


def _build(task: str, n_envs: int, part: tuple[int, int], task_kwargs: dict[str, Any]) -> Batch:
    if task not in ENVS:
        return GymBatch(n_envs, part, env_id=task, **task_kwargs)
    problem = load_problem(ENVS[task])
    check_keywords(task, problem, task_kwargs)
    return problem(n_envs, part=part, **task_kwargs)


def _shown(task: str, space: gymnasium.spaces.Box, hidden: Collection[int]) -> np.ndarray:
    """Indices of the numbers that stay, int64; EnvError for hidden ones that are not there, and when none stays."""
    if len(space.shape) != 1:
        raise EnvError(f"{task} observes an array of shape {space.shape}; numbers can be hidden in a flat row only.")
    width = space.shape[0]
    unknown = [index for index in hidden if index not in range(width)]
    if unknown:
        raise EnvError(
            f"hidden={list(hidden)}: {task} observes {width} numbers, 0 to {width - 1}, and no {unknown[0]}."
        )
    shown = np.setdiff1d(np.arange(width), list(hidden))
    if not len(shown):
        raise EnvError(f"hidden={list(hidden)} leaves nothing of the {width} numbers of {task}; keep at least one.")
    return shown
