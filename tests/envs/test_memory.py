"""Hidden and Recall: what is left to see, what memory is worth, and arguments that cannot be."""

import contextlib

import numpy as np
import pytest

from rlkit.envs import make_vec_env
from rlkit.envs.memory.gym_batch import GymBatch
from rlkit.envs.memory.hidden import Hidden
from rlkit.envs.memory.recall import Recall
from rlkit.errors import EnvError

CUES, DELAY, EPISODES = 4, 3, 4000


def play_recall(answer, episodes: int = EPISODES) -> tuple[np.ndarray, list[np.ndarray]]:
    """(return of each episode, observations of every step); answer(observations, first observations) -> actions."""
    batch = Recall(episodes, cues=CUES, delay=DELAY)
    batch.seed(7)
    batch.reset()
    first, returns, seen = batch.observations.copy(), np.zeros(episodes), []
    for step in range(DELAY + 2):
        seen.append(batch.observations.copy())
        assert not batch.terminated.any(), step
        batch.step(answer(batch.observations, first))
        returns += batch.rewards
    assert batch.terminated.all()
    return returns, seen


def test_only_the_first_observation_shows_the_cue_and_only_the_last_asks() -> None:
    _, seen = play_recall(lambda now, first: np.zeros(len(now), np.int64))
    np.testing.assert_array_equal(seen[0].sum(axis=1), 1)
    assert not seen[0][:, -1].any()
    assert all(not waiting.any() for waiting in seen[1:-1])
    np.testing.assert_array_equal(seen[-1], np.tile(np.eye(CUES + 1)[-1], (EPISODES, 1)))


@pytest.mark.parametrize("constant", range(CUES))
def test_without_memory_no_answer_is_better_than_chance(constant: int) -> None:
    """One observation is all that such a policy has at the question, and it is the same in every episode."""
    returns, _ = play_recall(lambda now, first: np.full(len(now), constant))
    assert abs(returns.mean() - 1 / CUES) < 4 * np.sqrt(0.25 * 0.75 / EPISODES)


def test_memory_answers_every_question() -> None:
    returns, _ = play_recall(lambda now, first: first.argmax(axis=1))
    assert returns.min() == 1.0


def test_the_delay_is_the_episodes_length() -> None:
    for delay in (0, 5):
        with contextlib.closing(make_vec_env("rlkit/Recall-v0", 2, seed=0, delay=delay)) as env:
            env.reset()
            ends = [env.step(np.zeros(2, int))[2].all() for _ in range(delay + 2)]
            assert ends == [False] * (delay + 1) + [True]


def test_cues_differ_between_rows_and_episodes_and_are_even() -> None:
    batch = Recall(3000, cues=CUES)
    batch.seed(0)
    batch.reset()
    first = batch.rows["cue"].copy()
    batch.reset()
    assert 0.2 < (first == batch.rows["cue"]).mean() < 0.3
    assert np.bincount(first, minlength=CUES).min() > 650  # of 750; chance below 1e-4


def test_hiding_leaves_the_others_in_their_order() -> None:
    whole, seen = (make_vec_env("rlkit/Hidden-v0", 4, seed=5, hidden=hidden) for hidden in ([], [1, 3]))
    with contextlib.closing(whole), contextlib.closing(seen):
        np.testing.assert_array_equal(whole.reset()[:, [0, 2]], seen.reset())
        for step in range(60):
            actions = np.full(4, step % 2)
            everything, rewards, dones, infos = whole.step(actions)
            observations, *same, their_infos = seen.step(actions)
            np.testing.assert_array_equal(everything[:, [0, 2]], observations)
            np.testing.assert_array_equal(same, [rewards, dones])
            for mine, theirs in zip(infos, their_infos, strict=True):
                if mine:
                    np.testing.assert_array_equal(mine["terminal_observation"][[0, 2]], theirs["terminal_observation"])
        assert seen.observation_space.shape == (2,)


def test_a_task_of_the_kit_keeps_its_terms_success_and_weights() -> None:
    game = {"task": "rlkit/Dodge-v0", "hidden": [3, 4], "max_seconds": 0.4}
    with contextlib.closing(make_vec_env("rlkit/Hidden-v0", 3, seed=0, **game)) as env:
        env.env_method("set_reward_weights", {"survival": 2.0})
        config = env.get_attr("config")[0]
        assert (config["task"], config["hidden"], config["reward_weights"]["survival"]) == (
            "rlkit/Dodge-v0",
            [3, 4],
            2.0,
        )
        env.reset()
        infos = [env.step(np.zeros(3, int))[3] for _ in range(5)][-1]
        assert infos[0]["is_success"] is True
        assert infos[0]["reward_terms"]["survival"] == 40.0  # 20 physics steps of 0.02 s


def test_a_gymnasium_env_in_rows_equals_the_env_itself() -> None:
    import gymnasium

    batch, env = GymBatch(2, env_id="CartPole-v1"), gymnasium.make("CartPole-v1")
    batch.seed(3)
    seed = batch._seeds[1]
    batch.reset()
    np.testing.assert_array_equal(batch.observations[1], env.reset(seed=seed)[0])
    for _ in range(5):
        batch.step(np.ones(2, np.int64))
        np.testing.assert_array_equal(batch.observations[1], env.step(1)[0])
    assert not np.array_equal(batch.observations[0], batch.observations[1])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"hidden": [4]}, "4 numbers, 0 to 3, and no 4"),
        ({"hidden": [-1]}, "and no -1"),
        ({"hidden": [0, 1, 2, 3]}, "keep at least one"),
        ({"task": "CartPole-v9"}, "Did you mean 'CartPole-v"),
        ({"task": "FrozenLake-v1", "hidden": []}, "a Box of one dimension"),
        ({"task": "rlkit/Dodge-v0", "hidden": [0], "levl": 1}, "no argument 'levl'"),
        ({"task": "CartPole-v1", "levl": 1}, "levl"),
        ({"task": "rlkit/Dodge-v0", "observation": "image"}, "in a flat row only"),
    ],
)
def test_what_cannot_be_hidden_is_refused(arguments: dict, why: str) -> None:
    with pytest.raises(EnvError, match=why):
        Hidden(2, **arguments)


@pytest.mark.parametrize("arguments", [{"cues": 1}, {"cues": 2.5}, {"delay": -1}, {"delay": True}])
def test_what_cannot_be_recalled_is_refused(arguments: dict) -> None:
    (name,) = arguments
    with pytest.raises(EnvError, match=f"{name}=.* must be a whole number"):
        Recall(1, **arguments)


def test_an_answer_that_is_no_cue_is_refused() -> None:
    batch = Recall(2, cues=3)
    batch.reset()
    with pytest.raises(EnvError, match="0 to 2, and one of them is 3"):
        batch.step(np.array([0, 3]))
