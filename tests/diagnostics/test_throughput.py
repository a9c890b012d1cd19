"""Timers against work of a known length, and the PhaseTimer on real SB3 trainings."""

import copy
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from rlkit.diagnostics import throughput
from rlkit.diagnostics.throughput import PARTS, PhaseTimer, measure_env, measure_gpu, measure_inference

STEP_SECONDS = 0.002


class Slow(gymnasium.Env):
    """Sleeps for STEP_SECONDS a step; episodes of 10 steps."""

    observation_space = gymnasium.spaces.Box(-1, 1, (3,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        self.steps = 0
        return np.zeros(3, np.float32), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        assert self.action_space.contains(action)
        self.steps += 1
        time.sleep(STEP_SECONDS)
        return np.zeros(3, np.float32), 1.0, self.steps == 10, False, {}


def cartpole(seed: int = 0) -> PPO:
    torch.set_num_threads(1)
    return PPO("MlpPolicy", make_vec_env("CartPole-v1", 4), n_steps=64, n_epochs=2, seed=seed, device="cpu")


def timed_things(model: PPO) -> list[object]:
    return [model, model.env, model.policy, model.rollout_buffer]


def test_env_speed_of_a_known_step() -> None:
    told = measure_env(DummyVecEnv([Slow, Slow]), seconds=0.2)
    assert told["ms_per_step"] >= 2 * STEP_SECONDS * 1e3  # two rows, one after the other
    assert told["steps_per_second"] == pytest.approx(told["total_steps"] / told["seconds"])
    assert told["total_steps"] == pytest.approx(2 * told["seconds"] / told["ms_per_step"] * 1e3)
    assert told["seconds"] == pytest.approx(0.2, rel=0.5)


class SlowPolicy:
    """Takes longer on every tenth call, and longer with a larger batch."""

    observation_space = gymnasium.spaces.Dict({"a": gymnasium.spaces.Box(-1, 1, (2,))})
    calls = 0

    def predict(self, observations: dict[str, np.ndarray]) -> tuple[None, None]:
        self.calls += 1
        time.sleep(0.001 * len(observations["a"]) + (0.01 if self.calls % 10 == 0 else 0))
        return None, None


def test_inference_latency_by_batch_size() -> None:
    table = measure_inference(SlowPolicy(), batch_sizes=(1, 4), seconds=0.2)
    assert table.index.tolist() == [1, 4]
    assert (table["p50_ms"] >= [1, 4]).all()
    assert (table["p95_ms"] >= 10).all()  # the tenth that takes 10 ms longer
    assert (table["mean_ms"] < table["p99_ms"]).all()
    assert table["per_second"].to_numpy() == pytest.approx(1e3 * table.index / table["mean_ms"])


def test_inference_of_a_real_policy() -> None:
    assert (measure_inference(cartpole().policy, batch_sizes=(1, 8), seconds=0.05) > 0).all(axis=None)


def test_gpu_is_told_to_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "pick_device", lambda: torch.device("cpu"))
    assert measure_gpu(lambda: None, seconds=0.01) == {"gpu": "no GPU"}


def test_gpu_load_is_sampled_under_work(monkeypatch: pytest.MonkeyPatch) -> None:
    percents = iter([0.0, 50.0, 70.0, *[60.0] * 100])
    load = lambda device: {"gpu_utilisation_percent": next(percents), "gpu_memory_used_gib": 3.0}  # noqa: E731
    monkeypatch.setattr(throughput, "pick_device", lambda: torch.device("cuda:0"))
    monkeypatch.setattr(throughput, "gpu_load", load)
    monkeypatch.setattr(throughput, "GPU_SAMPLE_SECONDS", 0.01)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: None)
    told = measure_gpu(lambda: time.sleep(0.01), seconds=0.2)
    assert (told["gpu"], told["utilisation_min"], told["utilisation_max"]) == ("cuda:0", 50.0, 70.0)
    assert told["memory_gib"] == 3.0
    assert 0 < told["calls_per_second"] <= 100


def test_phases_add_up_to_the_wall_time() -> None:
    model = cartpole()
    start, timer = time.perf_counter(), PhaseTimer(model)
    model.learn(512)
    taken, wall = timer.take(), time.perf_counter() - start
    assert list(taken) == list(PARTS)
    assert sum(taken.values()) == pytest.approx(wall, abs=1e-3)
    assert all(seconds > 0 for seconds in taken.values())
    assert sum(timer.take().values()) < 0.1 * wall  # taken once, they are gone


def test_a_slow_env_shows_as_env() -> None:
    model = PPO("MlpPolicy", VecNormalize(DummyVecEnv([Slow])), n_steps=32, batch_size=32, n_epochs=1, device="cpu")
    timer = PhaseTimer(model)
    model.learn(32)
    taken = timer.take()
    assert taken["env"] >= 32 * STEP_SECONDS
    assert taken["env"] > taken["inference"]


def test_nested_parts_are_counted_once() -> None:
    """A batch fetched during the update is buffer time, the work on it update time."""

    class Buffer:
        def get(self) -> Any:
            for item in range(3):
                time.sleep(0.04)
                yield item

    class Model:
        rollout_buffer = Buffer()

        def train(self) -> list[int]:
            items = []
            for item in self.rollout_buffer.get():
                time.sleep(0.02)
                items.append(item)
            return items

    model = Model()
    timer = PhaseTimer(model)
    assert model.train() == [0, 1, 2]
    taken = timer.take()
    assert taken["buffer"] >= 3 * 0.04
    assert 3 * 0.02 <= taken["update"] < 3 * 0.04


def test_an_error_leaves_the_clock_where_it_was() -> None:
    class Model:
        def train(self) -> None:
            raise RuntimeError("boom")

    model = Model()
    timer = PhaseTimer(model)
    with pytest.raises(RuntimeError, match="boom"):
        model.train()
    timer.take()
    time.sleep(0.01)
    assert timer.take()["other"] >= 0.01


def test_the_timer_changes_no_number_and_leaves_no_trace(tmp_path: Path) -> None:
    plain = cartpole()
    plain.learn(512)
    timed = cartpole()
    timer = PhaseTimer(timed)
    timed.learn(512)
    timed.save(tmp_path / "timed")
    timer.uninstall()
    timer.uninstall()
    for name, weights in PPO.load(tmp_path / "timed").policy.state_dict().items():
        assert torch.equal(weights, plain.policy.state_dict()[name])
    for touched, untouched in zip(timed_things(timed), timed_things(plain), strict=True):
        assert type(touched) is type(untouched)
        assert vars(touched).keys() == vars(untouched).keys()


def test_copies_and_pickles_are_untimed(tmp_path: Path) -> None:
    model = PPO("MlpPolicy", VecNormalize(DummyVecEnv([Slow])), n_steps=8, batch_size=8, device="cpu")
    timer = PhaseTimer(model)
    model.env.save(str(tmp_path / "normalize.pkl"))
    assert type(VecNormalize.load(str(tmp_path / "normalize.pkl"), model.env.venv)) is VecNormalize
    snapshot = copy.deepcopy(model.policy)
    timer.take()
    snapshot.predict(np.zeros((1, 3), np.float32))
    assert timer.take()["inference"] == 0.0
    assert snapshot.state_dict().keys() == model.policy.state_dict().keys()


def test_an_off_policy_model_is_timed_too() -> None:
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1", 1), learning_starts=20, buffer_size=500, device="cpu")
    timer = PhaseTimer(model)
    model.learn(200)
    taken = timer.take()
    assert all(taken[part] > 0 for part in ("env", "inference", "buffer", "update", "other"))
