"""The controls of a panel, made from the parameters that can be changed live."""

import html
import math
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from rlkit.errors import RlkitError
from rlkit.params import parse_value
from rlkit.phases import Params
from rlkit.runs import Run
from rlkit.widgets.fields import written
from rlkit.widgets.headline import RED

SLIDERS: dict[str, tuple[float, float, float]] = {  # smallest, largest, step; what lies outside widens the range
    "clip_range": (0.02, 0.5, 0.01),
    "ent_coef": (0.0, 0.05, 0.0005),
    "vf_coef": (0.0, 2.0, 0.05),
    "max_grad_norm": (0.1, 5.0, 0.1),
    "gamma": (0.9, 0.9999, 0.0001),
    "gae_lambda": (0.8, 1.0, 0.005),
    "n_epochs": (1, 30, 1),
}
LOG_DECADES = -6, -1  # of the learning rate
ROW = widgets.Layout(width="100%", max_width="760px")
LINE = widgets.Layout(width="440px")
WIDE = {"description_width": "130px"}


class Knob:
    """One control, and beside it what the training says of it: the value in force and the step it holds from.

    The handle of a slider moves whether or not the training heard of it, so the answer is what counts. group: the env
    edit that the name is an entry of, "" for a parameter. wrap: from the control's value to the edit that sets it.
    """

    def __init__(
        self, run: Run, name: str, control: widgets.ValueWidget, wrap: Callable[[Any], dict[str, Any]], group: str = ""
    ) -> None:
        self.run, self.name, self.control, self._wrap, self._group = run, name, control, wrap, group
        self.said = widgets.HTML(layout=widgets.Layout(min_width="240px"))
        self.said.add_class("rlkit-answer")
        self.box = widgets.HBox([control, self.said], layout=ROW)
        self.first = self.value
        self._request, self._live, self._moved_by_us = "", True, False
        control.add_class(f"rlkit-{name}")
        control.observe(self._send, names="value")

    @property
    def value(self) -> Any:
        """What the control stands at, without the last digits that a slider's steps add up to."""
        value = self.control.value
        return float(f"{value:.6g}") if isinstance(value, float) else value

    def edit(self) -> dict[str, Any]:
        """The change that sets what the control stands at."""
        return self._wrap(self.value)

    def _send(self, change: dict[str, Any]) -> None:
        """Only leaves a message: a widget's callback may run in any thread of the kernel."""
        if self._moved_by_us:
            return
        if not self._live:
            self.said.value = "for a branch"
            return
        try:
            (self._request,) = self.run.edit(**self.edit())
            self.said.value = "sent, holds from the next rollout on"
        except RlkitError as error:
            self.said.value = f"<span style='color:{RED}'>{html.escape(str(error))}</span>"

    def retire(self) -> None:
        """The training is over: from now on the knob is moved for a branch only."""
        self._live = False

    def hear(self, event: dict[str, Any]) -> None:
        """Show what the training says of this knob: the answer to its own request, or an edit of somebody else."""
        own = bool(self._request) and event.get("request") == self._request
        if own and event["kind"] == "refused":
            self.said.value = f"<span style='color:{RED}'>refused: {html.escape(event['reason'])}</span>"
        elif event["kind"] != "refused" and (value := self._value_in(event)) is not None and (own or not self._request):
            self.said.value = f"<b>{html.escape(_shown(value))}</b> from step {event['step']:,}"
            if not own:
                self._move(value)
        self._request = "" if own else self._request

    def _value_in(self, event: dict[str, Any]) -> Any:
        """The value that an edit, or a curriculum's step to another stage, gives to what this knob is for; or None."""
        name, value = (event["kind"], event["stage"]) if event["kind"] == "stage" else (event["name"], event["value"])
        if not self._group:
            return value if name == self.name else None
        edits = value if name == "stage" and isinstance(value, dict) else {name: value}  # a stage's parts are edits
        part = edits.get(self._group)
        return part.get(self.name) if isinstance(part, dict) else None

    def _move(self, value: Any) -> None:
        """Put the handle where somebody else has set the value, with room for it, and send nothing."""
        self._moved_by_us, control = True, self.control
        try:
            if hasattr(control, "options") and value not in control.options:
                control.options = sorted({*control.options, value})
            elif hasattr(control, "max"):
                place = math.log10(value) if isinstance(control, widgets.FloatLogSlider) else value
                control.min, control.max = min(control.min, place), max(control.max, place)
            control.value = written(value) if isinstance(control, widgets.Text) else value
            self.first = self.value
        finally:
            self._moved_by_us = False


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else written(value)


