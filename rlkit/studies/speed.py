"""The speed notebook's measurements: where the time goes, what each switch does, and whether the learning stays.

Every function measures here and now and returns a table; `rlkit.diagnostics.speed_plots` draws them.
"""

from typing import Any

import numpy as np
import pandas as pd
from gymnasium.spaces.utils import flatdim

from rlkit.diagnostics.ablation import ratio, take_turns
from rlkit.diagnostics.machine import cores_usable, pick_device
from rlkit.diagnostics.roofline import flops_per_step, numpy_product_flops, torch_product_flops
from rlkit.diagnostics.statistics import difference_interval
from rlkit.diagnostics.throughput import PARTS
from rlkit.doctor.alone import measure
from rlkit.doctor.trial import Trial
from rlkit.errors import RlkitError
from rlkit.experiment import start, torch_threads
from rlkit.phases.speed import SpeedParams
from rlkit.runs import Run

STOCK, OURS = "stable-baselines3", "rlkit.PPO"
OFF = {"fast": False, "n_threads": 1, "use_amp": False, "use_torch_compile": False, "use_pinned_memory": False}
BARE = OFF | {"fast": True}  # rlkit.PPO with no other switch
LOADING = 1  # rollouts before the one with whose end a training's clock starts: its first update is logged with that
LAST_SHARE = 0.2  # of a training: its final return is the mean over this much of its end
GIGA = 1e9
PROMISED = {  # switches of the ancestor, by their name in the ablation
    "amp": "half precision",
    "compile": "torch.compile",
    "pinned": "pinned memory",
    "subproc": "subprocesses",
}


def stock(params: SpeedParams) -> SpeedParams:
    """The same training by stable-baselines3's own code on one thread: every switch off."""
    return params.model_copy(update=OFF)


def where_time_goes(params: SpeedParams) -> pd.DataFrame:
    """Microseconds of wall time per env step by part, one row for stock and one for rlkit.PPO as asked."""
    rows = {}
    for name, side in ((STOCK, stock(params)), (OURS, params)):
        with Trial(side) as trial:
            rows[name] = {part: 1e6 * seconds for part, seconds in trial.parts().items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(PARTS)).rename_axis("side").reset_index()


