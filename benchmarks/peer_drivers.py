"""The child process of the race: one trainer, on its cores, that trains whole rollouts whenever it is told to.

    python benchmarks/peer_drivers.py SBX W1 --cores 0 --seconds 1 [--code folder]

It warms up, says "ready", and answers each line of its input with one of JSON: env steps, wall and CPU-seconds of a
turn. Peers that are libraries are called as their users call them. Scripts (CleanRL, LeanRL, PureJaxRL) are read from
their own repository and run as they are but for the replacements listed beside them here, each of which must apply:
the width of the layers, the env, and what a later release of a library broke.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy comes

import numpy as np
import psutil
import sb3_contrib
from measuring import RECURRENT, WORKLOADS, Workload, make_model, make_recurrent
from ppo_envs import N_CHOICES, N_OBSERVED, Synth65

from rlkit.trainers.recurrent_ppo import RecurrentPPO

WARM_UP = 2  # rollouts and updates before the first turn
FOREVER = 10**12  # env steps
LEARNING_RATE = 3e-4  # SB3's default, as the other values here


class Turns:
    """Measures rollouts, updates included, between a line from the parent and the answer to it."""

    def __init__(self, seconds: float, parent: TextIO) -> None:
        self.seconds, self.parent = seconds, parent
        self.rollouts = 0

    def at_rollout(self, steps: int) -> None:
        """To be called when a rollout begins, with the env steps done so far; waits while it is others' turn."""
        self.rollouts += 1
        if self.rollouts <= WARM_UP:
            return
        if self.rollouts == WARM_UP + 1:
            self.say("ready")
        else:
            wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
            if wall < self.seconds:
                return
            self.say(json.dumps({"steps": steps - self.steps, "wall": wall, "cpu": cpu}))
        if not sys.stdin.readline():
            os._exit(0)  # the parent is done with us; a script in the middle of its loop has no other way out
        self.steps, self.wall, self.cpu = steps, time.perf_counter(), time.process_time()

    def say(self, text: str) -> None:
        """A line for the parent."""
        print(text, file=self.parent, flush=True)


class TurnsEnv(Synth65):
    """Synth65 that knows when a rollout begins."""

    def __init__(self, load: Workload, turns: Turns) -> None:
        super().__init__(load.n_envs)
        self.n_steps, self.turns = load.n_steps, turns

    def step_async(self, actions: np.ndarray) -> None:
        if self._step % self.n_steps == 0:
            self.turns.at_rollout(self._step * self.num_envs)
        super().step_async(actions)


class GymnasiumEnv:
    """The same as the part of a Gymnasium vector env that CleanRL's and LeanRL's scripts use."""

    def __init__(self, env: TurnsEnv, action_space: Any) -> None:
        self.env = env
        self.single_observation_space, self.single_action_space = env.observation_space, action_space

    def reset(self, seed: int | None = None) -> tuple[np.ndarray, dict]:
        return self.env.reset(), {}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict]:
        observations, rewards, dones, _ = self.env.step(actions)
        return observations, rewards, dones, np.zeros_like(dones), {}


def sb3(load: Workload, turns: Turns, cores: int, code: Path) -> None:
    """stable_baselines3.PPO, or sb3_contrib.RecurrentPPO."""
    if load.memory == "GRU":
        raise ValueError("sb3-contrib has no GRU")
    if load.memory:
        make_recurrent(sb3_contrib.RecurrentPPO, load, TurnsEnv(load, turns)).learn(FOREVER)
    make_model("SB3", load, TurnsEnv(load, turns)).learn(FOREVER)


def rlkit(load: Workload, turns: Turns, cores: int, code: Path) -> None:
    """rlkit.PPO, as it comes but for the number of threads; recurrent with the peers' sequences, whole rollouts."""
    if load.memory:
        make_recurrent(RecurrentPPO, load, TurnsEnv(load, turns), sequence_length=load.n_steps).learn(FOREVER)
    make_model("rlkit", load, TurnsEnv(load, turns), n_threads=cores).learn(FOREVER)


def sbx(load: Workload, turns: Turns, cores: int, code: Path) -> None:
    """sbx.PPO, without memory, whose arguments and default activation are SB3's."""
    from sbx import PPO

    sizes = {"n_steps": load.n_steps, "batch_size": load.batch_size, "n_epochs": load.n_epochs}
    policy_kwargs = {"net_arch": [load.width, load.width]}
    PPO("MlpPolicy", TurnsEnv(load, turns), **sizes, policy_kwargs=policy_kwargs, seed=0).learn(FOREVER)


