"""Several runs side by side: grouped by what differs in their parameters, judged over seeds, drawn with intervals."""

import html
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rlkit.diagnostics.bands import curve_bands
from rlkit.diagnostics.verdict import judge, summarize
from rlkit.edits import tape
from rlkit.errors import ParamsError, RunError
from rlkit.runs import Run

STEPS, RETURN = "time/total_timesteps", "rollout/ep_rew_mean"
LAST_SHARE = 0.1  # of a training: the final value is the metric's mean over so much of it
GRID = 100  # points at which curves are compared
SHORT = 0.9  # of the longest run: a shorter one makes all others be judged early
COLORS = {"better": "#009e73", "worse": "#b42318", "cannot tell": "#667085", "no verdict": "#b26a00"}  # of the words
UNTOLD = {"seed", "name"}  # parameters in which runs of one group may differ


@dataclass(frozen=True)
class Comparison:
    """What `compare` found: a table with one row per group, the verdicts against the first, and the curves.

    runs: the run ids behind every number, by group.
    """

    table: pd.DataFrame
    verdicts: dict[str, str]
    runs: dict[str, list[str]]
    curves: dict[str, tuple[np.ndarray, np.ndarray]]  # steps (GRID,), values (n_seeds, GRID)
    metric: str

    def figure(self) -> Figure:
        """The curves: mean over seeds with its 95 % interval, one line per group."""
        return curve_bands(self.curves, self.metric)

    def _repr_html_(self) -> str:
        words = ""
        for name, verdict in self.verdicts.items():
            word, _, rest = verdict.partition(":")
            pill = f"background:{COLORS[word]};color:#fff;border-radius:10px;padding:1px 10px"
            words += f"<p><b>{html.escape(name)}</b> <span style='{pill}'>{word}</span> {html.escape(rest)}</p>"
        return self.table.to_html(float_format="{:.4g}".format) + words

    def __str__(self) -> str:
        words = "\n".join(f"{name}: {verdict}" for name, verdict in self.verdicts.items())
        return f"{self.table.to_string(float_format='{:.4g}'.format)}\n{words}"


def compare(runs: Sequence[Run], metric: str = RETURN, threshold: float | None = None) -> Comparison:
    """Groups of runs that differ in more than their seed, compared by a metric of metrics.csv, higher being better.

    Per group: seeds, the final value (mean, interquartile mean, worst, best), the area under the curve as a mean over
    steps up to `until_step`, where the shortest run ends, and with a `threshold` the seeds that reached it with their
    median steps and seconds to it. The first group is the one that the others are judged against, by their final
    values. RunError for a run without the metric; ParamsError when all runs belong to one group, or when a group has
    two runs of one seed.
    """
    groups = group_runs(runs)
    if len(groups) < 2:
        raise ParamsError("all these runs have the same parameters but for the seed; there is nothing to compare.")
    ends = [int(_column(run, metric)[STEPS].iloc[-1]) for run in runs]
    until, begin = min(ends), max(int(_column(run, metric)[STEPS].iloc[0]) for run in runs)
    if until <= begin:
        raise RunError(
            f"these runs have no steps in common: one begins at {begin:,} and one ends at {until:,}. "
            f"A branch is compared with others from the same checkpoint, or with its parent once that has gone on."
        )
    rows, curves, finals = [], {}, {}
    for name, members in groups.items():
        steps, values = _on_grid(members, metric, until)
        curves[name], finals[name] = (steps, values), values[:, -round(GRID * LAST_SHARE) :].mean(axis=1)
        row = {"group": name, **summarize(finals[name]), "mean_over_steps": values.mean(), "until_step": until}
        rows.append(row | _times_to(members, metric, threshold))
    first = next(iter(groups))
    verdicts = {name: _verdict(finals[first], finals[name], first) for name in groups if name != first}
    if until < SHORT * max(ends):
        short = runs[int(np.argmin(ends))].id
        warnings.warn(f"compared only up to step {until:,} of {max(ends):,}, where {short} ends", stacklevel=2)
    ids = {name: [run.id for run in members] for name, members in groups.items()}
    return Comparison(pd.DataFrame(rows).set_index("group"), verdicts, ids, curves, metric)


def group_runs(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by the parameters in which they differ, such as "learning_rate=0.001"; seeds and names do not count.

    Edits that a run has seen count as if they had been planned.
    """
    settings = [{"phase": run.phase} | run.params.model_dump(exclude=UNTOLD) | {"edits": tape(run)} for run in runs]
    names = list(dict.fromkeys(name for setting in settings for name in setting))
    differing = [name for name in names if len({repr(setting.get(name)) for setting in settings}) > 1]
    groups: dict[str, list[Run]] = {}
    for run, setting in zip(runs, settings, strict=True):
        label = ", ".join(f"{name}={setting[name]}" for name in differing if name in setting) or run.phase
        groups.setdefault(label, []).append(run)
    for label, members in groups.items():
        seeds = [run.params.seed for run in members]
        if len(set(seeds)) < len(seeds):
            raise ParamsError(
                f"{label}: seeds {sorted(seeds)} hold one twice, and equal runs are no second sample. Leave one out."
            )
    return groups


def _column(run: Run, metric: str) -> pd.DataFrame:
    metrics = run.metrics()
    if metric not in metrics or metrics[metric].notna().sum() < 2:
        known = ", ".join(sorted(c for c in metrics if c.startswith("rollout/") or c.startswith("eval/"))) or "none yet"
        raise RunError(f"run {run.id} has no curve of {metric}; it has {known}.")
    return metrics[[STEPS, metric]].dropna()


def _on_grid(runs: Sequence[Run], metric: str, until: int) -> tuple[np.ndarray, np.ndarray]:
    """(steps (GRID,), values (n_runs, GRID)): curves at the same steps, up to the last that every run has reached."""
    columns = [_column(run, metric) for run in runs]
    first = max(int(column[STEPS].iloc[0]) for column in columns)
    steps = np.linspace(first, max(until, first), GRID)
    return steps, np.stack([np.interp(steps, column[STEPS], column[metric]) for column in columns])


def _times_to(runs: Sequence[Run], metric: str, threshold: float | None) -> dict[str, Any]:
    """How many runs reached the threshold, and the median steps and seconds that they took to it."""
    if threshold is None:
        return {}
    steps, seconds = [], []
    for run in runs:
        metrics = run.metrics()
        reached = metrics[metrics[metric] >= threshold]
        if len(reached):
            steps.append(reached[STEPS].iloc[0])
            seconds.append(_seconds(metrics.loc[: reached.index[0]]))
    middle = {"steps_to": np.median(steps), "seconds_to": np.median(seconds)} if steps else {}
    return {"reached": len(steps), "steps_to": np.nan, "seconds_to": np.nan} | middle


def _seconds(metrics: pd.DataFrame) -> float:
    """Wall seconds of the training that these rows tell of."""
    parts = [name for name in metrics if name.startswith("time/") and name.endswith("_seconds")]
    return float(metrics[parts].sum().sum())


def _verdict(first: np.ndarray, second: np.ndarray, reference: str) -> str:
    try:
        return f"{judge(first, second)} (against {reference})"
    except ParamsError as error:
        return f"no verdict: {error}"
