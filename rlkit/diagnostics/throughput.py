"""How fast each part runs: the env, the policy, the GPU, and where a training's seconds go."""

import copy
import functools
import inspect
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from stable_baselines3.common.vec_env import VecEnv

from rlkit.diagnostics.machine import gpu_load, pick_device

WARM_UP = 0.2  # share of the measuring time run before it: holds compilation, caches and the first resets
GPU_SAMPLE_SECONDS = 0.1  # between two readings; drivers refresh theirs every 1/6 to 1 s
SECONDS_TO_MS = 1e3

PARTS = ("env", "inference", "buffer", "update", "logging", "other")
TIMED = (  # where on the model, which methods, what part; what a model lacks is passed over
    ("env", ("reset", "step", "step_async", "step_wait"), "env"),
    ("policy", ("forward", "predict", "predict_values"), "inference"),
    ("_path", ("start_rollout", "observe", "act", "values"), "inference"),  # rlkit.PPO's own loops
    ("", ("_finish_rollout",), "buffer"),
    ("rollout_buffer", ("reset", "add", "compute_returns_and_advantage", "get"), "buffer"),
    ("replay_buffer", ("add", "sample"), "buffer"),
    ("", ("train",), "update"),
    ("", ("dump_logs",), "logging"),  # and not logger.dump: `learn` makes a new logger each time
)


def measure_env(env: VecEnv, seconds: float = 2.0) -> dict[str, float]:
    """Speed of a VecEnv under random actions: total_steps (all rows), seconds, steps_per_second, ms_per_step.

    A step of total_steps is one row's; ms_per_step is the time of one `env.step` call, which steps all rows. The
    actions are drawn beforehand, so that drawing them is not measured. The env is reset and left mid-episode.
    """
    space = copy.deepcopy(env.action_space)  # its generator belongs to the env
    space.seed(0)
    actions = [np.stack([space.sample() for _ in range(env.num_envs)]) for _ in range(16)]
    env.reset()
    calls = _call_times(_cycle(env.step, actions), seconds)
    total_steps, spent = len(calls) * env.num_envs, float(calls.sum())
    return {
        "total_steps": total_steps,
        "seconds": spent,
        "steps_per_second": total_steps / spent,
        "ms_per_step": spent / len(calls) * SECONDS_TO_MS,
    }


def measure_inference(policy: Any, batch_sizes: Sequence[int] = (1, 64, 1024), seconds: float = 1.0) -> pd.DataFrame:
    """Latency of `policy.predict`, NumPy in and out, one row per batch size, with `seconds` spent on each.

    Index batch_size; columns mean_ms, p50_ms, p95_ms, p99_ms (of one call) and per_second (observations). policy: an
    SB3 model or policy, on any device, recurrent ones from a fresh state; observations are samples of its space.
    """
    space = copy.deepcopy(policy.observation_space)
    space.seed(0)
    rows = {}
    for size in batch_sizes:
        observations = _batch([space.sample() for _ in range(size)])
        calls = _call_times(lambda batch=observations: policy.predict(batch), seconds) * SECONDS_TO_MS
        quantiles = dict(zip(("p50_ms", "p95_ms", "p99_ms"), np.percentile(calls, (50, 95, 99)), strict=True))
        rows[size] = {"mean_ms": calls.mean(), **quantiles, "per_second": size / calls.mean() * SECONDS_TO_MS}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("batch_size")


def measure_gpu(work: Callable[[], object], seconds: float = 2.0) -> dict[str, Any]:
    """Load of the GPU while `work` (say `model.train`) is called again and again; {"gpu": "no GPU"} without one.

    gpu (name of the device), calls_per_second, utilisation_{mean,min,max} in percent and memory_gib (the highest).
    Utilisation is nan where `gpu_load` cannot read it.
    """
    device = pick_device()
    if device.type == "cpu":
        return {"gpu": "no GPU"}
    samples, stop = [gpu_load(device)], threading.Event()

    def watch() -> None:
        while not stop.wait(GPU_SAMPLE_SECONDS):
            samples.append(gpu_load(device))

    def once() -> None:
        work()
        torch.accelerator.synchronize()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        calls = _call_times(once, seconds)
    finally:
        stop.set()
        watcher.join()
    load = pd.DataFrame(samples)
    percent = load["gpu_utilisation_percent"][1:]  # the first reading was taken before any work
    return {
        "gpu": str(device),
        "calls_per_second": len(calls) / float(calls.sum()),
        "utilisation_mean": percent.mean(),
        "utilisation_min": percent.min(),
        "utilisation_max": percent.max(),
        "memory_gib": load["gpu_memory_used_gib"].max(),
    }