def cleanrl(load: Workload, turns: Turns, cores: int, code: Path) -> None:
    """CleanRL's ppo.py with SB3's defaults where they differ: no annealing, no clipping of values, no entropy bonus."""
    import gymnasium
    from gymnasium.spaces import Discrete

    gymnasium.vector.SyncVectorEnv = lambda makers: GymnasiumEnv(TurnsEnv(load, turns), Discrete(N_CHOICES))
    settings = script_settings(load) | {"ent_coef": 0.0, "cuda": False}
    sys.modules["tyro"] = types.SimpleNamespace(cli=lambda arguments: arguments(**settings))
    if load.memory:
        cleanrl_lstm(load, code)
    run_script(code / "cleanrl" / "ppo.py", {", 64)": f", {load.width})", "nn.Linear(64,": f"nn.Linear({load.width},"})


def cleanrl_lstm(load: Workload, code: Path) -> None:
    """CleanRL's ppo_atari_lstm.py without its images: the memory reads the observation."""
    if load.memory != "LSTM":
        raise ValueError(f"CleanRL has no {load.memory}")
    unused = "ClipRewardEnv", "EpisodicLifeEnv", "FireResetEnv", "MaxAndSkipEnv", "NoopResetEnv"  # imported for Atari
    sys.modules["cleanrl_utils"] = types.ModuleType("cleanrl_utils")
    sys.modules["cleanrl_utils.atari_wrappers"] = types.SimpleNamespace(**dict.fromkeys(unused))
    changes = {
        "self.lstm = nn.LSTM(512, 128)": f"self.network, self.lstm = nn.Flatten(), nn.LSTM({N_OBSERVED}, {load.width})",
        "x / 255.0": "x",
        "nn.Linear(128,": f"nn.Linear({load.width},",
    }
    run_script(code / "cleanrl" / "ppo_atari_lstm.py", changes)


def leanrl(load: Workload, turns: Turns, cores: int, code: Path) -> None:
    """LeanRL's compiled ppo_continuous_action: a Gaussian head of as many numbers, since it has no discrete one."""
    import gymnasium
    from gymnasium.spaces import Box

    actions = Box(-1.0, 1.0, (N_CHOICES,), np.float32)
    gymnasium.vector.SyncVectorEnv = lambda makers: GymnasiumEnv(TurnsEnv(load, turns), actions)
    settings = script_settings(load) | {"cuda": False, "compile": True}
    sys.modules["tyro"] = types.SimpleNamespace(cli=lambda arguments: arguments(**settings))
    sys.modules["wandb"] = types.SimpleNamespace(init=lambda **kwargs: None, log=lambda *args, **kwargs: None)
    changes = {", 64, device": f", {load.width}, device", "nn.Linear(64,": f"nn.Linear({load.width},"}
    for name in ("get_action_and_value", "get_value"):  # tensordict 0.14 lets gradients through the detached copy
        changes[f" = agent_inference.{name}"] = f" = torch.no_grad()(agent_inference.{name})"
    run_script(code / "leanrl" / "ppo_continuous_action_torchcompile.py", changes)


def script_settings(load: Workload) -> dict[str, Any]:
    """The workload by CleanRL's names."""
    return {
        "num_envs": load.n_envs,
        "num_steps": load.n_steps,
        "num_minibatches": load.n_envs * load.n_steps // load.batch_size,
        "update_epochs": load.n_epochs,
        "learning_rate": LEARNING_RATE,
        "anneal_lr": False,
        "clip_vloss": False,
        "total_timesteps": FOREVER,
    }


def run_script(file: Path, changes: dict[str, str]) -> None:
    """Run a script as python would, with its text changed, in a folder that is thrown away."""
    main = sys.modules["__main__"] = types.ModuleType("__main__")  # where torch.compile looks up what a function uses
    main.__file__ = str(file)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        exec(compile(changed(file, changes), str(file), "exec"), main.__dict__)


def changed(file: Path, changes: dict[str, str]) -> str:
    """The file's text with every occurrence of each key replaced; ValueError where one does not occur."""
    text = file.read_text("utf-8")
    for old, new in changes.items():
        if old not in text:
            raise ValueError(f"{file.name} has no '{old}' to replace: it is not the version this driver was made for.")
        text = text.replace(old, new)
    return text


