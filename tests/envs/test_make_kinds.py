"""The kinds of VecEnv hold one contract: same seed and actions, same outcome, whatever steps the rows."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import gym_envs  # noqa: F401 (registers its ids)
import numpy as np
import pytest
from counter_batch import Counter
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor

from rlkit.diagnostics.env_check import soak
from rlkit.envs import make_vec_env
from rlkit.envs.remote import RemoteVecEnv
from rlkit.envs.vec import BatchVecEnv

ROWS = 3
DRIFT = "test/Drift-v0"
KINDS = ("dummy", "subproc", "remote")
every_kind = pytest.mark.parametrize("kind", KINDS)


@contextlib.contextmanager
def served(id, n_envs, env_kwargs="{}"):
    """The address of an env that a process of its own serves."""
    code = f"import gym_envs; from rlkit.envs.serve import main; main(['{id}', '--n-envs', '{n_envs}', '--address', "
    code += f"'tcp://127.0.0.1:*', '--env-kwargs', '{env_kwargs}'])"
    folder = Path(__file__).parent
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@contextlib.contextmanager
def make(kind, n_envs=ROWS, seed=0, space="box", actions="discrete"):
    """A VecEnv of Drift envs."""
    kwargs = {"space": space, "actions": actions}
    if kind != "remote":
        with contextlib.closing(make_vec_env(DRIFT, n_envs, seed, vec_env=kind, **kwargs)) as env:
            yield env
        return
    text = f'{{"space": "{space}", "actions": "{actions}"}}'
    with served(DRIFT, n_envs, text) as address, contextlib.closing(make_vec_env(address, n_envs, seed)) as env:
        yield env


def leaves(observation):
    if isinstance(observation, dict):
        return [observation[key] for key in sorted(observation)]
    return list(observation) if isinstance(observation, tuple) else [observation]


def told(info):
    """An info as comparable text, without the time of the episode."""
    info = {key: value for key, value in info.items() if key != "terminal_observation"}
    if "episode" in info:
        info["episode"] = {key: round(float(info["episode"][key]), 3) for key in "rl"}
    return repr({key: np.asarray(info[key]).tolist() for key in sorted(info)})


def play(env, steps=20):
    """All that comes out of an env, of two resets with options and seeds in between."""
    generator, out = np.random.default_rng(1), []
    space = env.action_space
    space.seed(3)
    env.set_options([{"start": row} for row in range(env.num_envs)])
    for _ in range(2):
        out += [leaf.copy() for leaf in leaves(env.reset())]
        out.append([told(info) for info in env.reset_infos])
        for _ in range(steps):
            observations, rewards, dones, infos = env.step(np.stack([space.sample() for _ in range(env.num_envs)]))
            out += [*leaves(observations), rewards, dones, [told(info) for info in infos]]
            out.append([told(info) for info in env.reset_infos])
            out += [leaf for info in infos for leaf in leaves(info.get("terminal_observation", ()))]
        env.seed(int(generator.integers(100)))
    return [np.asarray(one) for one in out]


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["subproc", "remote"])
@pytest.mark.parametrize(
    ("space", "actions"), [("box", "box"), ("dict", "multi_discrete"), ("multi_discrete", "multi_binary")]
)
def test_every_kind_gives_what_the_plain_one_gives(kind, space, actions):
    with make("dummy", space=space, actions=actions) as plain, make(kind, space=space, actions=actions) as env:
        assert env.observation_space == plain.observation_space
        assert env.action_space == plain.action_space
        assert_same(play(env), play(plain))


@every_kind
def test_binary_actions_may_be_floats_as_policies_give_them(kind):
    with make("dummy", actions="multi_binary") as plain, make(kind, actions="multi_binary") as env:
        plain.reset(), env.reset()
        actions = np.resize([0.0, 1.0, 1.0], (ROWS, 3)).astype(np.float32)
        assert_same(env.step(actions)[:3], plain.step(actions)[:3])


@pytest.mark.parametrize("space", ["discrete", "multi_binary", "tuple"])
def test_more_spaces_through_shared_memory(space):
    with make("dummy", space=space) as plain, make("subproc", space=space) as env:
        assert_same(play(env), play(plain))


@every_kind
def test_soak(kind):
    with make(kind) as env, make(kind) as second:
        envs = iter([env, second])
        report = soak(lambda: next(envs), seeds=2, episodes=1)
    report.failures.pop("info keys", None)  # Drift's infos come and go
    assert report.ok, report
    env.close()  # the soak has closed it already, and so will `make`


@every_kind
def test_monitor_is_inside_and_arrays_are_the_callers(kind):
    with make(kind) as env:
        assert env.env_is_wrapped(Monitor) == [True] * ROWS
        first = env.reset()
        kept = first.copy()
        for _ in range(20):
            _, rewards, _, infos = env.step(np.ones(ROWS, int))
        np.testing.assert_array_equal(first, kept)
        assert rewards.dtype == np.float32
        assert len({id(info) for info in infos}) == ROWS


@every_kind
@pytest.mark.parametrize("space", ["box", "dict"])
def test_sb3_trains_on_it(kind, space):
    with make(kind, space=space) as env:
        policy = "MultiInputPolicy" if space == "dict" else "MlpPolicy"
        model = PPO(policy, env, n_steps=16, batch_size=48, n_epochs=1, seed=0, device="cpu")
        model.learn(16 * ROWS)
        assert model.ep_info_buffer


def test_kinds_agree_on_a_held_action():
    plain, env = (make_vec_env(DRIFT, 2, 5, vec_env=kind, action_repeat=3) for kind in ("dummy", "subproc"))
    assert_same(play(env), play(plain))
    env.close()


def test_a_held_action_sums_rewards_and_stops_at_the_end():
    env = make_vec_env("CartPole-v1", 1, 0, action_repeat=4, max_episode_steps=10)
    env.reset()
    rewards, lengths = [], []
    while not lengths:
        _, reward, _, infos = env.step(np.array([len(rewards) % 2]))
        rewards.append(reward[0])
        lengths += [info["episode"]["l"] for info in infos if "episode" in info]
    assert (rewards, lengths, infos[0]["TimeLimit.truncated"]) == ([4.0, 4.0, 2.0], [3], True)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_batch_holds_its_action_too(n_workers):
    env = make_vec_env(Counter, 4, 1, n_workers=n_workers, action_repeat=3, step_size=0.5)
    slow = BatchVecEnv(Counter(4, step_size=0.5))
    slow.seed(1)
    assert isinstance(env, BatchVecEnv)
    assert env.get_attr("config") == [{"step_size": 0.5, "action_repeat": 3}] * 4
    np.testing.assert_array_equal(env.reset(), slow.reset())
    one, by_one = env.step(np.ones(4, int)), [slow.step(np.ones(4, int)) for _ in range(3)]
    np.testing.assert_array_equal(one[0], by_one[-1][0])
    np.testing.assert_allclose(one[1], sum(step[1] for step in by_one), rtol=1e-6)
    for _ in range(2):
        _, _, dones, infos = env.step(np.ones(4, int))
    assert dones.all()  # the clock of 7 strikes within the third decision
    assert [info["terminal_observation"][2] for info in infos] == [7] * 4
    assert [info["episode"]["l"] for info in infos] == [3] * 4
    env.set_attr("step_size", 2.0)
    assert env.get_attr("step_size") == [2.0] * 4
    env.close()


def test_one_row_does_not_depend_on_the_rows_beside_it():
    outcomes = []
    for n_envs in (1, 5):
        env = make_vec_env(Counter, n_envs, 3, n_workers=1, action_repeat=4)
        env.reset()
        outcomes.append([env.step(np.full(n_envs, 2))[k][0] for _ in range(12) for k in (0, 1)])
    for one, other in zip(*outcomes, strict=True):
        np.testing.assert_array_equal(one, other)


class OwnRepeat(Counter):
    """A Counter that holds actions by itself."""

    def __init__(self, n_envs, part=(0, 1), *, action_repeat=4):
        super().__init__(n_envs, part)
        self.action_repeat = action_repeat


def test_a_problem_with_its_own_action_repeat_is_given_it():
    assert make_vec_env(OwnRepeat, 2, action_repeat=5).batch.action_repeat == 5
    assert make_vec_env(OwnRepeat, 2, action_repeat=1).batch.action_repeat == 1
    assert make_vec_env(OwnRepeat, 2).batch.action_repeat == 4


def test_an_address_is_an_id():
    with served(DRIFT, 2) as address:
        env = make_vec_env(address, 2)
        assert isinstance(env, RemoteVecEnv)
        assert env.choice.vec_env == "remote"
        env.close()
        with pytest.raises(ValueError, match="serves 2 rows, not n_envs=4"):
            make_vec_env(address, 4)
        with pytest.raises(ValueError, match="set them there"):
            make_vec_env(address, 2, action_repeat=2)


@pytest.mark.skipif(sys.platform != "linux", reason="only there can a screen be missing")
def test_a_picture_without_a_screen_is_made_without_a_word():
    code = "import gymnasium; from rlkit.envs.gym_rows import make_env; env = make_env(gymnasium.spec('CartPole-v1'))"
    code += "; env.reset(); env.render()"
    screens = {"DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "SDL_VIDEODRIVER"}
    bare = {name: value for name, value in os.environ.items() if name not in screens}
    done = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
