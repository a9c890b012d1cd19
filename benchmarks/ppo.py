"""rlkit.PPO against stable_baselines3.PPO, side by side in one process, on this machine, in one command.

    python benchmarks/ppo.py [--workloads W1,W2 --rounds 3 --seconds 1.0] [--threads] [--cartpole] [--goal]

Both train with the same arguments on one torch thread and take turns; a turn is one `learn` of about --seconds. The
figure is the median over the rounds of env steps per CPU-second (which other load on the machine disturbs least) and
the ratio is the median of the rounds' ratios. W1-W6 run on Synth65, whose steps cost next to nothing; --threads
compares one thread with two per second of wall time; --cartpole trains on CartPole-v1 as Gymnasium has it and on the
same physics in a numba loop; --goal times learning itself.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy comes, for the np.dot that rlkit is compared with

import numpy as np
import stable_baselines3
import torch
from ppo_envs import N_CHOICES, N_OBSERVED, NativeCartPole, Synth65
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from rlkit.diagnostics.machine import machine
from rlkit.envs.batch import Batch
from rlkit.envs.make import make_vec_env
from rlkit.trainers.ppo import PPO

GOAL_RETURN, GOAL_LIMIT = 475.0, 300_000  # CartPole-v1's mean over 100 episodes that counts as solved; env steps
GOAL = {"n_steps": 32, "batch_size": 256, "n_epochs": 20, "gae_lambda": 0.8, "gamma": 0.98, "learning_rate": 1e-3}
SIDES = {"SB3": stable_baselines3.PPO, "rlkit": PPO}


class Workload(NamedTuple):
    """One set of arguments."""

    n_envs: int
    n_steps: int
    batch_size: int
    n_epochs: int
    width: int  # of two hidden layers, in each of two networks


WORKLOADS = {
    "W1": Workload(8, 256, 64, 10, 64),
    "W2": Workload(64, 128, 256, 10, 64),
    "W3": Workload(256, 128, 4096, 4, 64),
    "W4": Workload(64, 128, 256, 4, 256),
    "W5": Workload(256, 128, 4096, 4, 256),
    "W6": Workload(1024, 32, 4096, 10, 64),
}
CARTPOLE = [Workload(8, 256, 64, 10, 64), Workload(64, 32, 64, 10, 64), Workload(1024, 32, 4096, 10, 64)]


def main() -> None:
    """Measure what was asked for and print it as markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="which of W1-W6, '' for none")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--threads", action="store_true", help="also one thread against two")
    parser.add_argument("--cartpole", action="store_true", help="also CartPole with 8, 64 and 1024 envs")
    parser.add_argument("--goal", action="store_true", help="also the time to a mean return of 475 on CartPole")
    args = parser.parse_args()
    torch.set_num_threads(1)
    facts = machine()
    versions = ", ".join(f"{package} {version}" for package, version in facts["versions"].items())
    print(f"{facts['cpu']}, {facts['cores_usable']} cores, {facts['os']}, Python {facts['python']}, {versions}\n")
    names = [name for name in args.workloads.split(",") if name]
    if names:
        print(
            "| | envs x steps | batch | epochs | net | SB3 | rlkit | ratio | of this core's np.dot |\n"
            + "|---" * 9
            + "|"
        )
    for name in names:
        print(synth_row(name, args.rounds, args.seconds), flush=True)
    if args.threads:
        print("\n| rlkit, steps per second | 1 thread | 2 threads | ratio |\n" + "|---" * 4 + "|")
        for name in names:
            print(thread_row(name, args.rounds, args.seconds), flush=True)
    if args.cartpole:
        print("\n| CartPole-v1, envs | env | SB3 | rlkit | ratio |\n" + "|---" * 5 + "|")
        for load in CARTPOLE:
            for env in ("CartPole-v1", NativeCartPole):
                print(cartpole_row(env, load, args.rounds, args.seconds), flush=True)
    if args.goal:
        print(
            f"\n| CartPole-v1 to a mean return of {GOAL_RETURN:g}, 8 envs | CPU-seconds | env steps | solved |\n"
            + "|---" * 4
            + "|"
        )
        for row in goal_rows(args.rounds):
            print(row, flush=True)


