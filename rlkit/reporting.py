"""From a run folder to figures, a report page, and a replay one can watch: everything here only reads the folder."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import HTML, Image, display
from matplotlib.figure import Figure

from rlkit.comparing import Comparison, compare
from rlkit.diagnostics import curriculum_plots, dodge_plots, league_plots, plots, recurrent_plots, speed_plots
from rlkit.diagnostics.replay import Replay
from rlkit.diagnostics.report import Html, Numbers, Plot, Section, Table, Text, render_report
from rlkit.errors import RunError
from rlkit.files import read_json, write_atomic
from rlkit.progress import clock
from rlkit.runs import Run, outputs_root

DISPLAY_WIDTH = 800  # pixels: figures are drawn at twice that, for sharp screens

TITLES = {
    "curve": "Learning curve",
    "matches": "Played matches",
    "returns": "Evaluation",
    "terms": "Reward by term",
    "losses": "The optimizer",
    "time": "Where the time went",
    "latency": "Policy latency",
    "parts": "Time of one env step",
    "rounds": "What each switch does",
    "curves": "The same curve, sooner",
    "roofline": "Arithmetic against the processor's limit",
    "players": "Players without learning",
    "success": "Fresh episodes",
    "learning": "Success while it learns",
    "settings": "Ours, and the author's",
    "learning-changes": "One thing taken away: while it learns",
    "changes": "One thing taken away",
    "throwers": "Episodes that ended in a hit",
    "memories": "With memory and without, while it learns",
    "states": "What the memory holds",
    "costs": "What memory costs",
    "goals": "Goals per minute while it trains",
    "arms": "What each arm reaches in matches",
    "course": "Rating over the training",
    "pool": "The pool of opponents",
    "picks": "Whom the samplers would pick",
    "standings": "Standings",
    "matrix": "Who beats whom",
}
TABLE_FIGURES = {  # drawn from the run's table of that name alone
    "parts": speed_plots.time_per_step,
    "rounds": speed_plots.ablation,
    "curves": speed_plots.race,
    "roofline": speed_plots.roofline,
    "learning": dodge_plots.learning,
    "learning-changes": dodge_plots.learning,
    "memories": recurrent_plots.learning,
    "states": recurrent_plots.states,
    "costs": recurrent_plots.costs,
    "goals": curriculum_plots.goal_curves,
    "arms": curriculum_plots.arm_results,
    "course": league_plots.elo_course,
    "pool": league_plots.pool_course,
    "picks": league_plots.sampler_odds,
    "standings": lambda table: league_plots.standings(table.set_index("player")),
    "matrix": lambda table: plots.win_matrix(table.set_index("player")),
}
RATES = ("players", "success", "settings", "changes", "throwers")  # tables of success rates, which are shown as well
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
    "parts": "Wall time of one env step. What is widest in the upper bar should be narrow in the lower one; what is "
    "widest there is where the next second can be saved.",
    "rounds": "A faint dot is a round, in which all variants took turns; the bold one is the median. A switch whose "
    "interval overlaps that of the row without it has done nothing that can be told from noise.",
    "curves": "Left, by env steps, the sides should lie within each other's spread: the faster one learns the same. "
    "Right, by seconds, the same trainings. Curves that part on the left are another algorithm, however fast.",
    "roofline": "Only matrix products are counted. What is missing up to the lines is the work around them: Python, "
    "small operations and, over a whole training, the env.",
    "players": "They see the state of the game itself. The best of them says what is possible, so what an agent lacks "
    "to it is learning, and the first of them what no learning is worth.",
    "success": "Episodes that chose nothing. The best weights against the newest: what choosing a checkpoint is worth; "
    "deterministic against sampled actions: what exploring costs.",
    "learning": "The episodes that choose the best weights; thin lines are seeds, the bold one is their median. Curves "
    "that swing between two evaluations are why the best weights are kept.",
    "settings": "All seeds together. The author's game had no fixed time step, so his figures are no more than a hint.",
    "learning-changes": "As above, with one thing of the first agent's setting taken away at a time.",
    "changes": "What is far below the first row made the difference; what overlaps with it did not, in so many steps.",
    "throwers": "Throws at random against those of a thrower that learned: what they differ by was learned.",
    "memories": "A panel per problem. Where the grey MLP stays below all others, the problem needs memory; where the "
    "stack keeps up with GRU and LSTM, the last few observations are memory enough.",
    "states": "One row is one unit. Rows that differ from panel to panel until the end are what the agent remembers of "
    "how the episode began; rows alike in all panels count time, or do nothing.",
    "costs": "One is the MLP's time or bytes. Where a whole interval lies outside of the shaded band, the promise is "
    "refuted on this machine.",
    "goals": "Of training play, own goals of the others included: what modes that pay differently have in common. An "
    "arm with stages plays easier games at first, so only its last stage compares with the others.",
    "arms": "Games from kickoffs with the final weights; faint dots are seeds. Intervals that overlap widely tell "
    "nothing apart, and an arm with one seed far below the others cannot be relied on.",
    "course": "The band is the 95 % interval of a rating from all games, whatever their order; the thin line followed "
    "them one by one, and wanders. A flat end is a learner that has stopped learning, or meets nobody of its strength.",
    "pool": "The mean follows the learner from below. Members far below it are retired, but for a floor.",
    "picks": "A flat line does not choose. Two of the samplers are nearly flat at a temperature of 0.5, by arithmetic.",
    "standings": "Where two intervals overlap widely, the games do not tell the two apart.",
    "matrix": "Later members should beat earlier ones. One that loses to an early one has forgotten something.",
    "verdict": "Better and worse are said where a permutation test of the final values has p below 0.05. Cannot tell "
    "is no sign that the groups are equal: it says how many seeds would find a difference as large as this one.",
    "bands": "Bands that overlap over the whole course tell nothing apart. A band that widens to the end is a "
    "setting that some seeds fail with: look at the worst in the table, not at the mean.",
    "groups": "Final values are means over the last tenth of a training; iqm is their interquartile mean. A mean far "
    "below the iqm is one broken seed. steps_to and seconds_to are medians of those that reached the threshold.",
    "false_alarms": "How often the verdict called two equal sides different: where the interval lies above nominal, it "
    "cannot be trusted.",
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
        case _ if name in TABLE_FIGURES and name in tables:
            return TABLE_FIGURES[name](tables[name])
        case _ if name in RATES and name in tables:
            return dodge_plots.success_rates(tables[name], TITLES[name])
    raise RunError(f"run {run.id} holds nothing for a figure '{name}'. Figures: {', '.join(figures(run))}.")


def show(run: Run, *names: str) -> None:
    """Display figures of the run in a notebook, as PNGs, which every front end and every saved notebook shows."""
    for name in names:
        display(picture(figure(run, name)))


def picture(figure: Figure) -> Image:
    """A figure as a PNG for a notebook cell."""
    return Image(plots.png(figure), width=DISPLAY_WIDTH)


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
    } | {name: name in tables for name in (*TABLE_FIGURES, *RATES)}
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


def report(run: Run, *more: Run) -> Path:
    """Write `report.html` into the run folder: one file, no network address in it, every number with its run id.

    With more runs the page compares them, and lies beside the run folders; errors are those of `compare`.
    """
    if more:
        return compare_report(compare([run, *more]), outputs_root() / f"{run.id}_and_{len(more)}_more.html")
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
        if not name.startswith(
            ("games-", "episodes", *TABLE_FIGURES)
        ):  # those are in the folder; their figures are above
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


def compare_report(found: Comparison, path: Path, tables: Mapping[str, pd.DataFrame] | None = None) -> Path:
    """Write the page of a comparison, offline as `report`'s, with more tables by title; its path."""
    ids = ", ".join(run_id for group in found.runs.values() for run_id in group)
    words = "\n\n".join(f"{name}: {verdict}" for name, verdict in found.verdicts.items())
    first = next(iter(found.runs))
    short = {f"{name} against {first}": verdict.partition(":")[0] for name, verdict in found.verdicts.items()}
    sections: list[Section] = [
        Numbers(title="The verdict", values=short, run_id=ids),
        Text(title="How sure it is", text=words, run_id=ids, how_to_read=HOW_TO_READ["verdict"]),
        Plot(title="The curves", figure=found.figure(), run_id=ids, how_to_read=HOW_TO_READ["bands"]),
        Table(title="The groups", frame=found.table, run_id=ids, how_to_read=HOW_TO_READ["groups"]),
    ]
    for title, table in (tables or {}).items():
        sections.append(Table(title=title, frame=table, run_id=ids, how_to_read=HOW_TO_READ["false_alarms"]))
    facts = {"Runs": {name: ", ".join(group) for name, group in found.runs.items()}}
    page = render_report("Comparison", f"{found.metric}, {len(found.runs)} groups", sections, facts)
    write_atomic(path, page)
    return path


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