def parameter_knobs(run: Run, current: dict[str, Any]) -> list[Knob]:
    """A knob for each parameter that the phase lets change, at the value in force."""
    params = run.params
    names = [name for name in params.live if name in type(params).model_fields and name in (*SLIDERS, *OTHERS)]
    return [Knob(run, name, _control(params, name, current[name]), lambda v, name=name: {name: v}) for name in names]


def env_knobs(run: Run, config: dict[str, Any]) -> dict[str, list[Knob]]:
    """Knobs by env edit, for what stands in the env's configuration: each reward term, each opponent, the stage."""
    made = {name: make(run, config) for name, make in ENV_KNOBS.items()}
    return {name: knobs for name, knobs in made.items() if knobs}


def _weight_knobs(run: Run, config: dict[str, Any]) -> list[Knob]:
    """A number for each reward term, sent alone: the others stay as they are."""
    shared = {"style": {"description_width": "180px"}, "step": 0.05}
    return [
        Knob(
            run,
            term,
            widgets.FloatText(weight, description=term, **shared),
            lambda v, term=term: {"reward_weights": {term: v}},
            "reward_weights",
        )
        for term, weight in config.get("reward_weights", {}).items()
    ]


def _share_knobs(run: Run, config: dict[str, Any]) -> list[Knob]:
    """A slider for each opponent's share; a move sends them all, because shares only mean something together."""
    shares, knobs = config.get("opponents", {}), []
    shared = {"min": 0.0, "max": 1.0, "step": 0.05, "continuous_update": False, "style": WIDE}
    for name, share in shares.items():
        slider = widgets.FloatSlider(value=share / sum(shares.values()), description=name, **shared)
        mix = lambda _: {"opponents": {knob.name: knob.value for knob in knobs}}  # noqa: E731
        knobs.append(Knob(run, name, slider, mix, "opponents"))
    return knobs


def _stage_knob(run: Run, config: dict[str, Any]) -> list[Knob]:
    """The stages of the run's curriculum by name, else a line of YAML for what has no knob of its own: {mode: 2v2}."""
    shared = {"description": "stage", "style": WIDE, "layout": LINE}
    if names := [stage.name for stage in getattr(run.params, "stages", ())]:
        return [Knob(run, "stage", widgets.Dropdown(options=names, **shared), lambda name: {"stage": name})]
    parts = {name: config[name] for name in STAGE if name in config}
    if len(parts) < len(STAGE):
        return []
    line = widgets.Text(written(parts), continuous_update=False, **shared)
    return [Knob(run, "stage", line, lambda text: {"stage": parse_value(text)})]


STAGE = ("mode", "starts", "mutators")  # what an env that takes stages has in its configuration
ENV_KNOBS = {"reward_weights": _weight_knobs, "opponents": _share_knobs, "stage": _stage_knob}


def _control(params: Params, name: str, value: Any) -> widgets.ValueWidget:
    shared = {"description": name, "continuous_update": False, "style": WIDE, "layout": LINE}
    if name in OTHERS:
        return OTHERS[name](params, value, shared)
    low, high, step = SLIDERS[name]
    kind = widgets.IntSlider if isinstance(step, int) else widgets.FloatSlider
    form = {} if isinstance(step, int) else {"readout_format": ".4f"}
    return kind(value=value, min=min(low, value), max=max(high, value), step=step, **form, **shared)


def _learning_rate(params: Params, value: float, shared: dict[str, Any]) -> widgets.ValueWidget:
    low, high = LOG_DECADES
    low = min(low, math.floor(math.log10(value)))
    return widgets.FloatLogSlider(value=value, min=low, max=high, step=0.05, readout_format=".2e", **shared)


def _batch_size(params: Params, value: int, shared: dict[str, Any]) -> widgets.ValueWidget:
    """Powers of two up to the whole rollout; other sizes by `rlkit set`."""
    rollout = params.n_envs * getattr(params, "n_steps", 1)
    sizes = sorted({value, *(2**k for k in range(4, 31) if 2**k <= rollout)})
    return widgets.SelectionSlider(value=value, options=sizes, **shared)


OTHERS = {"learning_rate": _learning_rate, "batch_size": _batch_size}
