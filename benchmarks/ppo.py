"""rlkit.PPO against stable_baselines3.PPO, side by side in one process, on this machine, in one command.

    python benchmarks/ppo.py [--workloads W1,W2 --rounds 3 --seconds 1.0] [--threads] [--paths] [--cartpole] [--goal]
        [--keep]

Both train with the same arguments on one torch thread and take turns; a turn is one `learn` of about --seconds. The
figure is the median over the rounds of env steps per CPU-second (which other load on the machine disturbs least) and
the ratio is the median of the rounds' ratios. W1-W6 run on Synth65, whose steps cost next to nothing; --threads holds
one and two threads of rlkit against one of SB3 per second of wall time, which wants a quiet machine; --paths compares
the ways through rlkit.PPO at W3 and W5; --cartpole trains on CartPole-v1 as Gymnasium has it and on the same physics in
a numba loop; --goal times learning itself.
"""

import argparse
import os
import statistics
import time
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy comes, for the np.dot that rlkit is compared with

import numpy as np
import torch
from measuring import (
    PATHS,
    SIZES,
    WORKLOADS,
    Workload,
    add_keep,
    header,
    keep_results,
    make_model,
    print_table,
    take_turns,
)
from ppo_envs import N_CHOICES, N_OBSERVED, NativeCartPole, Synth65
from stable_baselines3.common.callbacks import BaseCallback

from rlkit.envs.batch import Batch
from rlkit.envs.make import make_vec_env

GOAL_RETURN, GOAL_LIMIT = 475.0, 300_000  # CartPole-v1's mean over 100 episodes that counts as solved; env steps
GOAL = {"n_steps": 32, "batch_size": 256, "n_epochs": 20, "gae_lambda": 0.8, "gamma": 0.98, "learning_rate": 1e-3}
SIDES = ("SB3", "rlkit")
AIMS = {  # least ratios to SB3 on one thread that the kit promises: one thread of rlkit, two threads
    "W1": (12.0, 14.0),
    "W2": (5.5, 8.0),
    "W3": (2.3, 4.0),
    "W4": (2.7, 4.0),
    "W5": (2.7, 4.0),
}
PATHS_WORKLOADS = ("W3", "W5")  # batches large enough for arithmetic, not Python, to be what a path saves
Kept = dict[str, dict[str, float]]  # figures by row and name, for benchmarks/results/
CARTPOLE = [Workload(8, 256, 64, 10, 64), Workload(64, 32, 64, 10, 64), Workload(1024, 32, 4096, 10, 64)]


def main() -> None:
    """Measure what was asked for and print it as markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="which of W1-W6, '' for none")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--threads", action="store_true", help="also one and two threads against one of SB3")
    parser.add_argument("--paths", action="store_true", help="also SB3, torch, compiled, bfloat16 and native code")
    parser.add_argument("--cartpole", action="store_true", help="also CartPole with 8, 64 and 1024 envs")
    parser.add_argument("--goal", action="store_true", help="also the time to a mean return of 475 on CartPole")
    add_keep(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(header())
    kept: dict[str, Kept] = {"synth": {}, "cartpole": {}, "goal": {}}
    names = [name for name in args.workloads.split(",") if name]
    turns = args.rounds, args.seconds
    if names:
        columns = ("", SIZES, "SB3", "rlkit", "ratio", "of this core's np.dot")
        print_table(columns, (synth_row(name, *turns, kept["synth"]) for name in names))
    if args.threads:
        columns = ("steps per second", "SB3", "rlkit", "ratio", "aim", "rlkit, 2 threads", "ratio", "aim")
        print_table(columns, (thread_row(name, *turns) for name in names if name in AIMS))
    if args.paths:
        print_table(("steps per CPU-second", *PATHS), (path_row(name, *turns) for name in PATHS_WORKLOADS))
    if args.cartpole:
        print_table(("CartPole-v1, envs", "env", "SB3", "rlkit", "ratio"), cartpole_rows(*turns, kept["cartpole"]))
    if args.goal:
        columns = (f"CartPole-v1 to a mean return of {GOAL_RETURN:g}, 8 envs", "CPU-seconds", "env steps", "solved")
        print_table(columns, goal_rows(args.rounds, kept["goal"]))
    if args.keep:
        keep_results("ppo", kept)


def synth_row(name: str, rounds: int, seconds: float, kept: Kept) -> tuple[str, ...]:
    """A line of the first table; its figures go into `kept`."""
    load = WORKLOADS[name]
    models = [make_model(side, load, Synth65(load.n_envs)) for side in SIDES]
    (theirs, ours), (_, ratio) = take_turns(models, rounds, seconds, time.process_time)
    share = ours * flops_per_step(load) / dot_flops(load)
    kept[name] = {"sb3": theirs, "rlkit": ours, "ratio": ratio, "share_of_dot": share}
    return name, str(load), f"{theirs:,.0f}", f"{ours:,.0f}", f"**{ratio:.1f}x**", f"{share:.0%}"


def thread_row(name: str, rounds: int, seconds: float) -> tuple[str, ...]:
    """A line of the threads' table."""
    load = WORKLOADS[name]
    models = [make_model("SB3", load, Synth65(load.n_envs))]
    models += [make_model("rlkit", load, Synth65(load.n_envs), n_threads=n) for n in (1, 2)]
    speeds, ratios = take_turns(models, rounds, seconds, time.perf_counter)
    pairs = zip(speeds[1:], ratios[1:], AIMS[name], strict=True)
    cells = (cell for ours, ratio, aim in pairs for cell in (f"{ours:,.0f}", f"**{ratio:.1f}x**", f"{aim:g}x"))
    return name, f"{speeds[0]:,.0f}", *cells


