"""RemoteVecEnv and serve over real sockets: whatever the other side does, a clear error in bounded time."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import gym_envs  # noqa: F401 (registers its ids)
import numpy as np
import pytest
import zmq

from rlkit.envs.remote import RemoteVecEnv
from rlkit.envs.serve import main, serve
from rlkit.envs.wire import PROTOCOL, VERSION, pack, space_to_json, unpack
from rlkit.errors import EnvError

ROWS = 3
ONES = np.ones(ROWS, int)
LIMIT = 10.0  # s within which the tests' own servers answer; a stall is given less
needs_posix_signals = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows has no SIGSTOP and SIGKILL")


@contextlib.contextmanager
def server(address="tcp://127.0.0.1:*", env_kwargs="{}"):
    """(process, address) of a server of Drift envs."""
    arguments = ["test/Drift-v0", "--n-envs", str(ROWS), "--address", address, "--env-kwargs", env_kwargs]
    code = f"import gym_envs; from rlkit.envs.serve import main; main({arguments})"
    folder = Path(__file__).parent
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.fixture(scope="module")
def address():
    """A server for the tests that leave it whole."""
    with server() as (_, address):
        yield address


def connect(address, timeout_seconds=LIMIT):
    return RemoteVecEnv(address, timeout_seconds)


def step_thrice(env):
    for _ in range(3):
        env.step(ONES)


def test_what_the_server_tells(address):
    with contextlib.closing(connect(address)) as env:
        assert (env.num_envs, env.render_mode, env.metadata["render_fps"]) == (ROWS, None, 12)
        assert env.get_attr("config") == [{}] * ROWS
        assert not env.has_attr("gravity")
        with pytest.raises(EnvError, match="cannot be set"):
            env.set_attr("gravity", 2.0)
        with pytest.raises(EnvError, match="no calls"):
            env.env_method("scaled", 2.0)
        with pytest.raises(EnvError, match=r"shape \(1,\), 3 envs take \(3,\)"):
            env.step(np.ones(1, int))


def test_clients_come_and_go_and_the_newest_owns_the_env(address):
    first, second = connect(address), connect(address)
    second.reset()
    with pytest.raises(EnvError, match="another client said hello"):
        first.reset()
    second.step(ONES)
    first.close()
    second.close()
    second.close()
    with pytest.raises(EnvError, match="closed or lost"):
        second.step(ONES)


def test_junk_does_not_harm_the_server(address):
    host, port = address.removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
    with zmq.Context.instance().socket(zmq.REQ) as request:
        request.setsockopt(zmq.LINGER, 0)
        request.connect(address)
        hello = {"op": "hello", "protocol": PROTOCOL, "version": VERSION}
        for frames, message in [
            ([b"\x80\x04."], "not a message"),
            ([b"[1, 2]"], "not a message"),
            ([b'{"arrays": 7}'], "not a message"),
            (pack({"op": "pickle"}), "unknown op 'pickle'"),
            (pack({"op": ["hello"]}), "unknown op"),
            (pack({"op": "step", "session": "made up"}), "session is over"),
            (pack(hello | {"version": 99}), "the client speaks rlkit-env version 99, this server rlkit-env version 1"),
            ([*pack(hello), b"more"], "0 arrays are listed and 1 came"),
        ]:
            request.send_multipart(frames)
            assert request.poll(1000 * LIMIT)
            reply, _ = unpack(request.recv_multipart())
            assert reply["ok"] is False
            assert message in reply["error"]
    with contextlib.closing(connect(address)) as env:
        env.reset()


def test_an_error_of_the_env_is_told_and_can_be_mended():
    with server(env_kwargs='{"fault": "raise"}') as (_, address), contextlib.closing(connect(address)) as env:
        env.seed(0)
        env.reset()
        with pytest.raises(EnvError, match=r"(?s)failed: .*in go_wrong.*ZeroDivisionError: planted in row 2"):
            step_thrice(env)
        env.seed(50)
        env.reset()
        env.step(ONES)


def test_an_info_that_is_no_data_is_told():
    with server(env_kwargs='{"fault": "function"}') as (_, address), contextlib.closing(connect(address)) as env:
        env.seed(0)
        env.reset()
        with pytest.raises(EnvError, match=r"is a function\. Infos must be plain data"):
            step_thrice(env)


@needs_posix_signals
@pytest.mark.parametrize("kind", ["tcp", "ipc"])
def test_a_server_that_is_killed(kind, tmp_path):
    where = "tcp://127.0.0.1:*" if kind == "tcp" else f"ipc://{tmp_path}/env"
    with server(where) as (process, address):
        env = connect(address, timeout_seconds=45)  # not awaited: the end of the connection is seen
        env.reset()
        env.step(ONES)
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(EnvError, match="is gone"):
            env.step(ONES)
        with pytest.raises(EnvError, match="closed or lost"):
            env.reset()
        env.close()


@needs_posix_signals
def test_ctrl_c_ends_a_server_and_a_client_may_just_leave():
    with server() as (process, address):
        code = f"from rlkit.envs.remote import RemoteVecEnv; env = RemoteVecEnv('{address}'); env.reset()"
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)  # without close(), and does not hang
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


@needs_posix_signals
def test_a_server_that_is_stopped():
    with server() as (process, address):
        env = connect(address)
        env.reset()
        env._timeout = 0.5
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(EnvError, match=r"no answer within 0.5 s"):
            env.step(ONES)
        with pytest.raises(EnvError, match="closed or lost"):
            env.step(ONES)


@needs_posix_signals
def test_a_client_that_is_killed_leaves_the_server_to_others(address):
    code = (
        f"from rlkit.envs.remote import RemoteVecEnv; env = RemoteVecEnv('{address}'); env.reset()\n"
        "print('playing', flush=True)\nwhile True: env.step(env.reset()[:, 0].astype(int) * 0)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout.readline() == "playing\n"
        client.kill()
    with contextlib.closing(connect(address)) as env:
        env.reset()
        env.step(ONES)


def test_nobody_there_and_no_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EnvError, match=r"no answer within 0.3 s. Is the server started"):
        connect(f"tcp://127.0.0.1:{port}", 0.3)
    with pytest.raises(EnvError, match="is no address"):
        connect("carrier-pigeon://roof")


def test_a_listener_that_is_no_server():
    """One that says nothing, and one that answers as a web server does."""
    for answer in (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10):
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def talk(listener=listener, answer=answer):
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    connection.sendall(answer)
                    time.sleep(2)
                    connection.close()

            thread = threading.Thread(target=talk)
            thread.start()
            with pytest.raises(EnvError, match=r"no answer within 1 s|is gone"):
                connect(f"tcp://127.0.0.1:{listener.getsockname()[1]}", 1.0)
            thread.join()


def test_serving_what_cannot_be_served(address):
    with pytest.raises(EnvError, match="cannot serve at"):
        serve("CartPole-v1", address)
    with pytest.raises(EnvError, match="cannot be told to another process"):
        serve("test/Drift-v0", "tcp://127.0.0.1:*", space="tuple")
    with pytest.raises(EnvError, match="Unknown env"):
        main(["CartPol-v1"])
    with pytest.raises(EnvError, match="cannot be told"):
        space_to_json(None)
