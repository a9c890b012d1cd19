"""An action held for several steps: the same task at a coarser clock, for a Gymnasium env and for a Batch."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from rlkit.envs.batch import Batch


class ActionRepeat(gymnasium.Wrapper[Any, Any, Any, Any], gymnasium.utils.RecordConstructorArgs):
    """Each `step` takes the action `action_repeat` times, or until the episode ends, and sums the rewards.

    Observation and info are those of the last step taken.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], action_repeat: int) -> None:
        gymnasium.utils.RecordConstructorArgs.__init__(self, action_repeat=action_repeat)
        super().__init__(env)
        self.action_repeat = action_repeat

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """(observation, summed reward, terminated, truncated, info)."""
        total = 0.0
        for _ in range(self.action_repeat):
            observation, reward, terminated, truncated, info = self.env.step(action)
            total += float(reward)
            if terminated or truncated:
                break
        return observation, total, terminated, truncated, info


class RepeatedBatch(Batch):
    """`held(n_envs, part=part, **config)` whose every step is `action_repeat` of its steps, or fewer at an end.

    Rewards and their terms are summed. A row that has ended is stepped on with the others, its outcome kept from the
    step at which it ended: so what a row meets does not depend on the rows beside it.
    """

    def __init__(
        self, n_envs: int, part: tuple[int, int] = (0, 1), *, held: type[Batch], action_repeat: int, **config: Any
    ) -> None:
        self.inner = inner = held(n_envs, part=part, **config)
        self.action_repeat = action_repeat
        self.reward_terms, self.render_fps = inner.reward_terms, max(1, inner.render_fps // action_repeat)
        super().__init__(inner.n_envs, inner.observation_space, inner.action_space)
        self.config = inner.config = {**inner.config, "action_repeat": action_repeat}

    def seed(self, seed: int) -> None:
        """Restart every random stream of the problem."""
        self.inner.seed(seed)

    def reset(self, rows: np.ndarray | None = None) -> None:
        """Start new episodes in the rows of a bool mask (n_envs,), by default in all; fills `observations`."""
        self.inner.reset(rows)
        rows = slice(None) if rows is None else rows
        self.observations[rows] = self.inner.observations[rows]

    def step(self, actions: np.ndarray) -> None:
        """`action_repeat` steps of every row under the same actions (n_envs, ...)."""
        inner, running = self.inner, np.ones(self.n_envs, bool)
        self.rewards[:], self.terms[:] = 0, 0
        for _ in range(self.action_repeat):
            inner.step(actions)
            for name in ("rewards", "terms"):
                getattr(self, name)[running] += getattr(inner, name)[running]
            for name in ("observations", "terminated", "truncated"):
                getattr(self, name)[running] = getattr(inner, name)[running]
            running &= ~(inner.terminated | inner.truncated)

    def render(self) -> np.ndarray:
        """Row 0 as an image, uint8 (height, width, 3)."""
        return self.inner.render()

    def apply(self, function: Callable[[Batch], Any]) -> list[Any]:
        """`function(problem)` of the problem itself, whose attributes are the ones that a caller means."""
        return self.inner.apply(function)

    def close(self) -> None:
        """Free the problem; calling it twice is fine."""
        self.inner.close()
