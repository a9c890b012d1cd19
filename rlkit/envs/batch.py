"""The one shape every problem of the kit has: many rows stepped together on preallocated arrays."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np


class Batch(ABC):
    """`n_envs` independent rows of one problem; adapters turn it into a VecEnv or a gymnasium.Env.

    `step` and `reset` write into these arrays, all leading with `n_envs`:
    `observations` (dtype and shape of the space), `rewards` float32, `terms` float32 (n_envs, n_terms) whose
    sum over terms is `rewards`, `terminated` and `truncated` bool. `advance` adds `ended` (their union) and
    `terminal_observations` (valid where `ended`). A problem is built as `Problem(n_envs, part=(k, n), **config)`:
    part k of n holds a contiguous share of the rows, and the parts one after the other equal the whole.
    """

    reward_terms: ClassVar[tuple[str, ...]] = ("reward",)
    success: ClassVar[Literal["terminated", "truncated"] | None] = None  # the end that is one, for info["is_success"]
    rows_per_worker: ClassVar[int] = 8  # fewer rows do not repay a worker's wake-up; cheap kernels need more
    render_fps: int = 30  # pictures per second of the problem's own time
    config: dict[str, Any]  # every argument that decides the task, as plain data: stored with checkpoints

    def __init__(
        self, n_envs: int, observation_space: gymnasium.spaces.Box, action_space: gymnasium.Space[Any]
    ) -> None:
        self.n_envs, self.observation_space, self.action_space = n_envs, observation_space, action_space
        shape, dtype = (n_envs, *observation_space.shape), observation_space.dtype
        self.observations = np.zeros(shape, dtype)
        self.terminal_observations = np.zeros(shape, dtype)
        self.rewards = np.zeros(n_envs, np.float32)
        self.terms = np.zeros((n_envs, len(self.reward_terms)), np.float32)
        self.terminated, self.truncated, self.ended = (np.zeros(n_envs, bool) for _ in range(3))

    @abstractmethod
    def seed(self, seed: int) -> None:
        """Restart every random stream; the same seed and actions give the same bytes, in any part."""

    @abstractmethod
    def reset(self, rows: np.ndarray | None = None) -> None:
        """Start new episodes in the rows of a bool mask (n_envs,), by default in all; fills `observations`."""

    @abstractmethod
    def step(self, actions: np.ndarray) -> None:
        """One step of every row, without any reset; actions (n_envs, ...) as `action_space` holds them."""

    def advance(self, actions: np.ndarray) -> None:
        """`step`, then a new episode in each row that ended, its last observation kept."""
        self.step(actions)
        np.logical_or(self.terminated, self.truncated, out=self.ended)
        if self.ended.any():
            self.terminal_observations[self.ended] = self.observations[self.ended]
            self.reset(self.ended)

    def render(self) -> np.ndarray:
        """Row 0 as an image, uint8 (height, width, 3)."""
        raise NotImplementedError(f"{type(self).__name__} has no picture; render_mode must be None")

    @classmethod
    def has_picture(cls) -> bool:
        """Whether `render` is there to be called."""
        return cls.render is not Batch.render

    def apply(self, function: Callable[["Batch"], Any]) -> list[Any]:
        """`function(problem)` for each row; run once per process that holds rows, so it must be picklable."""
        return [function(self)] * self.n_envs

    def close(self) -> None:  # noqa: B027 (most problems hold nothing)
        """Free what the batch holds; calling it twice is fine."""
