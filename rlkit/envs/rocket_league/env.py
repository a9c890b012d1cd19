"""Rocket League on RocketSim physics as a Batch: every car that learns is a row."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rlkit.envs.batch import Batch
from rlkit.envs.rocket_league.actions import CONTROLS, ActionSet
from rlkit.envs.rocket_league.constants import CAR_ON_GROUND, TICK_SECONDS
from rlkit.envs.rocket_league.kernel import begin, look, settle
from rlkit.envs.rocket_league.lineup import Lineup, line_up, team_sizes
from rlkit.envs.rocket_league.mutators import mutate
from rlkit.envs.rocket_league.observations import OBSERVATIONS, observation_space
from rlkit.envs.rocket_league.render import draw
from rlkit.envs.rocket_league.rewards import N_MEMORY, REWARDS
from rlkit.envs.rocket_league.scripts import NOBODY, SCRIPTS, play_scripts
from rlkit.envs.rocket_league.seats import Player, Seats
from rlkit.envs.rocket_league.simulation import Simulation, control
from rlkit.envs.rocket_league.stage import check_stage
from rlkit.envs.rocket_league.world import make_world
from rlkit.errors import EnvError
from rlkit.seeding import stream

DEFAULT_OPPONENTS = {"self": 0.6, "rule": 0.25, "basic": 0.15}
DEFAULT_STARTS = {"kickoff": 0.3, "scatter": 0.7}


class RocketLeague(Batch):
    """Cars that play football, in real physics, against each other and against scripts.

    Observation: Box(-6, 6) float32, one row per learning car, seen from its own side. "local" has 74 values in 1v1, 102
        with teams of up to two and 130 of three, listed at `observations.local`; "seed180" is listed at its function.
    Action: "table28" Discrete(28), "table90" Discrete(90) or "multi_discrete", see actions.py; any integer type,
        EnvError outside the space. With "local" the env mirrors an action as it mirrored the observation it answers.
    Reward: the sum of the terms of `rewards.REWARDS` times their weights, seen from the car's own team.
    Episode end: a goal terminates, for every car of the arena; `max_seconds`, and `no_touch_seconds` in which no car
        hits the ball, truncate. An arena is one episode, which is reset for all its rows at once.
    Start: drawn from `starts`; a drill is for blue against a script, else for either team.
    Arguments:
        n_envs: learning cars. In arenas of self-play all cars are rows, in the others the blue; the number of arenas
            of self-play is the one nearest to their share that makes exactly n_envs rows, else EnvError.
        part: (k, n) for part k of n processes: a contiguous share of the arenas.
        mode: "1v1", "1v2", "2v1", "2v2" or "3v3", blue against orange.
        seats: the mode whose observation is used, so that stages of several modes can share one; "" for that of `mode`.
        opponents: share of the arenas with self-play ("self") and, drawn anew each episode, with each of SCRIPTS.
        starts: shares of `starts.STARTS`, drawn anew each episode. mutators: of the physics, see mutators.py.
        reward_weights: replaces default weights by name, as `set_reward_weights` does later.
        tick_skip: physics ticks of 1/120 s per step. mesh: see `mesh.mesh_folder`.
    Source: RocketSim, an offline simulation of the game's physics; the rest is this kit's.
    """

    reward_terms = tuple(REWARDS)
    scripts = tuple(SCRIPTS)  # whose `advice` can be asked

    def __init__(
        self,
        n_envs: int = 1,
        part: tuple[int, int] = (0, 1),
        *,
        mode: str = "1v1",
        seats: str = "",
        opponents: Mapping[str, float] = DEFAULT_OPPONENTS,
        observation: str = "local",
        actions: str = "table28",
        reward_weights: Mapping[str, float] | None = None,
        starts: Mapping[str, float] = DEFAULT_STARTS,
        mutators: Mapping[str, float] | None = None,
        tick_skip: int = 8,
        max_seconds: float = 60.0,
        no_touch_seconds: float = 20.0,
        mesh: str = "generated",
    ) -> None:
        _check(tick_skip, max_seconds, no_touch_seconds)
        stage = check_stage(
            {"mode": mode, "opponents": opponents, "starts": starts, "mutators": mutators or {},
             "reward_weights": reward_weights or {}}, seats=seats,
        )  # fmt: skip
        self.config = stage | {
            "seats": seats, "observation": observation, "actions": actions, "tick_skip": tick_skip,
            "max_seconds": max_seconds, "no_touch_seconds": no_touch_seconds, "mesh": str(mesh),
        }  # fmt: skip
        self._actions = ActionSet(actions)
        self._kind = OBSERVATIONS.get(observation)
        space = observation_space(observation, *team_sizes(seats or mode))
        lineup = line_up(n_envs, part, mode, stage["opponents"].get("self", 0.0))
        super().__init__(len(lineup.rows), space, self._actions.space)
        self._weights = np.array(list(stage["reward_weights"].values()), np.float32)
        self._memory = np.zeros((self.n_envs, N_MEMORY), np.float32)
        self._fold = np.ones(self.n_envs, np.float32)
        decision = tick_skip * TICK_SECONDS
        self._limits = max(1, round(max_seconds / decision)), max(1, round(no_touch_seconds / decision))
        self.render_fps = round(1 / decision)
        self._players: dict[str, Player] = {}  # whom `opponents` may name beside the scripts
        self._part, self._seed, self._n_lineups = part, 0, 0
        self._take_places(lineup)
        self.seed(0)

    def _take_places(self, lineup: Lineup) -> None:
        """Build the arenas of a lineup, with nobody's episode begun."""
        self._lineup, self._next_lineup = lineup, None
        self._lined_up = self.config["mode"], self.config["opponents"].get("self", 0.0)
        size = len(lineup.self_play), lineup.blue, lineup.orange
        self.simulation = Simulation(*size, self.config["tick_skip"], self.config["mesh"])
        self._world = make_world(self.simulation)
        handles = self.simulation.handles
        self._learners, self._puppets = [handles[car] for car in lineup.rows], [handles[car] for car in lineup.scripted]
        self._drivers = np.full(len(handles), NOBODY)
        self._controls = np.zeros((len(handles), len(CONTROLS)), np.float32)
        self._mutated: list[Mapping[str, float]] = [{}] * self.simulation.n_arenas
        self._playing: list[Seats] = []  # those who drive somewhere, also after they were replaced
        self._seated = {name: Seats(player, self.simulation, lineup.scripted) for name, player in self._players.items()}

    def seed(self, seed: int) -> None:
        """Restart every random stream: an arena's depends on the seed and on its place in the whole.

        After a change of the lineup, on its place in this part of the whole.
        """
        self._seed = seed
        before = (self._part[0], self._n_lineups) if self._n_lineups else ()
        arenas = range(self._lineup.first_arena, self._lineup.first_arena + self.simulation.n_arenas)
        self._streams = [stream(seed, *before, arena) for arena in arenas]

    def reset(self, rows: np.ndarray | None = None) -> None:
        """Start new episodes in the arenas that hold rows of a bool mask (n_envs,), by default in all."""
        if self._next_lineup is not None:
            self._n_lineups += 1
            self._take_places(self._next_lineup)
            self.seed(self._seed)
            rows = None
        row_arenas = self._lineup.rows // self.simulation.n_cars
        arenas = np.unique(row_arenas if rows is None else row_arenas[rows])
        for arena in arenas.tolist():
            self._start(arena)
        self.simulation.read(arenas.tolist())
        fresh = np.flatnonzero(np.isin(row_arenas, arenas))
        begin(self._world, self._lineup.rows, fresh, self._memory)
        look(self._world, self._kind, self._lineup.rows, fresh, self.observations, self._fold)

    def _start(self, arena: int) -> None:
        """Give an arena its physics, draw its start and its opponent, and clear its counts."""
        world, rng, config = self._world, self._streams[arena], self.config
        if self._mutated[arena] != config["mutators"]:
            mutate(self.simulation.arenas[arena], config["mutators"])
            self._mutated[arena] = config["mutators"]
        self_play = self._lineup.self_play[arena]
        start = _draw(config["starts"], rng)
        self.simulation.place(arena, start, rng, int(rng.integers(2)) if self_play else 0)
        world.steps[arena] = world.untouched[arena] = 0
        world.score[arena] = 0
        if not self_play:
            scripted = {name: share for name, share in config["opponents"].items() if name != "self"}
            self._seat(arena, _draw(scripted, rng))

    def _seat(self, arena: int, opponent: str) -> None:
        """Let a script or a seated player drive the orange cars of an arena."""
        world = self._world
        self._drivers[arena * world.n_cars + world.blue : (arena + 1) * world.n_cars] = SCRIPTS.get(opponent, NOBODY)
        for seats in self._playing:
            seats.drive(arena, False)
        if opponent in self._seated:
            seats = self._seated[opponent]
            seats.drive(arena, True)
            if seats not in self._playing:
                self._playing.append(seats)
        self._playing = [seats for seats in self._playing if seats.driving.any()]

    def step(self, actions: np.ndarray) -> None:
        """One decision of every row: controls, `tick_skip` ticks of physics, then rewards, ends and observations."""
        self._actions.drive(self._learners, actions, self._fold)
        if self._puppets:
            self._drive_puppets()
        self.simulation.step()
        settle(
            self._world, self._kind, self._lineup.rows, self._limits, self._weights, self._memory,
            self.terms, self.rewards, self.terminated, self.truncated, self.observations, self._fold,
        )  # fmt: skip
        if self._next_lineup is not None:  # its rows are other cars: every episode ends here
            np.logical_not(self.terminated, out=self.truncated)

    def advice(self, script: str) -> np.ndarray:
        """The action nearest to what one of SCRIPTS would do now, for every row, int64 (n_envs,); after a reset.

        EnvError for actions of several numbers.
        """
        cars = self._lineup.rows
        drivers = np.full(len(self._drivers), NOBODY)
        drivers[cars] = SCRIPTS[script]
        play_scripts(self._world, drivers, self._controls)
        grounded = self.simulation.cars[cars, 0, CAR_ON_GROUND] > 0
        return self._actions.nearest(self._controls[cars], grounded, self._fold)

    def _drive_puppets(self) -> None:
        """Set the controls of the cars that do not learn."""
        play_scripts(self._world, self._drivers, self._controls)
        scripted = self._lineup.scripted
        for handle, driver, row in zip(
            self._puppets, self._drivers[scripted].tolist(), self._controls[scripted].tolist(), strict=True
        ):
            if driver != NOBODY:
                handle.set_controls(control(row))
        for seats in self._playing:
            seats.act(self._world)

    def set_stage(self, stage: Mapping[str, Any]) -> None:
        """Change any of `stage.STAGE`; reward weights hold from the next step, the rest from each arena's next start.

        Another mode or number of arenas of self-play gives every row another car: then all episodes are truncated by
        the next step. Reward weights are replaced by name, everything else as a whole. EnvError, and nothing has
        changed, for what cannot be.
        """
        config, seats = self.config, self.config["seats"] or self.config["mode"]
        weights = config["reward_weights"] | dict(stage.get("reward_weights", {}))
        checked = check_stage({**stage, "reward_weights": weights}, self._players, seats)
        mode, opponents = (checked.get(name, config[name]) for name in ("mode", "opponents"))
        self._line_up_later(mode, opponents.get("self", 0.0))
        config.update(checked, seats=seats if mode != config["mode"] else config["seats"])
        self._weights[:] = list(checked["reward_weights"].values())

    def _line_up_later(self, mode: str, self_share: float) -> None:
        """Keep the lineup of these rows for the next reset, where it is not the present one."""
        if (mode, self_share) == self._lined_up:
            self._next_lineup = None
            return
        now, then = self._lineup, line_up(self.n_envs, (0, 1), mode, self_share)
        same = (now.blue, now.orange, now.self_play.sum()) == (then.blue, then.orange, then.self_play.sum())
        self._next_lineup = None if same else then

    def set_reward_weights(self, weights: Mapping[str, float]) -> None:
        """Replace reward weights by name from the next step on, in `config` too; EnvError for an unknown term."""
        self.set_stage({"reward_weights": weights})

    def set_opponents(self, opponents: Mapping[str, float], players: Sequence[Player] = ()) -> None:
        """Replace the shares of opponents, which may name `players` beside the scripts, as `set_stage` does.

        Players that were seated before and are not given again go when their episodes end. EnvError for an unknown
        name, and for a player whose observation has no room for the teams.
        """
        seated = {player.name: self._seats_of(player) for player in players}
        before, self._players = self._players, {player.name: player for player in players}
        try:
            self.set_stage({"opponents": opponents})
        except EnvError:
            self._players = before
            raise
        self._seated = seated

    def _seats_of(self, player: Player) -> Seats:
        """The seats of a player that has been here before, else new ones."""
        kept = self._seated.get(player.name)
        return kept if kept and kept.player == player else Seats(player, self.simulation, self._lineup.scripted)

    def render(self) -> np.ndarray:
        """The arena of row 0 from above, uint8 (height, width, 3)."""
        return draw(self.simulation)


def _draw(shares: Mapping[str, float], rng: np.random.Generator) -> str:
    """One of the names, by their shares."""
    odds = np.array(list(shares.values()))
    return list(shares)[rng.choice(len(odds), p=odds / odds.sum())]


def _check(tick_skip: int, max_seconds: float, no_touch_seconds: float) -> None:
    """EnvError for numbers that no episode can have."""
    lasting = 0 < max_seconds < np.inf and 0 < no_touch_seconds < np.inf
    if not (tick_skip == int(tick_skip) >= 1 and lasting):
        raise EnvError(
            f"tick_skip={tick_skip}, max_seconds={max_seconds}, no_touch_seconds={no_touch_seconds}: "
            "give whole ticks from 1 up and seconds above 0."
        )
