"""What a panel sets off beside its training: an evaluation with a game to watch, and a branch."""

import html
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from rlkit.checkpoint import newest_checkpoint
from rlkit.edits import schedule, tape
from rlkit.errors import RlkitError
from rlkit.experiment import branch
from rlkit.reporting import replays, watch
from rlkit.runs import Run
from rlkit.widgets.awake import keep_awake
from rlkit.widgets.headline import RED
from rlkit.widgets.knobs import Knob


class Job:
    """A button, what it says, and a place below; the work is done in a thread, because it takes seconds."""

    def __init__(self, run: Run, text: str, icon: str) -> None:
        self.run = run
        self.button = widgets.Button(description=text, icon=icon)
        self.button.add_class(f"rlkit-{text.lower()}")
        self.said = widgets.HTML()
        self.said.add_class(f"rlkit-{text.lower()}-said")
        self.below = widgets.VBox()
        self.button.on_click(lambda _: threading.Thread(target=self._do, daemon=True).start())

    def work(self) -> str:
        """Do it; what to say then. An error is said as well."""
        raise NotImplementedError

    def _do(self) -> None:
        self.button.disabled, self.said.value = True, "at work"
        try:
            self.said.value = html.escape(self.work())
        except Exception as error:  # whatever an env raises: nobody else would see what a thread dies of
            self.said.value = f"<span style='color:{RED}'>{html.escape(str(error))}</span>"
        finally:
            self.button.disabled = False
            keep_awake(self.button)


class Evaluation(Job):
    """Plays the newest checkpoint in a process of its own, and shows the result and a replay in place."""

    def __init__(self, run: Run) -> None:
        super().__init__(run, "Evaluate", "trophy")

    def work(self) -> str:
        """`rlkit eval` of the run; its table as one line."""
        command = [sys.executable, "-m", "rlkit", "eval", str(self.run.folder), "--json"]
        importable = os.pathsep.join(path or os.getcwd() for path in sys.path)  # also an env beside the notebook
        environment = os.environ | {"PYTHONPATH": importable}
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise RlkitError(words[-1] if words else f"it ended with exit code {done.returncode}")
        if replays(self.run):
            self.below.children = (widgets.HTML(watch(self.run).data),)
        return "; ".join(map(result_text, json.loads(done.stdout)))


def result_text(row: dict[str, Any]) -> str:
    """A row of what `rlkit.evaluate` gives, in words."""
    if "opponent" in row:
        low, high = row["win_rate_low"], row["win_rate_high"]
        return f"won {row['win_rate']:.0%} against {row['opponent']} ({low:.0%} to {high:.0%})"
    return f"mean return {row['mean_return']:.4g} ({row['low']:.4g} to {row['high']:.4g}), {row['episodes']} episodes"


class Branching(Job):
    """Goes on from the newest checkpoint in a new run, with the values that stand on the knobs."""

    def __init__(
        self, run: Run, knobs: Sequence[Knob], env_knobs: Mapping[str, Sequence[Knob]], on_start: Callable[[Run], None]
    ) -> None:
        super().__init__(run, "Branch", "code-fork")
        self._knobs, self._env_knobs, self._on_start = knobs, env_knobs, on_start
        steps = run.params.total_timesteps
        self.steps = widgets.IntText(value=steps, description="env steps", layout=widgets.Layout(width="220px"))

    def work(self) -> str:
        """`rlkit branch` with edits at the checkpoint's step, as if the knobs had been moved there."""
        if self.steps.value < 1:
            raise RlkitError(f"{self.steps.value} env steps are no training; give 1 or more.")
        step = int(newest_checkpoint(self.run.folder / "checkpoints").name)
        changes = self.changes()
        before = [edit for edit in tape(self.run) if edit["step"] <= step]
        edits = before + ([{"step": step} | changes] if changes else [])
        started = branch(self.run, str(step), edits=edits, total_timesteps=step + self.steps.value)
        self._on_start(started)
        return f"from step {step:,}: {started.id}"

    def changes(self) -> dict[str, Any]:
        """The knobs that stand elsewhere than the run began, or were ever moved: whichever checkpoint it will be."""
        edited = {name for _, name, _ in schedule(self.run)}
        found: dict[str, Any] = {}
        for name, knobs in ({knob.name: [knob] for knob in self._knobs} | dict(self._env_knobs)).items():
            if name in edited or any(knob.value != knob.first for knob in knobs):
                for knob in knobs:
                    edit = knob.edit()[name]
                    found[name] = found.get(name, {}) | edit if isinstance(edit, dict) else edit
        return found
