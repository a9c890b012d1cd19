"""Is it solved? Evaluations without exploration in the course of a training, the same for every algorithm."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from rlkit.diagnostics.evaluation import ModelPredict, evaluate_episodes

CHECK_SEED = 3 * 2**30  # above every seed of a training, and away from those of `rlkit.assess`
TRIAL_ROWS = 10  # envs that play an evaluation side by side


class GreedyCheck(BaseCallback):
    """Plays `episodes` greedy episodes every `every` env steps, and `proof` more of them where the first look solved.

    Logs eval/mean_return, eval/std_return and eval/training_seconds (this process's CPU-seconds so far, without those
    of the evaluations), and once the `proof` episodes reach `goal_return` on average eval/solved_steps, the env steps
    until then. make_env(n_envs) builds an env of its own; neither it nor the greedy actions draw from the random
    streams of the training, so that looking changes nothing.
    """

    def __init__(
        self,
        make_env: Callable[[int], VecEnv],
        every: int,
        episodes: int,
        proof: int,
        goal_return: float,
        stop_when_solved: bool,
    ) -> None:
        super().__init__()
        self.make_env, self.every, self.episodes, self.proof = make_env, every, episodes, proof
        self.goal_return, self.stop_when_solved = goal_return, stop_when_solved
        self.solved_steps: int | None = None

    def _on_training_start(self) -> None:
        self._env = self.make_env(min(TRIAL_ROWS, self.episodes))
        self._last, self._began, self._spent = self.num_timesteps, time.process_time(), 0.0

    def _on_rollout_start(self) -> None:
        """Between an update and the play that follows it."""
        if self.num_timesteps - self._last >= self.every:
            self._look()

    def _on_step(self) -> bool:
        return self.solved_steps is None or not self.stop_when_solved

    def _on_training_end(self) -> None:
        if self.num_timesteps > self._last:
            self._look()
        self._env.close()

    def _look(self) -> None:
        start = time.process_time()
        self._last = self.num_timesteps
        returns = self._play(self.episodes, CHECK_SEED)
        self.logger.record("eval/training_seconds", start - self._began - self._spent)
        self.logger.record("eval/mean_return", float(returns.mean()))
        self.logger.record("eval/std_return", float(returns.std()))
        if self.solved_steps is None and returns.mean() >= self.goal_return and self._is_proven():
            self.solved_steps = self.num_timesteps
            self.logger.record("eval/solved_steps", self.solved_steps)
        self._spent += time.process_time() - start

    def _is_proven(self) -> bool:
        return self._play(self.proof, CHECK_SEED + self.episodes).mean() >= self.goal_return

    def _play(self, episodes: int, seed: int) -> np.ndarray:
        return evaluate_episodes(self._env, ModelPredict(self.model), episodes, seed)["return"].to_numpy()


class Checked:
    """To stand before a model class: `learn` also calls the model's `check`, a GreedyCheck, where it has one."""

    check: GreedyCheck | None = None

    def learn(
        self, total_timesteps: int, callback: BaseCallback | list[BaseCallback] | None = None, **kwargs: Any
    ) -> Any:
        """The model's own `learn`; the check logs before a callback writes the logs."""
        asked = callback if isinstance(callback, list) else [callback]
        return super().learn(total_timesteps, [one for one in (self.check, *asked) if one is not None], **kwargs)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "check"]
