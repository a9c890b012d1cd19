"""Soak an environment: full episodes over many seeds, for the faults that one-step checkers pass.

Gymnasium's and stable-baselines3's `check_env` look at spaces, types and the first steps; run them too. They cannot see
a NaN at step 5, a bound crossed at step 2, an episode that never ends, or two instances that share state.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import VecEnv

CHECKS = {
    "finite observation": "no NaN and no infinity",
    "observation in space": "shape, dtype and bounds are the space's at every step",
    "kept observation": "an observation handed out is not overwritten by the next step",
    "finite reward": "no NaN and no infinity",
    "info keys": "the same at every step, and the same at the last step of every episode",
    "episode end": "every episode ends before max_steps",
    "replay": "the same seed and actions give the same bytes",
    "isolation": "stepping a second instance in between changes no byte",
}


@dataclass
class Report:
    """What a soak found: `failures` maps the name of a failed check to its first counterexample; `str` is a table."""

    failures: dict[str, str] = field(default_factory=dict)
    steps: int = 0  # steps of single rows, over all plays
    episodes: int = 0

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failures

    def __str__(self) -> str:
        lines = [f"{'passed' if self.ok else 'FAILED'}: {self.episodes} episodes, {self.steps} steps"]
        for check, meaning in CHECKS.items():
            found = self.failures.get(check)
            lines.append(f"  FAIL  {check}: {found}" if found else f"  ok    {check}: {meaning}")
        return "\n".join(lines)


def soak(
    make: Callable[[], gymnasium.Env | VecEnv], seeds: int = 10, episodes: int = 2, max_steps: int = 10_000
) -> Report:
    """What random play finds in the env that `make()` builds, up to the first seed that shows a fault.

    Each seed is played until every row has ended `episodes` episodes: twice in one instance, then in a second one while
    the first is stepped in between. An episode of `max_steps` steps counts as one that never ends.
    """
    first, second = _Rows(make()), _Rows(make())
    player = _Player(episodes, max_steps)
    try:
        for seed in range(seeds):
            trace = player.play(first, seed)
            player.compare("replay", seed, trace, player.play(first, seed))
            if player.report.ok:  # else a difference says nothing about sharing
                player.compare("isolation", seed, trace, player.play(second, seed, beside=first))
            if not player.report.ok:
                break
    finally:
        first.env.close()
        second.env.close()
    return player.report


class _Player:
    """Plays rows at random and notes what is wrong with the outcomes."""

    def __init__(self, episodes: int, max_steps: int) -> None:
        self.episodes, self.max_steps, self.report = episodes, max_steps, Report()
        self._keys: dict[bool, set[str]] = {}  # info keys seen first: of steps within an episode, of last steps

    def play(self, rows: "_Rows", seed: int, beside: "_Rows | None" = None) -> list[bytes]:
        """A digest per step of all that came out; the actions follow from the seed, `beside` is stepped in between."""
        space = rows.env.action_space
        space.seed(seed)
        if beside:
            beside.reset(seed + 1)
        observations = rows.reset(seed)
        self._judge_observations(rows, observations, f"seed {seed}, reset")
        trace, lengths, ended = [_digest(observations)], np.zeros(rows.n, int), np.zeros(rows.n, int)
        while (ended < self.episodes).any() and lengths.max() < self.max_steps:
            actions = np.stack([np.asarray(space.sample()) for _ in range(rows.n)])
            if beside:
                beside.step(actions)
            before, digest_before = observations, _digest(observations)
            observations, rewards, dones, infos = rows.step(actions)
            where = f"seed {seed}, step {len(trace)}"
            last = [info["terminal_observation"] for info in infos if "terminal_observation" in info]
            self._judge_observations(rows, [*observations, *last], where)
            self._judge_rewards_and_infos(rewards, dones, infos, where)
            if _digest(before) != digest_before:
                self._note("kept observation", where, "the observation before it changed; the env must hand out copies")
            trace.append(_digest([*observations, *last, rewards, dones]))
            lengths, ended = np.where(dones, 0, lengths + 1), ended + dones
            self.report.steps += rows.n
        self.report.episodes += int(ended.sum())
        if lengths.max() >= self.max_steps:
            self._note(
                "episode end", f"seed {seed}", f"row {lengths.argmax()} had not ended after {lengths.max()} steps"
            )
        return trace

    def compare(self, check: str, seed: int, trace: list[bytes], other: list[bytes]) -> None:
        """Note under `check` the first step at which two traces differ."""
        if trace != other:
            step = next((k for k, (a, b) in enumerate(zip(trace, other, strict=False)) if a != b), len(trace))
            self._note(check, f"seed {seed}, step {step}", "the outcome differs from the first play's")

    def _judge_observations(self, rows: "_Rows", observations: list[Any], where: str) -> None:
        for observation in observations:
            if not all(np.isfinite(leaf).all() for leaf in _leaves(observation)):
                self._note("finite observation", where, f"{observation}")
            elif observation not in rows.env.observation_space:
                dtypes = ", ".join(str(leaf.dtype) for leaf in _leaves(observation))
                self._note(
                    "observation in space", where, f"{observation} ({dtypes}) is not in {rows.env.observation_space}"
                )

    def _judge_rewards_and_infos(self, rewards: np.ndarray, dones: np.ndarray, infos: list[dict], where: str) -> None:
        if not np.isfinite(rewards).all():
            self._note("finite reward", where, f"{rewards}")
        for done, info in zip(dones.tolist(), infos, strict=True):
            expected = self._keys.setdefault(done, set(info))
            if set(info) != expected:
                self._note("info keys", where, f"{sorted(info)} in place of {sorted(expected)}")

    def _note(self, check: str, where: str, what: str) -> None:
        self.report.failures.setdefault(check, f"{where}: {what}")


class _Rows:
    """A VecEnv, or a gymnasium.Env played as a VecEnv of one row."""

    def __init__(self, env: gymnasium.Env | VecEnv) -> None:
        self.env, self.n = env, env.num_envs if isinstance(env, VecEnv) else 1

    def reset(self, seed: int) -> list[Any]:
        """The first observation of each row."""
        if not isinstance(self.env, VecEnv):
            return [self.env.reset(seed=seed)[0]]
        self.env.seed(seed)
        return self._split(self.env.reset())

    def step(self, actions: np.ndarray) -> tuple[list[Any], np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Observations per row, rewards, dones, infos; rows that ended stand in their next episode."""
        if isinstance(self.env, VecEnv):
            observations, rewards, dones, infos = self.env.step(actions)
            return self._split(observations), rewards, dones, infos
        observation, reward, terminated, truncated, info = self.env.step(actions[0])
        done = bool(terminated or truncated)
        if done:
            info = info | {"terminal_observation": observation}
            observation = self.env.reset()[0]
        return [observation], np.array([reward]), np.array([done]), [info]

    def _split(self, observations: Any) -> list[Any]:
        """The observation of each row, as views."""
        if isinstance(observations, dict):
            return [{key: values[row] for key, values in observations.items()} for row in range(self.n)]
        return list(observations)


def _leaves(value: Any) -> Iterator[np.ndarray]:
    """The arrays in an observation, or in a list of outcomes."""
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield np.asarray(value)


def _digest(outcome: Any) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for leaf in _leaves(outcome):
        digest.update(leaf.tobytes())
    return digest.digest()
