"""Dodge side by side: the kit's kernel against the same game in vectorised numpy, in one command.

    python benchmarks/dodge.py [--seconds 1 --rounds 5] [--keep]

A step is one physics step (1/50 s) of one row on level 2, with random actions of the five, the 65-number observation,
reward, ends and a new episode where one ended. With action_repeat 4 an observation comes with every fourth of them.
The sides take turns; figures are medians over the rounds, in steps per CPU-second, which other load on the machine
disturbs least; Gymnasium's own CartPole-v1, which takes its turns too, tells how fast the machine is meanwhile. A ratio
is the median of the rounds' ratios. The numpy side is written here, as one would by hand, and plays the same game: its
episodes of random play last as long. The author's figures are steps per second of wall time of one game over HTTP (a
window drawn, the trainer waiting), and of four over gRPC.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable

import gymnasium
import numpy as np
from measuring import add_keep, keep_results

from rlkit.diagnostics.machine import machine
from rlkit.envs import make_vec_env
from rlkit.envs.dodge import constants as const
from rlkit.envs.dodge.env import Dodge
from rlkit.envs.registry import DODGE

LEVEL = 2
AUTHORS_HTTP, AUTHORS_GRPC = 47, 850  # steps/s; ggand0/devlogs, bevy-3d-dodge: windowed, and 4 processes collecting
YARDSTICK = "Gymnasium's CartPole-v1"
WARM_UP = 0.2  # share of the seconds that runs before them
MOVES = np.array([(0, 0), (0, 1), (0, -1), (-1, 0), (1, 0)], float)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each side")
    add_keep(parser)
    args = parser.parse_args()
    sides = {name: build() for name, build in SIDES.items()}
    runs: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(args.rounds):
        for name, (step, steps) in sides.items():
            runs[name].append(measure(step, steps, args.seconds))
    found = {name: statistics.median(speeds) for name, speeds in runs.items()}
    ratios = {
        name: statistics.median(ours / theirs for ours, theirs in zip(*(runs[side] for side in pair), strict=True))
        for name, pair in RATIOS.items()
    }
    print(report(found, ratios))
    if args.keep:
        keep_results("dodge", {"speed": {KEPT[name]: found[name] for name in KEPT}, "ratio": ratios})


def report(found: dict[str, float], ratios: dict[str, float]) -> str:
    """The table, as markdown."""
    facts = machine()
    versions = ", ".join(
        f"{name} {facts['versions'][name]}" for name in ("numpy", "numba") if name in facts["versions"]
    )
    lines = [f"{facts['cpu']}, {facts['os']}, Python {facts['python']}; {versions}; one core.", ""]
    lines += ["| level 2, random play | physics steps per second | x author's HTTP |", "|---|---|---|"]
    for name, speed in found.items():
        lines.append(f"| {name} | {speed:,.0f} | {speed / AUTHORS_HTTP:,.0f} |")
    lines.append(f"| author, one game over HTTP, windowed | {AUTHORS_HTTP} | 1 |")
    lines.append(f"| author, four games over gRPC, collecting | {AUTHORS_GRPC} | {AUTHORS_GRPC / AUTHORS_HTTP:.0f} |")
    lengths = {side.__name__: random_play_length(side) for side in (Dodge, NumpyDodge)}
    played = ", ".join(f"{name} {length:.1f}" for name, length in lengths.items())
    return "\n".join(
        [
            *lines,
            "",
            f"numba over numpy at 1024 rows: {ratios['numpy']:.1f}x. "
            f"The gymnasium.Env over {YARDSTICK}: {ratios['cartpole']:.1f}x.",
            f"Steps of an episode of random play: {played}.",
        ]
    )


def measure(step: Callable[[], object], steps: int, seconds: float) -> float:
    """Physics steps per CPU-second of a call that makes `steps` of them."""
    run_for(step, seconds * WARM_UP)
    began = time.process_time()
    calls = run_for(step, seconds)
    return calls * steps / (time.process_time() - began)


def run_for(step: Callable[[], object], seconds: float) -> int:
    """How many calls ran in that time."""
    calls, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        for _ in range(16):
            step()
        calls += 16
    return calls


def batch_side(side: type, n_envs: int, action_repeat: int = 1) -> tuple[Callable[[], object], int]:
    """A Batch, or the numpy game, stepped with automatic resets."""
    batch = side(n_envs, level=LEVEL, action_repeat=action_repeat)
    batch.seed(0)
    batch.reset()
    actions = random_actions(n_envs)
    return lambda: batch.advance(next(actions)), n_envs * action_repeat


def vec_env_side(n_envs: int) -> tuple[Callable[[], object], int]:
    """The VecEnv of stable-baselines3's kind, with copies and infos."""
    env = make_vec_env(DODGE, n_envs, seed=0, n_workers=1, level=LEVEL)
    env.reset()
    actions = random_actions(n_envs)
    return lambda: env.step(next(actions)), n_envs * env.get_attr("config")[0]["action_repeat"]


def single_side(id: str, **env_kwargs: int) -> tuple[Callable[[], object], int]:
    """A gymnasium.Env, without the checks that gymnasium.make wraps around it."""
    env = gymnasium.make(id, **env_kwargs).unwrapped
    env.reset(seed=0)
    actions = itertools.cycle(np.random.default_rng(0).integers(env.action_space.n, size=1009))

    def step() -> None:
        *_, terminated, truncated, _ = env.step(next(actions))
        if terminated or truncated:
            env.reset()

    return step, 1


def random_actions(n_envs: int) -> itertools.cycle:
    """An endless table of actions (n_envs,)."""
    return itertools.cycle(np.random.default_rng(0).integers(len(MOVES), size=(101, n_envs)))


