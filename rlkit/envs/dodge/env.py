"""Dodge as a Batch: every row is a player of its own."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from rlkit.envs.batch import Batch
from rlkit.envs.dodge.actions import action_space, as_actions, columns, refuse
from rlkit.envs.dodge.constants import ROW
from rlkit.envs.dodge.kernel import play, start
from rlkit.envs.dodge.observations import FEATURES, observation_space
from rlkit.envs.dodge.render import draw
from rlkit.envs.dodge.rules import check, game_rules
from rlkit.errors import EnvError, did_you_mean
from rlkit.seeding import stream

REWARDS = {"survival": 1.0, "near_miss": 0.5, "collision": -100.0}  # weights unless others are asked for


class Dodge(Batch):
    """Stay unhit for `max_seconds` in a zone of 10 x 8 u at which balls are thrown, each aimed at where you stand.

    Observation: "numbers" is Box(-100, 100) float32 (65,), more with features: player x, y, z (u) and vx, vy (u/s); ten
        balls of x, y, z, vx, vy, vz, the oldest first, empty slots 0. `observations.FEATURES` tells what each of
        `features` changes. "image" is the view from above, uint8 (image_size, image_size, 1 "gray" or 3 "rgb").
    Action: "discrete5": stand, +y, -y, -x, +x. Else Box(-1, 1): "continuous3" vx, vy, sprint; "continuous4" these and
        jump; "continuous5" vx, vy, pitch, roll, sprint; "continuous6" vx, vy, jump, pitch, roll, sprint. Velocity is
        taken up at once, 5 u/s along each axis, up to 1 + `sprint` times that as sprint goes from -1 to 1; jump above
        0.5 jumps; a tilt is only seen. EnvError for an action that is not finite or, for "discrete5", outside of 0..4.
    Reward: per physics step survived `survival`, and `near_miss` times the u by which the nearest ball is nearer than
        `near_miss_distance`; in the step of a hit `collision` instead. All times `reward_scale`.
    Episode end: a hit terminates, the end of `max_seconds` truncates, and that is the success.
    Arguments:
        n_envs: rows. part: (k, n) for part k of n processes: a contiguous share of the rows.
        level: 1 (slow balls from a line), 2 (fast ones from an arc) or 3 (from a wider arc), see `constants.LEVELS`.
        angle: degrees, half of the arc; flight_seconds: from throw to player, the true knob of speed; throw_seconds:
            between throws. None: the level's.
        max_balls: in the air at once; a throw beyond them is left out.
        dt: s per physics step, divided where balls fly too far in it. How hard an episode is goes with its seconds and
            throws, not with its steps; `config["episode"]` tells them all.
        action_repeat: physics steps per decision. The original game decides at each, which is far harder to learn.
        stagger: the first throw comes after a random part of throw_seconds, so that rows do not throw in step.
        reward_weights: replaces default weights by name, as `set_reward_weights` does later.
    Source: ggand0/bevy-3d-dodge; rules.py holds the range of each number.
    """

    reward_terms = tuple(REWARDS)
    rows_per_worker = 1024  # a decision of a row takes about 0.1 us
    success = "truncated"

    def __init__(
        self,
        n_envs: int = 1,
        part: tuple[int, int] = (0, 1),
        *,
        level: int = 1,
        angle: float | None = None,
        flight_seconds: float | None = None,
        throw_seconds: float | None = None,
        max_balls: int = 25,
        dt: float = 1 / 50,
        max_seconds: float = 20.0,
        action_repeat: int = 4,
        stagger: bool = False,
        actions: str = "discrete5",
        sprint: float = 1.0,
        observation: str = "numbers",
        features: Collection[str] = (),
        warning_seconds: float = 0.5,
        image_size: int = 84,
        image_mode: str = "gray",
        reward_weights: Mapping[str, float] | None = None,
        near_miss_distance: float = 2.0,
        reward_scale: float = 1.0,
    ) -> None:
        game = level, angle, flight_seconds, throw_seconds, max_balls, dt, max_seconds, action_repeat, stagger
        self.rules, self.config = game_rules(*game)
        check(sprint=sprint, warning_seconds=warning_seconds)
        check(near_miss_distance=near_miss_distance, reward_scale=reward_scale, image_size=image_size)
        space = observation_space(observation, features, image_size, image_mode)
        first, last = (n_envs * k // part[1] for k in (part[0], part[0] + 1))
        super().__init__(last - first, space, action_space(actions))
        self.config |= {
            "actions": actions, "sprint": float(sprint), "observation": observation, "features": sorted(features),
            "warning_seconds": float(warning_seconds), "image_size": int(image_size), "image_mode": image_mode,
            "near_miss_distance": float(near_miss_distance), "reward_scale": float(reward_scale),
        }  # fmt: skip
        self.rules["sprint"], self.rules["warning_seconds"] = sprint, warning_seconds
        self.rules["near"] = near_miss_distance
        for name, column in columns(actions).items():
            self.rules[name] = column
        for feature in FEATURES:
            self.rules[feature] = feature in features
        self.config["reward_weights"] = dict(REWARDS)
        self.set_reward_weights(reward_weights or {})
        self._first, self._action_dtype = first, self.action_space.dtype
        self.rows = np.zeros(self.n_envs, ROW)
        self._results = self.observations, self.terms, self.rewards, self.terminated, self.truncated
        self.render_fps = max(1, round(1 / (dt * action_repeat)))
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Restart every random stream: a row's depends on the seed and on its place in the whole."""
        bits = stream(seed).integers(2**64, size=self._first + self.n_envs, dtype=np.uint64)
        self.rows["random"] = bits[self._first :]

    def reset(self, rows: np.ndarray | None = None) -> None:
        """Start new episodes in the rows of a bool mask (n_envs,), by default in all; fills `observations`."""
        chosen = np.ones(self.n_envs, bool) if rows is None else rows
        start(self.rows, self.rules, chosen, self.observations)

    def step(self, actions: np.ndarray) -> None:
        """One decision of every row: `action_repeat` physics steps, then rewards, ends and observations."""
        if actions.dtype != self._action_dtype or not actions.flags.c_contiguous:
            actions = as_actions(actions, self.action_space)
        bad = play(self.rows, self.rules, actions, *self._results)
        if bad >= 0:
            raise refuse(actions[bad], self.action_space)

    def set_reward_weights(self, weights: Mapping[str, float]) -> None:
        """Replace reward weights by name from the next step on, in `config` too; EnvError for an unknown term."""
        self.rules["weights"] = replace_weights(self.config, weights)

    def render(self) -> np.ndarray:
        """The game of row 0, uint8 (height, width, 3)."""
        return draw(self.rows[0], self.rules[0])


def replace_weights(config: dict[str, Any], weights: Mapping[str, float]) -> np.ndarray:
    """Put the given weights in config["reward_weights"]; all of them, times config["reward_scale"], float64 (n_terms,).

    EnvError for a term that is not there, or a weight out of its range.
    """
    known = config["reward_weights"]
    for name in weights:
        if name not in known:
            raise EnvError(f"reward_weights: unknown term '{name}'. {did_you_mean(name, known)}")
    check(**weights)
    config["reward_weights"] = {name: float(weights.get(name, old)) for name, old in known.items()}
    return np.array(list(config["reward_weights"].values())) * config["reward_scale"]
