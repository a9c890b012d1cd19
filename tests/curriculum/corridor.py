"""A corridor to walk to its end, with a stage's length: the smallest env that has `set_stage`."""

import gymnasium
import numpy as np
from gymnasium import spaces


class Corridor(gymnasium.Env):
    """Start at 0, actions back and forth; the end at `length` is a success, the clock after 12 steps is none.

    A stage sets `length`, from the next episode on. With told=True the env has a `config`.
    """

    observation_space = spaces.Box(0.0, 1.0, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, length=2, told=True):
        self.asked = self.length = length
        self.seen = []  # lengths of the episodes
        if told:
            self.config = {"length": length}

    def set_stage(self, stage):
        for key in stage:
            if key != "length":
                raise KeyError(key)
        self.asked = stage["length"]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.length, self.place, self.steps = self.asked, 0, 0
        self.seen.append(self.length)
        return self.observe(), {}

    def step(self, action):
        self.place = max(0, self.place + (1 if action else -1))
        self.steps += 1
        arrived = self.place >= self.length
        return self.observe(), float(arrived), arrived, self.steps >= 12, {"is_success": arrived}

    def observe(self):
        return np.array([self.place / 12, self.length / 12], np.float32)


gymnasium.register("test/Corridor-v0", Corridor)
