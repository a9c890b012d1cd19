"""The other side of Dodge as a Batch: every row is a thrower, who learns to hit a player that dodges."""

from collections.abc import Callable, Mapping

import gymnasium
import numpy as np

from rlkit.envs.batch import Batch
from rlkit.envs.dodge.actions import as_actions, refuse
from rlkit.envs.dodge.env import Dodge, replace_weights
from rlkit.envs.dodge.kernel import aim
from rlkit.envs.dodge.observations import BOUND
from rlkit.envs.dodge.players import SCRIPTS, make_player
from rlkit.envs.dodge.policy import ACTIVATIONS, MlpPolicy, load_policy
from rlkit.envs.dodge.rules import check
from rlkit.errors import EnvError

REWARDS = {"hit": 100.0, "delay": -0.1}  # weights unless others are asked for
SEEN = ("x", "y", "z", "vx", "vy")  # of the player


class DodgeThrower(Batch):
    """Choose where each ball of a game of Dodge comes from, so that a player is hit soon.

    Observation: Box(-100, 100) float32 (5,): the player's x, y, z (u) and vx, vy (u/s).
    Action: Box(-1, 1) (1,): where the next ball will come from, from the left end of the level's line or arc to the
        right end. It counts at the moment of the throw. EnvError for an action that is not finite.
    Reward: `hit` when the player is hit, `delay` per physics step. All times `reward_scale`.
    Episode end: a hit terminates, and is the success; the end of `max_seconds` truncates.
    Arguments:
        dodger: the player, a name of `players.SCRIPTS` (it walks in 8 ways without sprint) or the checkpoint folder of
            a policy that was trained on Dodge; such a policy sees and acts as it was trained, here in this game.
        dodger_activation: "tanh" or "relu" of that policy's network; None: the default of its algorithm.
        reward_weights: replaces default weights by name, as `set_reward_weights` does later.
        The others are those of Dodge.
    Source: ggand0/bevy-3d-dodge, whose thrower learned against a player that steps aside.
    """

    reward_terms = tuple(REWARDS)
    rows_per_worker = 256  # a scripted dodger takes most of the time
    success = "terminated"

    def __init__(
        self,
        n_envs: int = 1,
        part: tuple[int, int] = (0, 1),
        *,
        dodger: str = "perpendicular",
        dodger_activation: str | None = None,
        level: int = 2,
        angle: float | None = None,
        flight_seconds: float | None = None,
        throw_seconds: float | None = None,
        max_balls: int = 25,
        dt: float = 1 / 50,
        max_seconds: float = 20.0,
        action_repeat: int = 4,
        stagger: bool = False,
        reward_weights: Mapping[str, float] | None = None,
        reward_scale: float = 1.0,
    ) -> None:
        check(reward_scale=reward_scale)
        game = {
            "level": level, "angle": angle, "flight_seconds": flight_seconds, "throw_seconds": throw_seconds,
            "max_balls": max_balls, "dt": dt, "max_seconds": max_seconds, "action_repeat": action_repeat,
            "stagger": stagger,
        }  # fmt: skip
        if dodger_activation not in (None, *ACTIVATIONS):
            raise EnvError(f"dodger_activation='{dodger_activation}' is unknown. Known: {', '.join(ACTIVATIONS)}.")
        self.game, self._dodge = _game_and_dodger(n_envs, part, str(dodger), dodger_activation, game)
        space = gymnasium.spaces.Box(-BOUND, BOUND, (len(SEEN),), np.float32)
        super().__init__(self.game.n_envs, space, gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32))
        self.config = {name: self.game.config[name] for name in (*game, "episode")}
        self.config |= {"dodger": str(dodger), "dodger_activation": dodger_activation}
        self.config |= {"reward_scale": float(reward_scale), "reward_weights": dict(REWARDS)}
        self.set_reward_weights(reward_weights or {})
        self.game.rows["aimed"] = 1
        self.render_fps = self.game.render_fps

    def seed(self, seed: int) -> None:
        """Restart every random stream; they decide the phase of the throws with `stagger`, and nothing else here."""
        self.game.seed(seed)

    def reset(self, rows: np.ndarray | None = None) -> None:
        """Start new episodes in the rows of a bool mask (n_envs,), by default in all; fills `observations`."""
        self.game.reset(rows)
        self._look()

    def step(self, actions: np.ndarray) -> None:
        """One decision of every row: take aim, then `action_repeat` physics steps of the game."""
        actions = as_actions(actions, self.action_space)
        bad = aim(self.game.rows, self.game.rules, actions)
        if bad >= 0:
            raise refuse(actions[bad], self.action_space)
        before = self.game.rows["steps"].copy()
        self.game.step(self._dodge())
        self.terminated[:], self.truncated[:] = self.game.terminated, self.game.truncated
        self.terms[:, 0] = self._weights[0] * self.terminated
        self.terms[:, 1] = self._weights[1] * (self.game.rows["steps"] - before)
        self.rewards[:] = self.terms.sum(axis=1)
        self._look()

    def _look(self) -> None:
        for k, name in enumerate(SEEN):
            self.observations[:, k] = self.game.rows[name]

    def set_reward_weights(self, weights: Mapping[str, float]) -> None:
        """Replace reward weights by name from the next step on, in `config` too; EnvError for an unknown term."""
        self._weights = replace_weights(self.config, weights)

    def render(self) -> np.ndarray:
        """The game of row 0, uint8 (height, width, 3)."""
        return self.game.render()


def _game_and_dodger(
    n_envs: int, part: tuple[int, int], dodger: str, activation: str | None, game: Mapping[str, object]
) -> tuple[Dodge, Callable[[], np.ndarray]]:
    """The game that is played, and a call that gives the player's actions in it."""
    if dodger in SCRIPTS:
        batch = Dodge(n_envs, part, actions="continuous3", **game)
        return batch, make_player(dodger, batch)
    weights, trained = load_policy(dodger)
    try:
        eyes = {name: trained[name] for name in ("actions", "sprint", "observation", "features", "warning_seconds")}
    except KeyError as missing:
        raise EnvError(f"dodger='{dodger}' was not trained on Dodge: its configuration has no {missing}.") from None
    batch = Dodge(n_envs, part, **eyes, **game)
    policy = MlpPolicy(weights, isinstance(batch.action_space, gymnasium.spaces.Discrete), activation)
    return batch, lambda: policy(batch.observations)
