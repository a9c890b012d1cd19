"""What a run folder says after each fault, found out by committing it. `-rP` prints a line for each: fault, states."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from rlkit.checkpoint import newest_checkpoint
from rlkit.errors import EnvError, RunError
from rlkit.experiment import resume, start
from rlkit.owner import Owner
from rlkit.params import load_params
from rlkit.phases import Params
from rlkit.runs import RUNNING, Run, all_runs, create_run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the faults are sent as POSIX signals")

LONG = {
    "env_id": "CartPole-v1",
    "n_envs": 4,
    "n_steps": 64,
    "batch_size": 64,
    "total_timesteps": 10**9,
    "checkpoint_every": 2000,
}
CELLS = [
    "import os, time, rlkit",
    "\n".join(f"{name} = {value!r}" for name, value in LONG.items()),
    "params = rlkit.load_params('baseline', globals())",
    "run = rlkit.start(params)\nopen(run.folder / 'kernel', 'w').write(str(os.getpid()))",
    "run.wait()",
]


def long_params(**changes: Any) -> Params:
    return load_params("baseline", LONG | changes)


def until(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    """The condition's value once it is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    pytest.fail(f"nothing within {seconds} s")


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


def trained_some(run: Run) -> bool:
    return run.status().get("steps", 0) > 2500


def over(run: Run) -> dict[str, Any] | None:
    status = run.status()
    return status if status["state"] not in RUNNING else None


def report(fault: str, run: Run) -> None:
    kept = sorted(path.name for path in (run.folder / "checkpoints").glob("[0-9]*"))
    notebook = run.notebook_status()["state"] or "-"
    print(f"{fault}: training {run.status()['state']}, notebook {notebook}, checkpoints {kept}")


@pytest.fixture
def training() -> Iterator[Run]:
    """A long training in its own process, some steps in."""
    run = start(long_params())
    until(lambda: trained_some(run))
    yield run
    psutil.Process(run.status()["pid"]).kill() if not over(run) else None


@pytest.mark.parametrize(
    ("number", "state"),
    [(signal.SIGKILL, "died"), (signal.SIGTERM, "preempted"), (signal.SIGINT, "interrupted")],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_signal_to_the_training(training: Run, number: signal.Signals, state: str) -> None:
    training_pid = training.status()["pid"]
    os.kill(training_pid, number)
    status = until(lambda: over(training), 30)
    assert status["state"] == state
    assert json.loads((training.folder / "status.json").read_text())["state"] == state  # written down, not only said
    newest = newest_checkpoint(training.folder / "checkpoints")
    assert state == "died" or int(newest.name) == status["steps"]
    assert state == "died" or training.events()[-1]["kind"] == "stop"
    with pytest.raises(RunError, match="is over"):
        training.stop()
    report(f"{number.name} to the training", training)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda value: value.name)
def test_a_training_goes_on_from_its_newest_checkpoint(training: Run, number: signal.Signals) -> None:
    with pytest.raises(RunError, match="only a training that is over"):
        resume(training)
    os.kill(training.status()["pid"], number)
    until(lambda: over(training), 30)
    step = int(newest_checkpoint(training.folder / "checkpoints").name)
    resume(training)
    until(lambda: over(training) or training.status().get("steps", 0) > step + 2500)
    training.stop("enough")
    assert until(lambda: over(training), 30)["state"] == "interrupted"
    assert [event["kind"] for event in training.events()].count("resume") == 1
    steps = training.metrics()["time/total_timesteps"]
    assert steps.is_monotonic_increasing
    assert steps.is_unique
    assert steps.max() > step
    report(f"{number.name}, then resumed", training)


def test_a_stop_request(training: Run) -> None:
    training.stop("enough")
    assert training.wait(30).status() | {"state": "interrupted", "reason": "enough"} == training.status()
    report("stop request", training)


def test_one_folder_has_one_owner_and_one_training(training: Run) -> None:
    with pytest.raises(RunError, match="owned by another process"), Owner(training):
        pass
    with pytest.warns(UserWarning, match="attached to"):
        assert start(long_params()) == training  # a cell that is run again
    (training.folder / "control").mkdir()
    (training.folder / "control" / "stop.json").write_text('{"reason": "no state"}')
    time.sleep(0.5)
    assert training.status()["state"] == "running"  # what is no request is none
    training.stop()
    training.wait(30)
    with pytest.raises(RunError, match="overwrite"), Owner(training):
        pass
    assert training.status()["state"] == "interrupted"


