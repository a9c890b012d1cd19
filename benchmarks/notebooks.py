"""What a notebook found, as figures that README.md may quote.

    python benchmarks/notebooks.py dodge --tables settings,changes [--profile development] [--run RUN] [--keep]

Runs the notebook headless, or takes a run of it that this machine made, and prints tables that it kept. The words that
a row begins with are its name among the figures: `settings.level2_ppo.success`.
"""

import argparse
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
from measuring import add_keep, header, keep_results

from rlkit.diagnostics.machine import machine
from rlkit.files import read_json, slug
from rlkit.phases import PHASES
from rlkit.runs import Run, all_runs, attach


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("phase", choices=list(PHASES))
    parser.add_argument("--tables", required=True, help="names of tables in the run's folder, with commas")
    parser.add_argument("--profile", default="development")
    parser.add_argument("--run", default="", help="a run of this phase that is done, instead of a new one")
    add_keep(parser)
    args = parser.parse_args()
    run = checked(attach(args.run), args.phase) if args.run else run_notebook(args.phase, args.profile)
    print(f"{header()}\n\n{run.id}")
    found: dict[str, Any] = {"run": run.id}
    for name in args.tables.split(","):
        table = run.tables()[name]
        print(f"\n{name}\n{table.round(3).to_string(index=False)}")
        found[name] = figures(table)
    if args.keep:
        keep_results(f"{args.phase}_notebook", found)


def run_notebook(phase: str, profile: str) -> Run:
    """A new run of the phase's notebook; it ends this process when it fails."""
    subprocess.run([sys.executable, "-m", "rlkit", "run", phase, "--profile", profile], check=True)
    return max((run for run in all_runs() if run.phase == phase), key=lambda run: run.id)


def checked(run: Run, phase: str) -> Run:
    """The run, if it is of this phase and of this machine, whose name the figures will bear."""
    theirs, mine = read_json(run.folder / "machine.json") or {}, machine()
    differing = [name for name in ("cpu", "instructions") if theirs.get(name) != mine[name]]
    if run.phase != phase or differing:
        sys.exit(f"{run.id} is a run of {run.phase}, made on {theirs.get('cpu')}: give one of {phase}, made here.")
    return run


def figures(table: pd.DataFrame) -> dict[str, Any]:
    """The numbers of a table by the words that its rows begin with, then by column; nan is left out."""
    numeric = [pd.api.types.is_numeric_dtype(table[column]) for column in table]
    named = table.columns[: numeric.index(True)]
    found: dict[str, Any] = {}
    for row in table.to_dict("records"):
        place = found
        for column in named:
            place = place.setdefault(slug(str(row[column])), {})
        place |= {
            column: float(value)
            for column, value in row.items()
            if column not in named and isinstance(value, int | float | np.number) and np.isfinite(value)
        }
    return found


if __name__ == "__main__":
    main()
