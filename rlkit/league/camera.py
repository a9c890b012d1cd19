"""Films one game of a wave: the frames of a replay, and what the policy in front of the camera thought and earned."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rlkit.diagnostics.notes import Notes
from rlkit.diagnostics.replay import Replay
from rlkit.envs.rocket_league import constants as const
from rlkit.envs.rocket_league.actions import MIRROR, ActionSet
from rlkit.envs.rocket_league.mesh import wireframe
from rlkit.envs.rocket_league.rewards import N_MEMORY, REWARDS, resolve_weights, reward
from rlkit.envs.rocket_league.simulation import Simulation
from rlkit.envs.rocket_league.world import World
from rlkit.kernels import entry

TURNS = {-1.0: "left", -0.5: "half left", 0.5: "half right", 1.0: "right"}


@partial(entry, folders=(Path(const.__file__).parent,))
def judge(world: World, car: int, memory: np.ndarray, weights: np.ndarray, terms: np.ndarray) -> None:
    """Fill the weighted reward terms of one car; its arguments are those of `reward`."""
    reward(world, car, memory, weights, terms)


class Camera:
    """Keeps the frames of one arena. `watch` before the first frame adds notes on the car of a policy."""

    def __init__(self, simulation: Simulation, world: World, arena: int) -> None:
        self.simulation, self.world, self.arena = simulation, world, arena
        self.frames: list[tuple[np.ndarray, ...]] = []
        self.notes: Notes | None = None

    def watch(self, player: Any, actions: ActionSet, car: int) -> None:
        """Take notes on one car, by its index among all of the simulation, that a Player drives."""
        self.notes, self.car, self._actions = Notes(player.predict, action_names(actions)), car, actions
        weights = resolve_weights(getattr(player, "reward_weights", None) or {})
        self._weights = np.array(list(weights.values()), np.float32)
        self._memory, self._terms = np.zeros(N_MEMORY, np.float32), np.zeros(len(REWARDS), np.float32)
        self._folds: list[float] = []

    def watches(self, car: int) -> bool:
        """Whether it takes notes on this car."""
        return self.notes is not None and self.car == car

    def decide(self, observation: np.ndarray, action: Any, fold: float) -> None:
        """Note what the watched car saw and answered; fold: negative where both are mirrored."""
        self.notes.decide(observation.copy(), action)
        self._folds.append(fold)

    def shoot(self) -> None:
        """Keep the frame that the simulation shows."""
        s, arena = self.simulation, self.arena
        cars = s.cars[arena * s.n_cars : (arena + 1) * s.n_cars, 0]
        if self.notes is not None:
            judge(self.world, self.car, self._memory, self._weights, self._terms)
            if self.frames:  # the first frame only fills the memory
                self.notes.earn(dict(zip(REWARDS, self._terms.tolist(), strict=True)))
        self.frames.append((s.ball[arena, 0].copy(), cars.copy(), s.pads[arena, 0].copy()))

    def replay(self, title: str, meta: dict[str, Any]) -> Replay:
        """What was filmed and noted, as a replay."""
        ball, cars, pads = (np.stack(column) for column in zip(*self.frames, strict=True))
        score = np.zeros((len(ball), 2), np.float32)
        score[-1] = self.world.score[self.arena]
        arrays = {
            "ball_position": ball[:, const.BALL_POSITION],
            "ball_velocity": ball[:, const.BALL_VELOCITY],
            "car_position": cars[:, :, const.CAR_POSITION],
            "car_forward": cars[:, :, const.CAR_FORWARD],
            "car_up": cars[:, :, const.CAR_UP],
            "car_boost": cars[:, :, const.CAR_BOOST],
            "touches": cars[:, :, const.CAR_TOUCHED] > 0,
            "pads": pads > 0,
            "pad_position": const.PADS,
            "score": score,
            "wireframe": wireframe(),
        }
        if self.notes is not None:
            more, names = self.notes.series()
            arrays |= self._unfold(more)
            meta = meta | {"series_names": names, "car": self.car % self.simulation.n_cars}
        return Replay(
            kind="rocket_league", title=title, seconds_per_frame=self.world.step_seconds, arrays=arrays, meta=meta
        )

    def _unfold(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The arrays with left and right as the viewer sees them, where the policy had them swapped."""
        if "action" not in arrays:
            return arrays
        folded = np.append(np.array(self._folds) < 0, False)  # the last frame has no decision
        mirrored, action = mirror_images(self._actions), arrays["action"]
        action[folded] = mirrored[action[folded].astype(int)]
        if "action_odds" in arrays:
            odds = arrays["action_odds"]
            arrays["action_odds"] = np.where(folded[:, None], odds[:, mirrored], odds)
        return arrays


def action_names(actions: ActionSet) -> list[str]:
    """A few words for each action of a table, such as "boost half left"; none for an action of several numbers."""
    return [_words(*row) for row in actions.table.tolist()] if actions.space.shape == () else []


def mirror_images(actions: ActionSet) -> np.ndarray:
    """For each row of a table the one that does the same with left and right swapped, int64 (n,)."""
    rows = {tuple(row): index for index, row in enumerate((actions.table + 0.0).tolist())}
    return np.array([rows[tuple(row)] for row in (actions.table * MIRROR + 0.0).tolist()])


def _words(
    throttle: float, steer: float, pitch: float, yaw: float, roll: float, jump: float, boost: float, handbrake: float
) -> str:
    moving = "boost" if boost else "forward" if throttle > 0 else "back" if throttle < 0 else "coast"
    if jump:
        flipping = {-1.0: "front", 1.0: "back"}.get(pitch, "")
        moving = "flip" if pitch or yaw or roll else "jump"
        return " ".join(
            filter(None, (moving, flipping, TURNS.get(yaw, ""), TURNS.get(roll, ""), "boost" * bool(boost)))
        )
    tilt = {-1.0: "nose down", 1.0: "nose up"}.get(pitch, "")
    rolling = f"roll {TURNS[roll]}" if roll else ""
    return " ".join(filter(None, (moving, "slide" * bool(handbrake), TURNS.get(steer or yaw, ""), tilt, rolling)))
