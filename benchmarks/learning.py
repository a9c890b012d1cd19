"""Does rlkit.PPO learn as stable_baselines3.PPO does? The same hyperparameters, many seeds, and a test either way.

    python benchmarks/learning.py [--tasks CartPole-v1 --seeds 10 --jobs 2] [--variants "torch, bf16"]
                                  [--keep folder] [--figure file]

Stated before looking. Per task and side 10 trainings on seeds of their own, and of each training's episodes:

- final return: mean over the last tenth of the env steps;
- area: mean over the whole curve (its area divided by its length);
- steps to threshold: env steps until 20 episodes in a row average it, or all of them if they never do.

A side is *the same* as SB3 in a measure when two one-sided Welch tests at 5 % (the 90 % interval of the difference
inside the margin) say so. The margin is a tenth of the way from a random policy's return to the threshold, and for the
steps a quarter of SB3's mean. It is *different* when an exact permutation test of the means says so at 5 % after Holm's
correction over all tasks and measures of that side; "cannot tell" is neither, "same, yet different" both: a difference
that is real and too small to matter. The last side learns with a third of the learning rate: a comparison that
cannot tell that one apart proves nothing. `--variants` adds rlkit's other paths. `--keep` holds finished trainings in
a folder, so that a later call trains only what is missing; empty it when the trainers have changed.
"""

import argparse
import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from measuring import PATHS, header, print_table
from stable_baselines3.common.vec_env import VecNormalize

from rlkit.diagnostics import style
from rlkit.diagnostics.plots import png
from rlkit.diagnostics.statistics import difference_interval, equivalence_p, holm, mean_interval, permutation_p
from rlkit.envs.make import make_vec_env

N_BINS = 20  # of a curve; the last two are its final tenth
N_EPISODES = 20  # whose mean return is held against the threshold
MARGIN, STEPS_MARGIN = 0.1, 0.25  # share of the way from random to threshold; share of SB3's mean steps
ALPHA = 0.05
Curve = list[tuple[int, float]]  # (env steps, return) of every episode, as they ended


class Task(NamedTuple):
    """An env and hyperparameters that solve it: rl-baselines3-zoo's hyperparams/ppo.yml, but for gSDE."""

    total_timesteps: int
    n_envs: int
    random: float  # mean return of a random policy
    threshold: float  # return of one that has learned
    settings: dict[str, Any]
    decays: bool = False  # learning rate and clip range fall to 0
    normalize: bool = False  # observations and rewards, by VecNormalize


TASKS = {
    "CartPole-v1": Task(
        *(100_000, 8, 22.0, 475.0),
        {"n_steps": 32, "batch_size": 256, "n_epochs": 20, "gae_lambda": 0.8, "gamma": 0.98, "learning_rate": 1e-3},
        decays=True,
    ),
    "Acrobot-v1": Task(
        *(150_000, 16, -500.0, -100.0),
        {"n_steps": 256, "batch_size": 64, "n_epochs": 4, "gae_lambda": 0.94, "gamma": 0.99, "learning_rate": 3e-4},
        normalize=True,
    ),
    "Pendulum-v1": Task(
        *(100_000, 4, -1200.0, -250.0),
        {"n_steps": 1024, "batch_size": 64, "n_epochs": 10, "gae_lambda": 0.95, "gamma": 0.9, "learning_rate": 1e-3},
    ),
}
WEAK = "rlkit, learning rate / 3"
SIDES = ("SB3", "rlkit", WEAK)
VARIANTS = tuple(path for path in PATHS if path not in SIDES)


def main() -> None:
    """Train what is missing, and print the comparison as markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default=",".join(TASKS), help="which of " + ", ".join(TASKS))
    parser.add_argument("--seeds", type=int, default=10, help="trainings per task and side")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, each in a process on one thread")
    parser.add_argument("--variants", nargs="+", default=[], choices=VARIANTS, help="other paths of rlkit as well")
    parser.add_argument("--keep", type=Path, help="folder of finished trainings")
    parser.add_argument("--figure", type=Path, help="PNG of the curves to write")
    args = parser.parse_args()
    sides = (*SIDES[:-1], *args.variants, WEAK)
    tasks = args.tasks.split(",")
    curves = train_all(tasks, sides, args.seeds, args.jobs, args.keep)
    print(header() + f"\n{args.seeds} seeds per task and side.\n")
    columns = ("task", "measure", "SB3", "side", "difference (90 %)", "margin", "p same", "p different", "verdict")
    for side in sides[1:]:
        print(f"\n### {side}")
        print_table(columns, compare(tasks, curves, side))
    if args.figure:
        args.figure.write_bytes(png(figure(tasks, sides, curves)))


def train_all(
    tasks: list[str], sides: tuple[str, ...], seeds: int, jobs: int, keep: Path | None
) -> dict[tuple[str, str], list[Curve]]:
    """Curves of every (task, side), in the order of the seeds."""
    todo = [(task, side, seed) for seed in range(seeds) for task in tasks for side in sides]
    found: dict[tuple[str, str, int], Curve] = {}
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        waiting = {pool.submit(partial(kept, keep, *job)): job for job in todo}
        for future in as_completed(waiting):
            found[waiting[future]] = future.result()
    return {(task, side): [found[task, side, seed] for seed in range(seeds)] for task in tasks for side in sides}


def kept(folder: Path | None, task: str, side: str, seed: int) -> Curve:
    """The curve of a training, from the folder when it holds it."""
    if folder is None:
        return train(task, side, seed)
    file = folder / f"{task} {side.replace('/', 'by')} {seed}.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(train(task, side, seed))
        file.with_suffix(".part").write_text(text)
        file.with_suffix(".part").replace(file)
    return [tuple(point) for point in json.loads(file.read_text())]


def train(name: str, side: str, seed: int) -> Curve:
    """The curve of one training. No two sides share a seed: equal first weights would pair their samples."""
    task, path = TASKS[name], PATHS["rlkit" if side == WEAK else side]
    seed += 1000 * [*SIDES, *VARIANTS].index(side)
    settings = dict(task.settings)
    if side == WEAK:
        settings["learning_rate"] /= 3
    if task.decays:
        settings |= {"learning_rate": partial(decay, settings["learning_rate"]), "clip_range": partial(decay, 0.2)}
    env = monitored = make_vec_env(name, task.n_envs, seed, n_workers=1)
    if task.normalize:
        env = VecNormalize(env, gamma=settings["gamma"])
    path.model(env, seed=seed, **settings).learn(task.total_timesteps)
    return sorted(episodes(monitored, task.n_envs))


def decay(start: float, remaining: float) -> float:
    """A value that falls in a line to 0."""
    return start * remaining


def episodes(env: Any, n_envs: int) -> Iterator[tuple[int, float]]:
    """(env steps, return) of the episodes that the envs' Monitors have seen end."""
    for lengths, returns in zip(
        env.env_method("get_episode_lengths"), env.env_method("get_episode_rewards"), strict=True
    ):
        yield from zip((np.cumsum(lengths, dtype=int) * n_envs).tolist(), returns, strict=True)


