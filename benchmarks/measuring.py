"""What the benchmarks share: the workloads, the ways through the trainers, taking turns, tables, and kept figures."""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import stable_baselines3
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from rlkit.claims import write_results
from rlkit.diagnostics.machine import machine
from rlkit.trainers.ppo import PPO

RESULTS = Path(__file__).parent / "results"  # what README.md quotes, see rlkit/claims.py


class Workload(NamedTuple):
    """One set of arguments."""

    n_envs: int
    n_steps: int
    batch_size: int
    n_epochs: int
    width: int  # of two hidden layers, in each of two networks; of the memory where there is one
    memory: str = ""  # "LSTM" or "GRU", shared by policy and value; a GRU's heads have a hidden layer, an LSTM's none

    def __str__(self) -> str:
        if self.memory:
            return f"{self.n_envs} x {self.n_steps}, {self.batch_size}, {self.n_epochs}, {self.memory} {self.width}"
        return f"{self.n_envs} x {self.n_steps}, {self.batch_size}, {self.n_epochs}, {self.width}-{self.width}"


SIZES = "envs x steps, batch, epochs, net"  # what str(Workload) lists
WORKLOADS = {
    "W1": Workload(8, 256, 64, 10, 64),
    "W2": Workload(64, 128, 256, 10, 64),
    "W3": Workload(256, 128, 4096, 4, 64),
    "W4": Workload(64, 128, 256, 4, 256),
    "W5": Workload(256, 128, 4096, 4, 256),
    "W6": Workload(1024, 32, 4096, 10, 64),
}
RECURRENT = {  # the nets are those of CleanRL's LSTM and PureJaxRL's GRU, without what these have before the memory
    "L1": Workload(8, 128, 128, 10, 64, "LSTM"),
    "L2": Workload(64, 128, 1024, 4, 64, "LSTM"),
    "L3": Workload(64, 128, 1024, 4, 256, "LSTM"),
    "G1": Workload(8, 128, 128, 10, 64, "GRU"),
    "G2": Workload(64, 128, 1024, 4, 64, "GRU"),
    "G3": Workload(64, 128, 1024, 4, 256, "GRU"),
}


class TorchPolicy(ActorCriticPolicy):
    """MlpPolicy under another name, which rlkit's native path leaves to the torch path."""


class Way(NamedTuple):
    """A PPO and what chooses its way through rollout and update."""

    algorithm: type[stable_baselines3.PPO]
    switches: dict[str, Any] = {}  # noqa: RUF012
    policy: str | type[ActorCriticPolicy] = "MlpPolicy"

    def model(self, env: VecEnv, **kwargs: Any) -> stable_baselines3.PPO:
        """A model with SB3's defaults but for the keywords."""
        return self.algorithm(self.policy, env, device="cpu", **self.switches, **kwargs)


PATHS = {
    "SB3": Way(stable_baselines3.PPO),
    "rlkit": Way(PPO),
    "torch": Way(PPO, policy=TorchPolicy),
    "torch, bf16": Way(PPO, {"use_amp": True}),
    "torch, compiled": Way(PPO, {"use_torch_compile": True}),
    "torch, compiled, bf16": Way(PPO, {"use_torch_compile": True, "use_amp": True}),
}


def header() -> str:
    """A line that names the machine and the versions; a table without it cannot be compared with another."""
    facts = machine()
    versions = ", ".join(f"{package} {version}" for package, version in facts["versions"].items())
    cpu = f"{facts['cpu']} ({facts['instructions']}), {facts['cores_usable']} cores"
    return f"{cpu}, {facts['os']}, Python {facts['python']}, {versions}"


def add_keep(parser: argparse.ArgumentParser) -> None:
    """The option of every benchmark that README.md quotes."""
    parser.add_argument("--keep", action="store_true", help="write the figures to benchmarks/results/, for README.md")


def keep_results(name: str, results: Mapping[str, Any]) -> None:
    """Write benchmarks/results/<name>.json: figures by dotted name, with command, date, machine and versions."""
    write_results(RESULTS / f"{name}.json", {key: value for key, value in results.items() if value})


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a markdown table, each row as soon as it is there."""
    print(f"\n| {' | '.join(columns)} |\n{'|---' * len(columns)}|", flush=True)
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def make_model(path: str, load: Workload, env: VecEnv, **kwargs: Any) -> stable_baselines3.PPO:
    """A model on one of PATHS with the workload's arguments."""
    sizes = {"n_steps": load.n_steps, "batch_size": load.batch_size, "n_epochs": load.n_epochs}
    policy_kwargs = {"net_arch": [load.width, load.width]}
    return PATHS[path].model(env, **sizes, policy_kwargs=policy_kwargs, seed=0, **kwargs)


def make_recurrent(algorithm: Any, load: Workload, env: VecEnv, **kwargs: Any) -> Any:
    """A recurrent model with the workload's arguments."""
    sizes = {"n_steps": load.n_steps, "batch_size": load.batch_size, "n_epochs": load.n_epochs}
    policy_kwargs = {
        "lstm_hidden_size": load.width,
        "net_arch": [load.width] if load.memory == "GRU" else [],
        "shared_lstm": True,
        "enable_critic_lstm": False,
    }
    policy = f"Mlp{load.memory.title()}Policy"
    return algorithm(policy, env, **sizes, policy_kwargs=policy_kwargs, seed=0, device="cpu", **kwargs)


def take_turns(
    models: Sequence[Any], rounds: int, seconds: float, clock: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """(median env steps per second of each model, median of the rounds' ratios to the first model).

    A turn is one `learn` of about so many seconds, after one of a rollout that compiles and touches all memory.
    """
    lengths = []
    for model in models:
        rollout = model.n_envs * model.n_steps
        model.learn(rollout)
        lengths.append(rollout * max(1, round(seconds * speed(model, 2 * rollout, clock) / rollout)))
    turns = [[speed(*turn, clock) for turn in zip(models, lengths, strict=True)] for _ in range(rounds)]
    speeds = [statistics.median(column) for column in zip(*turns, strict=True)]
    ratios = [statistics.median(turn[i] / turn[0] for turn in turns) for i in range(len(models))]
    return speeds, ratios


def speed(model: stable_baselines3.PPO, total_timesteps: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Env steps per second of one `learn`."""
    start = clock()
    model.learn(total_timesteps)
    return model.num_timesteps / (clock() - start)
