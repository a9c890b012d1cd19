"""games.csv: every game that a league has played, one line each, with the step at which it was played."""

from pathlib import Path

import pandas as pd

from rlkit.files import append_line, write_atomic
from rlkit.league.matches import Matches

NAME = "games.csv"


class Ledger:
    """The table of a league's games in a file: step, one, other, score, and what `Matches` tells of each."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def add(self, step: int, matches: Matches) -> None:
        """Append games."""
        table = matches.table.drop(columns=["blue", "orange"])
        names = {"step": step, "one": matches.player, "other": matches.opponent, "score": matches.scores()}
        for place, (name, value) in enumerate(names.items()):
            table.insert(place, name, value)
        if not self.path.exists():
            append_line(self.path, ",".join(table.columns))
        append_line(self.path, table.to_csv(index=False, header=False, lineterminator="\n").rstrip("\n"))

    def games(self) -> pd.DataFrame:
        """All of them, oldest first; a torn last line is left out."""
        if not self.path.exists():
            return pd.DataFrame(columns=["step", "one", "other", "score"])
        return pd.read_csv(self.path, on_bad_lines="skip").dropna()

    def until(self, step: int) -> None:
        """Forget the games after a step, from which a training goes on."""
        games = self.games()
        if len(games):
            write_atomic(self.path, games[games["step"] <= step].to_csv(index=False, lineterminator="\n"))
