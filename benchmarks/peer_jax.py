"""Synth65 for PureJaxRL: an env inside an XLA program, with the methods that its wrappers call."""

from typing import Any

import jax
import jax.numpy as jnp
from gymnax.environments import spaces
from ppo_envs import N_CHOICES, N_OBSERVED

BANK = 4096  # observations to walk through


class Synth65:
    """Rows of a bank of random observations, random rewards, an end every 200 steps, as Synth65 of ppo_envs."""

    def __init__(self) -> None:
        observations, rewards = jax.random.split(jax.random.PRNGKey(0))
        self._bank = jax.random.normal(observations, (BANK, N_OBSERVED))
        self._rewards = jax.random.normal(rewards, (BANK,))

    def reset(self, key: jax.Array, params: Any = None) -> tuple[jax.Array, jax.Array]:
        """(observation, state); the state counts steps, from a random one."""
        state = jax.random.randint(key, (), 0, BANK)
        return self._bank[state], state

    def step(self, key: jax.Array, state: jax.Array, action: jax.Array, params: Any = None) -> tuple[Any, ...]:
        """(observation, state, reward, done, info)."""
        state = state + 1
        at = state * 61 % BANK
        return self._bank[at], state, self._rewards[at], state % 200 == 0, {}

    def observation_space(self, params: Any = None) -> spaces.Box:
        """N_OBSERVED floats."""
        return spaces.Box(-jnp.inf, jnp.inf, (N_OBSERVED,))

    def action_space(self, params: Any = None) -> spaces.Discrete:
        """N_CHOICES actions."""
        return spaces.Discrete(N_CHOICES)
