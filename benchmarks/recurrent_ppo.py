"""rlkit.RecurrentPPO against sb3_contrib.RecurrentPPO, side by side in one process, in one command.

    python benchmarks/recurrent_ppo.py [--hidden 64,256 --envs 8,64 --rounds 3 --rollouts 2] [--goal] [--keep]

Both train on Gymnasium's CartPole-v1 with the same arguments on one torch thread and take turns of as many env steps,
so that they are equally far in their training: how long episodes are decides how long sequences are. The figure is
the median over the rounds of env steps per CPU-second, which other load on the machine disturbs least; the ratio is
the median of the rounds' ratios. sb3-contrib runs twice: as it is by default, with an LSTM for each of policy and
value, and with one that both share; lines with a shared memory have a ratio to each. The last column is the share of
what NumPy's float32 product reaches on this core for one minibatch's gates: matrix products alone, and no other work,
are counted. Other policies than these are in recurrent_policies.py, other trainers in peers.py. --goal times learning
itself, on CartPole without its velocities.
"""

import argparse
import statistics
import time
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import sb3_contrib
import torch
from gymnasium import spaces
from measuring import add_keep, header, keep_results, print_table
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv

from rlkit.diagnostics.roofline import flops_per_step, numpy_product_flops
from rlkit.files import slug
from rlkit.trainers.recurrent.policies import MlpGruPolicy
from rlkit.trainers.recurrent_ppo import RecurrentPPO

N_STEPS, BATCH_SIZE, N_EPOCHS, N_OBSERVED = 128, 128, 10, 4
SHARED = {"shared_lstm": True, "enable_critic_lstm": False}
GOAL_RETURN, GOAL_EPISODES, GOAL_LIMIT = 475.0, 50, 200_000  # mean of so many last episodes; env steps
GOAL = {"n_steps": 32, "batch_size": 256, "n_epochs": 20, "gae_lambda": 0.9, "gamma": 0.98}
GOAL_RATE, GOAL_REWARD = 1e-3, 0.1  # learning rate, annealed to 0; factor that keeps values near 1


class TorchLstmPolicy(sb3_contrib.ppo_recurrent.MlpLstmPolicy):
    """The same policy under another name, which the native kernels therefore do not serve."""


class Variant(NamedTuple):
    """One line of the table."""

    name: str
    policy: Any
    shared: bool = False
    exact: bool = False


class Line(NamedTuple):
    """What was measured of a variant: env steps per CPU-second, its ratios to sb3-contrib's two, share of the limit."""

    speed: float
    ratio: float
    ratio_shared: float
    share_of_limit: float


CONTRIB = [Variant("sb3-contrib", "MlpLstmPolicy"), Variant("sb3-contrib, shared LSTM", "MlpLstmPolicy", shared=True)]
VARIANTS = [
    Variant("torch, LSTM, sb3-contrib's minibatches", TorchLstmPolicy, exact=True),
    Variant("native, LSTM, sb3-contrib's minibatches", "MlpLstmPolicy", exact=True),
    Variant("native, LSTM, shared, sb3-contrib's minibatches", "MlpLstmPolicy", True, exact=True),
    Variant("native, LSTM, chunks", "MlpLstmPolicy"),
    Variant("native, LSTM, shared, chunks", "MlpLstmPolicy", True),
    Variant("native, GRU, chunks", "MlpGruPolicy"),
    Variant("native, GRU, shared, chunks", "MlpGruPolicy", True),
]