def synth_row(name: str, rounds: int, seconds: float) -> str:
    """A line of the first table."""
    load = WORKLOADS[name]
    models = [make_model(side, load, Synth65(load.n_envs)) for side in SIDES]
    theirs, ours, ratio = compare(models, rounds, seconds, time.process_time)
    share = ours * flops_per_step(load) / dot_flops(load)
    shape = f"{load.n_envs} x {load.n_steps} | {load.batch_size} | {load.n_epochs} | {load.width}, {load.width}"
    return f"| {name} | {shape} | {theirs:,.0f} | {ours:,.0f} | **{ratio:.1f}x** | {share:.0%} |"


def thread_row(name: str, rounds: int, seconds: float) -> str:
    """A line of the threads' table."""
    load = WORKLOADS[name]
    models = [make_model("rlkit", load, Synth65(load.n_envs), n_threads=n) for n in (1, 2)]
    one, two, ratio = compare(models, rounds, seconds, time.perf_counter)
    return f"| {name} | {one:,.0f} | {two:,.0f} | **{ratio:.2f}x** |"


def cartpole_row(env: str | type[Batch], load: Workload, rounds: int, seconds: float) -> str:
    """A line of the CartPole table; SB3 trains on Gymnasium's env in both lines of a size."""
    envs = (make_vec_env(id, load.n_envs, 0, n_workers=1) for id in ("CartPole-v1", env))
    models = [make_model(side, load, vec_env) for side, vec_env in zip(SIDES, envs, strict=True)]
    theirs, ours, ratio = compare(models, rounds, seconds, time.process_time)
    name = "Gymnasium" if isinstance(env, str) else "numba, for rlkit only"
    return f"| {load.n_envs} | {name} | {theirs:,.0f} | {ours:,.0f} | **{ratio:.1f}x** |"


def compare(models: list[Any], rounds: int, seconds: float, clock: Callable[[], float]) -> tuple[float, float, float]:
    """Median env steps per second of two models, and the median of the second's ratio to the first."""
    lengths = []
    for model in models:
        rollout = model.n_envs * model.n_steps
        model.learn(rollout)  # compiles, and touches all memory
        lengths.append(rollout * max(1, round(seconds * speed(model, 2 * rollout, clock) / rollout)))
    turns = [[speed(*turn, clock) for turn in zip(models, lengths, strict=True)] for _ in range(rounds)]
    first, second = (statistics.median(column) for column in zip(*turns, strict=True))
    return first, second, statistics.median(later / earlier for earlier, later in turns)


def make_model(side: str, load: Workload, env: VecEnv, **kwargs: Any) -> stable_baselines3.PPO:
    """A model of one side with the workload's arguments; all others are SB3's defaults."""
    net_arch = [load.width, load.width]
    sizes = {"n_steps": load.n_steps, "batch_size": load.batch_size, "n_epochs": load.n_epochs}
    return SIDES[side]("MlpPolicy", env, **sizes, policy_kwargs={"net_arch": net_arch}, seed=0, device="cpu", **kwargs)


def speed(model: stable_baselines3.PPO, total_timesteps: int, clock: Callable[[], float]) -> float:
    """Env steps per second of one `learn`."""
    start = clock()
    model.learn(total_timesteps)
    return model.num_timesteps / (clock() - start)


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


def goal_rows(seeds: int) -> list[str]:
    """Lines of the third table: medians over seeds, one training each, the sides in turns."""
    sides = [("SB3", "CartPole-v1"), ("rlkit", "CartPole-v1"), ("rlkit", NativeCartPole)]
    found: dict[Any, list[tuple[float, int, bool]]] = {side: [] for side in sides}
    for seed in range(seeds + 1):  # the first is a warm-up
        for side, env in sides:
            vec_env = make_vec_env(env, 8, seed, n_workers=1)
            model = SIDES[side]("MlpPolicy", vec_env, seed=seed, device="cpu", **GOAL)
            goal, start = Goal(), time.process_time()
            model.learn(GOAL_LIMIT, callback=goal)
            found[side, env].append((time.process_time() - start, model.num_timesteps, goal.reached))
    lines = []
    for (side, env), runs in found.items():
        seconds, steps, reached = (list(column) for column in zip(*runs[1:], strict=True))
        name = f"{side}, {'Gymnasium' if isinstance(env, str) else 'numba'} env"
        solved = f"{sum(reached)} of {seeds}"
        lines.append(f"| {name} | {statistics.median(seconds):.2f} | {statistics.median(steps):,.0f} | {solved} |")
    return lines


if __name__ == "__main__":
    main()
