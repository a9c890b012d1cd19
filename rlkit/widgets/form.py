"""The form that starts a run, made from a phase's params model: what the model knows, the form shows."""

import html
import os
import re
import threading
from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from rlkit.errors import RlkitError
from rlkit.experiment import start
from rlkit.files import project_root
from rlkit.params import load_params, phase_model
from rlkit.phases import PHASES, Params
from rlkit.runs import Run
from rlkit.trainers import TRAINERS
from rlkit.widgets.awake import keep_awake
from rlkit.widgets.fields import LABEL, Field
from rlkit.widgets.headline import RED
from rlkit.widgets.panel import Panel

COMMON = (  # shown at once; the others are a click away
    "name", "seed", "env_id", "env_kwargs", "algorithm", "n_envs", "total_timesteps", "learning_rate", "eval_games",
)  # fmt: skip


class Form:
    """Fields for every parameter of a phase, a profile that fills them, and a button that starts the run.

    `form.start()` gives the run of the button, or starts one: in a notebook that nobody looks at, just that is needed.
    """

    def __init__(self, phase: str, profile: str, values: Mapping[str, Any]) -> None:
        load_params(phase, values, profile=profile)  # a wrong name or value in the notebook ends here
        self.run: Run | None = None
        self._given, self._filling = dict(values), False
        profiles = list(dict.fromkeys([*_profiles(phase), profile]))  # it may be a path to another file
        phases = [name for name in PHASES if name in TRAINERS]
        self._phase = widgets.Dropdown(options=phases, value=phase, description="phase", style=LABEL)
        self._profile = widgets.Dropdown(options=profiles, value=profile, description="profile", style=LABEL)
        self._phase.add_class("rlkit-phase")
        self._profile.add_class("rlkit-profile")
        self._start = widgets.Button(description="Start", icon="play", button_style="primary")
        self._start.add_class("rlkit-start")
        self._said = widgets.HTML()
        self._said.add_class("rlkit-form-said")
        self._body, self._below = widgets.VBox(), widgets.VBox()
        head = widgets.HBox([self._phase, self._profile])
        self.box = widgets.VBox([head, self._body, widgets.HBox([self._start, self._said]), self._below])
        self.box.add_class("rlkit-form")
        self._phase.observe(lambda _: self._change_phase(), names="value")
        self._profile.observe(lambda _: self._fill({}), names="value")
        self._start.on_click(lambda _: threading.Thread(target=self._begin, daemon=True).start())
        self._build()
        self._fill(self._given)

    def _ipython_display_(self) -> None:
        if os.environ.get("RLKIT_SUPERVISOR"):
            print(f"{self._phase.value}, profile {self._profile.value}, with {self._given or 'nothing changed'}")
        else:
            display(self.box)

    @property
    def params(self) -> Params:
        """The validated parameters that stand in the form; ParamsError names the value, the reason and the fix."""
        values = {name: field.value for name, field in self.fields.items()}
        return load_params(self._phase.value, values, source="form")

    def start(self) -> Run:
        """The run that the button started, else one started now."""
        self.run = self.run or start(self.params)
        return self.run

    def _begin(self) -> None:
        """What the button does, off the kernel's threads: building the env to look at it takes seconds."""
        self._start.disabled, self._said.value = True, "starting"
        try:
            self.run = start(self.params)
            self._said.value = f"started {html.escape(self.run.id)}"
            self._below.children = (Panel(self.run).box,)
        except Exception as error:  # whatever an env raises: nobody else would see what a thread dies of
            self._complain(str(error))
        finally:
            self._start.disabled = False
            keep_awake(self._start)

    def _build(self) -> None:
        """Fields for the phase: the common ones, and the rest folded."""
        self.fields = {name: Field(name, info) for name, info in phase_model(self._phase.value).model_fields.items()}
        for field in self.fields.values():
            field.control.observe(lambda _: self._check(), names="value")
        common = widgets.VBox([field.box for name, field in self.fields.items() if name in COMMON])
        rest = [field.box for name, field in self.fields.items() if name not in COMMON]
        title = f"{len(rest)} more parameters"
        self._body.children = (common, widgets.Accordion([widgets.VBox(rest)], titles=[title], selected_index=None))

    def _change_phase(self) -> None:
        self._build()
        self._profile.options = _profiles(self._phase.value)
        self._fill({})

    def _fill(self, values: Mapping[str, Any]) -> None:
        """Put a profile's parameters, with some changed, into the fields."""
        if not self._profile.value:  # its list is being changed
            return
        plain = load_params(self._phase.value, values, profile=self._profile.value).model_dump()
        self._filling = True  # or every field would check the others, which are half filled
        for name, field in self.fields.items():
            field.fill(plain[name])
        self._filling = False
        keep_awake(self._phase, self._profile, self._start, *(field.control for field in self.fields.values()))
        self._check()

    def _check(self) -> None:
        """Say what is wrong beside the fields, as soon as it is."""
        if self._filling:
            return
        try:
            _ = self.params
        except RlkitError as error:
            self._complain(str(error))
        else:
            self._complain("")

    def _complain(self, message: str) -> None:
        """Each line of an error beside the field that it names, and what names none beside the button."""
        lines: dict[str, str] = {}
        for line in message.splitlines():
            found = re.search(r"\b(\w+)=", line)
            lines.setdefault(found[1] if found and found[1] in self.fields else "", line.removeprefix("form: "))
        for name, field in self.fields.items():
            field.say(lines.get(name, ""))
        count = len(lines)
        said = lines.get("") or (f"{count} value{'s' * (count > 1)} must be changed first" if count else "")
        self._said.value = f"<span style='color:{RED}'>{html.escape(said)}</span>"


def form(phase: str = "baseline", profile: str = "development", values: Mapping[str, Any] | None = None) -> Form:
    """A form for a new run of a phase, filled from a profile with some values changed; shown where a cell ends in it.

    ParamsError for a name or value that the phase does not take.
    """
    return Form(phase, profile, values or {})


def _profiles(phase: str) -> list[str]:
    """The profiles of a phase: those that every phase has first."""
    known = [path.stem for path in sorted((project_root() / "params" / phase).glob("*.yaml"))]
    return sorted(known, key=lambda name: name not in ("testing", "development", "production"))