def path_row(name: str, rounds: int, seconds: float) -> tuple[str, ...]:
    """A line of the paths' table: the speed of each, and its ratio to SB3."""
    load = WORKLOADS[name]
    models = [make_model(path, load, Synth65(load.n_envs)) for path in PATHS]
    pairs = zip(*take_turns(models, rounds, seconds, time.process_time), strict=True)
    return name, *(f"{steps:,.0f} ({ratio:.2f}x)" for steps, ratio in pairs)


def cartpole_rows(rounds: int, seconds: float, kept: Kept) -> Iterator[tuple[str, ...]]:
    """The lines of the CartPole table; SB3 trains on Gymnasium's env in both lines of a size, rlkit also on numba's."""
    for load in CARTPOLE:
        for env in ("CartPole-v1", NativeCartPole):
            envs = (make_vec_env(id, load.n_envs, 0, n_workers=1) for id in ("CartPole-v1", env))
            models = [make_model(side, load, vec_env) for side, vec_env in zip(SIDES, envs, strict=True)]
            (theirs, ours), (_, ratio) = take_turns(models, rounds, seconds, time.process_time)
            kept[f"{load.n_envs} {env_name(env)}"] = {"sb3": theirs, "rlkit": ours, "ratio": ratio}
            yield str(load.n_envs), env_name(env), f"{theirs:,.0f}", f"{ours:,.0f}", f"**{ratio:.1f}x**"


def env_name(env: str | type[Batch]) -> str:
    """Whose CartPole it is."""
    return "Gymnasium" if isinstance(env, str) else "numba"


def flops_per_step(load: Workload) -> float:
    """Floating point operations in the products of one env step: one rollout forward, then the epochs.

    Forward is 2 per weight, backward twice that, but for the first layer's inputs, whose derivative nobody needs.
    """
    first = 2 * N_OBSERVED * load.width
    weights = first + 2 * load.width**2 + load.width * (N_CHOICES + 1)
    return 2 * weights + load.n_epochs * (6 * weights - 2 * first)


def dot_flops(load: Workload) -> float:
    """Operations per CPU-second of float32 np.dot on a hidden layer's product for one minibatch, the best of 5."""
    a = np.ones((load.batch_size, load.width), np.float32)
    b, out = np.ones((load.width, load.width), np.float32), np.empty_like(a)
    repeats = max(1, int(2e9 / (2 * a.size * load.width)))

    def once() -> float:
        start = time.process_time()
        for _ in range(repeats):
            np.dot(a, b, out=out)
        return repeats * 2 * a.size * load.width / (time.process_time() - start)

    return max(once() for _ in range(5))


class Goal(BaseCallback):
    """Stops a training once the last 100 episodes reach GOAL_RETURN."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = False

    def _on_rollout_start(self) -> None:
        returns = [episode["r"] for episode in self.model.ep_info_buffer]
        self.reached = len(returns) == 100 and statistics.mean(returns) >= GOAL_RETURN

    def _on_step(self) -> bool:
        return not self.reached


def goal_rows(seeds: int, kept: Kept) -> Iterator[tuple[str, ...]]:
    """Lines of the goal's table: medians over seeds, one training each, the sides in turns."""
    sides = [("SB3", "CartPole-v1"), ("rlkit", "CartPole-v1"), ("rlkit", NativeCartPole)]
    found: dict[Any, list[tuple[float, int, bool]]] = {side: [] for side in sides}
    for seed in range(seeds + 1):  # the first is a warm-up
        for side, env in sides:
            model = PATHS[side].model(make_vec_env(env, 8, seed, n_workers=1), seed=seed, **GOAL)
            goal, start = Goal(), time.process_time()
            model.learn(GOAL_LIMIT, callback=goal)
            found[side, env].append((time.process_time() - start, model.num_timesteps, goal.reached))
    for (side, env), runs in found.items():
        seconds, steps, reached = (list(column) for column in zip(*runs[1:], strict=True))
        name = f"{side} on {env_name(env)}"
        kept[name] = {"seconds": statistics.median(seconds), "steps": statistics.median(steps), "solved": sum(reached)}
        yield name, f"{kept[name]['seconds']:.2f}", f"{kept[name]['steps']:,.0f}", f"{sum(reached)} of {seeds}"


if __name__ == "__main__":
    main()