def main() -> None:
    """Measure what was asked for and print it as markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", default="64,256", help="sizes of the memory, '' for none")
    parser.add_argument("--envs", default="8,64", help="numbers of envs")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--rollouts", type=int, default=2, help="rollouts of 8 envs in a turn")
    parser.add_argument("--goal", action="store_true", help="also the time to a mean return of 475 without velocities")
    add_keep(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(header())
    kept: dict[str, Any] = {}
    for n_envs in map(int, args.envs.split(",")):
        for hidden in map(int, filter(None, args.hidden.split(","))):
            print(f"\nMemory of {hidden}, {n_envs} envs, n_steps {N_STEPS}, batch {BATCH_SIZE}, {N_EPOCHS} epochs\n")
            columns = "", "env steps per CPU-second", "to sb3-contrib", "to it with a shared LSTM", "of the GEMM limit"
            lines = measure(hidden, n_envs, args.rounds, args.rollouts)
            print_table(columns, (cells(*each) for each in lines.items()))
            kept[f"{hidden} with {n_envs} envs"] = {slug(each.name): line._asdict() for each, line in lines.items()}
    if args.goal:
        columns = "CartPole-v1 without velocities", "CPU-seconds", "env steps", "last mean return"
        print_table(columns, (goal_row(*side, args.rounds) for side in goal_sides()))
    if args.keep:
        keep_results("recurrent_ppo", kept)


def measure(hidden: int, n_envs: int, rounds: int, rollouts: int) -> dict[Variant, Line]:
    """The lines of a table; every model takes its turn in every round."""
    variants = [*CONTRIB, *VARIANTS]
    algorithms = [sb3_contrib.RecurrentPPO] * len(CONTRIB) + [RecurrentPPO] * len(VARIANTS)
    models = [make_model(*side, hidden, n_envs) for side in zip(algorithms, variants, strict=True)]
    turn = max(rollouts * 8, n_envs) * N_STEPS
    for model in models:
        model.learn(n_envs * N_STEPS)  # compiles, and touches all memory
    speeds = np.array([[speed(model, turn) for model in models] for _ in range(rounds)])
    medians = np.median(speeds, axis=0)
    (limit,) = numpy_product_flops((BATCH_SIZE, hidden, 4 * hidden))
    lines = {}
    for i, (variant, model) in enumerate(zip(variants, models, strict=True)):
        ratios = [float(np.median(speeds[:, i] / speeds[:, base])) for base in range(len(CONTRIB))]
        flops = sum(flops_per_step(model.policy, N_OBSERVED, N_EPOCHS))
        lines[variant] = Line(float(medians[i]), *ratios, float(medians[i] * flops / limit))
    return lines


def cells(variant: Variant, line: Line) -> tuple[str, ...]:
    """A line as the table shows it."""
    shared = f"{line.ratio_shared:.1f}x" if variant.shared else ""
    return variant.name, f"{line.speed:,.0f}", f"**{line.ratio:.1f}x**", shared, f"{line.share_of_limit:.0%}"


def make_model(algorithm: Any, variant: Variant, hidden: int, n_envs: int) -> sb3_contrib.RecurrentPPO:
    """A model of one side; all arguments that are not here are sb3-contrib's defaults."""
    sizes = {"n_steps": N_STEPS, "batch_size": BATCH_SIZE, "n_epochs": N_EPOCHS}
    policy_kwargs = {"lstm_hidden_size": hidden, **(SHARED if variant.shared else {})}
    exact = {"exact": True} if variant.exact else {}
    env = make_vec_env("CartPole-v1", n_envs, seed=0)
    return algorithm(variant.policy, env, policy_kwargs=policy_kwargs, seed=0, device="cpu", **sizes, **exact)


def speed(model: sb3_contrib.RecurrentPPO, total_timesteps: int) -> float:
    """Env steps per CPU-second of one `learn` that goes on with the training."""
    before, start = model.num_timesteps, time.process_time()
    model.learn(total_timesteps, reset_num_timesteps=False)
    return (model.num_timesteps - before) / (time.process_time() - start)


class WithoutVelocities(gymnasium.ObservationWrapper):
    """CartPole-v1's positions and angles alone, and rewards times GOAL_REWARD; Monitor below it sees the real ones."""

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(gymnasium.wrappers.TransformReward(env, lambda reward: GOAL_REWARD * reward))
        self.observation_space = spaces.Box(-5, 5, (2,), np.float32)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        """Cart's position and pole's angle."""
        return observation[[0, 2]]


class Goal(BaseCallback):
    """Stops a training once the last episodes reach GOAL_RETURN."""

    def _on_rollout_start(self) -> None:
        self.returns = [episode["r"] for episode in list(self.model.ep_info_buffer)[-GOAL_EPISODES:]]

    def _on_step(self) -> bool:
        return len(self.returns) < GOAL_EPISODES or statistics.mean(self.returns) < GOAL_RETURN


def goal_sides() -> list[tuple[str, Any, Any, dict[str, Any]]]:
    """Name, algorithm, policy and arguments of the lines of the second table."""
    return [
        ("rlkit, GRU, chunks", RecurrentPPO, MlpGruPolicy, {}),
        ("rlkit, LSTM, chunks", RecurrentPPO, "MlpLstmPolicy", {}),
        ("rlkit, LSTM, sb3-contrib's minibatches", RecurrentPPO, "MlpLstmPolicy", {"exact": True}),
        ("sb3-contrib", sb3_contrib.RecurrentPPO, "MlpLstmPolicy", {}),
    ]


def goal_row(name: str, algorithm: Any, policy: Any, kwargs: dict[str, Any], seeds: int) -> tuple[str, ...]:
    """A line of the second table: one training per seed."""
    found = []
    for seed in range(seeds):
        model = algorithm(
            policy,
            goal_env(seed),
            learning_rate=lambda left: GOAL_RATE * left,
            policy_kwargs={"lstm_hidden_size": 64},
            seed=seed,
            device="cpu",
            **GOAL,
            **kwargs,
        )
        goal, start = Goal(), time.process_time()
        model.learn(GOAL_LIMIT, callback=goal)
        found.append((time.process_time() - start, model.num_timesteps, statistics.mean(goal.returns)))
    return name, *(", ".join(f"{number:,.0f}" for number in column) for column in zip(*found, strict=True))


def goal_env(seed: int) -> VecEnv:
    """Eight of them."""
    return make_vec_env("CartPole-v1", 8, seed=seed, wrapper_class=WithoutVelocities)


if __name__ == "__main__":
    main()
