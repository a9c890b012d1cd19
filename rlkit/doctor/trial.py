"""One way to train, ready to be timed in short turns: what the doctor and the speed notebook compare."""

import math
import time
import warnings
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import psutil
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecCheckNan

from rlkit.diagnostics.machine import GIB, gpu_load
from rlkit.diagnostics.throughput import PhaseTimer
from rlkit.envs.choice import Choice
from rlkit.experiment import build_model, make_params_env, torch_threads
from rlkit.phases import Params
from rlkit.recorder import run_logger
from rlkit.seeding import seed_everything

TURN_SECONDS = 0.4  # a shorter turn measures the machine's scheduler; whole rollouts, so often longer


class Trial:
    """The env and the model of some parameters, built as a training builds them and warmed up; a context manager.

    notes: what the kit warned of while they were built, such as a switch that this machine lacks. switches: what is
    really on, by the model's own word. A turn logs into a folder that is gone afterwards.
    """

    def __init__(self, params: Params) -> None:
        self.params = params
        self._cleanup = ExitStack()
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                self._build()
            self.notes = list(dict.fromkeys(text for w in caught if (text := str(w.message)).startswith("rlkit")))
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        folder = self._cleanup.enter_context(TemporaryDirectory(prefix="rlkit-", ignore_cleanup_errors=True))
        seed_everything(self.params.seed)
        self.env = VecCheckNan(make_params_env(self.params), raise_exception=True)
        self._cleanup.callback(self.env.close)
        with torch_threads(self.params.n_threads):
            self.model = build_model(self.params, self.env)
        logger = run_logger(Path(folder))
        self.model.set_logger(logger)
        self._cleanup.callback(logger.close)
        self._rollout = self.env.num_envs * getattr(self.model, "n_steps", 1)
        self.turn_steps = self._rollout
        self._train()  # compiles, and touches all memory
        self.turn_steps = self._rollout * math.ceil(TURN_SECONDS * self._train() / self._rollout)
        self.turn_seconds = self.turn_steps / self._train()

    @property
    def switches(self) -> dict[str, str]:
        """What is really on, {} for a model that has no switches."""
        return dict(getattr(self.model, "switches", {}))

    @property
    def choice(self) -> Choice:
        """How the env is stepped, as `make_vec_env` chose."""
        return self.env.choice

    def turn(self, callback: BaseCallback | None = None) -> float:
        """Env steps per second of wall time, of a training of `turn_steps` that goes on from the last."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="rlkit")  # the notes hold them
            return self._train(callback)

    def _train(self, callback: BaseCallback | None = None) -> float:
        before, start = self.model.num_timesteps, time.perf_counter()
        with torch_threads(self.params.n_threads):
            self.model.learn(self.turn_steps, callback, reset_num_timesteps=False)
        return (self.model.num_timesteps - before) / (time.perf_counter() - start)

    def parts(self) -> dict[str, float]:
        """Seconds per env step of each of `throughput.PARTS` in one turn; they add up to the turn's."""
        timing = _Timing()
        self.turn(timing)
        return {part: spent / self.turn_steps for part, spent in timing.seconds.items()}

    def memory(self) -> dict[str, float]:
        """GiB that this process and its workers hold, and a GPU's memory and load where the model is on one."""
        me = psutil.Process()
        resident = sum(process.memory_info().rss for process in [me, *me.children(recursive=True)])
        return {"memory_gib": round(resident / GIB, 2)} | gpu_load(self.model.device)

    def close(self) -> None:
        """Free the env and its processes; calling it twice is fine."""
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


class _Timing(BaseCallback):
    """Times a training by part; it begins after the model has chosen its path, which looks at the policy's class."""

    seconds: dict[str, float]

    def _on_training_start(self) -> None:
        self._timer = PhaseTimer(self.model)

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self.seconds = self._timer.take()
        self._timer.uninstall()
