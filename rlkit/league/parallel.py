"""Two-player games of PettingZoo's parallel API, as `contests` plays them; PettingZoo itself is not needed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rlkit.errors import EnvError
from rlkit.league.contests import Play


def parallel_game(make_env: Callable[[], Any], max_steps: int = 10_000) -> Play:
    """The game of a parallel env of two agents: the higher sum of rewards wins, equal ones are a draw.

    make_env: makes one env; all games are played side by side, each in its own. A player has a method
    `predict(observations (n, ...)) -> actions (n, ...)`, one row per game still on, and sits on the first agent's seat
    in every even game and on the second's in every odd one. Game g starts with `env.reset(seed=seed + g)`. EnvError for
    an env without exactly two agents, or with a game of more than `max_steps` steps.
    """

    def play(one: Any, other: Any, games: int, seed: int) -> list[float]:
        tables = [_Table(make_env(), (one, other) if g % 2 == 0 else (other, one), seed + g) for g in range(games)]
        for _ in range(max_steps):
            on = [table for table in tables if table.env.agents]
            if not on:
                return [table.score(one_first=g % 2 == 0) for g, table in enumerate(tables)]
            actions = [dict[str, Any]() for _ in on]
            for player in {id(one): one, id(other): other}.values():
                _decide(player, on, actions)
            for table, chosen in zip(on, actions, strict=True):
                table.step(chosen)
        raise EnvError(f"a game went on for more than {max_steps} steps; give a larger max_steps, or an env that ends.")

    return play


def _decide(player: Any, tables: list["_Table"], actions: list[dict[str, Any]]) -> None:
    """Add the actions of one player at all tables, asked for in one batch."""
    seats = [(k, agent) for k, table in enumerate(tables) for agent in table.env.agents if table.seats[agent] is player]
    if seats:
        observations = np.stack([tables[k].observations[agent] for k, agent in seats])
        for (k, agent), action in zip(seats, player.predict(observations), strict=True):
            actions[k][agent] = action


class _Table:
    """One game: its env, who sits where, and the rewards so far."""

    def __init__(self, env: Any, players: tuple[Any, Any], seed: int) -> None:
        self.env = env
        if len(env.possible_agents) != 2:
            raise EnvError(f"{env} has the agents {list(env.possible_agents)}; a match is played by exactly two.")
        self.seats = dict(zip(env.possible_agents, players, strict=True))
        self.rewards = dict.fromkeys(env.possible_agents, 0.0)
        self.observations, _ = env.reset(seed=seed)

    def step(self, actions: dict[str, Any]) -> None:
        self.observations, rewards, _, _, _ = self.env.step(actions)
        for agent, reward in rewards.items():
            self.rewards[agent] += float(reward)
        if not self.env.agents:
            self.env.close()

    def score(self, one_first: bool) -> float:
        """Of the first player named, who sat on the first seat or not."""
        first, second = self.rewards.values()
        return 0.5 + 0.5 * float(np.sign(first - second)) * (1 if one_first else -1)
