"""The SB3 callback that finds the best weights of a training by playing, and keeps them as the run's `best/`."""

import time
from collections.abc import Callable

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from rlkit.diagnostics.evaluation import ModelPredict, evaluate_episodes
from rlkit.envs import ENVS
from rlkit.files import read_json
from rlkit.recorder import Recorder

SELECTION_SEED = 2**31 + 2**30  # above every seed of a training and of the final evaluation (assess.py)
TRAINING_SECONDS = "time/training_seconds"  # this process's CPU-seconds of training, without these evaluations
MAX_ROWS = 256  # of the kit's own problems, whose rows are played together; of others, 8


def best_keepers(recorder: Recorder, make_env: Callable[..., VecEnv]) -> list["BestKeeper"]:
    """[a BestKeeper] where the phase has `eval_every` and it is not 0, else []: then the Recorder goes by the return.

    make_env: makes the training's env with other `n_envs`, `seed` and `n_workers`.
    """
    params = recorder.params
    if not getattr(params, "eval_every", 0):
        return []
    native = params.env_id in ENVS
    rows = min(params.eval_episodes, MAX_ROWS if native else 8)
    env = make_env(n_envs=rows, seed=SELECTION_SEED, n_workers=1 if native else None)
    return [BestKeeper(recorder, env, params.eval_episodes, params.eval_every)]


class BestKeeper(BaseCallback):
    """Plays the same `episodes` without exploring, every `every` env steps and at the end; the best are kept.

    Best is the highest success rate; while nothing succeeds, or where the env does not tell, the highest mean return.
    Of equals the latest is kept: a higher return can be a taste for near misses that success does not ask for.
    Logged under the names of SB3's EvalCallback: eval/success_rate, eval/mean_reward, eval/mean_ep_length. What was
    chosen as the best of many is too good: `rlkit.evaluate` plays it again on fresh episodes.
    """

    def __init__(self, recorder: Recorder, env: VecEnv, episodes: int, every: int) -> None:
        """env: another one than the training's, of the same task; it is played by all of its rows at once."""
        super().__init__()
        self.recorder, self.env, self.episodes, self.every = recorder, env, episodes, every
        best = read_json(recorder.owner.run.folder / "best" / "manifest.json") or {}
        self._best = tuple(best.get("score", (-np.inf,)))
        self._spent = 0.0

    def _on_training_start(self) -> None:
        self._started, self._next = time.process_time(), self.num_timesteps + self.every

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        """Before the Recorder's and SB3's dump of this rollout, so that the result stands on its line."""
        if self.num_timesteps >= self._next:
            self._next = self.num_timesteps + self.every
            self._play()

    def _on_training_end(self) -> None:
        self._play()
        self.env.close()

    def _play(self) -> None:
        began = time.process_time()
        seconds = began - self._started - self._spent
        self.logger.record(TRAINING_SECONDS, seconds)
        played = evaluate_episodes(self.env, ModelPredict(self.model), self.episodes, SELECTION_SEED)
        reward, length = float(played["return"].mean()), float(played["length"].mean())
        success = float(played["success"].mean()) if "success" in played else 0.0
        self.logger.record("eval/mean_reward", reward)
        self.logger.record("eval/mean_ep_length", length)
        if "success" in played:
            self.logger.record("eval/success_rate", success)
        score = (success, 0.0 if success else reward)
        if score >= self._best:
            self._best = score
            facts = {"success_rate": success, "mean_reward": reward, "episodes": self.episodes}
            self.recorder.save_best(score=list(score), training_seconds=seconds, **facts)
        self._spent += time.process_time() - began
