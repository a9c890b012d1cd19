"""Gymnasium envs for the tests of transports: every kind of space, infos, options, and faults on request."""

import os
import time

import gymnasium
import numpy as np
from gymnasium import spaces

PICTURE = spaces.Box(0, 255, (4, 5), np.uint8)
POINT = spaces.Box(-100.0, np.inf, (3,), np.float32)
SPACES = {
    "box": POINT,
    "discrete": spaces.Discrete(7),
    "multi_discrete": spaces.MultiDiscrete([3, 4]),
    "multi_binary": spaces.MultiBinary(4),
    "dict": spaces.Dict({"picture": PICTURE, "point": POINT}),
    "tuple": spaces.Tuple((PICTURE, POINT)),
}
ACTIONS = {
    "discrete": spaces.Discrete(3),
    "box": spaces.Box(-1.0, 1.0, (2,), np.float32),
    "multi_discrete": spaces.MultiDiscrete([3, 2]),
    "multi_binary": spaces.MultiBinary(3),
}
CLOCK = 6  # steps until an episode is truncated
FAULTY_SEED = 2  # an env seeded with this has the fault: row 2 of a VecEnv seeded with 0


class Drift(gymnasium.Env):
    """A drift of random steps that the actions bend; ends by chance or by the clock, has infos now and then.

    fault: what the env seeded with FAULTY_SEED does at its third step: "raise", "exit", "hang" or "function", an info
    that cannot be sent anywhere.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 12}  # noqa: RUF012

    def __init__(self, space="box", actions="discrete", fault="none", delay=0.0, render_mode=None):
        self.observation_space, self.action_space = SPACES[space], ACTIONS[actions]
        self.space, self.fault, self.delay, self.render_mode = space, fault, delay, render_mode
        self.is_faulty, self.gravity = False, 1.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.is_faulty = seed == FAULTY_SEED if seed is not None else self.is_faulty
        self.last_action, self.steps = None, 0
        self.point = self.np_random.normal(size=3) + (options or {}).get("start", 0)
        return self.observe(), {"start": float(self.point[0]), "options": options}

    def step(self, action):
        time.sleep(self.delay)
        self.steps += 1
        if self.is_faulty and self.steps == 3:
            self.go_wrong()
        self.point += self.np_random.normal(size=3) + np.sum(action) * self.gravity
        if self.last_action is not None:  # a view of the caller's array would have changed by now
            self.point += np.sum(self.last_action)
        self.last_action = action
        info = {"even": np.arange(3), "steps": self.steps} if self.steps % 2 == 0 else {}
        if self.is_faulty and self.steps >= 3 and self.fault == "function":
            info["function"] = lambda: 0
        chance = bool(self.np_random.random() < 0.15)
        return self.observe(), float(self.point[0]) / 3, chance, self.steps >= CLOCK, info

    def go_wrong(self):
        if self.fault == "raise":
            raise ZeroDivisionError("planted in row 2")
        if self.fault == "exit":
            os._exit(7)
        if self.fault == "hang":
            time.sleep(3600)

    def observe(self):
        numbers = np.abs(self.point * 10).astype(np.int64)
        point, picture = self.point.astype(np.float32), np.full((4, 5), numbers[0] % 256, np.uint8)
        return {
            "box": lambda: point,
            "discrete": lambda: int(numbers[0] % 7),
            "multi_discrete": lambda: numbers[:2] % [3, 4],
            "multi_binary": lambda: np.resize(numbers, 4).astype(np.int8) % 2,
            "dict": lambda: {"picture": picture, "point": point},
            "tuple": lambda: (picture, point),
        }[self.space]()

    def render(self):
        return np.full((4, 6, 3), self.steps, np.uint8)

    def scaled(self, factor, offset=0.0):
        return self.gravity * factor + offset


class Work(gymnasium.Env):
    """Steps of a few microseconds, or of `milliseconds` of the CPU's real work."""

    observation_space, action_space = POINT, ACTIONS["discrete"]

    def __init__(self, milliseconds=0.0):
        self.milliseconds = milliseconds

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(3, np.float32), {}

    def step(self, action):
        end = time.perf_counter() + self.milliseconds / 1000
        while time.perf_counter() < end:
            pass
        return np.zeros(3, np.float32), 1.0, False, False, {}


def refuse_elsewhere(home):
    """A Drift in the process `home`, an error in any other."""
    if os.getpid() != home:
        raise OSError("planted while building")
    return Drift()


gymnasium.register("test/Drift-v0", "gym_envs:Drift")
gymnasium.register("test/Work-v0", "gym_envs:Work", max_episode_steps=20)
