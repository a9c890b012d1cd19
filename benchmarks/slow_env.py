"""An env whose step is some milliseconds of one core's real work: where worker processes pay."""

import gymnasium
import numpy as np

ITERATIONS = 50_000  # of a floating point loop in Python; 2 to 3 ms on a core of 2024


class SlowEnv(gymnasium.Env):
    """Observation: Box(1), where the loop has come to. Action: Discrete(2), its start. Reward 1; ends by the clock."""

    observation_space = gymnasium.spaces.Box(0.0, 1.0, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        """The start of a loop."""
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        """Once through the loop."""
        x = 0.3 + 0.1 * action
        for _ in range(ITERATIONS):
            x = 3.9 * x * (1.0 - x)
        return np.array([x], np.float32), 1.0, False, False, {}


gymnasium.register("bench/Slow-v0", "slow_env:SlowEnv", max_episode_steps=200)
