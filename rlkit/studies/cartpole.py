"""The CartPole notebook's studies: three libraries' DQN over seeds, and what each hyperparameter does."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from rlkit.diagnostics.statistics import difference_interval
from rlkit.experiment import train
from rlkit.phases.cartpole import CartPoleParams
from rlkit.runs import Run
from rlkit.studies.trials import warm_up

STEPS, SOLVED = "time/total_timesteps", "eval/solved_steps"
SIDES = {"sb3": "stable-baselines3", "rlkit": "rlkit.DQN", "torchrl": "TorchRL"}  # the first is what others are held to


def compare(params: CartPoleParams) -> list[Run]:
    """One training per library and seed, the libraries in turns, in this process, each in a run folder of its own."""
    seeds = range(params.seed, params.seed + params.n_seeds)
    wanted = [_changed(params, algorithm=side, seed=seed, name=side) for seed in seeds for side in SIDES]
    warm_up([_changed(params, algorithm="rlkit")])  # compiling is no part of a training
    return [train(one) for one in wanted]


def sweep(params: CartPoleParams) -> dict[str, list[Run]]:
    """Trainings of each value in params.sweep, one parameter at a time, over the seeds; "learning_rate=0.001": runs."""
    runs: dict[str, list[Run]] = {}
    for name, values in params.sweep.items():
        for value in values:
            label = f"{name}={value:g}"
            change = {name: value, "algorithm": params.sweep_algorithm, "name": label}
            seeds = range(params.seed, params.seed + params.n_seeds)
            runs[label] = [train(_changed(params, seed=seed, **change)) for seed in seeds]
    return runs


def results(runs: Iterable[Run]) -> pd.DataFrame:
    """One row per training: algorithm, seed, solved, steps and seconds (until solved, else all), last return, run.

    seconds are the CPU's, without the evaluations; the last return is the mean of the last greedy evaluation.
    """
    return pd.DataFrame([_result(run) for run in runs])


def curves(runs: Iterable[Run]) -> pd.DataFrame:
    """Every greedy evaluation of these trainings: algorithm, seed, steps, seconds, return."""
    names = {STEPS: "steps", "eval/training_seconds": "seconds", "eval/mean_return": "return"}
    frames = []
    for run in runs:
        looks = run.metrics().dropna(subset=["eval/mean_return"])[list(names)].rename(columns=names)
        frames.append(looks.assign(algorithm=SIDES[run.params.algorithm], seed=run.params.seed))
    return pd.concat(frames, ignore_index=True)


def summary(table: pd.DataFrame, by: str = "algorithm") -> pd.DataFrame:
    """One row per group of `results`: how many seeds solved it, medians, and the seconds of the slowest seed."""
    groups = table.groupby(by, sort=False)
    return pd.DataFrame(
        {
            "solved": [f"{group['solved'].sum()} of {len(group)}" for _, group in groups],
            "steps": groups["steps"].median(),
            "seconds": groups["seconds"].median().round(2),
            "slowest": groups["seconds"].max().round(2),
            "steps per second": (groups["steps"].median() / groups["seconds"].median()).round(),
            "last return": groups["last return"].median().round(1),
        }
    )


def sweep_results(runs: dict[str, list[Run]]) -> pd.DataFrame:
    """`results` of a sweep, with its label in the column `setting`."""
    return pd.concat([results(group).assign(setting=label) for label, group in runs.items()], ignore_index=True)


def verdict(table: pd.DataFrame) -> pd.DataFrame:
    """Each library against stable-baselines3: do the steps differ, and the seconds per step?

    One row per library and measure with Welch's 95 % interval of the difference, in percent of SB3's mean, and
    "less", "more" or "cannot tell" where the interval holds 0 or there are too few seeds. A training that did not solve
    counts with all of its steps, so that it can only seem shorter than it is.
    """
    measured = table.assign(**{"microseconds per step": 1e6 * table["seconds"] / table["steps"]})
    groups = dict(iter(measured.groupby("algorithm", sort=False)))
    base = groups[SIDES["sb3"]]
    rows = []
    for name in [side for side in groups if side != SIDES["sb3"]]:
        for measure in ("steps", "microseconds per step"):
            first, second = base[measure].to_numpy(float), groups[name][measure].to_numpy(float)
            low, high = (100 * bound / first.mean() for bound in difference_interval(first, second))
            said = "less" if high < 0 else "more" if low > 0 else "cannot tell"
            row = {"library": name, "measure": measure, "SB3": first.mean(), "this": second.mean()}
            rows.append(row | {"from %": low, "to %": high, "verdict": said})
    return pd.DataFrame(rows).round(1)


def _changed(params: CartPoleParams, **changes: Any) -> CartPoleParams:
    """The parameters with some changed, checked anew; whole numbers stay whole."""
    values = params.model_dump()
    whole = {name: int(value) for name, value in changes.items() if isinstance(values[name], int)}
    if changes.get("algorithm", "torchrl") != "torchrl":
        changes |= {"double_dqn": False, "prioritized": False}  # which only TorchRL's has
    return CartPoleParams(**values | changes | whole)


def _result(run: Run) -> dict[str, Any]:
    metrics, params = run.metrics(), run.params
    solved = metrics[SOLVED].notna() if SOLVED in metrics else np.zeros(len(metrics), bool)
    looks = metrics.dropna(subset=["eval/mean_return"])
    row = metrics[solved].iloc[0] if solved.any() else looks.iloc[-1]
    return {
        "algorithm": SIDES[params.algorithm],
        "seed": params.seed,
        "solved": bool(solved.any()),
        "steps": int(row[STEPS]),
        "seconds": float(row["eval/training_seconds"]),
        "last return": float(looks["eval/mean_return"].iloc[-1]),
        "run": run.id,
    }