class PhaseTimer:
    """Where a training's wall time goes, by part (see PARTS), read with `take()` as often as one likes.

    timer = PhaseTimer(model); model.learn(...); timer.take() -> {"env": 1.2, "update": 3.4, ...}; timer.uninstall().
    The parts add up to the wall time exactly: the clock always runs for one part, the innermost (batches fetched during
    the update are "buffer"), and for "other" outside of all. Each object on the model that is timed gets a subclass of
    its own class with the timed methods; its attributes stay as they are, so `model.save` works, and copies and pickles
    of it are untimed. A timed call costs about 0.3 us, in all about 1 % of a small SB3 training.
    On a GPU the end of an inference or update waits for its kernels, or their time would show up elsewhere.
    Call it from the training's thread only. A trainer with methods of other names passes its own `timed` table.
    """

    def __init__(self, model: Any, timed: Sequence[tuple[str, Sequence[str], str]] = TIMED) -> None:
        self._seconds = dict.fromkeys((*PARTS, *(part for _, _, part in timed)), 0.0)
        self._part, self._mark = "other", time.perf_counter()
        self._waits = getattr(model, "device", torch.device("cpu")).type != "cpu"
        methods: dict[str, dict[str, str]] = {}
        for place, names, part in timed:
            methods.setdefault(place, {}).update(dict.fromkeys(names, part))
        objects = ((getattr(model, place, None) if place else model, names) for place, names in methods.items())
        self._installed = [(thing, self._install(thing, names)) for thing, names in objects if thing is not None]

    def take(self) -> dict[str, float]:
        """Seconds of wall time by part since the last `take`, or since the start; then all begin at 0 again."""
        self._switch(self._part)
        taken, self._seconds = self._seconds, dict.fromkeys(self._seconds, 0.0)
        return taken

    def uninstall(self) -> None:
        """Give every object its own class back; calling it twice is fine."""
        while self._installed:
            thing, original = self._installed.pop()
            thing.__class__ = original

    def _switch(self, part: str) -> str:
        """Book the time since the last switch, run the clock for another part, and tell which it ran for."""
        now, before = time.perf_counter(), self._part
        self._seconds[before] += now - self._mark
        self._part, self._mark = part, now
        return before

    def _install(self, thing: Any, names: dict[str, str]) -> type:
        """Swap the class of an object for one with its methods timed; gives the original class."""
        original = type(thing)
        found = {name: getattr(original, name) for name in names if hasattr(original, name)}
        methods = {name: self._timed(method, names[name]) for name, method in found.items()}

        def reduce(thing: Any, protocol: int) -> tuple[Any, ...]:
            _, _, *state = original.__reduce_ex__(thing, protocol)
            return object.__new__, (original,), *state  # and not copyreg.__newobj__: pickle holds it to the timed class

        own = {"__module__": original.__module__, "__reduce_ex__": reduce}
        thing.__class__ = type(original.__name__, (original,), own | methods)
        return original

    def _timed(self, method: Callable[..., Any], part: str) -> Callable[..., Any]:
        """The method with the clock running for `part`; a generator's only while it is asked for the next item."""
        waits = self._waits and part in ("inference", "update")

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            before = self._switch(part)
            try:
                result = method(*args, **kwargs)
                if waits:
                    torch.accelerator.synchronize()
                return result
            finally:
                self._switch(before)

        @functools.wraps(method)
        def items(*args: Any, **kwargs: Any) -> Iterator[Any]:
            iterator = method(*args, **kwargs)
            while True:
                before = self._switch(part)
                try:
                    item = next(iterator)
                except StopIteration:
                    return
                finally:
                    self._switch(before)
                yield item

        return items if inspect.isgeneratorfunction(method) else call


def _call_times(work: Callable[[], object], seconds: float) -> np.ndarray:
    """Seconds of each call of `work`, float64 (calls,): about `seconds` of them after a warm-up, at least one."""
    times: list[float] = []
    for span in (seconds * WARM_UP, seconds):
        times.clear()
        end = time.perf_counter() + span
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return np.array(times)


def _cycle(work: Callable[[Any], object], items: Sequence[Any]) -> Callable[[], object]:
    """A call without arguments that hands `work` one item after the other, round and round."""
    turns = itertools.cycle(items)
    return lambda: work(next(turns))


def _batch(observations: Sequence[Any]) -> Any:
    """Observations stacked along a new first axis, key by key where they are dicts."""
    if isinstance(observations[0], dict):
        return {key: np.stack([one[key] for one in observations]) for key in observations[0]}
    return np.stack(observations)
