"""The pool of frozen opponents: a folder of members, which is its own index, with a floor when the weak are dropped."""

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rlkit.errors import CheckpointError
from rlkit.files import inside
from rlkit.league.member import Member, check_fit, load_member, save_member

LEAGUE = "league"  # in a run's folder: its pool
RETIRED = ".retired"  # in a pool's folder: members that are out of it; nothing is deleted


class Pool:
    """The members in a folder, by name: those that are whole and fit the env of `config`.

    A warning, kept in `skipped` too, tells in a line what is wrong with each of the others.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self.folder, self.config = folder, config
        self.members: dict[str, Member] = {}
        self.skipped: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("[!.]*/")):
            try:
                self._take(load_member(path), path.name)
            except CheckpointError as error:
                self.skipped.append(str(error))
                warnings.warn(f"left out of the league: {error}", stacklevel=2)

    def __len__(self) -> int:
        return len(self.members)

    def add(self, facts: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> Member:
        """Freeze a player into the folder, in place of one of the same name. CheckpointError where it cannot play."""
        return self._take(save_member(inside(self.folder, facts["name"]), facts, weights), facts["name"])

    def _take(self, member: Member, name: str) -> Member:
        if member.name != name:
            raise CheckpointError(f"{self.folder / name} holds a member called {member.name}; give them one name.")
        check_fit(member, self.config)
        self.members[name] = member
        return member

    def retire(self, name: str) -> None:
        """Take a member out of the pool, and its folder out of sight."""
        self.members.pop(name, None)
        folder, out = inside(self.folder, name), self.folder / RETIRED / name
        out.parent.mkdir(exist_ok=True)
        shutil.rmtree(out, ignore_errors=True)
        if folder.exists():
            folder.rename(out)

    def keep(self, names: list[str]) -> list[str]:
        """Retire all but these, which a training that goes on had; the names it had that are gone, for a warning."""
        for name in set(self.members) - set(names):
            self.retire(name)
        return [name for name in names if name not in self.members]

    def prune(self, ratings: Mapping[str, float], mine: float, gap: float, floor: int) -> list[str]:
        """Retire members `gap` or more below `mine`, weakest first, while more than `floor` are left; their names."""
        by_strength = sorted(self.members, key=lambda name: ratings[name])
        weak = [name for name in by_strength if mine - ratings[name] >= gap][: max(0, len(self) - floor)]
        for name in weak:
            self.retire(name)
        return weak

    def statistics(self, ratings: Mapping[str, float]) -> dict[str, float]:
        """How many, their Elo (mean, std, min, max) and the range of their steps; only the count of an empty pool."""
        if not self.members:
            return {"count": 0}
        elo = np.array([ratings[name] for name in self.members])
        steps = [member.facts["steps"] for member in self.members.values()]
        spread = {"mean": elo.mean(), "std": elo.std(), "min": elo.min(), "max": elo.max()}
        spread |= {"first_steps": min(steps), "last_steps": max(steps)}
        return {"count": len(self), **{name: float(value) for name, value in spread.items()}}
