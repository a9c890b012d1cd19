"""The comparison notebook: which runs it is about, the page that it leaves, and how often the verdict errs."""

import os
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd

from rlkit.comparing import GRID, LAST_SHARE, Comparison
from rlkit.diagnostics.statistics import proportion_interval
from rlkit.diagnostics.verdict import ALPHA, LEAST_SEEDS, judge
from rlkit.errors import RunError
from rlkit.experiment import train
from rlkit.files import write_json
from rlkit.owner import Owner
from rlkit.params import load_params
from rlkit.phases.base import Params
from rlkit.phases.compare import CompareParams
from rlkit.progress import ProgressLine
from rlkit.reporting import compare_report
from rlkit.runs import Run, all_runs, create_run
from rlkit.studies.trials import warm_up

SEEDS = (LEAST_SEEDS, 7)  # a side: those that a verdict needs, and a few more; a trial of 7 takes 20 ms of CPU
FAILURES = 0.4  # share of the seeds that learn nothing, in the distribution with two humps
SHARED = ("env_id", "env_kwargs", "n_envs", "n_workers", "total_timesteps", "device", "n_threads", "checkpoint_every")
Draw = Callable[[np.random.Generator, int], np.ndarray]


def find_runs(params: CompareParams) -> list[Run]:
    """The runs that the parameters name, oldest first; with none named, those of `study`, trained here and now."""
    return choose(params.runs) if params.runs else study(params)


def choose(patterns: Sequence[str]) -> list[Run]:
    """Every run whose id holds one of the words, or whose phase/id fits one of the patterns (* and ?), oldest first.

    RunError for a word or pattern that fits none.
    """
    runs, chosen = all_runs(), {}
    for pattern in patterns:
        fitting = {run.id: run for run in runs if pattern in run.id or fnmatch(f"{run.phase}/{run.id}", pattern)}
        if not fitting:
            raise RunError(
                f"no run fits '{pattern}'. `rlkit ls` lists them; a pattern is for phase/id: baseline/*_s0_*"
            )
        chosen |= fitting
    return [run for run in runs if run.id in chosen]


def study(params: CompareParams) -> list[Run]:
    """One training of each side and seed, in this process and in turns: a busy machine slows all sides alike."""
    warm_up([wanted[0] for wanted in _trainings(params)])
    turns = [one for seeds in zip(*_trainings(params), strict=True) for one in seeds]
    line, runs = ProgressLine(), []
    for number, one in enumerate(turns, start=1):
        line.show(f"training {number} of {len(turns)}")
        runs.append(train(one))
    line.end(f"{len(turns)} trainings")
    return [run for place in range(len(params.sides)) for run in runs[place :: len(params.sides)]]


def _trainings(params: CompareParams) -> list[list[Params]]:
    """The parameters of each side's trainings, one per seed."""
    shared = params.model_dump(include=set(SHARED)) | params.settings
    seeds = range(params.seed, params.seed + params.n_seeds)
    return [
        [
            load_params(params.trains, shared | side | {"seed": seed, "name": params.name}, source="sides")
            for seed in seeds
        ]
        for side in params.sides
    ]


def false_alarms(found: Comparison, trials: int, seed: int = 0) -> pd.DataFrame:
    """How often the verdict says better or worse of two equal sides: one row per distribution and number of seeds.

    Columns: distribution, seeds (a side), trials, rate, low and high (Wilson's 95 %), nominal. Both sides are drawn
    anew for each trial from the same distribution: the final values of the first group, with replacement; a normal
    one; and one with two humps, where some seeds learn nothing.
    """
    rng, rows = np.random.default_rng(seed), []
    for name, draw in _distributions(found).items():
        for seeds in SEEDS:
            words = [judge(draw(rng, seeds), draw(rng, seeds)).word for _ in range(trials)]
            wrong = sum(word != "cannot tell" for word in words)
            low, high = proportion_interval(wrong, trials)
            row = {"distribution": name, "seeds": seeds, "trials": trials, "rate": wrong / trials}
            rows.append(row | {"low": low, "high": high, "nominal": ALPHA})
    return pd.DataFrame(rows)


def _distributions(found: Comparison) -> dict[str, Draw]:
    name, (_, values) = next(iter(found.curves.items()))
    finals = values[:, -round(GRID * LAST_SHARE) :].mean(axis=1)
    return {
        f"the {len(finals)} runs of {name}": lambda rng, n: rng.choice(finals, n),
        "normal": lambda rng, n: rng.normal(size=n),
        "two humps": lambda rng, n: rng.normal(size=n) + 10 * (rng.random(n) > FAILURES),
    }


def keep(params: CompareParams, found: Comparison, alarms: pd.DataFrame) -> Path:
    """Make the comparison a run of its own, with its tables, and write its report; the path of that page.

    Under `rlkit run compare` it is the run of the notebook, else a new one.
    """
    folder = os.environ.get("RLKIT_RUN")
    run = Run(Path(folder)) if folder else create_run(params)
    with Owner(run, os.environ.get("RLKIT_SUPERVISOR", "")) as owner:
        write_json(run.folder / "compared.json", {"runs": found.runs, "verdicts": found.verdicts})
        run.keep_tables(groups=found.table.reset_index(), false_alarms=alarms)
        page = compare_report(found, run.folder / "report.html", {"False alarms of the verdict": alarms})
        owner.finish({"verdicts": found.verdicts})
    return page