def ablate(params: SpeedParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(rounds, table) of every switch in `params.ablation`, each alone on top of rlkit.PPO, in turns with stock.

    rounds: variant, round, steps_per_second. table, one row per variant: the median speed, its ratio to stock with the
    interval, and what was really on, or why it is not there on this machine.
    """
    trials, absent = _build(_variants(params))
    try:
        speeds = take_turns([trial.turn for trial in trials.values()], params.n_rounds)
        on = {name: f"{trial.switches['path']}; env: {trial.choice.vec_env}" for name, trial in trials.items()}
    finally:
        for trial in trials.values():
            trial.close()
    columns = dict(zip(trials, speeds.T, strict=True))
    rounds = pd.DataFrame(columns).melt(var_name="variant", value_name="steps_per_second", ignore_index=False)
    rows = [_row(name, speed, columns[STOCK]) | {"what was on": on[name]} for name, speed in columns.items()]
    rows += [{"variant": name, "what was on": f"not here: {reason}"} for name, reason in absent.items()]
    return rounds.rename_axis("round").reset_index(), pd.DataFrame(rows)


def _variants(params: SpeedParams) -> dict[str, SpeedParams]:
    switches: dict[str, dict[str, Any]] = {
        "threads": {"n_threads": cores_usable()},
        "compile": {"use_torch_compile": True},
        "amp": {"use_amp": True},
        "compile+amp": {"use_torch_compile": True, "use_amp": True},
        "pinned": {"use_pinned_memory": True},
        "one process": {"n_workers": 1, "vec_env": "auto"},
        "subproc": {"vec_env": "subproc"},
    }
    found = {STOCK: stock(params), OURS: params.model_copy(update=BARE)}
    found |= {f"+ {name}": params.model_copy(update=BARE | switches[name]) for name in params.ablation}
    return found if params in found.values() else found | {"as asked": params}


def _build(variants: dict[str, SpeedParams]) -> tuple[dict[str, Trial], dict[str, str]]:
    """The trials that can be built, and for the others why not; a switch that fell back is one of the others."""
    trials: dict[str, Trial] = {}
    absent: dict[str, str] = {}
    try:
        for name, params in variants.items():
            try:
                trial = Trial(params)
            except RlkitError as error:
                absent[name] = str(error).splitlines()[0]
                continue
            if name not in (STOCK, OURS) and trial.notes:
                absent[name] = trial.notes[0].rpartition("because ")[2]
                trial.close()
            else:
                trials[name] = trial
    except BaseException:
        for trial in trials.values():
            trial.close()
        raise
    return trials, absent


def _row(name: str, speeds: np.ndarray, base: np.ndarray) -> dict[str, Any]:
    found = ratio(base, speeds)
    row = {"variant": name, "steps_per_second": float(np.median(speeds))}
    return row | {"ratio": found.middle, "low": found.low, "high": found.high}


def race(params: SpeedParams) -> tuple[Run, list[Run]]:
    """(the run of these very parameters, all runs): `n_seeds` trainings of stock and of rlkit.PPO as asked.

    To the same number of steps, one after the other, the sides in turns, each in a process of its own.
    """
    seeds = range(params.seed, params.seed + params.n_seeds)
    runs = [start(side.model_copy(update={"seed": seed})).wait() for seed in seeds for side in (stock(params), params)]
    return runs[1], runs


def curves(runs: list[Run]) -> pd.DataFrame:
    """side, seed, steps, seconds and return of each rollout of the runs, from the second one on.

    Seconds are of wall time since the end of the second rollout: up to there, rollout and update are loaded or
    compiled, which is no training and takes longer than a short one.
    """
    tables = []
    for run in runs:
        metrics = run.metrics()
        spent = metrics[[f"time/{part}_seconds" for part in PARTS]].sum(axis="columns").cumsum()
        spent -= spent.iloc[min(LOADING, len(spent) - 1)]
        columns = {"steps": metrics["time/total_timesteps"], "seconds": spent, "return": metrics["rollout/ep_rew_mean"]}
        side = OURS if run.params.fast else STOCK
        tables.append(pd.DataFrame({"side": side, "seed": run.params.seed, **columns})[LOADING:].dropna())
    return pd.concat(tables, ignore_index=True)


def judge(found: pd.DataFrame, goal_return: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(per training, per comparison): final return, and steps and seconds to the goal, from the `curves`.

    A goal_return of 0 takes the highest return that every training reached. The interval of the difference between the
    sides' final returns is Welch's, 95 %, over seeds; nan for a single seed, which tells no spread.
    """
    trainings = found.groupby(["side", "seed"], sort=False)
    goal = goal_return or float(trainings["return"].max().min())
    table = trainings[["steps", "seconds", "return"]].apply(_result, goal).reset_index()
    ours, theirs = (table[table["side"] == side] for side in (OURS, STOCK))
    low, high = difference_interval(theirs["final return"], ours["final return"])
    facts = {
        "final return, rlkit.PPO less stable-baselines3": ours["final return"].mean() - theirs["final return"].mean(),
        "95 % interval, from": low,
        "to": high,
        f"steps to a return of {goal:.3g}, ratio of medians": _ratio_of_medians(ours, theirs, "steps to goal"),
        f"seconds to a return of {goal:.3g}, ratio of medians": _ratio_of_medians(ours, theirs, "seconds to goal"),
        "seconds of the whole training, ratio of medians": _ratio_of_medians(ours, theirs, "seconds"),
    }
    return table, pd.DataFrame({"comparison": facts.keys(), "measured": facts.values()})


def _result(training: pd.DataFrame, goal: float) -> pd.Series:
    steps, reached = training["steps"], training[training["return"] >= goal]
    end = training[steps >= steps.iloc[-1] * (1 - LAST_SHARE)]
    first = reached.iloc[0] if len(reached) else {"steps": np.nan, "seconds": np.nan}
    return pd.Series(
        {
            "final return": end["return"].mean(),
            "steps": steps.iloc[-1],
            "seconds": training["seconds"].iloc[-1],
            "steps to goal": first["steps"],
            "seconds to goal": first["seconds"],
        }
    )


def _ratio_of_medians(one: pd.DataFrame, other: pd.DataFrame, column: str) -> float:
    return one[column].median() / other[column].median()


def roofline(params: SpeedParams, parts: pd.DataFrame) -> pd.DataFrame:
    """name, kind ("limit", "update", "training") and gflops: what the CPU can do here, and what the training did.

    The limits are float32 products measured now, each on one thread: of one minibatch with the widest layer by torch
    and by NumPy, and NumPy's of a square of 1024, the best that a core does. parts: as `where_time_goes` gives them.
    """
    minibatch, square = (params.batch_size, max(params.net_arch), max(params.net_arch)), (1024, 1024, 1024)
    with torch_threads(1):
        limits = {("torch", minibatch): torch_product_flops(*minibatch)}
    limits |= zip((("NumPy", minibatch), ("NumPy", square)), numpy_product_flops(minibatch, square), strict=True)
    found = [
        {"name": f"{by}, {' x '.join(map(str, shape))}", "kind": "limit", "gflops": flops / GIGA}
        for (by, shape), flops in limits.items()
    ]
    with Trial(stock(params)) as trial:
        policy = trial.model.policy
        forward, update = flops_per_step(policy, flatdim(policy.observation_space), params.n_epochs)
    for side in parts.set_index("side").itertuples():
        whole = sum(side[1:])  # microseconds per env step; operations per microsecond are millions per second
        found.append({"name": side.Index, "kind": "update", "gflops": update / side.update * 1e6 / GIGA})
        found.append({"name": side.Index, "kind": "training", "gflops": (forward + update) / whole * 1e6 / GIGA})
    return pd.DataFrame(found)


def claims(params: SpeedParams, ablation: pd.DataFrame) -> pd.DataFrame:
    """What the kit's ancestor promised beside what was measured here; none of its figures came from a run.

    A tick was one env step. Its switches for half precision, pinned memory and workers were read and then not used.
    """
    table = ablation.set_index("variant").reindex(columns=["steps_per_second", "ratio", "low", "high"])
    asked = "as asked" if "as asked" in table.index else OURS
    rows = [
        ("env steps per second before", "6 to 9 ticks", _speed(table, STOCK)),
        ("env steps per second after", "25 ticks or more", _speed(table, asked)),
        ("all switches together", "3x to 5x", _gain(table, asked)),
        ("GPU load after", "40 to 80 %", _gpu(params)),
    ]
    rows += [(text, "a part of that", _gain(table, f"+ {name}")) for name, text in PROMISED.items()]
    return pd.DataFrame(rows, columns=["figure", "promised", "measured here"])


def _speed(table: pd.DataFrame, variant: str) -> str:
    return f"{table.loc[variant, 'steps_per_second']:,.0f}"


def _gain(table: pd.DataFrame, variant: str) -> str:
    if variant not in table.index or np.isnan(table.loc[variant, "ratio"]):
        return "not here"
    row = table.loc[variant]
    return f"{row['ratio']:.2f}x of stable-baselines3 ({row['low']:.2f} to {row['high']:.2f})"


def _gpu(params: SpeedParams) -> str:
    if pick_device().type == "cpu":
        return "no GPU here"
    (load,) = measure(params, "gpu")["gpu"]
    return f"{load['utilisation_mean']:.0f} %, device {params.device}"
