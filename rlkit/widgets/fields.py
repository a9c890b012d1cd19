"""One field of the form: a control for a parameter, its range, what it means, and what is wrong with it."""

import html
from typing import Any, get_args

import ipywidgets as widgets
import yaml
from pydantic.fields import FieldInfo

from rlkit.params import parse_value
from rlkit.widgets.headline import MUTED, RED

LABEL = {"description_width": "170px"}
CONTROL = widgets.Layout(width="420px", flex="0 0 auto")  # and its hint takes what is left
HINT = widgets.Layout(flex="1 1 auto")
BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}  # pydantic's name of a bound, and how it is written


class Field:
    """A parameter's control, its range and meaning beside it, and the error of its value in their place."""

    def __init__(self, name: str, info: FieldInfo) -> None:
        self.name, self._text = name, info.annotation is str
        choices = get_args(info.annotation) if _is_choice(info) else ()
        shared = {"description": name, "style": LABEL, "layout": CONTROL}
        if info.annotation is bool:
            self.control: widgets.ValueWidget = widgets.Checkbox(indent=True, **shared)
        elif choices:
            self.control = widgets.Dropdown(options=choices, **shared)
        else:
            self.control = widgets.Text(continuous_update=False, **shared)
        self.control.add_class(f"rlkit-field-{name}")
        self._help = " ".join(filter(None, (html.escape(info.description or ""), _range(info))))
        self._hint = widgets.HTML(layout=HINT)
        self.box = widgets.HBox([self.control, self._hint])
        self.say("")

    @property
    def value(self) -> Any:
        """What stands in the control: text is read as YAML (1e-4, [64, 64], {mode: 2v2}) where no text is wanted."""
        typed = self.control.value
        return parse_value(typed) if isinstance(self.control, widgets.Text) and not self._text else typed

    def fill(self, value: Any) -> None:
        """Put a value into the control."""
        self.control.value = written(value) if isinstance(self.control, widgets.Text) else value

    def say(self, error: str) -> None:
        """Show what is wrong with the value, or with "" what the parameter means."""
        color, text = (RED, html.escape(error)) if error else (MUTED, self._help)
        self._hint.value = f"<div style='color:{color};font-size:12px;line-height:1.35;padding-left:6px'>{text}</div>"


def _is_choice(info: FieldInfo) -> bool:
    """Whether the values are listed: Literal["a", "b"]."""
    return bool(get_args(info.annotation)) and all(isinstance(one, str) for one in get_args(info.annotation))


def _range(info: FieldInfo) -> str:
    """A field's bounds, such as "(>= 1, <= 256)"."""
    found = [(sign, getattr(rule, bound, None)) for rule in info.metadata for bound, sign in BOUNDS.items()]
    bounds = [f"{html.escape(sign)} {value:,}" for sign, value in found if value is not None]
    return f"<b>({', '.join(bounds)})</b>" if bounds else ""


def written(value: Any) -> str:
    """A value as a person types it: plain text, numbers without ornament, lists and mappings as YAML on one line."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False).strip()
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
