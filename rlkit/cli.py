"""The `rlkit` command: the verbs of the package, as tables for people and as --json for programs."""

import json
import os
import re
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from rlkit.errors import ParamsError, RlkitError
from rlkit.play_command import play
from rlkit.printing import show_rows, show_tables

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.command()(play)
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document instead of a table")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="a run's id, a part of it, its folder, or `last`")]
RunNames = Annotated[list[str], typer.Argument(metavar="RUN...", help="ids, parts of them, or folders")]


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
    from rlkit.params import load_params, phase_model

    if outputs:
        os.environ["RLKIT_OUTPUTS"] = str(outputs.resolve())
    phase = re.sub(r"^\d+_", "", phase)  # the notebook's file name is as good
    phase_model(phase)
    given = _values(param, "-p")
    params = load_params(phase, given, profile=profile, source="-p")
    from rlkit.experiment import check_env  # what is wrong with the env is said before a run is made

    check_env(params)
    from rlkit.notebook import run_notebook  # after the checks: papermill takes seconds to import
    from rlkit.runs import EXIT_CODES

    finished, state = run_notebook(params, cell_timeout)
    status = finished.notebook_status()
    print(f"{state}  {finished.folder}" + (f"\n{status['reason']}" if status["reason"] else ""))
    raise typer.Exit(EXIT_CODES[state])


