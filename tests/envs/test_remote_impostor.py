"""What RemoteVecEnv makes of a server that sends what it should not, and how little a server must send."""

import contextlib
import threading

import numpy as np
import pytest
import zmq

from rlkit.envs.remote import RemoteVecEnv
from rlkit.envs.wire import PROTOCOL, VERSION, pack
from rlkit.errors import EnvError

LIMIT = 10.0  # s within which the impostor answers


def connect(address):
    return RemoteVecEnv(address, LIMIT)


HELLO = {
    "ok": True,
    "protocol": PROTOCOL,
    "version": VERSION,
    "session": "s",
    "n_envs": 1,
    "observation_space": {"type": "Box", "low": None, "high": None, "shape": [2], "dtype": "<f4"},
    "action_space": {"type": "Discrete", "n": 2},
}
GOOD = {"observation": np.zeros((1, 2), np.float32)}
STEP = {**GOOD, "rewards": np.zeros(1, np.float32), "terminated": np.ones(1, bool), "truncated": np.zeros(1, bool)}


@contextlib.contextmanager
def impostor(*replies):
    """The address of a server that gives these replies (frames), whatever it is asked."""
    with zmq.Context.instance().socket(zmq.REP) as reply:
        reply.setsockopt(zmq.LINGER, 0)
        port = reply.bind_to_random_port("tcp://127.0.0.1")

        def talk():
            for frames in replies:
                if not reply.poll(1000 * LIMIT):
                    return
                reply.recv_multipart()
                reply.send_multipart(frames)

        thread = threading.Thread(target=talk)
        thread.start()
        yield f"tcp://127.0.0.1:{port}"
        thread.join()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "it speaks rlkit-env version 2, this client rlkit-env version 1"),
        ({"protocol": "other"}, "it speaks other version 1"),
        ({"n_envs": 0}, "n_envs=0"),
        ({"session": None}, "session=None"),
        ({"config": "text"}, "config='text'"),
        ({"action_space": {"type": "Text"}}, "is not a space"),
        ({"action_space": {"type": "Dict", "spaces": {}}}, "do not lie in one array"),
        ({"observation_space": None}, "is not a space"),
        ({"ok": False, "error": "no seat is free"}, "failed: no seat is free"),
        ({"ok": "yes"}, "failed: None"),
    ],
)
def test_a_hello_that_is_wrong(change, message):
    with impostor(pack(HELLO | change)) as address, pytest.raises(EnvError, match=message):
        connect(address)


@pytest.mark.parametrize(
    ("header", "arrays", "message"),
    [
        ({}, {}, "no array 'observation'"),
        ({}, STEP | {"observation": np.zeros((2, 2), np.float32)}, r"\(2, 2\) in place of float32 \(1, 2\)"),
        ({}, STEP | {"rewards": np.zeros(1)}, "array 'rewards' is float64"),
        ({}, STEP, "no array 'terminal_observation'"),
        ({"infos": [1]}, STEP, "infos are not objects by row"),
    ],
)
def test_a_step_that_is_wrong(header, arrays, message):
    replies = pack(HELLO), pack({"ok": True}, GOOD), pack({"ok": True, **header}, arrays)
    with impostor(*replies) as address:
        env = connect(address)
        env.reset()
        with pytest.raises(EnvError, match=f"what came from {address} is wrong: .*{message}"):
            env.step(np.ones(1, int))
        with pytest.raises(EnvError, match="closed or lost"):
            env.reset()


def test_frames_that_are_no_message():
    with impostor([b"\x00" * 50]) as address, pytest.raises(EnvError, match="is wrong: not a message"):
        connect(address)


def test_a_minimal_server_is_enough():
    """What a game must send and no more: no infos, and terminal observations only where rows ended."""
    last = {"terminal_observation": np.full((1, 2), 7, np.float32)}
    going = STEP | {"terminated": np.zeros(1, bool)}
    both = STEP | last | {"truncated": np.ones(1, bool)}  # the task's end counts, as the clock struck with it
    replies = [pack(HELLO), *(pack({"ok": True}, a) for a in (GOOD, going, both)), pack({"ok": True})]
    with impostor(*replies) as address:
        env = connect(address)
        env.reset()
        assert env.step(np.ones(1, int))[3] == [{"TimeLimit.truncated": False}]
        (info,) = env.step(np.ones(1, int))[3]
        assert info["terminal_observation"].tolist() == [7, 7]
        assert (info["episode"]["l"], info["TimeLimit.truncated"]) == (2, False)
        env.close()
