"""Rocket League side by side: rlkit's env against rlgym 2, on this machine, in one command.

    python benchmarks/rocket_league.py [--seconds 3 --rounds 3] [--keep]

Both play 8 ticks per action with random actions of the same 90, from kickoffs, and observe, reward and end episodes
for every car; every car counts as an agent. rlgym pins an old NumPy, so it gets a virtual environment of its own in
the user's cache folder, and this file runs in both. Each measurement is a process of its own, and the sides take turns;
figures are medians over the rounds. Speed is per CPU-second, which other load on the machine disturbs least, and for
worker processes per second of wall time.
"""

import argparse
import functools
import itertools
import json
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

PEER = ("rlgym[rl-sim]==2.0.1", "rocketsim==2.2.1")  # the simulator that rlkit is measured with
MODES = {"1v1": 1, "2v2": 2}  # cars per team
ROWS = 64  # of our env: 32 arenas at 1v1, 16 at 2v2
TICK_SKIP = 8
MAX_SECONDS, NO_TOUCH_SECONDS = 60.0, 20.0  # episode ends, of both sides
N_ACTIONS = 90  # both sides' table
KICKOFF_SHARE = 0.3  # of our env's starts by default; the others are random, where more is in motion
WARM_UP = 0.2  # share of the seconds that runs before them

Figures = dict[str, float]
LINES = {  # of the table: title and form of each figure
    "rlkit": ("rlkit, agent-steps per CPU-second", "{:,.0f}"),
    "rlgym": ("rlgym 2, agent-steps per CPU-second", "{:,.0f}"),
    "ratio": ("ratio", "**{:.2f}x**"),
    "training_starts": ("rlkit with its training starts, agent-steps per CPU-second", "{:,.0f}"),
    "physics_share": ("share of that time in physics", "{:.0%}"),
    "one_process": ("rlkit, agent-steps per second, 1 process", "{:,.0f}"),
    "two_processes": ("rlkit, agent-steps per second, 2 processes", "{:,.0f}"),
    "second_process": ("ratio", "**{:.2f}x**"),
}


def main() -> None:
    """Measure, or with --side be one of the measured processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each side")
    parser.add_argument("--keep", action="store_true", help="write the figures to benchmarks/results/, for README.md")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--mode", choices=MODES, default="1v1", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps(SIDES[args.side](args.mode, args.seconds)))
        return
    cases = [(side, mode) for mode in MODES for side in SIDES]
    figures = compared(interleave(cases, peer_python(), args.seconds, args.rounds))
    print(report(figures))
    if args.keep:
        keep(figures)


def report(figures: dict[str, Figures]) -> str:
    """The table, as markdown."""
    lines = [machine_line(), "", "| | " + " | ".join(MODES) + " |", "|---" * (len(MODES) + 1) + "|"]
    lines += [
        f"| {title} | " + " | ".join(form.format(figures[mode][name]) for mode in MODES) + " |"
        for name, (title, form) in LINES.items()
    ]
    return "\n".join(lines)


def compared(found: dict[tuple[str, str], Figures]) -> dict[str, Figures]:
    """The figures of LINES by mode, from the medians of each side."""

    def of(mode: str) -> Figures:
        ours, theirs = (found[side, mode]["per_cpu_second"] for side in ("rlkit", "rlgym"))
        one, two = (found[side, mode]["per_second"] for side in ("rlkit", "two processes"))
        return {
            "rlkit": ours, "rlgym": theirs, "ratio": ours / theirs,
            "training_starts": found["training starts", mode]["per_cpu_second"],
            "physics_share": found["physics", mode]["physics_share"],
            "one_process": one, "two_processes": two, "second_process": two / one,
        }  # fmt: skip

    return {mode: of(mode) for mode in MODES}


def keep(figures: dict[str, Figures]) -> None:
    """Write benchmarks/results/rocket_league.json."""
    from measuring import keep_results  # imports stand in functions because this file also runs in rlgym's environment

    keep_results("rocket_league", figures)


def interleave(cases: list[tuple[str, str]], peer: Path, seconds: float, rounds: int) -> dict[tuple[str, str], Figures]:
    """Medians of each figure of each (side, mode), measured in turns."""
    runs: dict[tuple[str, str], list[Figures]] = {case: [] for case in cases}
    for number in range(rounds):
        for side, mode in cases:
            print(f"round {number + 1} of {rounds}: {side} {mode}", file=sys.stderr)
            python = peer if side == "rlgym" else Path(sys.executable)
            command = [str(python), __file__, "--side", side, "--mode", mode, "--seconds", str(seconds)]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            runs[side, mode].append(json.loads(output.splitlines()[-1]))
    return {
        case: {name: statistics.median(run[name] for run in figures) for name in figures[0]}
        for case, figures in runs.items()
    }


def peer_python() -> Path:
    """The Python of rlgym's own environment, made on first use."""
    import platformdirs

    version = PEER[0].rpartition("=")[2]
    folder = Path(platformdirs.user_cache_dir("rlkit", appauthor=False), "benchmarks", f"rlgym-{version}")
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ready = folder / "ready"
    if not ready.exists():
        print(f"installing {', '.join(PEER)} in {folder}", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEER], check=True, stdout=sys.stderr)
        ready.touch()
    return python