def _values(items: list[str] | None, flag: str = "") -> dict[str, Any]:
    """NAME=VALUE texts as values by name, read as YAML."""
    from rlkit.params import parse_value

    given = {}
    for item in items or []:
        name, equals, text = item.partition("=")
        if not equals:
            raise ParamsError(f"{flag} {item}: write it as {flag} NAME=VALUE, such as {flag} seed=3".replace("  ", " "))
        given[name.strip()] = parse_value(text)
    return given


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
    show_rows(rows, as_json)


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
def ls(
    every: Annotated[
        bool, typer.Option("--all", help="also the trainings of a study, which are parts of its run")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the runs, oldest first; the trainings that a notebook made besides its own are only counted."""
    from rlkit.runs import list_runs

    show_rows(list_runs(every), as_json)


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
    """Let a paused training go on, or a stopped or dead one from its newest checkpoint, and follow it."""
    from rlkit.experiment import resume as resume_training
    from rlkit.runs import EXIT_CODES, attach

    one = resume_training(attach(name)).wait()
    raise typer.Exit(EXIT_CODES[one.status()["state"]])


@app.command()
def pause(name: RunName) -> None:
    """Hold a training at its next step; `rlkit resume` lets it go on."""
    from rlkit.runs import attach

    one = attach(name)
    one.pause()
    print(f"{one.id} holds; `rlkit resume {one.id}` lets it go on")


@app.command("set")
def edit(name: RunName, changes: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...")]) -> None:
    """Change a training that runs, from its next rollout on: learning_rate=1e-4, 'reward_weights={touch: 1}'."""
    from rlkit.runs import attach

    one = attach(name)
    asked = one.edit(**_values(changes))
    if one.status().get("paused"):
        print(f"asked; it holds from the first rollout after `rlkit resume {one.id}`")
        return
    answers = one.answers(asked)
    for answer in answers:
        words = f"from step {answer['step']:,}" if answer["kind"] == "edit" else f"refused: {answer['reason']}"
        print(f"{answer['name']} = {answer['value']}  {words}")
    raise typer.Exit(int(any(answer["kind"] == "refused" for answer in answers)))


@app.command()
def tape(name: RunName) -> None:
    """Print the run's parameters with all edits it has seen, as YAML that trains to the same numbers."""
    from rlkit.edits import tape as edits_of
    from rlkit.params import dump_yaml
    from rlkit.runs import attach

    one = attach(name)
    print(dump_yaml(one.params.model_copy(update={"edits": edits_of(one)})), end="")


@app.command()
def branch(
    name: RunName,
    param: Annotated[list[str] | None, typer.Option("-p", "--param", metavar="NAME=VALUE")] = None,
    checkpoint: Annotated[str, typer.Option(help="newest, or a step")] = "newest",
) -> None:
    """Go on from a checkpoint of a run in a new run, with some parameters changed, and follow it."""
    from rlkit.experiment import branch as start_branch
    from rlkit.runs import EXIT_CODES, attach

    one = start_branch(attach(name), checkpoint, **_values(param, "-p")).wait()
    raise typer.Exit(EXIT_CODES[one.status()["state"]])


@app.command()
def stop(name: RunName) -> None:
    """Ask a training to checkpoint and stop; it ends as `interrupted`."""
    from rlkit.runs import attach

    one = attach(name)
    one.stop("rlkit stop")
    print(f"asked {one.id} to stop; `rlkit show {one.id}` tells when it has")


@app.command()
def doctor(
    phase: Annotated[str, typer.Argument(help="baseline, speed, ...: a phase of PPO")] = "speed",
    profile: Annotated[str, typer.Option(help="a file of params/PHASE/, or a path to any YAML")] = "development",
    param: Annotated[list[str] | None, typer.Option("-p", "--param", metavar="NAME=VALUE")] = None,
    test: Annotated[str, typer.Option(help="only measure one part alone: env, inference, gpu, or all of them")] = "",
    budget: Annotated[float, typer.Option(help="seconds that it may take, about")] = 180.0,
    out: Annotated[Path | None, typer.Option(help="the profile to write; by default doctor.yaml in outputs/")] = None,
    as_json: AsJson = False,
) -> None:
    """Find where a training's time goes on this machine, try what may save some, and write what really does."""
    from rlkit.params import load_params

    params = load_params(re.sub(r"^\d+_", "", phase), _values(param, "-p"), profile=profile, source="-p")
    from rlkit import doctor as clinic  # after the checks: torch takes seconds to import

    if test:
        tests = clinic.measure(params, *([] if test == "all" else [test]))
        show_tables(tests, tests, as_json)
        return
    found = clinic.diagnose(params, budget)
    path = clinic.write_profile(found, out)
    if not as_json:
        print(f"{found.in_short()}\n")
    show_tables({"where the time goes": found.parts_table(), "what was tried": found.table()}, found.as_dict(), as_json)
    if not as_json:
        print(f"rlkit run {found.params.phase} --profile {path}")


@app.command("eval")
def evaluate(name: RunName, as_json: AsJson = False) -> None:
    """Play with a run's newest checkpoint, also while it trains: games against each script, or fresh episodes."""
    from rlkit.assess import evaluate as play_agent
    from rlkit.runs import attach

    show_rows(play_agent(attach(name)).to_dict("records"), as_json)


@app.command()
def report(names: RunNames) -> None:
    """Write report.html of a run, or a page that compares several: one file that opens anywhere, offline."""
    from rlkit.reporting import report as write_report
    from rlkit.runs import attach

    print(write_report(*[attach(name) for name in names]))


@app.command()
def compare(
    names: RunNames,
    metric: Annotated[str, typer.Option(help="a column of metrics.csv, higher being better")] = "rollout/ep_rew_mean",
    threshold: Annotated[float | None, typer.Option(help="also the steps and seconds to this value")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare runs, grouped by the parameters in which they differ: a table and a verdict against the first group."""
    from rlkit.comparing import compare as compare_runs
    from rlkit.runs import attach

    found = compare_runs([attach(name) for name in names], metric, threshold)
    if as_json:
        groups = found.table.reset_index().to_dict("records")
        print(json.dumps({"groups": groups, "verdicts": found.verdicts, "runs": found.runs}, indent=2))
    else:
        print(found)


@app.command()
def claims(text: Annotated[Path, typer.Argument(metavar="FILE.md")], as_json: AsJson = False) -> None:
    """Hold every figure of a text against the measurement it names; exit code 1 when one is not what was measured."""
    from rlkit.claims import check_claims

    found = check_claims(text)
    states = [claim.state for claim in found]
    if as_json or states.count("holds") < len(found):
        show_rows([asdict(claim) for claim in found if as_json or claim.state != "holds"], as_json)
    counts = {state: states.count(state) for state in ("holds", "wrong", "unbound")}
    if not as_json:
        print(", ".join(f"{count} {state}" for state, count in counts.items()))
    raise typer.Exit(int(counts["wrong"] > 0))