@pytest.mark.parametrize(
    ("fault", "words"),
    [("raise RuntimeError('the wheel came off')", "the wheel came off"), ("outcome[0][:] = float('nan')", "found nan")],
)
def test_an_env_that_breaks(fault: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = f"broken_env_{abs(hash(words))}"
    (tmp_path / f"{module}.py").write_text(
        "import gymnasium\n"
        "from gymnasium.envs.classic_control import CartPoleEnv\n"
        "class Broken(CartPoleEnv):\n"
        "    steps = 0\n"
        "    def step(self, action):\n"
        "        outcome = super().step(action)\n"
        "        Broken.steps += 1\n"
        f"        if Broken.steps > 3000: {fault}\n"
        "        return outcome\n"
        "gymnasium.register('Broken-v0', entry_point=Broken, disable_env_checker=True)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    run = start(long_params(env_id=f"{module}:Broken-v0"))
    with pytest.raises(RunError, match=words):
        run.wait(120)
    status = run.status()
    assert status["state"] == "failed"
    assert words in status["reason"]
    assert "Traceback" in status["traceback"]
    newest_checkpoint(run.folder / "checkpoints")
    report(words, run)


@pytest.mark.parametrize(
    "changes", [{"env_id": "CartPole-v7"}, {"env_kwargs": {"gravity": 3}}, {"env_id": "nowhere:X-v0"}]
)
def test_an_env_that_is_not_there_makes_no_run(changes: dict) -> None:
    with pytest.raises(EnvError, match=r"CartPole-v1|nowhere"):
        start(long_params(**changes))
    assert all_runs() == []


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "rlkit", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs a small file system of its own, which only root on Linux can mount")
    monkeypatch.setenv("RLKIT_OUTPUTS", str(disk))
    try:
        run = start(long_params())
        until(lambda: trained_some(run))
        fill(disk / "filler")
        status = until(lambda: over(run))
        assert status["state"] == "failed"
        assert "disk is full" in status["reason"]
        newest_checkpoint(run.folder / "checkpoints")
        assert len(run.metrics()) > 3
        report("full disk", run)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts `rlkit run` on a small notebook, in a project of its own."""
    (tmp_path / "params" / "baseline").mkdir(parents=True)
    (tmp_path / "params" / "baseline" / "long.yaml").write_text("name: long\n")
    (tmp_path / "notebooks").mkdir()
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    cells[1].metadata["tags"] = ["parameters"]
    started = []

    def launch(*more: str, last_cell: str = CELLS[-1], before_start: str = "") -> subprocess.Popen:
        new = nbformat.v4.new_code_cell
        shown = [*cells[:3], new(before_start), cells[3], new(last_cell)]
        nbformat.write(nbformat.v4.new_notebook(cells=shown), tmp_path / "notebooks" / "baseline.ipynb")
        values = [f"-p{name}={value}" for name, value in LONG.items()]
        command = [sys.executable, "-m", "rlkit", "run", "baseline", "--profile", "long", *values, *more]
        started.append(subprocess.Popen(command, cwd=tmp_path, start_new_session=True))
        return started[-1]

    yield launch
    for process in started:
        if process.poll() is None:
            process.kill()


def training_of_runner() -> Run:
    return until(lambda: next((run for run in all_runs() if trained_some(run)), None))


def kernel_of(run: Run) -> int:
    return int((run.folder / "kernel").read_text())


@pytest.mark.parametrize(
    ("fault", "code", "notebook", "state"),
    [
        ("kill -9 of the kernel", 138, "died", "interrupted"),
        ("kill -9 of the runner", -9, "died", "interrupted"),
        ("Ctrl-C", 130, "interrupted", "interrupted"),
        ("SIGTERM to the runner", 143, "preempted", "preempted"),
        ("cell timeout", 124, "timeout", "timeout"),
        ("exception in a cell", 1, "failed", "interrupted"),
    ],
)
def test_a_fault_of_the_headless_notebook(
    runner: Callable[..., subprocess.Popen], fault: str, code: int, notebook: str, state: str
) -> None:
    raising = "until = time.time() + 120\nwhile run.status().get('steps', 0) < 2600: time.sleep(0.1)\n1 / 0"
    more = {"cell timeout": ["--cell-timeout", "20"]}.get(fault, [])
    process = runner(*more, last_cell=raising if fault == "exception in a cell" else CELLS[-1])
    run = training_of_runner()
    kernel, training = kernel_of(run), run.status()["pid"]
    if fault == "kill -9 of the kernel":
        os.kill(kernel, signal.SIGKILL)
    elif fault == "kill -9 of the runner":
        process.kill()
    elif fault == "Ctrl-C":
        process.send_signal(signal.SIGINT)
    elif fault == "SIGTERM to the runner":
        process.terminate()
    assert process.wait(120) == code
    until(lambda: over(run), 60)
    until(lambda: not psutil.pid_exists(kernel) and not psutil.pid_exists(training), 60)  # no orphans
    assert (run.notebook_status()["state"], run.status()["state"]) == (notebook, state)
    assert nbformat.read(run.folder / "notebook.ipynb", 4).cells  # whole, whenever it was cut off
    newest_checkpoint(run.folder / "checkpoints")
    report(fault, run)


def test_a_stopped_training_is_no_success_of_its_notebook(runner: Callable[..., subprocess.Popen]) -> None:
    process = runner()
    run = training_of_runner()
    run.stop("enough")
    assert process.wait(120) == 130
    assert (run.notebook_status()["state"], run.status()["state"]) == ("done", "interrupted")


def test_a_notebook_that_does_not_wait_leaves_no_training(runner: Callable[..., subprocess.Popen]) -> None:
    assert runner(last_cell="pass").wait(120) == 130
    (run,) = all_runs()
    assert "ended before its training" in run.status()["reason"]


def test_a_notebook_that_fails_before_it_trains_leaves_no_queued_run(runner: Callable[..., subprocess.Popen]) -> None:
    assert runner(before_start="1 / 0").wait(120) == 1
    (run,) = all_runs()
    assert run.status()["state"] == run.notebook_status()["state"] == "failed"
    assert "ZeroDivisionError" in run.status()["reason"]


def test_a_run_whose_maker_is_gone_has_died() -> None:
    code = "from rlkit import load_params, runs; print(runs.create_run(load_params('baseline')).folder)"
    folder = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert Run(Path(folder)).status()["state"] == "died"
    assert create_run(long_params()).status()["state"] == "queued"