def machine_line() -> str:
    """Where and with what this was measured."""
    from rlkit.diagnostics.machine import machine

    facts = machine()
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"{facts['cpu']}, {facts['cores_usable']} cores, {facts['os']}, Python {facts['python']}; {versions}; "
        f"{', '.join(PEER)}; {TICK_SKIP} ticks per step."
    )


def measure(step: Callable[[], object], agents: int, seconds: float) -> Figures:
    """Agent-steps per CPU-second and per second of wall time of a step that moves `agents` cars."""
    run_for(step, seconds * WARM_UP)
    cpu, wall = time.process_time(), time.perf_counter()
    steps = run_for(step, seconds) * agents
    return {
        "per_cpu_second": steps / (time.process_time() - cpu),
        "per_second": steps / (time.perf_counter() - wall),
    }


def run_for(step: Callable[[], object], seconds: float) -> int:
    """How many steps ran in that time."""
    steps, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        step()
        steps += 1
    return steps


def measure_rlkit(mode: str, seconds: float, n_workers: int = 1, kickoff_share: float = 1.0) -> Figures:
    """Our VecEnv with all cars learning, through the interface that trainers use."""
    env, step = make_rlkit(mode, n_workers, kickoff_share)
    try:
        return measure(step, env.num_envs, seconds)
    finally:
        env.close()


def make_rlkit(mode: str, n_workers: int, kickoff_share: float):
    """Our VecEnv, and a call that steps it with random actions."""
    import numpy as np

    from rlkit.envs import make_vec_env

    env = make_vec_env(
        "rlkit/RocketLeague-v0",
        n_envs=ROWS,
        seed=0,
        n_workers=n_workers,
        mode=mode,
        opponents={"self": 1.0},
        actions="table90",
        tick_skip=TICK_SKIP,
        starts={"kickoff": kickoff_share, "scatter": 1 - kickoff_share},
        max_seconds=MAX_SECONDS,
        no_touch_seconds=NO_TOUCH_SECONDS,
    )
    env.reset()
    actions = itertools.cycle(np.random.default_rng(0).integers(N_ACTIONS, size=(1009, ROWS)))
    return env, lambda: env.step(next(actions))


class TimedArena:
    """An arena whose physics time is added up in `seconds`."""

    seconds = 0.0

    def __init__(self, arena) -> None:
        self.arena = arena

    def step(self, ticks: int) -> None:
        """Step the arena on the clock."""
        start = time.perf_counter()
        self.arena.step(ticks)
        TimedArena.seconds += time.perf_counter() - start

    def __getattr__(self, name: str):
        return getattr(self.arena, name)


def measure_physics(mode: str, seconds: float) -> Figures:
    """The share of our env's time that RocketSim's ticks take, from the starts it trains with."""
    env, step = make_rlkit(mode, n_workers=1, kickoff_share=KICKOFF_SHARE)
    simulation = env.batch.simulation
    simulation.arenas = [TimedArena(arena) for arena in simulation.arenas]
    run_for(step, seconds * WARM_UP)
    TimedArena.seconds, start = 0.0, time.perf_counter()
    run_for(step, seconds)
    return {"physics_share": TimedArena.seconds / (time.perf_counter() - start)}


def measure_rlgym(mode: str, seconds: float) -> Figures:
    """rlgym 2 in its documented composition, one match, reset when it ends."""
    import numpy as np
    from rlgym.api import RLGym
    from rlgym.rocket_league.action_parsers import LookupTableAction, RepeatAction
    from rlgym.rocket_league.done_conditions import (
        AnyCondition,
        GoalCondition,
        NoTouchTimeoutCondition,
        TimeoutCondition,
    )
    from rlgym.rocket_league.obs_builders import DefaultObs
    from rlgym.rocket_league.reward_functions import CombinedReward, GoalReward, TouchReward
    from rlgym.rocket_league.sim import RocketSimEngine
    from rlgym.rocket_league.state_mutators import FixedTeamSizeMutator, KickoffMutator, MutatorSequence

    size = MODES[mode]
    env = RLGym(
        state_mutator=MutatorSequence(FixedTeamSizeMutator(size, size), KickoffMutator()),
        obs_builder=DefaultObs(zero_padding=None),
        action_parser=RepeatAction(LookupTableAction(), repeats=TICK_SKIP),
        reward_fn=CombinedReward((GoalReward(), 10.0), (TouchReward(), 0.1)),
        termination_cond=GoalCondition(),
        truncation_cond=AnyCondition(TimeoutCondition(MAX_SECONDS), NoTouchTimeoutCondition(NO_TOUCH_SECONDS)),
        transition_engine=RocketSimEngine(),
    )
    env.reset()
    choices = np.random.default_rng(0).integers(N_ACTIONS, size=(100_003, 2 * size, 1))
    turns = iter(choices)

    def step() -> None:
        nonlocal turns
        chosen = next(turns, None)
        if chosen is None:
            turns = iter(choices)
            chosen = next(turns)
        _, _, terminated, truncated = env.step(dict(zip(env.agents, chosen, strict=True)))
        if any(terminated.values()) or any(truncated.values()):
            env.reset()

    return measure(step, 2 * size, seconds)


SIDES: dict[str, Callable[[str, float], Figures]] = {
    "rlkit": measure_rlkit,
    "rlgym": measure_rlgym,
    "training starts": functools.partial(measure_rlkit, kickoff_share=KICKOFF_SHARE),
    "physics": measure_physics,
    "two processes": functools.partial(measure_rlkit, n_workers=2),
}

if __name__ == "__main__":
    main()
