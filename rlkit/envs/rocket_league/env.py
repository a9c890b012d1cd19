"""Rocket League on RocketSim physics as a Batch: every car that learns is a row."""

from collections.abc import Mapping

import numpy as np

from rlkit.envs.batch import Batch
from rlkit.envs.rocket_league.actions import CONTROLS, ActionSet
from rlkit.envs.rocket_league.constants import TICK_SECONDS
from rlkit.envs.rocket_league.kernel import begin, look, settle
from rlkit.envs.rocket_league.lineup import line_up, opponent_shares
from rlkit.envs.rocket_league.observations import OBSERVATIONS, observation_space
from rlkit.envs.rocket_league.render import draw
from rlkit.envs.rocket_league.rewards import N_MEMORY, REWARDS, resolve_weights
from rlkit.envs.rocket_league.scripts import NOBODY, SCRIPTS, play_scripts
from rlkit.envs.rocket_league.simulation import Simulation, control
from rlkit.envs.rocket_league.world import make_world
from rlkit.errors import EnvError
from rlkit.seeding import stream

DEFAULT_OPPONENTS = {"self": 0.6, "rule": 0.25, "basic": 0.15}


class RocketLeague(Batch):
    """Cars that play football, in real physics, against each other and against scripts.

    Observation: Box(-6, 6) float32, one row per learning car, seen from its own side. "local" has 74 values in 1v1, 102
        with teams of up to two and 130 of three, listed at `observations.local`; "seed180" is listed at its function.
    Action: "table28" Discrete(28), "table90" Discrete(90) or "multi_discrete", see actions.py; any integer type,
        EnvError outside the space. With "local" the env mirrors an action as it mirrored the observation it answers.
    Reward: the sum of the terms of `rewards.REWARDS` times their weights, seen from the car's own team.
    Episode end: a goal terminates, for every car of the arena; `max_seconds`, and `no_touch_seconds` in which no car
        hits the ball, truncate. An arena is one episode, which is reset for all its rows at once.
    Start: `kickoff_share` of the episodes with a noisy kickoff, the others scattered, see `Simulation`.
    Arguments:
        n_envs: learning cars. In arenas of self-play all cars are rows, in scripted ones the blue; the number of arenas
            of self-play is the one nearest to their share that makes exactly n_envs rows, else EnvError.
        part: (k, n) for part k of n processes: a contiguous share of the arenas.
        mode: "1v1", "1v2", "2v1", "2v2" or "3v3", blue against orange.
        opponents: share of the arenas with self-play ("self") and, drawn anew each episode, with each of SCRIPTS.
        reward_weights: replaces default weights by name, as `set_reward_weights` does later.
        tick_skip: physics ticks of 1/120 s per step. mesh: see `mesh.mesh_folder`.
    Source: RocketSim, an offline simulation of the game's physics; the rest is this kit's.
    """

    reward_terms = tuple(REWARDS)

    def __init__(
        self,
        n_envs: int = 1,
        part: tuple[int, int] = (0, 1),
        *,
        mode: str = "1v1",
        opponents: Mapping[str, float] = DEFAULT_OPPONENTS,
        observation: str = "local",
        actions: str = "table28",
        reward_weights: Mapping[str, float] | None = None,
        tick_skip: int = 8,
        max_seconds: float = 60.0,
        no_touch_seconds: float = 20.0,
        kickoff_share: float = 0.3,
        mesh: str = "generated",
    ) -> None:
        _check(tick_skip, max_seconds, no_touch_seconds, kickoff_share)
        shares = opponent_shares(opponents)
        self.config = {
            "mode": mode, "opponents": shares, "observation": observation, "actions": actions,
            "reward_weights": resolve_weights(reward_weights or {}), "tick_skip": tick_skip, "max_seconds": max_seconds,
            "no_touch_seconds": no_touch_seconds, "kickoff_share": kickoff_share, "mesh": str(mesh),
        }  # fmt: skip
        self._lineup = lineup = line_up(n_envs, part, mode, shares.get("self", 0.0))
        self._actions = ActionSet(actions)
        space = observation_space(observation, lineup.blue, lineup.orange)
        super().__init__(len(lineup.rows), space, self._actions.space)
        self._kind = OBSERVATIONS[observation]
        self._scripts = [SCRIPTS[name] for name in shares if name != "self"]
        script_shares = np.array([share for name, share in shares.items() if name != "self"])
        self._script_odds = script_shares / max(script_shares.sum(), 1e-9)  # without scripts there is nothing to divide
        n_cars = lineup.rows.size + lineup.scripted.size
        self._drivers = np.full(n_cars, NOBODY)
        self._controls = np.zeros((n_cars, len(CONTROLS)), np.float32)
        self._weights = np.array(list(self.config["reward_weights"].values()), np.float32)
        self._memory = np.zeros((self.n_envs, N_MEMORY), np.float32)
        self._fold = np.ones(self.n_envs, np.float32)
        decision = tick_skip * TICK_SECONDS
        self._limits = max(1, round(max_seconds / decision)), max(1, round(no_touch_seconds / decision))
        self.render_fps = round(1 / decision)
        self.simulation = Simulation(len(lineup.self_play), lineup.blue, lineup.orange, tick_skip, mesh)
        self._world = make_world(self.simulation)
        self._learners = [self.simulation.handles[car] for car in lineup.rows]
        self._puppets = [self.simulation.handles[car] for car in lineup.scripted]
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Restart every random stream: an arena's depends on the seed and on its place in the whole."""
        self._streams = [stream(seed, self._lineup.first_arena + a) for a in range(self.simulation.n_arenas)]

    def reset(self, rows: np.ndarray | None = None) -> None:
        """Start new episodes in the arenas that hold rows of a bool mask (n_envs,), by default in all."""
        row_arenas = self._lineup.rows // self.simulation.n_cars
        arenas = np.unique(row_arenas if rows is None else row_arenas[rows])
        for arena in arenas.tolist():
            self._start(arena)
        self.simulation.read(arenas.tolist())
        fresh = np.flatnonzero(np.isin(row_arenas, arenas))
        begin(self._world, self._lineup.rows, fresh, self._memory)
        look(self._world, self._kind, self._lineup.rows, fresh, self.observations, self._fold)

    def _start(self, arena: int) -> None:
        """Place the cars and the ball of an arena, clear its counts, and draw its script."""
        world, rng = self._world, self._streams[arena]
        start = self.simulation.kickoff if rng.random() < self.config["kickoff_share"] else self.simulation.scatter
        start(arena, rng)
        world.steps[arena] = world.untouched[arena] = 0
        world.score[arena] = 0
        if not self._lineup.self_play[arena]:
            orange = slice(arena * world.n_cars + world.blue, (arena + 1) * world.n_cars)
            self._drivers[orange] = rng.choice(self._scripts, p=self._script_odds)

    def step(self, actions: np.ndarray) -> None:
        """One decision of every row: controls, `tick_skip` ticks of physics, then rewards, ends and observations."""
        self._actions.drive(self._learners, actions, self._fold)
        if self._puppets:
            play_scripts(self._world, self._drivers, self._controls)
            for handle, row in zip(self._puppets, self._controls[self._lineup.scripted].tolist(), strict=True):
                handle.set_controls(control(row))
        self.simulation.step()
        settle(
            self._world, self._kind, self._lineup.rows, self._limits, self._weights, self._memory,
            self.terms, self.rewards, self.terminated, self.truncated, self.observations, self._fold,
        )  # fmt: skip

    def set_reward_weights(self, weights: Mapping[str, float]) -> None:
        """Replace reward weights by name from the next step on, in `config` too; EnvError for an unknown term."""
        resolved = resolve_weights(self.config["reward_weights"] | dict(weights))
        self.config["reward_weights"] = resolved
        self._weights[:] = list(resolved.values())

    def render(self) -> np.ndarray:
        """The arena of row 0 from above, uint8 (height, width, 3)."""
        return draw(self.simulation)


def _check(tick_skip: int, max_seconds: float, no_touch_seconds: float, kickoff_share: float) -> None:
    """EnvError for numbers that no episode can have."""
    lasting = 0 < max_seconds < np.inf and 0 < no_touch_seconds < np.inf
    if not (tick_skip == int(tick_skip) >= 1 and lasting and 0 <= kickoff_share <= 1):
        raise EnvError(
            f"tick_skip={tick_skip}, max_seconds={max_seconds}, no_touch_seconds={no_touch_seconds}, "
            f"kickoff_share={kickoff_share}: give whole ticks from 1 up, seconds above 0 and a share within 0 and 1."
        )