def purejaxrl(load: Workload, turns: Turns, cores: int, code: Path) -> None:
    """PureJaxRL's ppo.py or ppo_rnn.py, the env inside its XLA program; a call trains new weights for some updates."""
    import jax
    from peer_jax import Synth65 as JaxSynth65

    for unused in ("brax", "brax.envs", "brax.envs.wrappers", "brax.envs.wrappers.training", "navix"):
        sys.modules[unused] = types.ModuleType(unused)  # its wrappers.py imports them for envs that are not ours
    sys.modules["brax"].envs = sys.modules["brax.envs"]
    training = sys.modules["brax.envs.wrappers.training"]
    training.EpisodeWrapper = training.AutoResetWrapper = object
    sys.path.insert(0, str(code / "purejaxrl"))
    script: dict[str, Any] = {"__name__": "ppo"}
    file = code / "purejaxrl" / ("ppo_rnn.py" if load.memory else "ppo.py")
    changes = gru_changes(load) if load.memory else {"            64, ": f"            {load.width}, "}
    exec(compile(changed(file, changes), str(file), "exec"), script)
    script["gymnax"].make = lambda name: (JaxSynth65(), None)
    rollout = load.n_envs * load.n_steps
    config = {
        "NUM_ENVS": load.n_envs,
        "NUM_STEPS": load.n_steps,
        "NUM_MINIBATCHES": rollout // load.batch_size,
        "UPDATE_EPOCHS": load.n_epochs,
        "LR": LEARNING_RATE,
        **{"ANNEAL_LR": False, "GAMMA": 0.99, "GAE_LAMBDA": 0.95, "CLIP_EPS": 0.2, "ENT_COEF": 0.0, "VF_COEF": 0.5},
        **{"MAX_GRAD_NORM": 0.5, "ACTIVATION": "tanh", "ENV_NAME": "Synth65"},
    }

    def trainer(updates: int) -> Callable[[], None]:
        train = jax.jit(script["make_train"](config | {"TOTAL_TIMESTEPS": updates * rollout}))
        jax.block_until_ready(train(jax.random.PRNGKey(0)))  # compiles
        return lambda: jax.block_until_ready(train(jax.random.PRNGKey(1)))

    four = trainer(4)
    start = time.perf_counter()
    four()
    updates = max(4, int(4 * turns.seconds / (time.perf_counter() - start) / 2))  # two calls a turn
    train, steps = trainer(updates), 0
    while True:
        turns.at_rollout(steps)
        train()
        steps += updates * rollout


def gru_changes(load: Workload) -> dict[str, str]:
    """The replacements in ppo_rnn.py: the memory reads the observation, and flax's GRUCell wants to know its width."""
    if load.memory != "GRU":
        raise ValueError(f"PureJaxRL has no {load.memory}")
    return {
        "rnn_in = (embedding, dones)": "rnn_in = (obs, dones)",
        "(ins.shape[0], ins.shape[1])": f"(ins.shape[0], {load.width})",
        "nn.GRUCell()(": f"nn.GRUCell({load.width})(",
        "nn.GRUCell.initialize_carry(": "(lambda key, batch, size: jnp.zeros((*batch, size)))(",
        'config["NUM_ENVS"], 128)': f'config["NUM_ENVS"], {load.width})',
        "nn.Dense(128,": f"nn.Dense({load.width},",
    }


DRIVERS = {"SB3": sb3, "rlkit": rlkit, "SBX": sbx, "CleanRL": cleanrl, "LeanRL": leanrl, "PureJaxRL": purejaxrl}


def main() -> None:
    """Drive one peer until the parent closes our input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=DRIVERS)
    parser.add_argument("workload", choices=WORKLOADS | RECURRENT)
    parser.add_argument("--cores", default="0", help="numbers of the cores to stay on")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--code", type=Path, default=Path(), help="clone of the peer's repository")
    args = parser.parse_args()
    cores = [int(core) for core in args.cores.split(",")]
    if hasattr(psutil.Process, "cpu_affinity"):  # not on macOS
        psutil.Process().cpu_affinity(cores)
    import torch

    torch.set_num_threads(len(cores))
    turns = Turns(args.seconds, sys.stdout)
    sys.stdout = sys.stderr  # scripts print
    load = (WORKLOADS | RECURRENT)[args.workload]
    if load.memory and args.peer in ("SBX", "LeanRL"):
        raise ValueError(f"{args.peer} has no PPO with a memory")
    DRIVERS[args.peer](load, turns, len(cores), args.code.resolve())


if __name__ == "__main__":
    main()
