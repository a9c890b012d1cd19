"""What it costs to have an env elsewhere: steps per second in this process, in workers, and over a socket.

    python benchmarks/transport.py [--env rlkit/Dodge-v0 --rows 1,8,64 --rounds 5 --seconds 0.5]

The ways take turns of --seconds of wall time, stepped with random actions and nothing else between; the figure is the
median over the rounds, the ratio the median of the rounds' ratios to this process. A second table does the same for an
env whose step is milliseconds of work. stable-baselines3's SubprocVecEnv has a process per row, each with torch, so it
is left out above --sb3-rows.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np
from measuring import header, print_table
from stable_baselines3.common.env_util import make_vec_env as make_sb3_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv

from rlkit.envs import ENVS, make_vec_env
from rlkit.envs.choice import usable_cores

SLOW = "slow_env:bench/Slow-v0"
# steps/s that the authors of bevy-3d-dodge wrote down; their machine is not told. One env per game, which ran in real
# time, in a window or without one; a step of the first versions slept a fixed 16 ms.
AUTHORS = {
    "HTTP, game in real time, 16 ms sleep per step": "47-50",
    "gRPC, the same game, first version": "54-56",
    "gRPC, waiting on a step counter in place of the sleep": "225-236",
    "gRPC, 4 games in 4 processes, collecting only": "850",
}


def main() -> None:
    """Measure what was asked for and print it as markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="rlkit/Dodge-v0", help="an id of the kit or any Gymnasium id")
    parser.add_argument("--rows", default="1,8,64", help="numbers of rows")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a turn")
    parser.add_argument("--sb3-rows", type=int, default=8, help="most rows for SubprocVecEnv")
    args = parser.parse_args()
    rows = [int(n) for n in args.rows.split(",")]
    print(header())
    for id in (args.env, SLOW):
        columns = [f"{id}, steps/s (ratio)", *(f"{n} row{'s' * (n > 1)}" for n in rows)]
        cells = [measure(id, n, args.rounds, args.seconds, args.sb3_rows) for n in rows]
        print_table(columns, ([way, *(column.get(way, "-") for column in cells)] for way in WAYS))
    print_table(["the Dodge game that Dodge-v0 re-tells, its authors' figures", "steps/s"], AUTHORS.items())


@contextmanager
def remote(id: str, n_envs: int) -> Iterator[VecEnv]:
    """The env served by a process of its own over TCP on this machine."""
    command = [sys.executable, "-m", "rlkit.envs.serve", id, "--n-envs", str(n_envs), "--address", "tcp://127.0.0.1:*"]
    folder = Path(__file__).parent
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as server:
        try:
            with closing(make_vec_env(server.stdout.readline().strip(), n_envs)) as env:
                yield env
        finally:
            server.kill()


def in_workers(id: str, n_envs: int) -> VecEnv:
    """Rows in shared memory, stepped by as many processes as there are cores."""
    kind = "native" if id in ENVS else "subproc"
    return make_vec_env(id, n_envs, n_workers=min(n_envs, usable_cores()), vec_env=kind)


WAYS: dict[str, Callable[[str, int], VecEnv]] = {
    "this process": lambda id, n: closing(make_vec_env(id, n, n_workers=1)),
    "rlkit, workers and shared memory": lambda id, n: closing(in_workers(id, n)),
    "stable-baselines3 SubprocVecEnv": lambda id, n: closing(make_sb3_vec_env(id, n, vec_env_cls=SubprocVecEnv)),
    "rlkit, remote over TCP": remote,
}


def measure(id: str, n_envs: int, rounds: int, seconds: float, sb3_rows: int) -> dict[str, str]:
    """A cell per way: median row steps per second, and how many times those of this process."""
    with ExitStack() as stack:
        ways = [way for way in WAYS if n_envs <= sb3_rows or "SubprocVecEnv" not in way]
        envs = [stack.enter_context(WAYS[way](id, n_envs)) for way in ways]
        for env in envs:
            env.reset()
            speed(env, 0.1)  # compiles, and touches all memory
        turns = [[speed(env, seconds) for env in envs] for _ in range(rounds)]
    cells = {}
    for way, figures in zip(ways, zip(*turns, strict=True), strict=True):
        ratio = statistics.median(figure / turn[0] for figure, turn in zip(figures, turns, strict=True))
        cells[way] = f"{statistics.median(figures):,.0f} ({ratio:.2f}x)"
    return cells


def speed(env: VecEnv, seconds: float) -> float:
    """Row steps per second of wall time."""
    actions = np.stack([env.action_space.sample() for _ in range(env.num_envs)])
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        env.step(actions)
        steps += env.num_envs
    return steps / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
