"""The speed notebook's tables, from hand-made trainings and measurements."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rlkit.diagnostics.throughput import PARTS
from rlkit.envs.choice import Choice
from rlkit.errors import EnvError
from rlkit.params import load_params
from rlkit.runs import create_run
from rlkit.studies import speed

PARAMS = load_params("speed", {"env_id": "CartPole-v1", "ablation": ["threads", "pinned", "subproc"], "n_rounds": 6})


def training(side: str, seed: int, slope: float, second: float) -> pd.DataFrame:
    """Ten rollouts of 100 steps, whose return grows by `slope` and whose time by `second`."""
    k = np.arange(1, 11)
    return pd.DataFrame({"side": side, "seed": seed, "steps": 100 * k, "seconds": second * k, "return": slope * k})


def test_judging_by_hand() -> None:
    """The lowest of the highest returns is stock's 10 with seed 0; ours passes it at its 9th rollout (9 x 1.2)."""
    curves = pd.concat([training(speed.STOCK, 0, 1.0, 2.0), training(speed.OURS, 0, 1.2, 0.5)])
    table, verdict = speed.judge(curves)
    ours = table.set_index("side").loc[speed.OURS]
    assert (ours["steps to goal"], ours["seconds to goal"]) == (900, 4.5)
    assert ours["final return"] == pytest.approx(1.2 * 9)  # rollouts 8 to 10: the last fifth and the one it begins with
    facts = dict(zip(verdict["comparison"], verdict["measured"], strict=True))
    assert facts["final return, rlkit.PPO less stable-baselines3"] == pytest.approx(1.8)
    assert facts["steps to a return of 10, ratio of medians"] == pytest.approx(0.9)
    assert facts["seconds to a return of 10, ratio of medians"] == pytest.approx(4.5 / 20)
    assert facts["seconds of the whole training, ratio of medians"] == pytest.approx(0.25)
    assert math.isnan(facts["95 % interval, from"])  # one seed tells no spread


def test_loading_the_code_is_no_training() -> None:
    run = create_run(load_params("speed", {"fast": True, "seed": 3}))
    table = pd.DataFrame({f"time/{part}_seconds": [0.0] * 4 for part in PARTS})
    table["time/env_seconds"], table["time/update_seconds"] = [9.0, 1.0, 1.0, 1.0], [0.0, 30.0, 2.0, 2.0]
    table["time/total_timesteps"], table["rollout/ep_rew_mean"] = [64, 128, 192, 256], [1.0, 2.0, 3.0, 4.0]
    table.to_csv(run.folder / "metrics.csv", index=False)
    found = speed.curves([run])
    assert found[["steps", "seconds", "return"]].to_numpy().tolist() == [[128, 0, 2], [192, 3, 3], [256, 6, 4]]


def test_a_goal_that_a_side_never_reached_has_no_time() -> None:
    curves = pd.concat([training(speed.STOCK, 0, 1.0, 2.0), training(speed.OURS, 0, 1.2, 0.5)])
    table, _ = speed.judge(curves, goal_return=11.0)
    assert table.set_index("side")["seconds to goal"].isna().to_dict() == {speed.STOCK: True, speed.OURS: False}


def test_several_seeds_give_an_interval() -> None:
    curves = [
        training(side, seed, slope + 0.01 * seed, 1.0)
        for side, slope in ((speed.STOCK, 1.0), (speed.OURS, 1.1))
        for seed in range(3)
    ]
    _, verdict = speed.judge(pd.concat(curves))
    difference, low, high = verdict["measured"][:3]
    assert low < difference < high
    assert difference == pytest.approx(0.9)


def test_stock_is_every_switch_off() -> None:
    asked = load_params("speed", {"n_threads": 2, "use_amp": True, "vec_env": "dummy"})
    plain = speed.stock(asked)
    assert (plain.fast, plain.n_threads, plain.use_amp, plain.vec_env) == (False, 1, False, "dummy")


class Side:
    """Stands for Trial: rlkit.PPO is three times as fast; pinned memory falls back, subprocesses are refused."""

    alive = 0
    choice = Choice("dummy", 1, "")

    def __init__(self, params: Any) -> None:
        if params.vec_env == "subproc":
            raise EnvError("'CartPole-v1' cannot run in workers: it is a test.\nAnd more.")
        self.speed = 3000.0 if params.fast else 1000.0
        off = "rlkit.PPO: use_pinned_memory is off, because there is no CUDA."
        self.notes = [off] if params.use_pinned_memory else []
        self.switches = {"path": "native" if params.fast else "stable-baselines3"}
        Side.alive += 1

    def turn(self) -> float:
        return self.speed

    def close(self) -> None:
        Side.alive -= 1


def test_the_ablation_has_a_row_for_every_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "Trial", Side)
    rounds, table = speed.ablate(PARAMS)
    rows = table.set_index("variant")
    assert list(rows.index) == [speed.STOCK, speed.OURS, "+ threads", "+ pinned", "+ subproc"]
    assert rows.loc[speed.OURS, ["ratio", "low", "high"]].tolist() == [3, 3, 3]
    assert rows.loc["+ pinned", "what was on"] == "not here: there is no CUDA."
    assert rows.loc["+ subproc", "what was on"].startswith("not here: 'CartPole-v1' cannot run in workers")
    assert rows.loc[["+ pinned", "+ subproc"], "ratio"].isna().all()
    assert rounds.groupby("variant").size().to_dict() == {speed.STOCK: 6, speed.OURS: 6, "+ threads": 6}
    assert Side.alive == 0


def test_what_was_asked_for_has_a_row_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "Trial", Side)
    asked = PARAMS.model_copy(update={"use_amp": True})
    _, table = speed.ablate(asked)
    assert table["variant"].iloc[3] == "as asked"
    claims = speed.claims(asked, table).set_index("figure")["measured here"]
    assert claims["all switches together"] == "3.00x of stable-baselines3 (3.00 to 3.00)"
    assert claims["pinned memory"] == claims["torch.compile"] == "not here"


def test_the_roofline_counts_what_the_parts_took() -> None:
    """CartPole, nets of 4-8 and heads: 2 (2 x 32 + 8 x 3) = 176 forward, 3 x 176 - 128 = 400 for one epoch's update."""
    sizes = {"net_arch": [8], "n_epochs": 1, "n_envs": 2, "n_steps": 32, "batch_size": 32}
    params = load_params("speed", {"env_id": "CartPole-v1"} | sizes)
    parts = pd.DataFrame([[speed.STOCK, 1.0, 1.0, 0.0, 4.0, 0.0, 0.0]], columns=["side", *PARTS])
    table = speed.roofline(params, parts).set_index(["name", "kind"])["gflops"]
    assert table[speed.STOCK, "update"] == pytest.approx(400 / 4.0 / 1000)
    assert table[speed.STOCK, "training"] == pytest.approx(576 / 6.0 / 1000)
    assert (table.xs("limit", level="kind") > 0).all()
