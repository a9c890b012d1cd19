"""What an open control panel costs a Rocket League training, and how soon a knob and a click reach it, in one command.

    python benchmarks/panel.py [--rounds 40 --seconds 3] [--keep]

One training runs in its own process; a Jupyter kernel opens and closes a panel of it, by turns, of which either side
goes first in every other round. A turn begins and ends with a line of metrics, so that it holds whole rollouts. Its
speed is per second of wall time, which all other load disturbs, and per CPU-second of the training's process. The last
column bounds the loss where both share one single core: what the training itself loses, and the kernel's CPU time.

The lags are from a change in the kernel to the training's answer, in seconds and in rollouts, and from a click on Pause
to the held training's status and to the button that says so.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import psutil
from jupyter_client.manager import KernelManager, start_new_kernel
from measuring import add_keep, header, keep_results, print_table

import rlkit
from rlkit.diagnostics.ablation import median_interval
from rlkit.files import read_json
from rlkit.runs import RUNNING, Run

PARAMS = {"n_envs": 64, "n_steps": 64, "batch_size": 1024, "n_workers": 1, "total_timesteps": 10**9}
ROLLOUT = 64 * 64  # env steps
STEPS = "time/total_timesteps"
SETTLE_SECONDS = 0.5  # after a panel was opened or closed
MOVES = 20  # of a knob, and clicks
PREPARE = "import rlkit, time; from rlkit.widgets.panel import Panel; run = rlkit.attach('last')"
OPEN, CLOSE = "panel = Panel(run)", "panel.close()"
MOVE = (
    "knob = next(k for k in panel.knobs if k.name == 'clip_range'); began = time.perf_counter()\n"
    "knob.control.value = {value}; print(time.perf_counter() - began, knob._request)"
)
CLICK = (
    "hold, began = panel._pause.description == 'Pause', time.perf_counter(); panel._pause.click()\n"
    "while bool(run.status().get('paused')) != hold: time.sleep(0.005)\n"
    "took = time.perf_counter() - began\n"
    "while (panel._pause.description == 'Resume') != hold: time.sleep(0.005)\n"
    "print(took, time.perf_counter() - began)"
)


class Turn(NamedTuple):
    """The speeds of one turn, and the CPU-seconds per second that the kernel took."""

    per_second: float
    per_cpu_second: float
    kernel: float


def main() -> None:
    """Train, take turns, print two tables, and stop the training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="turns of each side")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a turn")
    add_keep(parser)
    args = parser.parse_args()
    print(header())
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RLKIT_OUTPUTS"] = folder
        run = rlkit.start(rlkit.load_params("speed", PARAMS))
        manager, client = start_new_kernel(kernel_name="python3")
        try:
            found = measure(run, manager, client, args.rounds, args.seconds)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            run.stop()
            while run.status()["state"] in RUNNING:
                time.sleep(0.1)
    if args.keep:
        keep_results("panel", found)


def measure(run: Run, manager: KernelManager, client: Any, rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """Print both tables; their figures by row."""
    while last_step(run) < 10 * ROLLOUT:
        time.sleep(0.1)
    execute(client, PREPARE)
    closed, opened = [], []
    for number in range(rounds):
        for side in (closed, opened) if number % 2 == 0 else (opened, closed):
            execute(client, OPEN if side is opened else "")
            side.append(turn(run, manager, seconds))
            execute(client, CLOSE if side is opened else "")
    found = cost(closed, opened)
    cells = [name.replace("_", " ") for name in found], [f"{row['share']:.1%}" for row in found.values()]
    spread = [f"{row['low']:.1%} to {row['high']:.1%}" for row in found.values()]
    print_table(["an open panel", "median", f"95 % interval, {rounds} rounds"], zip(*cells, spread, strict=True))
    execute(client, OPEN)
    lags = lag(run, client)
    rows = [[name.replace("_", " "), f"{one['median']:.2f}", f"{one['largest']:.2f}"] for name, one in lags.items()]
    print_table(["the way to the training", "median", f"largest of {MOVES}"], rows)
    return found | lags


def cost(closed: Sequence[Turn], opened: Sequence[Turn]) -> dict[str, dict[str, float]]:
    """Shares of the training's speed that an open panel takes, and of a core that its kernel takes."""
    off, on = (np.array(side) for side in (closed, opened))
    losses = {name: 1 - on[:, k] / off[:, k] for k, name in enumerate(("loss_per_second", "loss_per_cpu_second"))}
    kernel = on[:, 2] - off[:, 2]
    bound = 1 - (1 - losses["loss_per_cpu_second"]) * (1 - kernel)
    shares = losses | {"kernel_of_a_core": kernel, "most_on_one_core": bound}
    return {
        name: {"share": float(np.median(values)), **dict(zip(("low", "high"), median_interval(values), strict=True))}
        for name, values in shares.items()
    }


def turn(run: Run, manager: KernelManager, seconds: float) -> Turn:
    """Let the training run for so long, from the end of a rollout to the end of another."""
    trainer = psutil.Process(read_json(run.folder / "status.json")["pid"])
    kernel = psutil.Process(manager.provisioner.pid)
    time.sleep(SETTLE_SECONDS)
    first, began = next_line(run)
    spent, kernel_spent = cpu(trainer), cpu(kernel)
    time.sleep(seconds)
    last, ended = next_line(run)
    spent, kernel_spent, took = cpu(trainer) - spent, cpu(kernel) - kernel_spent, ended - began
    return Turn((last - first) / took, (last - first) / spent, kernel_spent / took)


def next_line(run: Run) -> tuple[int, float]:
    """(env steps, time) at the end of the rollout that is under way."""
    path = run.folder / "metrics.csv"
    size = path.stat().st_size
    while path.stat().st_size == size:
        time.sleep(0.002)
    return last_step(run), time.perf_counter()


def lag(run: Run, client: Any) -> dict[str, dict[str, float]]:
    """Seconds to the mailbox and to the answer, rollouts to the answer; seconds from a click to what it does."""
    ways = (
        "knob_to_mailbox_ms",
        "knob_to_answer_s",
        "knob_to_answer_rollouts",
        "click_to_status_ms",
        "click_to_button_ms",
    )
    found: dict[str, list[float]] = {name: [] for name in ways}
    for move in range(MOVES):
        before, sent = last_step(run), time.time()
        took, request = execute(client, MOVE.format(value=0.1 + 0.01 * move)).split()
        (answer,) = run.answers([request])
        held, shown = map(float, execute(client, CLICK).split())
        execute(client, CLICK)  # and on again
        lags = 1000 * float(took), answer["time"] - sent, (answer["step"] - before) / ROLLOUT, 1000 * held, 1000 * shown
        for name, value in zip(ways, lags, strict=True):
            found[name].append(value)
    return {name: {"median": statistics.median(values), "largest": max(values)} for name, values in found.items()}


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
    """The env step at which the last finished rollout ended; 0 before the first."""
    metrics = run.metrics()
    return int(metrics[STEPS].iloc[-1]) if len(metrics) else 0


def cpu(process: psutil.Process) -> float:
    """CPU-seconds of a process so far: on Linux from its own clock, since /proc counts in hundredths of a second."""
    if sys.platform == "linux":
        return time.clock_gettime((~process.pid << 3) | 2)  # clock_getcpuclockid(3), which Python lacks
    times = process.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
