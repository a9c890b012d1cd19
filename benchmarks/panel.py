"""What an open control panel costs a Rocket League training, and how soon a moved knob reaches it, in one command.

    python benchmarks/panel.py [--rounds 5 --seconds 8]

One training runs in its own process; a Jupyter kernel opens and closes a panel of it, by turns. Speed is the median of
the rollouts that lie in a turn: per second of wall time, which the panel can take a core from, and per CPU-second of
the training's process, which other load disturbs least. Either side goes first in every other round, so that a training
which gets slower by itself favours neither. The lag is from a knob's change in the kernel to the request in the run's
mailbox, and from there to the training's answer, in seconds and in rollouts.
"""

import argparse
import os
import statistics
import tempfile
import time
from typing import Any, NamedTuple

import psutil
from jupyter_client.manager import KernelManager, start_new_kernel
from measuring import header, print_table

import rlkit
from rlkit.files import read_json
from rlkit.runs import RUNNING, Run

PARAMS = {"n_envs": 64, "n_steps": 64, "batch_size": 1024, "n_workers": 1, "total_timesteps": 10**9}
ROLLOUT = 64 * 64  # env steps
STEPS, SPEED = "time/total_timesteps", "time/steps_per_second"
SETTLE_SECONDS = 1.0  # between two turns
MOVES = 10  # of a knob
OPEN = "panel = Panel(run)"
CLOSE = "panel.close()"
PREPARE = "import rlkit, time; from rlkit.widgets.panel import Panel; run = rlkit.attach('last')"
MOVE = (
    "knob = next(k for k in panel.knobs if k.name == 'clip_range'); began = time.perf_counter()\n"
    "knob.control.value = {value}; print(time.perf_counter() - began, knob._request)"
)


class Turn(NamedTuple):
    """The speeds of one turn, and what the kernel took."""

    per_second: float
    per_cpu_second: float
    kernel_share: float  # CPU-seconds of the kernel per second


def main() -> None:
    """Train, take turns, print two tables, and stop the training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of a turn")
    args = parser.parse_args()
    print(header())
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RLKIT_OUTPUTS"] = folder
        run = rlkit.start(rlkit.load_params("speed", PARAMS))
        manager, client = start_new_kernel(kernel_name="python3")
        try:
            measure(run, manager, client, args.rounds, args.seconds)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            run.stop()
            while run.status()["state"] in RUNNING:
                time.sleep(0.1)


def measure(run: Run, manager: KernelManager, client: Any, rounds: int, seconds: float) -> None:
    """Both tables: the speed with and without a panel, and the lag of a knob."""
    await_steps(run, 10 * ROLLOUT)
    execute(client, PREPARE)
    closed, opened = [], []
    for number in range(rounds):
        for side in (closed, opened) if number % 2 == 0 else (opened, closed):
            execute(client, OPEN if side is opened else "")
            side.append(turn(run, manager, seconds))
            execute(client, CLOSE if side is opened else "")
    rows = [row("no panel", closed, closed), row("panel open", opened, closed)]
    columns = ["", "steps/s", "against none", "steps/CPU-s", "against none", "kernel's CPU"]
    print_table(columns, rows)
    execute(client, OPEN)
    print_table(["a moved knob", "median", "largest"], lag(run, client))


def turn(run: Run, manager: KernelManager, seconds: float) -> Turn:
    """Let the training run for so long and look at the rollouts that ended meanwhile."""
    trainer = psutil.Process(read_json(run.folder / "status.json")["pid"])
    kernel = psutil.Process(manager.provisioner.pid)
    time.sleep(SETTLE_SECONDS)
    first, spent, kernel_spent, began = last_step(run), cpu(trainer), cpu(kernel), time.perf_counter()
    time.sleep(seconds)
    last, spent = last_step(run), cpu(trainer) - spent
    took, kernel_spent = time.perf_counter() - began, cpu(kernel) - kernel_spent
    metrics = run.metrics()
    rollouts = metrics[(metrics[STEPS] > first) & (metrics[STEPS] <= last)]
    return Turn(float(rollouts[SPEED].median()), (last - first) / spent, kernel_spent / took)


def row(name: str, turns: list[Turn], reference: list[Turn]) -> list[str]:
    """A row of the table: medians over the turns, and medians of each turn's ratio to the other side's of its round."""
    cells = [name]
    for figure in ("per_second", "per_cpu_second"):
        values, base = ([getattr(one, figure) for one in side] for side in (turns, reference))
        ratios = [value / other for value, other in zip(values, base, strict=True)]
        spread = (
            "" if turns is reference else f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        )
        cells += [f"{statistics.median(values):,.0f}", spread]
    return [*cells, f"{statistics.median(one.kernel_share for one in turns):.1%}"]


def lag(run: Run, client: Any) -> list[list[str]]:
    """Rows for the lag to the mailbox, to the answer, and to the answer in rollouts."""
    mailbox, answers, rollouts = [], [], []
    for move in range(MOVES):
        before, sent = last_step(run), time.time()
        took, request = execute(client, MOVE.format(value=0.15 + 0.01 * move)).split()
        (answer,) = run.answers([request])
        mailbox.append(1000 * float(took))
        answers.append(answer["time"] - sent)
        rollouts.append((answer["step"] - before) / ROLLOUT)
    kinds = {"to the mailbox, ms": mailbox, "to the answer, s": answers, "to the answer, rollouts": rollouts}
    return [[name, f"{statistics.median(values):.2f}", f"{max(values):.2f}"] for name, values in kinds.items()]


def execute(client: Any, code: str) -> str:
    """What the code prints in the kernel; RuntimeError with its traceback when it fails."""
    printed: list[str] = []

    def hook(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "error":
            raise RuntimeError("\n".join(content["traceback"]))
        if message["msg_type"] == "stream" and content["name"] == "stdout":
            printed.append(content["text"])

    client.execute_interactive(code, output_hook=hook, timeout=120)
    return "".join(printed)


def last_step(run: Run) -> int:
    """The env step at which the last finished rollout ended."""
    return int(run.metrics()[STEPS].iloc[-1])


def await_steps(run: Run, steps: int) -> None:
    """Wait until the training has come so far."""
    while not len(run.metrics()) or last_step(run) < steps:
        time.sleep(0.1)


def cpu(process: psutil.Process) -> float:
    """CPU-seconds of a process so far."""
    times = process.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
