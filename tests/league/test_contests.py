import numpy as np
import pandas as pd
import pytest

from rlkit.errors import EnvError, ParamsError
from rlkit.league.contests import contest, win_rates
from rlkit.league.parallel import parallel_game
from rlkit.league.ratings import rate


def higher(one, other, games, seed):
    return [0.5 + 0.5 * np.sign(one - other)] * games


class Guessing:
    """A parallel env by PettingZoo's API: five rounds in which the number nearer to the one shown earns a point."""

    def __init__(self, agents=("left", "right")):
        self.possible_agents, self.agents, self.closed = list(agents), [], False

    def reset(self, seed=None, options=None):
        self.rng, self.round, self.agents = np.random.default_rng(seed), 0, list(self.possible_agents)
        return self._look(), {agent: {} for agent in self.agents}

    def _look(self):
        self.target = self.rng.integers(10)
        return {agent: np.array([self.target, self.round], np.float32) for agent in self.agents}

    def step(self, actions):
        assert set(actions) == set(self.agents)
        away = {agent: abs(action - self.target) for agent, action in actions.items()}
        rewards = {agent: float(away[agent] < max(away.values())) for agent in self.agents}
        self.round += 1
        over = dict.fromkeys(self.agents, self.round == 5)
        observations = self._look()
        if self.round == 5:
            self.agents = []
        return observations, rewards, over, dict.fromkeys(over, False), {agent: {} for agent in over}

    def close(self):
        self.closed = True


class Guesser:
    def __init__(self, error):
        self.error, self.batches = error, []

    def predict(self, observations):
        self.batches.append(observations.shape)
        return observations[:, 0] + self.error


def test_every_pair_meets():
    games = contest({"a": 1, "b": 3, "c": 2}, higher, games=4)
    assert len(games) == 12
    assert win_rates(games).loc["b"].tolist()[::2] == [1.0, 1.0]
    assert np.isnan(np.diag(win_rates(games))).all()
    assert rate(games).index.tolist() == ["b", "c", "a"]
    some = contest({"a": 1, "b": 3, "c": 2}, higher, games=2, pairs=[("c", "a")])
    assert some[["one", "other", "score"]].drop_duplicates().values.tolist() == [["c", "a", 1.0]]
    assert contest({"a": 1}, higher, games=2).empty
    with pytest.raises(ParamsError, match="at least one"):
        contest({"a": 1, "b": 2}, higher, games=0)


def test_win_rates_leave_draws_out():
    games = pd.DataFrame({"one": ["a", "b", "a", "a"], "other": ["b", "a", "b", "b"], "score": [1, 1, 0.5, 1]})
    rates = win_rates(games)
    assert (rates.loc["a", "b"], rates.loc["b", "a"]) == (0.5, 0.25)


def test_a_parallel_env_plugs_in():
    players = {"exact": Guesser(0), "near": Guesser(1), "far": Guesser(2)}
    games = contest(players, parallel_game(Guessing), games=6, seed=3)
    assert rate(games).index.tolist() == ["exact", "near", "far"]
    assert (games["score"] == 1).all()  # from both seats
    assert players["exact"].batches == [(6, 2)] * 10  # all games of a pair in one call


def test_equal_players_draw():
    twin = Guesser(1)
    assert parallel_game(Guessing)(twin, twin, 3, 0) == [0.5] * 3


def test_envs_that_are_no_match_are_refused():
    with pytest.raises(EnvError, match="exactly two"):
        parallel_game(lambda: Guessing("abc"))(Guesser(0), Guesser(1), 1, 0)
    with pytest.raises(EnvError, match="max_steps"):
        parallel_game(Guessing, max_steps=3)(Guesser(0), Guesser(1), 1, 0)
