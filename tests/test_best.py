"""Which weights a BestKeeper keeps: the success rate decides, the latest of equals, returns while nothing succeeds."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import KVWriter, Logger

from rlkit import best
from rlkit.best import TRAINING_SECONDS, BestKeeper, best_keepers
from rlkit.files import write_json


class Lines(KVWriter):
    """What was dumped, a dict per line."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        self.lines.append(dict(key_values))

    def close(self) -> None:
        pass


class Recorder:
    """Takes note of what is kept as best."""

    def __init__(self, folder: Path) -> None:
        self.owner = SimpleNamespace(run=SimpleNamespace(folder=folder))
        self.kept: list[tuple[float, float]] = []

    def save_best(self, success_rate: float, mean_reward: float, **facts: Any) -> None:
        self.kept.append((success_rate, mean_reward))
        write_json(self.owner.run.folder / "best" / "manifest.json", facts)


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    (tmp_path / "best").mkdir()
    return Recorder(tmp_path)


def train(recorder: Recorder, monkeypatch: pytest.MonkeyPatch, played: list[tuple[float, float]]) -> list[dict]:
    """The logged lines of a training whose evaluations give these (success rate, return); nan: no success is told."""
    results = iter(played)

    def evaluate(env: Any, predict: Any, episodes: int, seed: int) -> pd.DataFrame:
        assert (episodes, seed) == (10, best.SELECTION_SEED)
        rate, reward = next(results)
        table = pd.DataFrame({"return": np.full(10, reward), "length": np.full(10, 7)})
        return table if np.isnan(rate) else table.assign(success=np.arange(10) < round(10 * rate))

    monkeypatch.setattr(best, "evaluate_episodes", evaluate)
    model, lines = PPO("MlpPolicy", make_vec_env("CartPole-v1", 1), n_steps=16, batch_size=16, device="cpu"), Lines()
    model.set_logger(Logger(None, [lines]))
    keeper = BestKeeper(recorder, make_vec_env("CartPole-v1", 1), episodes=10, every=16)
    model.learn(16 * (len(played) - 1), keeper)
    assert next(results, None) is None  # one per rollout, and one of the last update's weights
    return lines.lines


def test_success_decides_and_the_latest_of_equals_stays(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = train(recorder, monkeypatch, [(0.2, 9.0), (0.8, 1.0), (0.5, 9.0), (0.8, 0.5), (0.7, 9.0)])
    assert recorder.kept == [(0.2, 9.0), (0.8, 1.0), (0.8, 0.5)]
    assert [line["eval/success_rate"] for line in lines] == [0.2, 0.8, 0.5, 0.8]
    assert {"eval/mean_reward", "eval/mean_ep_length", TRAINING_SECONDS} <= set(lines[0])


def test_returns_decide_while_nothing_succeeds(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    train(recorder, monkeypatch, [(0.0, -3.0), (0.0, -5.0), (0.0, -1.0), (0.1, -9.0), (0.0, 5.0)])
    assert recorder.kept == [(0.0, -3.0), (0.0, -1.0), (0.1, -9.0)]


def test_returns_decide_where_success_is_not_told(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = train(recorder, monkeypatch, [(np.nan, 1.0), (np.nan, 3.0), (np.nan, 2.0)])
    assert recorder.kept == [(0.0, 1.0), (0.0, 3.0)]
    assert "eval/success_rate" not in lines[0]


def test_a_resumed_training_keeps_the_best_of_before(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    train(recorder, monkeypatch, [(0.6, 1.0), (0.2, 1.0)])
    train(recorder, monkeypatch, [(0.5, 1.0), (0.7, 1.0)])
    assert recorder.kept == [(0.6, 1.0), (0.7, 1.0)]


def test_a_phase_without_evaluations_has_no_keeper(recorder: Recorder) -> None:
    for params in (SimpleNamespace(), SimpleNamespace(eval_every=0)):
        recorder.params = params
        assert best_keepers(recorder, lambda **changes: pytest.fail("an env was made")) == []
