"""A Batch spread over processes: this one steps the first part, workers step the others at the same time."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np

from rlkit.envs.batch import Batch
from rlkit.envs.crew import Crew, Shared, share, views
from rlkit.errors import EnvError

RESULTS = ("observations", "terminal_observations", "rewards", "terms", "terminated", "truncated", "ended")


class WorkerBatch(Batch):
    """`problem(n_envs, **config)` stepped by `n_workers` processes, with the same bytes as by one.

    Worker 0 is this process and holds the first rows: one process and one wake-up less than waiting here for all.
    A worker that raises, dies, or gives no answer for `step_timeout` seconds is a WorkerError. After a death, a
    silence or an interrupt the workers are stopped; only `close` is left then.
    """

    def __init__(
        self, problem: type[Batch], n_envs: int, n_workers: int, step_timeout: float = 60.0, **config: Any
    ) -> None:
        if not 1 <= n_workers <= n_envs:
            raise EnvError(f"n_workers={n_workers} cannot share {n_envs} rows, at least one each. Use 1 to {n_envs}.")
        require_importable(problem)
        own = problem(n_envs, part=(0, n_workers), **config)
        self.reward_terms, self.config, self.render_fps = own.reward_terms, own.config, own.render_fps
        super().__init__(n_envs, own.observation_space, own.action_space)
        self._own = own
        self._actions = np.zeros((n_envs, *(self.action_space.shape or ())), self.action_space.dtype)
        shared = share({name: getattr(self, name) for name in (*RESULTS, "_actions")})
        vars(self).update(views(shared))
        self._crew = Crew(step_timeout, here=_Part(own, shared))
        try:
            parts = [(problem, n_envs, (k, n_workers), config, shared) for k in range(1, n_workers)]
            self._crew.start(_build_part, parts)
            self._hand_out_rows()
        except BaseException:
            self.close()
            raise

    def _hand_out_rows(self) -> None:
        """Give each part its slice of the rows, now that all are built and can say how many they hold."""
        sizes = self._crew.ask("size")
        if sum(sizes) != self.n_envs:
            raise EnvError(f"the parts hold {sizes} rows in place of {self.n_envs}: the problem must split by `part`.")
        ends = np.cumsum(sizes).tolist()
        self._crew.rows = [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
        self._crew.ask_each("take", [(rows,) for rows in self._crew.rows])

    def seed(self, seed: int) -> None:
        """Restart every random stream; the same seed and actions give the same bytes, for any `n_workers`."""
        self._crew.ask("call", "seed", seed)

    def reset(self, rows: np.ndarray | None = None) -> None:
        """Start new episodes in the rows of a bool mask (n_envs,), by default in all; fills `observations`."""
        self._crew.ask_each("call", [("reset", None if rows is None else rows[part]) for part in self._crew.rows])

    def step(self, actions: np.ndarray) -> None:
        """One step of every row, without any reset; actions (n_envs, ...)."""
        np.copyto(self._actions, actions, casting="same_kind")
        self._crew.ask("act", "step")

    def advance(self, actions: np.ndarray) -> None:
        """`step`, then a new episode in each row that ended, its last observation kept."""
        np.copyto(self._actions, actions, casting="same_kind")
        self._crew.ask("act", "advance")

    def apply(self, function: Callable[[Batch], Any]) -> list[Any]:
        """`function(problem)` for each row; run once per process, so it and its value must be picklable."""
        values = zip(self._crew.ask("apply", function), self._crew.rows, strict=True)
        return [value for value, part in values for _ in range(part.start, part.stop)]

    def render(self) -> np.ndarray:
        """Row 0 as an image, uint8 (height, width, 3)."""
        return self._own.render()

    def close(self) -> None:
        """Stop the workers and free the part held here; calling it twice is fine."""
        self._crew.stop()
        self._own.close()


class _Part:
    """A share of the batch: after each call its arrays are copied to the shared ones."""

    def __init__(self, batch: Batch, shared: Shared) -> None:
        self._batch, self._views = batch, views(shared)

    def size(self) -> int:
        return self._batch.n_envs

    def take(self, rows: slice) -> None:
        self._views = {name: view[rows] for name, view in self._views.items()}

    def call(self, method: str, *arguments: Any) -> None:
        getattr(self._batch, method)(*arguments)
        self._publish()

    def act(self, method: str) -> None:
        self.call(method, self._views["_actions"])

    def apply(self, function: Callable[[Batch], Any]) -> Any:
        value = self._batch.apply(function)[0]
        self._publish()
        return value

    def close(self) -> None:
        self._batch.close()

    def _publish(self) -> None:
        for name, array in zip(RESULTS, attrgetter(*RESULTS)(self._batch), strict=True):
            self._views[name][...] = array


def _build_part(
    problem: type[Batch], n_envs: int, part: tuple[int, int], config: dict[str, Any], shared: Shared
) -> _Part:
    return _Part(problem(n_envs, part=part, **config), shared)


def importable(problem: type[Batch]) -> bool:
    """Whether another process can import the class: not one from a notebook cell, a script itself or a function."""
    return problem.__module__ != "__main__" and "<locals>" not in problem.__qualname__


def require_importable(problem: type[Batch]) -> None:
    """Nothing, or an EnvError that says why workers cannot have the class."""
    if not importable(problem):
        raise EnvError(
            f"{problem.__qualname__} stands in a notebook cell, a script or a function, where worker processes "
            "cannot import it from. Move it to a module of its own, or use n_workers=1."
        )
