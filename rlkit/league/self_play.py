"""The SB3 callback that leads a league while it trains: who sits opposite, who joins, and what all are worth."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from rlkit.envs.rocket_league.scripts import SCRIPTS
from rlkit.errors import EnvError, ParamsError, did_you_mean
from rlkit.league.importing import numpy_weights
from rlkit.league.ledger import Ledger
from rlkit.league.matches import play_matches
from rlkit.league.member import Member, member_facts
from rlkit.league.pool import Pool
from rlkit.league.ratings import Elo
from rlkit.league.samplers import Taste, odds
from rlkit.seeding import stream

LEARNER = "learner"  # its name among the ratings; in the table of games it is named by its step
SEATING, RATING = 0, 1  # streams of random numbers


@dataclass(frozen=True)
class Rules:
    """How a league is led; steps are env steps of the training, over all rows."""

    sampler: str
    taste: Taste
    league_share: float  # of the episodes that are no self-play, how many are against members
    opponents_at_once: int  # members drawn for each rollout, one perhaps more than once
    member_every: int
    promote_gain: float  # Elo since the newest member that freezes another one at once
    rate_every: int
    rate_games: int  # against each of the scripts it trains with, the newest member and another one
    rate_seconds: float  # a game without a goal is a draw then
    anchors: Mapping[str, float]  # fixed ratings, of scripts
    prune_gap: float  # Elo below the learner at which a member is retired,
    pool_floor: int  # as long as more than so many are left


class SelfPlay(BaseCallback):
    """Leads a league for a training on Rocket League whose policy is an MLP.

    Before each rollout it draws `opponents_at_once` members by the sampler and seats them; the shares of self-play and
    scripts are those that the env was built with, or a later edit of `opponents`. After a rollout it may rate the
    learner by played games, freeze it as a new member, and retire members that have grown too weak. Logged: league/elo,
    league/members, league/elo_mean, _std, _min, _max, and league/score_<name>. EnvError for an env or a policy that
    cannot do this.
    """

    def __init__(
        self,
        folder: Path,
        rules: Rules,
        seed: int = 0,
        activation: str = "tanh",
        guests: Sequence[tuple[dict[str, Any], dict[str, np.ndarray]]] = (),
        tell: Callable[..., None] = lambda kind, **facts: None,
    ) -> None:
        """folder: of the pool. guests: (facts, weights) of members who are there from the start. tell: of new members
        and retired ones, as tell(kind, name=..., ...). ParamsError for an anchor that is no script.
        """
        super().__init__()
        for name in set(rules.anchors) - set(SCRIPTS):
            raise ParamsError(
                f"anchors: '{name}' is no script, and only those stay as they are. {did_you_mean(name, SCRIPTS)}"
            )
        self.folder, self.rules, self.seed, self.activation = folder, rules, seed, activation
        self.guests, self.tell = guests, tell
        self.elo, self.ledger = Elo(rules.anchors), Ledger(folder)
        self._past: dict[str, Any] = {}
        self._next_rating, self._frozen_at, self._elo_then = rules.rate_every, 0, self.elo.start

    def state(self) -> dict[str, Any]:
        """Ratings, members, counters and the mix of opponents."""
        return {
            "elo": self.elo.state(), "members": list(self.pool.members), "mix": dict(self._mix),
            "next_rating": self._next_rating, "frozen_at": self._frozen_at, "elo_then": self._elo_then,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; the members come back from the folder, where those of a lost future are retired."""
        self.elo.restore(state["elo"])
        self._past = state
        self._next_rating, self._frozen_at = state["next_rating"], state["frozen_at"]
        self._elo_then = state["elo_then"]

    def _on_training_start(self) -> None:
        self.config = self._config()
        self._mix = self._past.get("mix") or dict(self.config["opponents"])
        self._sent = dict(self.config["opponents"])
        if set(self._mix) <= {"self"}:
            raise EnvError("opponents={self: 1} leaves no seat for the league. Give a script a share, such as basic.")
        self.ledger.until(self.num_timesteps)
        self.pool = Pool(self.folder, self.config)
        gone = self.pool.keep(self._past["members"]) if self._past else []
        if gone:
            warnings.warn(f"members that this league had are missing: {', '.join(gone)}", stacklevel=2)
        for facts, weights in self.guests if not self._past else ():
            self.pool.add(facts, weights)
        for name, member in self.pool.members.items():
            if name not in self.elo.ratings:
                self.elo.joins(name, member.facts["rating"] or self.elo.start)
        self._snapshot()  # a policy that cannot be frozen is refused now

    def _config(self) -> dict[str, Any]:
        try:
            return dict(self.training_env.get_attr("config")[0])
        except AttributeError:
            raise EnvError(
                "self-play needs an env with seats for its members, such as rlkit/RocketLeague-v0."
            ) from None

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        """Seat members drawn for this rollout; the draw hangs on the step alone, so a resumed training repeats it."""
        self._follow_edits()
        if not len(self.pool) or not self.rules.league_share:
            return
        names, members = list(self.pool.members), self.pool.members
        steps = [members[name].facts["steps"] for name in names]
        ratings = [self.elo[name] for name in names]
        chances = odds(self.rules.sampler, ratings, steps, self.elo[LEARNER], self.rules.taste)
        rng = stream(self.seed, SEATING, self.num_timesteps)
        drawn = rng.multinomial(self.rules.opponents_at_once, chances) / self.rules.opponents_at_once
        opponents = self._shares({name: share for name, share in zip(names, drawn.tolist(), strict=True) if share})
        seated = [members[name] for name in opponents if name in members]
        self.training_env.env_method("set_opponents", opponents, seated)
        self._sent = dict(self._config()["opponents"])

    def _shares(self, members: dict[str, float]) -> dict[str, float]:
        """Of self-play and scripts as in the mix, with the league's share of the scripts' given to members."""
        others = sum(share for name, share in self._mix.items() if name != "self")
        league = self.rules.league_share
        mix = {name: share * (1 if name == "self" else 1 - league) for name, share in self._mix.items()}
        return {name: share for name, share in mix.items() if share} | {
            n: others * league * s for n, s in members.items()
        }

    def _follow_edits(self) -> None:
        """Take a mix that somebody else has set since as the new one, less the members in it."""
        found = self._config()["opponents"]
        if found != self._sent:
            mix = {name: share for name, share in found.items() if name == "self" or name in SCRIPTS}
            self._mix = mix if set(mix) - {"self"} else self._mix

    def _on_rollout_end(self) -> None:
        if self.num_timesteps < self.model._total_timesteps:  # else the end of the training does it, after its update
            self._lead()

    def _on_training_end(self) -> None:
        """The last weights are rated and frozen too, where the training came to its end."""
        if self.num_timesteps >= self.model._total_timesteps:
            self._lead(at_end=True)

    def _lead(self, at_end: bool = False) -> None:
        """Rate, freeze and retire where it is time to, and log how the league stands."""
        rules, steps = self.rules, self.num_timesteps
        if at_end or steps >= self._next_rating:
            self._rate()
        gained = self.elo[LEARNER] - self._elo_then
        if at_end or steps - self._frozen_at >= rules.member_every or gained >= rules.promote_gain:
            self._freeze()
        for name in self.pool.prune(self.elo.ratings, self.elo[LEARNER], rules.prune_gap, rules.pool_floor):
            self.tell("retired", step=steps, name=name, elo=round(self.elo[name]))
        self.logger.record("league/elo", self.elo[LEARNER])
        found = self.pool.statistics(self.elo.ratings)
        self.logger.record("league/members", found["count"])
        for name in ("mean", "std", "min", "max") if found["count"] else ():
            self.logger.record(f"league/elo_{name}", found[name])

    def _snapshot(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        weights = numpy_weights(self.model.policy.state_dict())
        name = f"step-{self.num_timesteps:09d}"
        facts = member_facts(name, weights, self.config, self.num_timesteps, self.activation, rating=self.elo[LEARNER])
        return facts, weights

    def _freeze(self) -> None:
        member = self.pool.add(*self._snapshot())
        self.elo.joins(member.name, self.elo[LEARNER])
        self._frozen_at, self._elo_then = self.num_timesteps, self.elo[LEARNER]
        self.tell("member", step=self.num_timesteps, name=member.name, elo=round(self.elo[LEARNER]))

    def _rate(self) -> None:
        """Play games that count, from kickoff, on both sides, and move the ratings by them."""
        began = time.perf_counter()
        self._next_rating = self.num_timesteps + self.rules.rate_every
        me, seed = Member(*self._snapshot()), int(stream(self.seed, RATING, self.num_timesteps).integers(2**31))
        for opponent in self._raters(seed):
            options = {"max_seconds": self.rules.rate_seconds, "mode": self.config["mode"]}
            options |= {name: self.config[name] for name in ("tick_skip", "mesh")}
            matches = play_matches(me, opponent, self.rules.rate_games, seed, **options)
            self.elo.played(LEARNER, matches.opponent, matches.scores())
            self.ledger.add(self.num_timesteps, matches)
            if matches.opponent in SCRIPTS:
                self.logger.record(f"league/score_{matches.opponent}", float(np.mean(matches.scores())))
        self.logger.record("league/rating_seconds", time.perf_counter() - began)

    def _raters(self, seed: int) -> list[str | Member]:
        """Whom the learner is measured with: the scripts of the mix, the newest member, and one that is drawn."""
        scripts = list(dict.fromkeys([*self.rules.anchors, *(name for name in self._mix if name != "self")]))
        by_age = sorted(self.pool.members.values(), key=lambda member: member.facts["steps"])
        older = by_age[:-1]
        drawn = [older[int(np.random.default_rng(seed).integers(len(older)))]] if older else []
        return [*(name for name in scripts if name in SCRIPTS), *by_age[-1:], *drawn]
