"""How the parameters of a run are resolved from their sources, and what a refusal says.

Precedence: profile file < RLKIT_* environment variable < explicit value. A name nobody knows is an error.
"""

import ast
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from rlkit.errors import ParamsError, did_you_mean
from rlkit.files import project_root
from rlkit.phases import PHASES, Params

ENV_PREFIX = "RLKIT_"
PARAMETER_CELL = 3  # names of parameters that a cell assigns to count as the cell of parameters
SETTINGS = {"RLKIT_OUTPUTS", "RLKIT_RUN", "RLKIT_SUPERVISOR"}  # the kit's own variables, which are not parameters


def load_params(
    phase: str,
    values: Mapping[str, Any] | None = None,
    *,
    profile: Path | str | None = None,
    source: str = "parameters",
) -> Params:
    """The validated parameters of a phase; ParamsError names the value, the reason and the fix.

    values: explicit ones, or a notebook's `globals()`: there, what papermill injected is explicit, and so is any other
    value that is not the default. profile: a name or a YAML file. source: where `values` stand, for messages.
    """
    model = phase_model(phase)
    given = dict(values or {})
    if "In" in given:
        given = _notebook_values(given, model)
    path = profile and profile_path(phase, profile)
    layers = [(read_profile(path), str(path))] if path else []
    layers += [(_environment(model), "environment"), (given, source)]
    origin: dict[str, str] = {}
    merged: dict[str, Any] = {}
    for layer, place in layers:
        _check_names(model, layer, place)
        merged.update(layer)
        origin.update(dict.fromkeys(layer, place))
    try:
        return model(**merged)
    except ValidationError as error:
        raise ParamsError(_explain(model, error, origin)) from None


def read_params(phase: str, path: Path) -> Params:
    """The parameters in a run folder's params.yaml, as they stand: neither profile nor environment changes them."""
    model, values = phase_model(phase), read_profile(path)
    _check_names(model, values, str(path))
    try:
        return model(**values)
    except ValidationError as error:
        raise ParamsError(_explain(model, error, dict.fromkeys(values, str(path)))) from None


def checked_edit(params: Params, name: str, value: Any) -> Any:
    """The value of a change to a running training; ParamsError names what is wrong and the way out."""
    try:
        return params.with_edit(name, value)
    except ValidationError as error:
        raise ParamsError(_explain(type(params), error, {name: "edit"})) from None
    except ValueError as error:
        raise ParamsError(str(error)) from None


def phase_model(phase: str) -> type[Params]:
    """The params model of a phase; ParamsError when there is none."""
    if phase not in PHASES:
        raise ParamsError(f"unknown phase '{phase}'. {did_you_mean(phase, PHASES)}")
    return PHASES[phase]


def profile_path(phase: str, profile: Path | str) -> Path:
    """The file of a profile: 'testing' stands for params/<phase>/testing.yaml, a path with a suffix for itself."""
    if Path(profile).suffix in (".yaml", ".yml"):
        return Path(profile)
    folder = project_root() / "params" / phase
    path = folder / f"{profile}.yaml"
    if path.parent != folder or not path.is_file():
        known = [file.stem for file in folder.glob("*.yaml")]
        raise ParamsError(f"unknown profile '{profile}' of phase '{phase}'. {did_you_mean(str(profile), known)}")
    return path


def read_profile(path: Path | str) -> dict[str, Any]:
    """The flat mapping in a YAML file (safe YAML only: a tag that would build an object is refused)."""
    try:
        content = yaml.safe_load(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ParamsError(
            f"cannot read {path}: {error.strerror}. Profiles are params/<phase>/<profile>.yaml."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} is not plain YAML: {error}") from None
    if not isinstance(content, dict | None):
        raise ParamsError(f"{path} holds a {type(content).__name__}; it needs lines of the form `name: value`.")
    return content or {}


def parse_value(text: str) -> Any:
    """A value typed on a command line or in the environment, read as YAML: 3, 1e-4, true, [64, 64], {mode: 2v2}."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def dump_yaml(params: Params) -> str:
    """Every value, one per line, as `papermill -f` and `load_params(profile=)` read it."""
    return yaml.safe_dump(params.model_dump(), sort_keys=False, allow_unicode=True)


def _environment(model: type[Params]) -> dict[str, Any]:
    known = {f"{ENV_PREFIX}{name.upper()}" for phase in PHASES.values() for name in phase.model_fields}
    found: dict[str, Any] = {}
    for variable, text in os.environ.items():
        if not variable.startswith(ENV_PREFIX) or variable in SETTINGS:
            continue
        name = variable.removeprefix(ENV_PREFIX).lower()
        if variable not in known:
            raise ParamsError(
                f"environment: unknown {variable}. {did_you_mean(variable, known | SETTINGS)} Or unset it."
            )
        if name in model.model_fields:
            found[name] = parse_value(text)
    return found


def _notebook_values(namespace: Mapping[str, Any], model: type[Params]) -> dict[str, Any]:
    """The explicit values of a notebook, and any name of its last parameter cells that is no parameter."""
    defaults = model().model_dump()
    cells = [(cell, _assigned(cell)) for cell in namespace["In"]]
    injected = next((names for cell, names in reversed(cells) if cell.startswith("# Parameters")), set())
    written = next((names for _, names in reversed(cells) if len(names & set(defaults)) >= PARAMETER_CELL), set())
    names = {name for name in {*injected, *written, *defaults} if name in namespace}
    return {name: namespace[name] for name in names if name in injected or namespace[name] != defaults.get(name, ...)}


def _assigned(cell: str) -> set[str]:
    """The names that a cell's code assigns at its top level."""
    try:
        body = ast.parse(cell).body
    except SyntaxError:  # a cell with a line magic
        return set()
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _check_names(model: type[Params], layer: Mapping[str, Any], place: str) -> None:
    for key in layer:
        if key not in model.model_fields:
            raise ParamsError(
                f"{place}: unknown parameter '{key}'. Phase '{model.phase}' does not read it, so the run would go on "
                f"without it. {did_you_mean(key, model.model_fields)}"
            )


def _explain(model: type[Params], error: ValidationError, origin: Mapping[str, str]) -> str:
    lines = []
    for item in error.errors():
        if not item["loc"]:
            lines.append(item["msg"].removeprefix("Value error, "))
            continue
        name = str(item["loc"][0])
        field = model.model_fields[name]
        reason = item["msg"].removeprefix("Value error, ")
        place = name + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in item["loc"][1:])
        lines.append(
            f"{origin.get(name, 'default')}: {place}={item['input']!r}: {reason}. "
            f"({name}: {field.description}; default {field.get_default()!r})"
        )
    return "\n".join(lines)
