"""How many minutes of training it takes to beat the scripts on real physics, seed by seed.

    python benchmarks/winning.py [--profile development] [--seeds 5 --jobs 2] [--at 5,15] [-p NAME=VALUE ...] [--keep]

Every seed is a training of the self-play phase in one process, `jobs` of them at once, a core for each. The members
that its league froze then play games against teams of each script, in the mode that they trained in (2v2 with
`--profile pairs`), from noisy kickoffs, on both sides, first goal wins; minutes are the training's wall clock when the
member was frozen, with ratings and checkpoints. A table shows them all, and a second one each seed's win rate within so
many minutes: that of the newest member that was there by then.
"""

import argparse

import numpy as np
import pandas as pd
from measuring import add_keep, header, keep_results, print_table

import rlkit
from rlkit.league.member import load_member
from rlkit.league.pool import LEAGUE
from rlkit.params import parse_value
from rlkit.playing import play
from rlkit.runs import Run
from rlkit.sealed import MANIFEST
from rlkit.studies.trials import train_all, warm_up

SCRIPTS = "rule", "basic", "striker"
STEPS, SECONDS = "time/total_timesteps", "time/time_elapsed"


def main() -> None:
    """Train, play, print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="development", help="of the phase self_play")
    parser.add_argument("--seeds", type=int, default=5, help="trainings")
    parser.add_argument("--jobs", type=int, default=2, help="at once")
    parser.add_argument("--games", type=int, default=100, help="of a member against each script")
    parser.add_argument("--at", default="5,15", help="minutes of the last table")
    parser.add_argument("-p", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the trainings")
    add_keep(parser)
    args = parser.parse_args()
    print(header())
    given = {name: parse_value(value) for name, _, value in (pair.partition("=") for pair in args.p)}
    wanted = [
        rlkit.load_params("self_play", {"n_workers": 1, **given, "seed": seed}, profile=args.profile)
        for seed in range(args.seeds)
    ]
    warm_up(wanted[:1])
    table = pd.concat([members(run, args.games) for run in train_all(wanted, args.jobs)], ignore_index=True)
    columns = ["seed", "steps", "minutes", *SCRIPTS]
    print_table(columns, [[f"{value:.4g}" for value in row] for row in table[columns].to_numpy()])
    results = {f"{minutes} minutes": within(table, float(minutes)) for minutes in args.at.split(",")}
    rows = [[at, script, " ".join(f"{rate:.0%}" for rate in found[script])] for at, found in results.items()
            for script in SCRIPTS]  # fmt: skip
    print_table(["within", "against", "wins of each seed"], rows)
    if args.keep:
        keep_results("winning", {"members": table.to_dict("records"), **results})


def members(run: Run, games: int) -> pd.DataFrame:
    """One row per member of the run's league, retired ones too: seed, steps, minutes, win rate against each script."""
    metrics, rows = run.metrics()[[STEPS, SECONDS]].dropna(), []
    mode = run.params.env_kwargs.get("mode", "1v1")
    found = [load_member(path.parent) for path in (run.folder / LEAGUE).rglob(MANIFEST)]
    for member in sorted(found, key=lambda member: member.facts["steps"]):
        steps = member.facts["steps"]
        minutes = np.interp(steps, metrics[STEPS], metrics[SECONDS]) / 60
        wins = {script: play(member, script, games, mode).summary()["win_rate"].iloc[0] for script in SCRIPTS}
        rows.append({"seed": run.params.seed, "steps": steps, "minutes": minutes, **wins})
    return pd.DataFrame(rows)


def within(table: pd.DataFrame, minutes: float) -> dict[str, list[float]]:
    """Win rates against each script, one per seed, of the newest member that was there after some minutes."""
    newest = table[table["minutes"] <= minutes].groupby("seed").last()
    return {script: newest[script].tolist() for script in SCRIPTS}


if __name__ == "__main__":
    main()
