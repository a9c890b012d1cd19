"""How many minutes of training it takes to beat the scripts on real physics, seed by seed.

    python benchmarks/winning.py [--profile quarter_hour] [--seeds 5 --jobs 2] [--at 5,15] [-p NAME=VALUE ...] [--keep]
    python benchmarks/winning.py --runs RUN,RUN [--jobs 2] [--at 5,15] [--keep]

Every seed is a training of the self-play phase in one process, `jobs` of them at once, a core for each; or `runs` are
trainings that were made here before. The newest member that each league had frozen within so many minutes plays games
against teams of each script, in the mode that it trained in (2v2 with `--profile pairs`), from noisy kickoffs, on both
sides, first goal wins. Minutes are the training's wall clock when the member was frozen, with the imitation that it
began with, ratings and checkpoints.
Figures are shares of games won; they are kept under the name of the profile.
"""

import argparse
from functools import partial

import numpy as np
from measuring import add_keep, header, keep_results, print_table

import rlkit
from rlkit.league.member import Member, load_member
from rlkit.league.pool import LEAGUE
from rlkit.params import parse_value
from rlkit.playing import play
from rlkit.runs import Run
from rlkit.sealed import MANIFEST
from rlkit.studies.trials import train_all, warm_up, workers

SCRIPTS = "rule", "basic", "striker"
COLUMNS = ("seed", "within", "steps", "minutes", *SCRIPTS)
STEPS, SECONDS = "time/total_timesteps", "time/time_elapsed"


def main() -> None:
    """Train, play, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="quarter_hour", help="of the phase self_play")
    parser.add_argument("--seeds", type=int, default=5, help="trainings")
    parser.add_argument("--jobs", type=int, default=2, help="at once")
    parser.add_argument("--games", type=int, default=100, help="of a member against each script")
    parser.add_argument("--at", default="5,15", help="minutes")
    parser.add_argument("-p", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the trainings")
    parser.add_argument("--runs", default="", help="names of runs, with commas")
    add_keep(parser)
    args = parser.parse_args()
    print(header())
    runs = [rlkit.attach(name) for name in args.runs.split(",")] if args.runs else trained(args)
    wanted = [(run.id, float(minutes)) for run in runs for minutes in args.at.split(",")]
    kept: dict[str, dict[str, float]] = {}
    with workers(args.jobs) as spread:
        played = zip(wanted, spread(partial(results, games=args.games), wanted), strict=True)
        print_table(COLUMNS, (cells(at, found, kept) for (_, at), found in played))
    if args.keep:
        keep_results(f"winning_{runs[0].params.name}", kept)


def trained(args: argparse.Namespace) -> list[Run]:
    """A training for each seed."""
    given = {name: parse_value(value) for name, _, value in (pair.partition("=") for pair in args.p)}
    wanted = [
        rlkit.load_params("self_play", {"n_workers": 1, **given, "seed": seed}, profile=args.profile)
        for seed in range(args.seeds)
    ]
    warm_up(wanted[:1])
    return train_all(wanted, args.jobs)


def results(wanted: tuple[str, float], games: int) -> dict[str, float]:
    """Of the newest member that a run had within some minutes, nan of none: steps, minutes, wins per script."""
    run, within = rlkit.attach(wanted[0]), wanted[1]
    mode = run.params.env_kwargs.get("mode", "1v1")
    there = [(at, member) for at, member in members(run) if at <= within]
    if not there:
        return {"seed": run.params.seed, "steps": 0, "minutes": np.nan, **dict.fromkeys(SCRIPTS, np.nan)}
    minutes, member = there[-1]
    wins = {script: play(member, script, games, mode).summary()["win_rate"].iloc[0] for script in SCRIPTS}
    return {"seed": run.params.seed, "steps": member.facts["steps"], "minutes": minutes, **wins}


def cells(within: float, found: dict[str, float], kept: dict[str, dict[str, float]]) -> list[str]:
    """A line of the table, whose figures are added to those kept."""
    kept[f"seed {found['seed']} within {within:g}"] = found
    return [f"{value:.4g}" for value in ((found | {"within": within})[name] for name in COLUMNS)]


def members(run: Run) -> list[tuple[float, Member]]:
    """The members that the run's own training made, retired ones too, with the minutes it had taken by then."""
    metrics = run.metrics()[[STEPS, SECONDS]].dropna()
    spent = metrics[SECONDS].diff()
    before = sum(event["seconds"] for event in run.events() if event["kind"] == "imitated")
    minutes = (before + spent.where(spent > 0, metrics[SECONDS]).cumsum()) / 60  # a resumed one's clock begins anew
    found = [load_member(path.parent) for path in (run.folder / LEAGUE).rglob(MANIFEST)]
    made = sorted((m for m in found if m.name not in run.params.members), key=lambda member: member.facts["steps"])
    return [(float(np.interp(m.facts["steps"], metrics[STEPS], minutes)), m) for m in made]


if __name__ == "__main__":
    main()
