"""rlkit.DQN against stable_baselines3.DQN on CartPole-v1, side by side in one process, in one command.

    python benchmarks/dqn.py [--rounds 5 --seconds 2.0] [--source cleanrl=PATH] [--keep]

Both train with the same arguments on one torch thread and take turns; a turn is one `learn` of about --seconds. The
figure is the median over the rounds of env steps per CPU-second, which other load on the machine disturbs least, and
the ratio is the median of the rounds' ratios. With --source, CleanRL's own cleanrl/dqn.py (PATH is a clone of
https://github.com/vwxyzjn/cleanrl; it needs tyro installed) trains in a process of its own with the first line's
arguments, in turns with SB3; its figure is its CPU-seconds less those of a run that only starts.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import stable_baselines3
import torch
from measuring import add_keep, header, keep_results

from rlkit.envs.make import make_vec_env
from rlkit.trainers.dqn import DQN

SIDES = {"SB3": stable_baselines3.DQN, "rlkit": DQN}
COMMON = {"buffer_size": 10_000, "learning_rate": 2.5e-4, "learning_starts": 1000, "target_update_interval": 500}
CLEANRL_STEPS = 20_000  # of its measured run
CLEANRL_FLAGS = (
    "--no-cuda",
    "--no-track",
    "--no-capture-video",
    "--no-save-model",
)  # its other defaults are line one's

CLEANRL_ONE_THREAD = """import runpy, torch
torch.set_num_threads(1)
runpy.run_path("cleanrl/dqn.py", run_name="__main__")"""


class Workload(NamedTuple):
    """One line of the table."""

    n_envs: int
    batch_size: int
    train_freq: int  # steps of the VecEnv between updates
    gradient_steps: int
    net_arch: tuple[int, ...]


WORKLOADS = {
    "CleanRL's settings": Workload(1, 128, 10, 1, (120, 84)),
    "the same, 8 envs": Workload(8, 128, 10, 1, (120, 84)),
    "an update each step, small": Workload(1, 32, 1, 1, (64, 64)),
    "the zoo's settings": Workload(1, 64, 256, 128, (256, 256)),
}


def main() -> None:
    """Measure and print as markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a turn")
    parser.add_argument("--source", default="", help="cleanrl=PATH, a clone of CleanRL")
    add_keep(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(header() + "\n")
    print("| CartPole-v1 | envs | batch | train_freq | net | SB3 | rlkit | ratio |\n" + "|---" * 8 + "|")
    kept = {}
    for name, load in WORKLOADS.items():
        kept[name] = figures = measure(load, args.rounds, args.seconds)
        print(row(name, load, figures), flush=True)
    if args.source:
        figures = measure_cleanrl(Path(args.source.removeprefix("cleanrl=")), args.rounds, args.seconds)
        kept["CleanRL's dqn.py"] = figures
        print(row("CleanRL's dqn.py in rlkit's column", WORKLOADS["CleanRL's settings"], figures), flush=True)
    if args.keep:
        keep_results("dqn", kept)


def row(name: str, load: Workload, figures: dict[str, float]) -> str:
    """A line of the table."""
    net, often = ", ".join(map(str, load.net_arch)), f"{load.train_freq}, {load.gradient_steps} update(s)"
    shape = f"{load.n_envs} | {load.batch_size} | {often} | {net}"
    return f"| {name} | {shape} | {figures['sb3']:,.0f} | {figures['rlkit']:,.0f} | **{figures['ratio']:.1f}x** |"


def measure(load: Workload, rounds: int, seconds: float) -> dict[str, float]:
    """Env steps per CPU-second of SB3 and of rlkit, and the ratio."""
    return medians([[speed(*turn) for turn in zip(*prepare(load, seconds), strict=True)] for _ in range(rounds)])


def medians(turns: list[list[float]]) -> dict[str, float]:
    """Of rounds of (SB3's speed, the other's), what a line tells."""
    sb3, other = (statistics.median(column) for column in zip(*turns, strict=True))
    return {"sb3": sb3, "rlkit": other, "ratio": statistics.median(later / earlier for earlier, later in turns)}


_PREPARED: dict[Workload, tuple[list[Any], list[int]]] = {}


def prepare(load: Workload, seconds: float) -> tuple[list[stable_baselines3.DQN], list[int]]:
    """(models, steps of a turn) of both sides, compiled, and past the random play of learning_starts."""
    if load not in _PREPARED:
        models = [make_model(side, load) for side in SIDES]
        for model in models:
            model.learn(2 * COMMON["learning_starts"])
        lengths = [int(seconds * speed(model, 2_000)) for model in models]
        _PREPARED[load] = models, lengths
    return _PREPARED[load]


def make_model(side: str, load: Workload) -> stable_baselines3.DQN:
    """A model of one side on Gymnasium's CartPole-v1."""
    sizes = {"batch_size": load.batch_size, "train_freq": load.train_freq, "gradient_steps": load.gradient_steps}
    fixed = {"policy_kwargs": {"net_arch": list(load.net_arch)}, "seed": 0, "device": "cpu"}
    return SIDES[side]("MlpPolicy", make_vec_env("CartPole-v1", load.n_envs, 0), **COMMON, **sizes, **fixed)


def speed(model: stable_baselines3.DQN, steps: int) -> float:
    """Env steps per CPU-second of so much more training."""
    before, start = model.num_timesteps, time.process_time()
    model.learn(steps, reset_num_timesteps=False)
    return (model.num_timesteps - before) / (time.process_time() - start)


def measure_cleanrl(source: Path, rounds: int, seconds: float) -> dict[str, float]:
    """As `measure`, with CleanRL's dqn.py in the place of rlkit, at its settings."""
    models, lengths = prepare(WORKLOADS["CleanRL's settings"], seconds)
    start_up = cleanrl_seconds(source, 1)
    turns = []
    for _ in range(rounds):
        theirs = speed(models[0], lengths[0])
        turns.append([theirs, CLEANRL_STEPS / (cleanrl_seconds(source, CLEANRL_STEPS) - start_up)])
    return medians(turns)


def cleanrl_seconds(source: Path, steps: int) -> float:
    """CPU-seconds of one run of cleanrl/dqn.py; the first 1000 steps, without updates, are in its start."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = ["--total-timesteps", str(steps + 1000), "--learning-starts", "1000", "--exploration-fraction", "0.1"]
    command = [sys.executable, "-c", CLEANRL_ONE_THREAD, *CLEANRL_FLAGS, *total]
    subprocess.run(command, cwd=source, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