def binned(curve: Curve, total_timesteps: int) -> np.ndarray:
    """Mean return of the episodes that ended in each of N_BINS equal parts; an empty part repeats the one before.

    Empty parts at the start, where the first episodes are long, take the first mean there is.
    """
    steps, returns = np.array(curve).T
    at = np.minimum(steps * N_BINS / total_timesteps, N_BINS - 1).astype(int)
    counts = np.bincount(at, minlength=N_BINS)
    sums = np.bincount(at, returns, minlength=N_BINS)
    filled = np.maximum.accumulate(np.where(counts > 0, np.arange(N_BINS), (counts > 0).argmax()))
    return sums[filled] / counts[filled]


def measures(curve: Curve, task: Task) -> dict[str, float]:
    """The three figures of a training."""
    steps, returns = np.array(curve).T
    bins = binned(curve, task.total_timesteps)
    means = np.convolve(returns, np.ones(N_EPISODES) / N_EPISODES, "valid")
    reached = np.flatnonzero(means >= task.threshold)
    done = steps[reached[0] + N_EPISODES - 1] if reached.size else task.total_timesteps
    return {"final return": bins[-2:].mean(), "area": bins.mean(), "steps to threshold": float(done)}


def compare(tasks: list[str], curves: dict[tuple[str, str], list[Curve]], side: str) -> list[tuple[str, ...]]:
    """Lines of the table of one side against SB3."""
    cases = []
    for name in tasks:
        task = TASKS[name]
        stock, ours = ([measures(curve, task) for curve in curves[name, one]] for one in ("SB3", side))
        for measure in stock[0]:
            pair = [[row[measure] for row in rows] for rows in (stock, ours)]
            by_steps = measure == "steps to threshold"
            margin = STEPS_MARGIN * np.mean(pair[0]) if by_steps else MARGIN * (task.threshold - task.random)
            cases.append((name, measure, pair, margin))
    corrected = holm([permutation_p(*pair) for _, _, pair, _ in cases])
    return [line(*case, different) for case, different in zip(cases, corrected, strict=True)]


def line(task: str, measure: str, pair: list[list[float]], margin: float, different: float) -> tuple[str, ...]:
    """A line of the table; `different` is the corrected p of a difference."""
    means = [f"{np.mean(values):,.5g} (sd {np.std(values, ddof=1):,.3g})" for values in pair]
    low, high = difference_interval(*pair, 1 - 2 * ALPHA)
    same = equivalence_p(*pair, margin)
    verdicts = {(1, 0): "same", (0, 1): "**different**", (1, 1): "same, yet different", (0, 0): "cannot tell"}
    interval = f"{np.mean(pair[1]) - np.mean(pair[0]):+,.4g} ({low:+,.4g} to {high:+,.4g})"
    verdict = verdicts[same < ALPHA, different < ALPHA]
    return task, measure, *means, interval, f"{margin:,.4g}", f"{same:.2g}", f"{different:.2g}", verdict


def figure(tasks: list[str], sides: tuple[str, ...], curves: dict[tuple[str, str], list[Curve]]) -> Any:
    """Mean curves of each task, with the 95 % interval of the mean over seeds."""
    canvas, axes = style.canvas(height=3.2 * len(tasks), rows=len(tasks))
    for axis, name in zip(axes, tasks, strict=True):
        total = TASKS[name].total_timesteps
        centres = (np.arange(N_BINS) + 0.5) * total / N_BINS
        for side, (color, dash) in zip(sides, style.line_styles(), strict=False):
            rows = np.array([binned(curve, total) for curve in curves[name, side]])
            low, high = np.array([mean_interval(column) for column in rows.T]).T
            axis.fill_between(centres, low, high, color=color, alpha=0.15, linewidth=0)
            axis.plot(centres, rows.mean(axis=0), dash, color=color, linewidth=2, label=side)
        axis.axhline(TASKS[name].threshold, color=style.MUTED, linewidth=0.8, linestyle=":")
        style.headline(axis, name, f"mean return of {len(rows)} seeds, 95 % interval; the dotted line is the threshold")
        style.step_axis(axis)
        style.legend(axis)
    return canvas


if __name__ == "__main__":
    main()
