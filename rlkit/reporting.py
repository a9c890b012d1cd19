"""From a run folder to figures, a report page, and a replay one can watch: everything here only reads the folder."""

import html
from pathlib import Path
from typing import Any

from IPython.display import HTML, Image, display
from matplotlib.figure import Figure

from rlkit.diagnostics import plots
from rlkit.diagnostics.replay import Replay
from rlkit.diagnostics.report import Html, Numbers, Plot, Section, Table, Text, render_report
from rlkit.errors import RunError
from rlkit.files import read_json, write_atomic
from rlkit.progress import clock
from rlkit.runs import Run

DISPLAY_WIDTH = 800  # pixels: figures are drawn at twice that, for sharp screens

TITLES = {
    "curve": "Learning curve",
    "matches": "Played matches",
    "returns": "Evaluation",
    "terms": "Reward by term",
    "losses": "The optimizer",
    "time": "Where the time went",
    "latency": "Policy latency",
}
HOW_TO_READ = {
    "curve": "Mean return of the last 100 training episodes over env steps. A healthy curve rises and then flattens; "
    "one that falls back to where it began has diverged. In self-play a flat curve can hide progress: both sides "
    "improve, so look at the matches.",
    "terms": "What the return is made of, per episode and weighted. A term that grows while goals do not is a reward "
    "the agent has learned to farm.",
    "losses": "The optimizer's own figures. approx_kl far above 0.03 or a clip_fraction above 0.3 says the steps are "
    "too large; an explained_variance that stays near 0 says the value net has learned nothing.",
    "time": "Where the wall time went. The widest bar is the only one worth making faster.",
    "matches": "Played games, half on each side, first goal wins. The whisker is the 95 % Wilson interval of the win "
    "rate over all games: where two intervals overlap widely, the games do not tell the two apart.",
    "returns": "Fresh episodes with the final weights. A second hump far below the first is a failure that happens now "
    "and then, and a mean hides it.",
    "latency": "One call of the policy at several batch sizes. A p99 far above the median is another program on the "
    "machine, or a garbage collection.",
    "verification": "What was checked before the training, on this machine.",
}


def figure(run: Run, name: str) -> Figure:
    """A figure of the run: 'curve', 'terms', 'losses', 'time', 'latency', or the 'result' ('matches' or 'returns')."""
    tables = run.tables()
    if name == "result":
        name = "matches" if "matches" in tables else "returns"
    match name:
        case "curve":
            return plots.learning_curve(run.metrics())
        case "terms":
            return plots.reward_terms(run.metrics())
        case "losses":
            return plots.losses(run.metrics())
        case "time":
            return plots.time_shares(run.metrics())
        case "matches" if "matches" in tables:
            return plots.match_results(tables["matches"])
        case "returns" if "episodes" in tables:
            return plots.returns(tables["episodes"]["return"])
        case "latency" if "inference" in tables:
            return plots.latency(tables["inference"].set_index("batch_size"))
    raise RunError(f"run {run.id} holds nothing for a figure '{name}'. Figures: {', '.join(figures(run))}.")


def show(run: Run, *names: str) -> None:
    """Display figures of the run in a notebook, as PNGs, which every front end and every saved notebook shows."""
    for name in names:
        display(Image(plots.png(figure(run, name)), width=DISPLAY_WIDTH))


def figures(run: Run) -> list[str]:
    """The names of the figures that this run has data for."""
    metrics, tables = run.metrics(), run.tables()
    wanted = {
        "curve": True,
        "matches": "matches" in tables,
        "returns": "episodes" in tables,
        "terms": any(column.startswith("reward/") for column in metrics),
        "losses": any(column.startswith("train/") for column in metrics),
        "time": "time/update_seconds" in metrics,
        "latency": "inference" in tables,
    }
    return [name for name, there in wanted.items() if there]


def watch(run: Run, name: str = "") -> HTML:
    """The run's replay as a player for a notebook cell: the last one, or that of the name."""
    found = [path for path in replays(run) if name in path.stem]
    if not found:
        known = ", ".join(path.stem for path in replays(run)) or "none: evaluate it first, if its env draws itself"
        return HTML(f"<p>Run {run.id} has no replay '{html.escape(name)}'. Replays: {known}.</p>")
    return HTML(Replay.from_bytes(found[-1].read_bytes()).embed())


def replays(run: Run) -> list[Path]:
    """The replay files of the run."""
    return sorted(run.folder.glob("replays/*.npz"))


def report(run: Run) -> Path:
    """Write `report.html` into the run folder: one file, no network address in it, every number with its run id."""
    status, machine = run.status(), read_json(run.folder / "machine.json") or {}
    sections: list[Section] = [Numbers(title="In short", run_id=run.id, values=_headline(run, status))]
    if status["state"] != "done":
        sections.append(
            Text(title=f"This run is {status['state']}", text=status.get("reason") or "No reason is known.")
        )
    sections += [
        Plot(title=TITLES[name], run_id=run.id, figure=figure(run, name), how_to_read=HOW_TO_READ[name])
        for name in figures(run)
    ]
    for name, table in run.tables().items():
        if name == "matches":
            table = table.set_index("opponent").T  # twenty columns are read more easily as rows
        if not name.startswith(("games-", "episodes")):  # those are in the folder; their figures are above
            hint = HOW_TO_READ.get(name, "") if name not in figures(run) else ""
            title = f"Table: {name.replace('-', ' ')}"
            sections.append(Table(title=title, run_id=run.id, frame=table, how_to_read=hint))
    for path in replays(run):
        replay = Replay.from_bytes(path.read_bytes())
        sections.append(Html(title=f"Replay: {replay.title}", run_id=run.id, markup=replay.embed(height=560)))
    versions = machine.pop("versions", {})
    facts = {"Parameters": run.params.model_dump(), "Machine": machine, "Versions": versions}
    page = render_report(f"{run.phase}: {run.params.name}", run.id, sections, facts)
    write_atomic(run.folder / "report.html", page)
    return run.folder / "report.html"


def _headline(run: Run, status: dict[str, Any]) -> dict[str, object]:
    seconds = status.get("ended", 0) - status.get("started", 0)
    values: dict[str, object] = {"state": status["state"], "env steps": status.get("steps", 0)}
    if seconds > 0:
        speed = round(status.get("steps", 0) / seconds)
        values |= {"training, start to end": clock(seconds), "steps per second, start to end": speed}
    if status.get("ep_rew_mean") is not None:
        values["mean return, last 100 episodes"] = status["ep_rew_mean"]
    for row in run.tables().get("matches", []).to_dict("records") if "matches" in run.tables() else []:
        low, high, own = 100 * row["win_rate_low"], 100 * row["win_rate_high"], row["wins_by_own_goal"]
        label = f"won against {row['opponent']}: {low:.0f} to {high:.0f} %, {own} of {row['wins']} by own goals"
        values[label] = f"{100 * row['win_rate']:.0f} %"
    return values
