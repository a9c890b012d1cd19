"""A Batch of one row as a gymnasium.Env: the same kernels, for `gymnasium.make` and any library built on it."""

from typing import Any, ClassVar

import gymnasium
import numpy as np

from rlkit.envs.batch import Batch
from rlkit.envs.registry import check_keywords, load_problem
from rlkit.errors import EnvError

INTEGERS = (int, np.int64)  # types of an action that need no look at their shape: half the cost of np.asarray


class BatchEnv(gymnasium.Env[np.ndarray, Any]):
    """One row of a problem, given as a Batch class or as "module:Class"; `kwargs` go to the problem.

    `step` gives the info {"reward_terms": {name: value}} of that step, and at the last one "is_success" where the
    problem tells it. `render_mode` is None or "rgb_array".
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": Batch.render_fps}

    def __init__(self, problem: str | type[Batch], render_mode: str | None = None, **kwargs: Any) -> None:
        problem = load_problem(problem) if isinstance(problem, str) else problem
        check_keywords(problem.__name__, problem, kwargs)
        modes = ["rgb_array"] if problem.has_picture() else []
        if render_mode not in (None, *modes):
            raise EnvError(f"{problem.__name__} has no render_mode '{render_mode}', only {[None, *modes]}.")
        self.batch = problem(1, **kwargs)
        self.metadata = {"render_modes": modes, "render_fps": self.batch.render_fps}
        self.observation_space, self.action_space = self.batch.observation_space, self.batch.action_space
        self.render_mode = render_mode
        self._actions = np.zeros((1, *(self.action_space.shape or ())), self.action_space.dtype)
        self._one_integer = isinstance(self.action_space, gymnasium.spaces.Discrete)
        self._observation, self._terms = self.batch.observations[0], self.batch.terms[0]  # views: a look-up less a step
        self._seeded = self._running = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """(first observation, {}) of a new episode; without a seed the random streams go on, at first a random one."""
        super().reset(seed=seed)
        if options:
            raise EnvError(f"reset options {options} would be ignored. Give the task's arguments to gymnasium.make.")
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(2**31))
        if seed is not None:
            self.batch.seed(seed)
        self.batch.reset()
        self._seeded = self._running = True
        return self._observation.copy(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """(observation, reward, terminated, truncated, info); EnvError when no episode is running."""
        if not self._running:
            raise EnvError("step outside an episode: it has not begun or is over. Call env.reset() first.")
        batch = self.batch
        if self._one_integer and type(action) in INTEGERS:
            self._actions[0] = action
            batch.step(self._actions)
        else:
            batch.step(self._as_row(action))
        terminated, truncated = batch.terminated.item(), batch.truncated.item()
        terms = dict(zip(batch.reward_terms, self._terms.tolist()))  # noqa: B905 (they agree; a check takes 0.2 us)
        info: dict[str, Any] = {"reward_terms": terms}
        if terminated or truncated:
            self._running = False
            if batch.success:
                info["is_success"] = terminated if batch.success == "terminated" else not terminated
        return self._observation.copy(), batch.rewards.item(), terminated, truncated, info

    def _as_row(self, action: Any) -> np.ndarray:
        """The action as a batch of one; EnvError for a shape that the space does not have."""
        actions = np.asarray(action)[None]
        if actions.shape != self._actions.shape:
            shape = self._actions.shape[1:]
            raise EnvError(f"the action has shape {actions.shape[1:]}, {self.action_space} takes {shape}.")
        return actions

    def render(self) -> np.ndarray:
        """A picture, uint8 (height, width, 3); EnvError without a render_mode."""
        if self.render_mode is None:
            raise EnvError("render without a render_mode: make the env with render_mode='rgb_array'.")
        return self.batch.render()

    def close(self) -> None:
        """Free the problem; calling it twice is fine."""
        self.batch.close()
