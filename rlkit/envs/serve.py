"""An env served to another process; remote.py tells the protocol and holds the client.

python -m rlkit.envs.serve CartPole-v1 --n-envs 8 --address tcp://127.0.0.1:5555
"""

import argparse
import json
import traceback
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import zmq
from stable_baselines3.common.vec_env import VecEnv

from rlkit.envs.make import make_vec_env
from rlkit.envs.wire import MAX_BYTES, PROTOCOL, VERSION, Arrays, array_name, expect, pack, space_to_json, unpack
from rlkit.errors import EnvError

ADDRESS = "tcp://127.0.0.1:5555"
POLL_MS = 500  # ms between looks at what Python wants, such as Ctrl-C on Windows
LOCAL_INFOS = ("terminal_observation", "TimeLimit.truncated", "episode")  # sent as arrays, or made by the client


def serve(
    env: VecEnv | str,
    address: str = ADDRESS,
    n_envs: int = 1,
    on_ready: Callable[[str], None] | None = None,
    **env_kwargs: Any,
) -> None:
    """Serve a VecEnv, or the env of an id, one client after the other, until interrupted; the env is closed then.

    address: tcp://127.0.0.1:5555, with * for any free port, or ipc://path. on_ready gets the address once it is bound.
    n_envs, env_kwargs: for `make_vec_env`, with an id. EnvError for an address in use or spaces that cannot be told.
    """
    env = make_vec_env(env, n_envs, **env_kwargs) if isinstance(env, str) else env
    socket = zmq.Context.instance().socket(zmq.REP)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
    try:
        server = _Server(env)
        try:
            socket.bind(address)
        except zmq.ZMQError as error:
            raise EnvError(f"cannot serve at '{address}': {error}. Give a free one, like tcp://127.0.0.1:*.") from error
        if on_ready:
            on_ready(socket.getsockopt_string(zmq.LAST_ENDPOINT))
        while True:
            if socket.poll(POLL_MS):
                socket.send_multipart(server.answer(socket.recv_multipart()))
    finally:
        socket.close()
        env.close()


class _Server:
    """Answers requests about one env."""

    def __init__(self, env: VecEnv) -> None:
        self._env, self._session = env, ""
        spaces = {f"{kind}_space": space_to_json(getattr(env, f"{kind}_space")) for kind in ("observation", "action")}
        config = env.get_attr("config")[0] if env.has_attr("config") else {}
        fps = env.metadata.get("render_fps", 30)
        self._hello = {"n_envs": env.num_envs, **spaces, "config": config, "render_fps": fps}
        pack(self._hello)  # so that what cannot be sent is told now

    def answer(self, request: Sequence[bytes]) -> list[bytes]:
        """The reply to a request, whatever it is."""
        answers = {"hello": self._say_hello, "reset": self._reset, "step": self._step, "close": self._close}
        try:
            header, arrays = unpack(request)
            op = header.get("op")
            if not isinstance(op, str) or op not in answers:
                raise EnvError(f"unknown op {op!r}; there are {', '.join(answers)}")
            if op != "hello" and header.get("session") != self._session:
                raise EnvError("this session is over: another client said hello since. Connect again")
            reply, values = answers[op](header, arrays)
            return pack({"ok": True, **reply}, values)
        except EnvError as error:
            return pack({"ok": False, "error": str(error)})
        except Exception:
            return pack({"ok": False, "error": traceback.format_exc()})

    def _say_hello(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        if (header.get("protocol"), header.get("version")) != (PROTOCOL, VERSION):
            said = f"{header.get('protocol')} version {header.get('version')}"
            raise EnvError(f"the client speaks {said}, this server {PROTOCOL} version {VERSION}. Update the older")
        self._session = uuid.uuid4().hex
        return {"protocol": PROTOCOL, "version": VERSION, "session": self._session, **self._hello}, {}

    def _reset(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        if header.get("seed") is not None:
            self._env.seed(int(header["seed"]))
        if header.get("options"):
            self._env.set_options(header["options"])
        observations = _named("observation", self._env.reset())
        return {"infos": {row: info for row, info in enumerate(self._env.reset_infos) if info}}, observations

    def _step(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        env, space = self._env, self._env.action_space
        actions = expect(arrays, "actions", space.dtype, (env.num_envs, *(space.shape or ())))
        observations, rewards, dones, infos = env.step(actions)
        ended = np.flatnonzero(dones).tolist()
        truncated = np.array([bool(info.get("TimeLimit.truncated")) for info in infos])
        values = {
            "rewards": rewards.astype(np.float32),
            "terminated": dones & ~truncated,
            "truncated": dones & truncated,
        }
        if ended:
            values |= _named("terminal_observation", _stack([infos[row]["terminal_observation"] for row in ended]))
        told = {row: {key: info[key] for key in info if key not in LOCAL_INFOS} for row, info in enumerate(infos)}
        reset_infos = {row: env.reset_infos[row] for row in ended if env.reset_infos[row]}
        header = {"infos": {row: info for row, info in told.items() if info}, "reset_infos": reset_infos}
        return header, values | _named("observation", observations)

    def _close(self, header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        self._session = ""
        return {}, {}


def _stack(observations: list[Any]) -> Any:
    """Observations of single rows as those of a batch."""
    if isinstance(observations[0], dict):
        return {key: np.stack([one[key] for one in observations]) for key in observations[0]}
    return np.stack(observations)


def _named(name: str, observations: Any) -> Arrays:
    parts = observations if isinstance(observations, dict) else {None: observations}
    return {array_name(name, key): part for key, part in parts.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the env that the command line names, and print the address once it is bound."""
    parser = argparse.ArgumentParser(description="Serve an env to other processes until Ctrl-C.")
    parser.add_argument("id", help="an id of the kit or any Gymnasium id")
    parser.add_argument("--address", default=ADDRESS, help="tcp://host:port, * for any free port, or ipc://path")
    parser.add_argument("--n-envs", type=int, default=1, help="rows stepped together")
    parser.add_argument("--env-kwargs", type=json.loads, default={}, help='arguments of the env, {"mode": "2v2"}')
    args = parser.parse_args(arguments)
    try:
        serve(args.id, args.address, args.n_envs, lambda address: print(address, flush=True), **args.env_kwargs)
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
