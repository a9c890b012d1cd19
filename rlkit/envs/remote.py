"""An env in another program, over a socket: a game engine that speaks this protocol trains like any other env.

The server binds a ZeroMQ REP socket, the client connects a REQ socket; each request gets one reply. wire.py says how a
message lies in frames. All rows move together, and a step waits for its actions: time in the env stands still between.

| request | fields, and arrays | reply: fields, and arrays |
|---|---|---|
| hello | protocol, version | protocol, version, session, n_envs, observation_space, action_space, config, render_fps |
| reset | session, seed or null, options | infos; observation |
| step | session; actions | infos, reset_infos; observation, rewards, terminated, truncated, terminal_observation |
| close | session | |

- A request names itself in `op`. A reply has `ok`: true, or false with the reason in `error`; then nothing else counts.
- Arrays lead with the row: observation and actions in shape and dtype of their space, rewards <f4, terminated and
  truncated |b1. With a Dict space, observation is one array per key, named observation/key.
- The server begins a new episode in each row that ended: observation is then the new one's first, and
  terminal_observation (no row where none ended) holds the last one of each such row, in the order of rows.
- seed: row i is seeded with seed + i; null lets the random streams go on. options: one object per row, or none at all.
- infos and reset_infos: {"row": {...}} of rows that have something to say, plain data. config: what decides the task.
- session: any text. The newest hello owns the env; a request with an older session is refused.

A server has no password: bind it to 127.0.0.1 or ipc, or to a network where everyone may play.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import gymnasium
import numpy as np
import zmq
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices, VecEnvObs, VecEnvStepReturn
from stable_baselines3.common.vec_env.util import dict_to_obs, obs_space_info

from rlkit.envs.actions import fit_actions
from rlkit.envs.episodes import Episodes
from rlkit.envs.wire import MAX_BYTES, PROTOCOL, VERSION, Arrays, array_name, expect, pack, space_from_json, unpack
from rlkit.errors import EnvError

CLOSE_SECONDS = 1.0  # s to wait for the server's farewell
LOST = zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL


class RemoteVecEnv(VecEnv):
    """The VecEnv of the env served at `address`, such as "tcp://127.0.0.1:5555" or "ipc:///tmp/game".

    Monitor's work is done here. EnvError when nothing answers within `timeout_seconds`, the server vanishes, speaks
    another version or sends what the protocol does not have (only `close` is left then), and when the env itself
    raised, with its text.
    """

    def __init__(self, address: str, timeout_seconds: float = 60.0) -> None:
        self._address, self._timeout, self._session = address, timeout_seconds, None
        self._socket = zmq.Context.instance().socket(zmq.REQ)
        self._socket.setsockopt(zmq.LINGER, 0)  # what a vanished server never took is not waited for
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
        self._monitor = self._socket.get_monitor_socket(LOST)
        try:
            self._connect()
            hello, _ = self._ask({"op": "hello", "protocol": PROTOCOL, "version": VERSION}, timeout_seconds)
            with self._trusting_nothing():
                self._greet(hello)
        except BaseException:
            self.close()
            raise

    def reset(self) -> VecEnvObs:
        """First observations of new episodes, (n_envs, ...), under the last `seed` and `set_options`."""
        options = {"options": self._options} if any(self._options) else {}
        request = {"op": "reset", "session": self._session, "seed": self._seeds[0], **options}
        header, arrays = self._ask(request, self._timeout)
        with self._trusting_nothing():
            observations = self._observations(arrays, "observation", self.num_envs)
            self.reset_infos = self._infos(header, "infos")
        self._reset_seeds()
        self._reset_options()
        self._episodes.restart()
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions, (n_envs, ...), for `step_wait`; EnvError when their shape is wrong."""
        self._actions = fit_actions(actions, self.num_envs, self.action_space).copy()

    def step_wait(self) -> VecEnvStepReturn:
        """Observations, rewards float32, dones bool, infos; rows that ended already stand in their next episode."""
        header, arrays = self._ask({"op": "step", "session": self._session}, self._timeout, {"actions": self._actions})
        with self._trusting_nothing():
            observations = self._observations(arrays, "observation", self.num_envs)
            rewards = expect(arrays, "rewards", np.dtype(np.float32), (self.num_envs,))
            terminated, truncated = (
                expect(arrays, name, np.dtype(bool), (self.num_envs,)) for name in ("terminated", "truncated")
            )
            infos, dones = self._infos(header, "infos"), terminated | truncated
            reset_infos = self._infos(header, "reset_infos")
            self._end_episodes(arrays, infos, np.flatnonzero(dones), truncated & ~terminated)
        for row in np.flatnonzero(dones).tolist():
            self.reset_infos[row] = reset_infos[row]
        self._episodes.count(rewards, dones, infos)
        return observations, rewards, dones, infos

    def close(self) -> None:
        """Take leave of the server, which goes on serving others; calling it twice is fine."""
        if self._session is not None:
            with suppress(EnvError):
                self._ask({"op": "close", "session": self._session}, CLOSE_SECONDS)
        self._lose()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """`config` as the server told it, or `render_mode`, which is None; AttributeError for any other."""
        known = {"config": self._config, "render_mode": None}
        if attr_name not in known:
            raise AttributeError(f"the env at {self._address} is in another program, which tells only {[*known]}")
        return [known[attr_name] for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refuse: EnvError, because the env is in another program."""
        raise EnvError(
            f"'{attr_name}' of the env at {self._address} cannot be set from here. Serve it as it should be."
        )

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Refuse: EnvError, because the env is in another program."""
        raise EnvError(f"{method_name}() of the env at {self._address} cannot be called: the protocol has no calls.")

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """True for Monitor, whose work is done here (so that SB3 does not wrap the env in one more), else False."""
        return [issubclass(Monitor, wrapper_class) for _ in self._get_indices(indices)]

    def _connect(self) -> None:
        try:
            self._socket.connect(self._address)
        except zmq.ZMQError as error:
            raise EnvError(f"'{self._address}' is no address ({error}). Give one like tcp://127.0.0.1:5555.") from error

    def _greet(self, hello: dict[str, Any]) -> None:
        """Take what the server says about itself."""
        if (hello.get("protocol"), hello.get("version")) != (PROTOCOL, VERSION):
            said = f"{hello.get('protocol')} version {hello.get('version')}"
            raise EnvError(f"it speaks {said}, this client {PROTOCOL} version {VERSION}. Update the older of the two")
        n_envs, session, config = hello.get("n_envs"), hello.get("session"), hello.get("config", {})
        if not (isinstance(n_envs, int) and n_envs >= 1 and isinstance(session, str) and isinstance(config, dict)):
            raise EnvError(f"its hello has n_envs={n_envs}, session={session!r} and config={config!r}")
        observation_space, action_space = (
            space_from_json(hello.get(f"{kind}_space")) for kind in ("observation", "action")
        )
        if action_space.shape is None:
            raise EnvError(f"actions of {action_space} do not lie in one array")
        self._layout = obs_space_info(observation_space)
        self._session, self._config, self._episodes = session, config, Episodes(n_envs)
        super().__init__(n_envs, observation_space, action_space)
        self.metadata["render_fps"] = hello.get("render_fps", 30)

    def _observations(self, arrays: Arrays, name: str, n_rows: int) -> VecEnvObs:
        keys, shapes, dtypes = self._layout
        parts = {key: expect(arrays, array_name(name, key), dtypes[key], (n_rows, *shapes[key])) for key in keys}
        return dict_to_obs(self.observation_space, parts)

    def _infos(self, header: dict[str, Any], name: str) -> list[dict[str, Any]]:
        """One dict per row, from those that the server sent."""
        told = header.get(name, {})
        if not isinstance(told, dict) or not all(isinstance(info, dict) for info in told.values()):
            raise EnvError(f"its {name} are not objects by row: {str(told)[:200]}")
        return [dict(told.get(str(row), {})) for row in range(self.num_envs)]

    def _end_episodes(self, arrays: Arrays, infos: list[dict], rows: np.ndarray, truncated: np.ndarray) -> None:
        for row, info in enumerate(infos):
            info["TimeLimit.truncated"] = bool(truncated[row])
        if len(rows):
            last = self._observations(arrays, "terminal_observation", len(rows))
            for k, row in enumerate(rows.tolist()):
                one = {key: part[k] for key, part in last.items()} if isinstance(last, dict) else last[k]
                infos[row]["terminal_observation"] = one

    def _ask(self, header: dict[str, Any], timeout: float, arrays: Arrays | None = None) -> tuple[dict, Arrays]:
        """The reply to a request; EnvError when none comes in time, or one that says what went wrong."""
        if self._socket.closed:
            raise EnvError(f"the connection to {self._address} is closed or lost. Build the env again.")
        frames = pack(header, arrays)
        try:
            reply, values = self._exchange(frames, timeout)
        except BaseException:  # a reply still to come would be taken for the next one's
            self._lose()
            raise
        if reply.get("ok") is not True:
            raise EnvError(f"the env at {self._address} failed: {reply.get('error')}")
        return reply, values

    def _exchange(self, frames: list[bytes], timeout: float) -> tuple[dict[str, Any], Arrays]:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK)  # a connection that has ended would block it for ever
            ready = dict(poller.poll(1000 * timeout))
        except zmq.Again:
            ready = {self._monitor: zmq.POLLIN}
        if self._socket in ready:
            with self._trusting_nothing():
                return unpack(self._socket.recv_multipart())
        if self._monitor in ready:
            raise EnvError(
                f"the server at {self._address} is gone: the connection ended, or what listens there is no such server."
            )
        raise EnvError(
            f"{self._address} gave no answer within {timeout:g} s. Is the server started, and is it that address? "
            "If a step may take that long, give RemoteVecEnv a longer timeout_seconds."
        )

    @contextmanager
    def _trusting_nothing(self) -> Iterator[None]:
        """Inside, an EnvError is the server's fault: it says so, and the connection ends."""
        try:
            yield
        except EnvError as error:
            self._lose()
            raise EnvError(f"what came from {self._address} is wrong: {error}") from error

    def _lose(self) -> None:
        self._session = None
        if not self._socket.closed:
            self._socket.disable_monitor()
            self._monitor.close(0)
            self._socket.close(0)
