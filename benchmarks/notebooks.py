"""What a notebook found, as figures that README.md may quote.

    python benchmarks/notebooks.py dodge --tables settings,changes [--profile development] [--keep]
    python benchmarks/notebooks.py dodge --tables settings,changes --run RUN [--keep]

Runs the notebook headless, or takes a run of it that was made here with these versions, and prints tables that it kept.
The words that a row begins with are its name among the figures: `settings.level2_ppo.success`.
"""

import argparse
import sys
from typing import Any

import pandas as pd
from measuring import add_keep, header, keep_results
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from rlkit.diagnostics.machine import machine
from rlkit.errors import RlkitError, RunError, did_you_mean
from rlkit.files import read_json, slug
from rlkit.notebook import run_notebook
from rlkit.params import load_params
from rlkit.phases import PHASES
from rlkit.runs import Run, attach


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("phase", choices=list(PHASES))
    parser.add_argument("--tables", required=True, help="names of tables in the run's folder, with commas")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--profile", default="development")
    source.add_argument("--run", default="", help="a run of this phase that is done, instead of a new one")
    add_keep(parser)
    args = parser.parse_args()
    run = attach(args.run) if args.run else run_notebook(load_params(args.phase, profile=args.profile))[0]
    check(run, args.phase)
    print(f"{header()}\n\n{run.id}")
    found = {name: figures(run, name) for name in args.tables.split(",")}
    if args.keep:
        keep_results(f"{args.phase}_notebook", {"run": run.id, **found})


def check(run: Run, phase: str) -> None:
    """RunError unless the run is of this phase, is done, and was made on this machine with these versions."""
    states = run.status()["state"], run.notebook_status()["state"]
    if run.phase != phase or set(states) != {"done"}:
        raise RunError(f"{run.id} is a run of {run.phase} ({', '.join(states)}); give one of {phase} that is done.")
    theirs, mine = read_json(run.folder / "machine.json") or {}, machine()
    differing = [name for name in ("cpu", "instructions", "versions") if theirs.get(name) != mine[name]]
    if differing:
        raise RunError(f"{run.id} was made elsewhere ({', '.join(differing)}), and its figures would bear this place.")


def figures(run: Run, name: str) -> dict[str, Any]:
    """The numbers of a kept table by the words that its rows begin with, then by column; nan is left out. Printed too.

    RunError when there is no such table, or when those words do not tell its rows apart.
    """
    tables = run.tables()
    if name not in tables:
        raise RunError(f"{run.id} has no table '{name}'. {did_you_mean(name, tables)}")
    table = tables[name]
    print(f"\n{name}\n{table.round(3).to_string(index=False)}")
    numeric = [is_numeric_dtype(kind) and not is_bool_dtype(kind) for kind in table.dtypes]
    words = list(table.columns[: [*numeric, True].index(True)])
    if not words or table.duplicated(words).any():
        raise RunError(f"the rows of '{name}' do not begin with words of their own, so its figures have no names.")
    found: dict[str, Any] = {}
    for row in table.to_dict("records"):
        place = found
        for word in words:
            place = place.setdefault(slug(str(row[word])), {})
        place |= {column: row[column] for column in table.columns[numeric] if pd.notna(row[column])}
    return found


if __name__ == "__main__":
    try:
        main()
    except RlkitError as error:
        sys.exit(f"notebooks.py: {error}")
