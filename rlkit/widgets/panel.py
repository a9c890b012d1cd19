"""The control panel of a run: buttons, knobs and live charts, drawn from the run folder twice a second at most.

It looks at the folder and writes to its mailbox, and nothing else: closing the tab, restarting the kernel or opening a
second panel changes nothing for the training. `rlkit.attach("last").panel()` brings it back.
"""

import html
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import numpy as np
from IPython.display import DisplayHandle, display

from rlkit.diagnostics.throughput import PARTS
from rlkit.edits import in_force
from rlkit.errors import RlkitError
from rlkit.reporting import figure, picture
from rlkit.runs import RUNNING, Run
from rlkit.widgets.awake import keep_awake
from rlkit.widgets.feed import Feed
from rlkit.widgets.headline import RED, headline
from rlkit.widgets.jobs import Branching, Evaluation
from rlkit.widgets.knobs import Knob, env_knobs, parameter_knobs
from rlkit.widgets.sparkline import chart, grid
from rlkit.widgets.tree import tree_text

REFRESH_SECONDS = 0.5
SHARE_OF_TIME = 100  # a refresh that takes long comes so many times its own CPU time apart
TREE_SECONDS = 5.0  # between two looks at all runs, for the tree of branches
HURRY_SECONDS, HURRY_REFRESH = 2.0, 0.05  # after a click, until its effect is seen
SHARES = "Time by part, %"
CHARTS = {  # title -> metrics; a name that ends in / stands for all that begin with it
    "Mean return": ("rollout/ep_rew_mean",),
    "Reward by term": ("reward/",),
    "League": ("league/",),
    "Curriculum": ("curriculum/",),
    "Steps per second": ("time/steps_per_second",),
    SHARES: tuple(f"time/{part}_seconds" for part in PARTS),
    "Explained variance": ("train/explained_variance",),
    "Value loss": ("train/value_loss",),
    "approx_kl": ("train/approx_kl",),
    "clip_fraction": ("train/clip_fraction",),
    "Entropy loss": ("train/entropy_loss",),
    "Learning rate": ("train/learning_rate",),
}


def show_panel(run: Run) -> None:
    """Show the panel of a run under this cell, and at the end of the training a picture, which a saved notebook keeps.

    Under `rlkit run`, where nobody looks, a line of text is in the panel's place.
    """
    if not os.environ.get("RLKIT_SUPERVISOR"):
        display(Panel(run).box)
    text = f"steer it with `rlkit set {run.id} NAME=VALUE`\nrlkit.attach('{run.id}').panel() brings its panel back"
    place = display({"text/plain": text}, raw=True, display_id=True)
    threading.Thread(target=_leave_picture, args=(run, place), name=f"end of {run.id}", daemon=True).start()


def _leave_picture(run: Run, place: DisplayHandle) -> None:
    """Widgets are not saved with a notebook and need a kernel; a PNG shows everywhere."""
    while run.status()["state"] in RUNNING:
        time.sleep(REFRESH_SECONDS)
    place.update(picture(figure(run, "curve")))


