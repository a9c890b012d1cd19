"""The control panel of a run: buttons, knobs and live charts, drawn from the run folder twice a second at most.

It looks at the folder and writes to its mailbox, and nothing else: closing the tab, restarting the kernel or opening a
second panel changes nothing for the training. `rlkit.attach("last").panel()` brings it back.
"""

import html
import os
import threading
import time
from typing import Any

import ipywidgets as widgets
import pandas as pd
from IPython.display import display

from rlkit.edits import in_force
from rlkit.errors import RlkitError
from rlkit.progress import progress_text
from rlkit.runs import RUNNING, Run
from rlkit.widgets.knobs import Knob, parameter_knobs, weight_knobs
from rlkit.widgets.sparkline import chart, grid

REFRESH_SECONDS = 0.5
SHARE_OF_TIME = 30  # a refresh that takes long comes so many times its own length apart
STEPS = "time/total_timesteps"
CHARTS = {  # title -> metrics; a name that ends in / stands for all that begin with it
    "return": ("rollout/ep_rew_mean",),
    "reward by term": ("reward/",),
    "steps per second": ("time/steps_per_second",),
    "approx_kl, clip_fraction": ("train/approx_kl", "train/clip_fraction"),
    "entropy": ("train/entropy_loss",),
    "explained variance": ("train/explained_variance",),
    "value loss": ("train/value_loss",),
    "learning rate": ("train/learning_rate",),
}


def show_panel(run: Run) -> None:
    """Show the panel of a run under this cell; under `rlkit run`, where nobody looks, a line of text in its place."""
    if os.environ.get("RLKIT_SUPERVISOR"):
        print(f"{run.progress_text(run.status())}  (steer it with `rlkit set {run.id} NAME=VALUE`)")
        return
    display(Panel(run).box)


class Panel:
    """The widgets of one run and the thread that keeps them true until the training is over."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._headline, self._charts, self._message = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._headline.add_class("rlkit-headline")
        self._pause = self._button("Pause", "pause", self._pause_or_go_on)
        self._stop = self._button("Stop", "stop", lambda: self.run.stop("the panel's stop button"))
        self._keep = self._button("Checkpoint", "save", self.run.checkpoint)
        current, weights = in_force(run)
        self.knobs: list[Knob] = parameter_knobs(run, current)
        self.weights: list[Knob] = weight_knobs(run, weights)
        folds = [widgets.VBox([knob.box for knob in self.knobs])]
        titles = ["Parameters"]
        if self.weights:
            folds.append(widgets.VBox([knob.box for knob in self.weights]))
            titles.append("Reward weights")
        controls = widgets.Accordion(folds, titles=titles, selected_index=0)
        buttons = widgets.HBox([self._pause, self._stop, self._keep, self._message])
        self.box = widgets.VBox([self._headline, buttons, self._charts, controls])
        self.box.add_class("rlkit-panel")
        self._refresh()
        threading.Thread(target=self._follow, name=f"panel of {run.id}", daemon=True).start()

    def _button(self, text: str, icon: str, act: Any) -> widgets.Button:
        button = widgets.Button(description=text, icon=icon)
        button.add_class(f"rlkit-{text.lower()}")

        def click(_: widgets.Button) -> None:
            try:
                act()
            except RlkitError as error:
                self._message.value = html.escape(str(error))

        button.on_click(click)
        return button

    def _pause_or_go_on(self) -> None:
        self.run.pause(self._pause.description == "Pause")

    def _follow(self) -> None:
        while self.run.status()["state"] in RUNNING:
            start = time.monotonic()
            self._refresh()
            took = time.monotonic() - start
            time.sleep(max(REFRESH_SECONDS, SHARE_OF_TIME * took))
        self._refresh()
        for control in self._controls():
            control.disabled = True

    def _controls(self) -> list[widgets.Widget]:
        return [self._pause, self._stop, self._keep, *(knob.control for knob in self.knobs + self.weights)]

    def _refresh(self) -> None:
        status = self.run.status()
        paused = bool(status.get("paused"))
        self._headline.value = f"<b>{html.escape(self.run.id)}</b> {html.escape(_line(status, paused))}"
        self._pause.description, self._pause.icon = ("Resume", "play") if paused else ("Pause", "pause")
        self._charts.value = grid(_charts(self.run.metrics()))
        events = self.run.events()
        answers = {event["request"]: event for event in events if event.get("request")}
        for knob in self.knobs + self.weights:
            knob.hear(answers)
        for control in self._controls():
            _wake(control)
        saved = [event for event in events if event["kind"] == "checkpoint"]
        if saved:
            self._message.value = f"checkpoint at step {saved[-1]['step']:,}"


def _line(status: dict[str, Any], paused: bool) -> str:
    return progress_text(status | {"state": "paused" if paused and status["state"] == "running" else status["state"]})


def _charts(metrics: pd.DataFrame) -> list[str]:
    """The charts of the metrics that this run has."""
    drawn = []
    for title, names in CHARTS.items():
        columns = [c for c in metrics.columns for n in names if c == n or (n.endswith("/") and c.startswith(n))]
        curves = {c.partition("/")[2]: metrics[[STEPS, c]].dropna() for c in columns if metrics[c].any()}
        if curves:
            drawn.append(chart(title, {name: curve.to_numpy(float).T for name, curve in curves.items()}))
    return drawn or [chart("return", {})]


def _wake(control: widgets.Widget) -> None:
    """Make ipykernel 7.4 answer a control on the page's own channel again.

    While a cell waits, it sends its answers to the channel that it last used for that control, the page waits for
    them in vain, and holds every further move of the control back. The attribute is private and may be gone.
    """
    getattr(control.comm, "__dict__", {}).pop("_reply_subshell_id", None)
