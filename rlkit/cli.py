"""The `rlkit` command: the verbs of the package, as tables for people and as --json for programs."""

import json
import os
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from rlkit.errors import ParamsError, RlkitError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document instead of a table")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="a run's id, a part of it, its folder, or `last`")]


def main() -> None:
    """Entry point: an error of the kit is one message on stderr and exit code 2, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal that cannot show a letter must not end a run
    try:
        app()
    except RlkitError as error:
        print(f"rlkit: {error}", file=sys.stderr)
        sys.exit(2)


@app.command()
def run(
    phase: Annotated[str, typer.Argument(help="baseline, ...: a notebook of notebooks/")],
    profile: Annotated[str, typer.Option(help="a file of params/PHASE/, or a path to any YAML")] = "development",
    param: Annotated[
        list[str] | None, typer.Option("-p", "--param", metavar="NAME=VALUE", help="see `rlkit params PHASE`")
    ] = None,
    outputs: Annotated[Path | None, typer.Option(help="where run folders go")] = None,
    cell_timeout: Annotated[int | None, typer.Option(help="seconds that one cell may take")] = None,
) -> None:
    """Run a phase's notebook headless; the exit code is 0 only when it is done."""
    from rlkit.params import load_params, parse_value, phase_model

    if outputs:
        os.environ["RLKIT_OUTPUTS"] = str(outputs.resolve())
    phase = re.sub(r"^\d+_", "", phase)  # the notebook's file name is as good
    phase_model(phase)
    given = {}
    for item in param or []:
        name, equals, text = item.partition("=")
        if not equals:
            raise ParamsError(f"-p {item}: write it as -p NAME=VALUE, such as -p seed=3")
        given[name.strip()] = parse_value(text)
    params = load_params(phase, given, profile=profile, source="-p")
    from rlkit.experiment import check_env  # what is wrong with the env is said before a run is made

    check_env(params)
    from rlkit.notebook import run_notebook  # after the checks: papermill takes seconds to import
    from rlkit.runs import EXIT_CODES

    finished, state = run_notebook(params, cell_timeout)
    status = finished.notebook_status()
    print(f"{state}  {finished.folder}" + (f"\n{status['reason']}" if status["reason"] else ""))
    raise typer.Exit(EXIT_CODES[state])


@app.command("params")
def list_params(
    phase: Annotated[str, typer.Argument(help="baseline, ...: a notebook of notebooks/")], as_json: AsJson = False
) -> None:
    """List what can be set in a phase: every parameter with its default, its limits and its meaning."""
    from rlkit.params import phase_model

    model = phase_model(re.sub(r"^\d+_", "", phase))
    schema = model.model_json_schema()["properties"]
    rows = [
        {"name": name, "default": value, "limits": _limits(schema[name]), "meaning": schema[name]["description"]}
        for name, value in model().model_dump().items()
    ]
    _show(rows, as_json)


def _limits(schema: dict[str, Any]) -> str:
    """A field's choices or bounds, from its JSON schema."""
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {schema[key]}" for key, sign in signs.items() if key in schema]
    return " | ".join(map(str, schema["enum"])) if "enum" in schema else ", ".join(bounds)


@app.command()
def train(folder: Annotated[Path, typer.Argument(help="a run folder in state queued")]) -> None:
    """Train in a run folder that was made before; what `rlkit.start` launches."""
    from rlkit.experiment import train as train_here
    from rlkit.runs import EXIT_CODES, attach

    queued = attach(folder)
    train_here(queued.params, queued)
    raise typer.Exit(EXIT_CODES[queued.status()["state"]])


@app.command("ls")
def ls(as_json: AsJson = False) -> None:
    """List the runs, oldest first."""
    from rlkit.runs import all_runs

    rows = []
    for one in all_runs():
        status = one.status()
        rows.append(
            {
                "run": one.id,
                "phase": one.phase,
                "state": status["state"],
                "steps": status.get("steps", 0),
                "return": status.get("ep_rew_mean"),
                "notebook": one.notebook_status()["state"],
                "reason": status.get("reason", ""),
            }
        )
    _show(rows, as_json)


@app.command()
def show(name: RunName, as_json: AsJson = False) -> None:
    """Everything a run folder says about its run."""
    from rlkit.runs import attach

    one = attach(name)
    facts = {"run": one.id, "folder": str(one.folder)} | one.status()
    facts |= {f"notebook_{key}": value for key, value in one.notebook_status().items() if key in ("state", "reason")}
    facts |= {f"params.{key}": value for key, value in one.params.model_dump().items()}
    if as_json:
        print(json.dumps(facts, indent=2, default=str))
        return
    width = max(map(len, facts))
    for key, value in facts.items():
        when = key in ("started", "ended", "heartbeat")
        print(f"{key:<{width}}  {datetime.fromtimestamp(value).isoformat(' ', 'seconds') if when else value}")


@app.command()
def resume(name: RunName) -> None:
    """Go on with a stopped or dead training from its newest checkpoint, in its own folder, and follow it."""
    from rlkit.experiment import resume as resume_training
    from rlkit.runs import EXIT_CODES, attach

    one = resume_training(attach(name)).wait()
    raise typer.Exit(EXIT_CODES[one.status()["state"]])


@app.command()
def stop(name: RunName) -> None:
    """Ask a training to checkpoint and stop; it ends as `interrupted`."""
    from rlkit.runs import attach

    one = attach(name)
    one.stop("rlkit stop")
    print(f"asked {one.id} to stop; `rlkit show {one.id}` tells when it has")


@app.command()
def report(name: RunName) -> None:
    """Write the run's report.html: one file that opens anywhere, offline."""
    from rlkit.reporting import report as write_report
    from rlkit.runs import attach

    print(write_report(attach(name)))


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, indent=2, default=str))
        return
    if not rows:
        print("none yet")
        return
    cells = [list(rows[0])] + [
        ["" if v is None else f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    for row in cells:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