def random_play_length(side: type, n_envs: int = 2000) -> float:
    """Mean steps of an episode of random play, the first of each row."""
    game, rng, lengths = side(n_envs, level=LEVEL, action_repeat=1), np.random.default_rng(1), np.zeros(n_envs)
    game.seed(1)
    game.reset()
    running = np.ones(n_envs, bool)
    while running.any():
        lengths += running
        game.advance(rng.integers(len(MOVES), size=n_envs))
        running &= ~game.ended
    return float(lengths.mean())


class NumpyDodge:
    """The game with the 65-number observation as array operations over all rows; every row has SLOTS balls at most."""

    def __init__(self, n_envs: int, level: int, action_repeat: int) -> None:
        self.n, self.level, self.rules = n_envs, const.LEVELS[level], Dodge(1, level=level).rules[0]
        self.player, self.wait, self.steps = np.zeros((n_envs, 2)), np.zeros(n_envs), np.zeros(n_envs, int)
        self.balls, self.alive = np.zeros((n_envs, const.SLOTS, 6)), np.zeros((n_envs, const.SLOTS), bool)
        self.observations = np.zeros((n_envs, 65), np.float32)

    def seed(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def reset(self, rows: np.ndarray | slice = slice(None)) -> None:
        self.player[rows], self.alive[rows], self.steps[rows] = 0.0, False, 0
        self.wait[rows] = self.level.throw_seconds

    def advance(self, actions: np.ndarray) -> None:
        seconds, velocity = self.rules["seconds"], const.SPEED * MOVES[actions]
        self.player = np.clip(
            self.player + velocity * seconds, (-const.ZONE_X, -const.ZONE_Y), (const.ZONE_X, const.ZONE_Y)
        )
        self.wait -= seconds
        due = np.flatnonzero(self.wait <= 1e-9)
        if len(due):
            self.throw(due)
        self.fly(seconds)
        offsets = self.balls[:, :, :3] - np.append(self.player, np.full((self.n, 1), const.STAND_Z), axis=1)[:, None]
        nearest = np.sqrt(np.where(self.alive, (offsets**2).sum(axis=2), np.inf).min(axis=1))
        self.steps += 1
        hit = nearest < const.HIT_DISTANCE
        bonus = self.rules["weights"][1] * np.maximum(self.rules["near"] - nearest, 0.0)
        self.rewards = np.where(hit, self.rules["weights"][2], self.rules["weights"][0] + bonus).astype(np.float32)
        self.ended = hit | (self.steps >= self.rules["limit"])
        if self.ended.any():
            self.reset(self.ended)
        self.observations[:, :2], self.observations[:, 2] = self.player, const.STAND_Z
        self.observations[:, 3:5] = velocity
        self.observations[:, 5:] = np.where(self.alive[:, :, None], self.balls, 0.0).reshape(self.n, -1)

    def throw(self, due: np.ndarray) -> None:
        self.wait[due] += self.level.throw_seconds
        due = due[~self.alive[due].all(axis=1)]
        slot, t = self.alive[due].argmin(axis=1), self.level.flight_seconds
        angle = np.radians(self.level.half_angle) * self.rng.uniform(-1, 1, len(due))
        start = np.stack([np.sin(angle), np.cos(angle)], axis=1) * self.level.distance
        self.balls[due, slot, :2], self.balls[due, slot, 2] = start, self.level.height
        self.balls[due, slot, 3:5] = (self.player[due] - start) / t
        self.balls[due, slot, 5] = (const.STAND_Z - self.level.height) / t + 0.5 * const.GRAVITY * t
        self.alive[due, slot] = True

    def fly(self, seconds: float) -> None:
        x, y, z, vz = (self.balls[:, :, k] for k in (0, 1, 2, 5))
        self.balls[:, :, :3] += self.balls[:, :, 3:] * seconds
        z -= 0.5 * const.GRAVITY * seconds**2
        vz -= const.GRAVITY * seconds
        low = (z < const.BALL_RADIUS) & (vz < 0.0) & self.alive
        z[low], vz[low] = const.BALL_RADIUS, -const.RESTITUTION * vz[low]
        self.balls[low, 3:5] *= const.FLOOR_GRIP
        self.alive &= (np.abs(x) <= const.FAR_X) & (y >= const.BEHIND_Y) & (y <= const.BEYOND_Y)


SIDES: dict[str, Callable[[], tuple[Callable[[], object], int]]] = {
    "rlkit Batch, 1024 rows": lambda: batch_side(Dodge, 1024),
    "numpy, 1024 rows": lambda: batch_side(NumpyDodge, 1024),
    "rlkit Batch, 64 rows": lambda: batch_side(Dodge, 64),
    "numpy, 64 rows": lambda: batch_side(NumpyDodge, 64),
    "rlkit Batch, 1 row": lambda: batch_side(Dodge, 1),
    "numpy, 1 row": lambda: batch_side(NumpyDodge, 1),
    "rlkit Batch, 1024 rows, action_repeat 4": lambda: batch_side(Dodge, 1024, 4),
    "rlkit VecEnv, 64 rows, action_repeat 4": lambda: vec_env_side(64),
    "rlkit gymnasium.Env": lambda: single_side(DODGE, level=LEVEL, action_repeat=1),
    YARDSTICK: lambda: single_side("CartPole-v1"),
}

RATIOS = {  # by their names among kept figures
    "numpy": ("rlkit Batch, 1024 rows", "numpy, 1024 rows"),
    "cartpole": ("rlkit gymnasium.Env", YARDSTICK),
}
KEPT = {"rlkit Batch, 1024 rows": "batch", "rlkit gymnasium.Env": "single", YARDSTICK: "cartpole"}

if __name__ == "__main__":
    main()