class Panel:
    """The widgets of one run and the thread that keeps them true until the training is over, or `close`."""

    def __init__(self, run: Run) -> None:
        self.run, self._closed, self._clicked = run, False, threading.Event()
        self._refreshing = threading.Lock()  # a second caller finds all of it shown, not half
        self._feed = Feed(run, {name for names in CHARTS.values() for name in names})
        self._tree_at, self._heard = -TREE_SECONDS, 0  # when the tree was drawn; events that were looked at
        self._headline, self._charts, self._message = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._tree, self._branches = widgets.HTML(), widgets.VBox()
        self._headline.add_class("rlkit-headline")
        self._tree.add_class("rlkit-tree")
        self._pause = self._button("Pause", "pause", self._pause_or_go_on)
        self._stop = self._button("Stop", "stop", self._end)
        self._keep = self._button("Checkpoint", "save", self._save)
        self.knobs: list[Knob] = parameter_knobs(run, in_force(run)[0])
        self.env_knobs: dict[str, list[Knob]] = {}  # by env edit
        self._env_known = False  # before the training has built its env, nobody knows what that can be told
        self.evaluation = Evaluation(run)
        self.branching = Branching(run, self.knobs, self.env_knobs, self._show_branch)
        self.box = self._laid_out()
        self._refresh()
        threading.Thread(target=self._follow, name=f"panel of {run.id}", daemon=True).start()

    def close(self) -> None:
        """Stop looking at the folder; what the panel shows then stands still."""
        self._closed = True
        self._clicked.set()

    def _laid_out(self) -> widgets.VBox:
        buttons = widgets.HBox([self._pause, self._stop, self._keep, self.evaluation.button, self._message])
        branching = widgets.HBox([self.branching.button, self.branching.steps, self.branching.said])
        self._last_fold = widgets.VBox([branching, self._tree])
        self._folds = widgets.Accordion()
        self._fold()
        self._folds.selected_index = 0
        played = [self.evaluation.said, self.evaluation.below]
        box = widgets.VBox([self._headline, buttons, *played, self._charts, self._folds, self._branches])
        box.add_class("rlkit-panel")
        return box

    def _fold(self) -> None:
        """Lay out the knobs, those of the env with the values in force."""
        self._env_known = (self.run.folder / "env.json").exists()
        self.env_knobs |= env_knobs(self.run, in_force(self.run)[1])
        groups = {"Parameters": self.knobs}
        groups |= {name.replace("_", " ").capitalize(): knobs for name, knobs in self.env_knobs.items()}
        folds = [widgets.VBox([knob.box for knob in knobs]) for knobs in groups.values()]
        self._folds.children = (*folds, self._last_fold)
        self._folds.titles = (*groups, "Branches")

    def _show_branch(self, run: Run) -> None:
        self._branches.children = (*self._branches.children, Panel(run).box)

    def _button(self, text: str, icon: str, act: Callable[[], str]) -> widgets.Button:
        button = widgets.Button(description=text, icon=icon)
        button.add_class(f"rlkit-{text.lower()}")

        def click(_: widgets.Button) -> None:
            try:
                self._message.value = act()
            except RlkitError as error:
                self._message.value = f"<span style='color:{RED}'>{html.escape(str(error))}</span>"
            self._clicked.set()

        button.on_click(click)
        return button

    def _pause_or_go_on(self) -> str:
        hold = self._pause.description == "Pause"
        self.run.pause(hold)
        return "it holds at its next step" if hold else "it goes on"

    def _end(self) -> str:
        self.run.stop("the panel's stop button")
        return "it stops at its next step, with a checkpoint"

    def _save(self) -> str:
        self.run.checkpoint()
        return "it writes a checkpoint before its next rollout"

    def _follow(self) -> None:
        hurry = 0.0
        while self.run.status()["state"] in RUNNING and not self._closed:
            spent = time.thread_time()
            self._refresh()
            pause = max(REFRESH_SECONDS, SHARE_OF_TIME * (time.thread_time() - spent))
            if self._clicked.wait(HURRY_REFRESH if time.monotonic() < hurry else pause):
                self._clicked.clear()
                hurry = time.monotonic() + HURRY_SECONDS
        if self._closed:
            return
        self._refresh(last=True)
        for button in (self._pause, self._stop, self._keep):
            button.disabled = True
        for knob in self._all_knobs():
            knob.retire()

    def _all_knobs(self) -> list[Knob]:
        return [*self.knobs, *(knob for knobs in self.env_knobs.values() for knob in knobs)]

    def _controls(self) -> list[widgets.Widget]:
        jobs = [self.evaluation.button, self.branching.button, self.branching.steps]
        return [self._pause, self._stop, self._keep, *jobs, *(knob.control for knob in self._all_knobs())]

    def _refresh(self, last: bool = False) -> None:
        with self._refreshing:
            self._show(last)

    def _show(self, last: bool) -> None:
        status = self.run.status()
        paused = bool(status.get("paused"))
        self._headline.value = headline(self.run.id, status)
        self._pause.description, self._pause.icon = ("Resume", "play") if paused else ("Pause", "pause")
        if self._feed.look() or not self._charts.value:
            self._charts.value = grid(_charts(self._feed.curves))
        if not self._env_known and (self.run.folder / "env.json").exists():
            self._fold()
        self._tell()
        keep_awake(*self._controls())
        if last or time.monotonic() > self._tree_at + TREE_SECONDS:
            self._tree_at = time.monotonic()
            style = "font-size:12px;line-height:1.5;white-space:pre;overflow-x:auto"
            self._tree.value = f"<pre style='{style}'>{html.escape(tree_text(self.run))}</pre>"

    def _tell(self) -> None:
        """Show what happened since the last look: answers, edits of others, checkpoints."""
        new, self._heard = self._feed.events[self._heard :], len(self._feed.events)
        for event in new:
            if event["kind"] == "checkpoint":
                self._message.value = f"checkpoint at step {event['step']:,}"
            for knob in self._all_knobs() if event["kind"] in ("edit", "refused", "stage") else ():
                knob.hear(event)


def _charts(curves: dict[str, tuple[Any, Any]]) -> list[str]:
    """The charts of the metrics that this run has; a metric that is always 0 is left out."""
    drawn = []
    for title, names in CHARTS.items():
        found = [c for c in curves for n in names if c == n or (n.endswith("/") and c.startswith(n))]
        shown = {c.partition("/")[2]: curves[c] for c in sorted(found) if any(curves[c][1])}
        points = {name.removesuffix("_seconds"): (np.array(x), np.array(y)) for name, (x, y) in shown.items()}
        if title == SHARES and points:  # the parts stand on the same lines
            whole = np.maximum(sum(y for _, y in points.values()), 1e-9)
            points = {name: (x, 100 * y / whole) for name, (x, y) in points.items()}
        if points:
            drawn.append(chart(title, points))
    return drawn or [chart("Mean return", {})]
