"""The SB3 callback that leads a training through its stages: any algorithm, any env that has `set_stage`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from rlkit.curriculum.curriculum import Curriculum
from rlkit.curriculum.stages import Stage
from rlkit.errors import EnvError, RlkitError

Weights = Callable[[float], Mapping[str, float]]  # reward weights at a share 0 to 1 of the training
WEIGHTS = "reward_weights"


class CurriculumCallback(BaseCallback):
    """Sets the env to the curriculum's stage, counts the episodes begun in it, and decides before each rollout.

    The env, or each env of a VecEnv, has `set_stage(mapping)`, whose changes hold from its next episode on; rows,
    optimizer and running statistics stay as they are. An env with a `config` attribute, as the kit's have, gets what a
    stage does not name back as it was built; without one, all stages must name the same settings. Logged:
    curriculum/stage (its place, from 0), curriculum/win_rate and curriculum/games.

    The curriculum is also `model.curriculum`, and SB3's `save` keeps it: with a loaded model the callback goes on where
    that was, if it has these stages.
    """

    def __init__(
        self,
        curriculum: Curriculum | Sequence[Stage | Mapping[str, Any]],
        weights: Weights | None = None,
        on_event: Callable[..., None] | None = None,
    ) -> None:
        """weights: reward weights that move with progress; on_event(kind, **facts): told of each change of stage.

        ParamsError for stages that make no curriculum.
        """
        super().__init__()
        self.curriculum = curriculum if isinstance(curriculum, Curriculum) else Curriculum(curriculum)
        self.weights, self.on_event = weights, on_event or (lambda kind, **facts: None)
        self._base: dict[str, Any] | None = None  # what the env was built with, as seen before the first stage

    def _init_callback(self) -> None:
        known = getattr(self.model, "curriculum", None)
        if known is not None and known is not self.curriculum:
            self.curriculum.restore(known.state())
        self.model.curriculum = self.curriculum

    def _on_training_start(self) -> None:
        """Put the env into the stage and begin its episodes there: `learn` has begun some already."""
        env = self.training_env
        self._base = base_settings(env, self.curriculum.stages) if self._base is None else self._base
        self._fresh = np.ones(env.num_envs, bool)  # rows whose episode began in this stage
        self._sent: dict[str, Any] = {}
        self._known = self.curriculum.entered_at, self.curriculum.index
        if self._send():
            self.model._last_obs = env.reset()
            self.model._last_episode_starts = np.ones(env.num_envs, bool)
            if (normalizer := self.model.get_vec_normalize_env()) is not None:
                self.model._last_original_obs = normalizer.get_original_obs()
        self._tell(reason="resumed" if self.num_timesteps else "start")

    def state(self) -> dict[str, Any]:
        """Where the curriculum is, as plain data."""
        return self.curriculum.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`, before `learn`."""
        self.curriculum.restore(state)

    def _on_rollout_start(self) -> None:
        """Decide here and not at the rollout's end, where checkpoints are written: a resumed training decides again."""
        self._follow(self.curriculum.decide(self.num_timesteps))
        self._send()

    def _follow(self, change: Mapping[str, Any] | None) -> None:
        """Take note of another stage, and tell of it; without a `change` somebody has asked for it."""
        known = self.curriculum.entered_at, self.curriculum.index
        if known != self._known:
            self._known = known
            self._fresh[:] = False
            self._tell(**change or {"reason": "asked"})

    def _on_step(self) -> bool:
        if (self.curriculum.entered_at, self.curriculum.index) != self._known:  # an edit, since the rollout began
            self._follow(None)
            self._send()
        if self.curriculum.stage.is_judged:
            for row in np.flatnonzero(self.locals["dones"]).tolist():
                if self._fresh[row]:
                    self.curriculum.scored(score(self.curriculum.stage, self.locals["infos"][row]))
                self._fresh[row] = True
        return True

    def _on_rollout_end(self) -> None:
        self.logger.record("curriculum/stage", self.curriculum.index)
        if self.curriculum.stage.is_judged:
            record = self.curriculum.record()
            self.logger.record("curriculum/games", record.games)
            if record.games:
                self.logger.record("curriculum/win_rate", record.wins / record.games)

    def _send(self) -> bool:
        """Tell the env what has changed of its settings; whether anything has."""
        progress = self.num_timesteps / max(1, self.model._total_timesteps)
        wanted = settings(self.curriculum.stage, self._base or {}, self.weights(progress) if self.weights else None)
        changed = {key: value for key, value in wanted.items() if self._sent.get(key) != value}
        if changed:
            self.training_env.env_method("set_stage", changed)
            self._sent |= changed
        return bool(changed)

    def _tell(self, **change: Any) -> None:
        at = {"step": self.num_timesteps, "stage": self.curriculum.stage.name, "index": self.curriculum.index}
        self.on_event("stage", **at, **change)


def settings(stage: Stage, base: Mapping[str, Any], weights: Mapping[str, float] | None = None) -> dict[str, Any]:
    """All that a stage sets: its own over `base`; reward weights term by term, over `weights` if those are given."""
    found = {**base, **stage.env}
    if weights is not None or WEIGHTS in found:
        ground = base.get(WEIGHTS, {}) if weights is None else weights
        found[WEIGHTS] = {**ground, **stage.env.get(WEIGHTS, {})}
    return found


def base_settings(env: VecEnv, stages: Sequence[Stage]) -> dict[str, Any]:
    """What the env was built with, of all that any stage sets; EnvError where nobody can tell."""
    named = sorted({key for stage in stages for key in stage.env})
    try:
        config = env.get_attr("config")[0]
    except AttributeError:
        for stage in stages:
            if missing := [key for key in named if key not in stage.env]:
                raise EnvError(
                    f"stage '{stage.name}' does not set '{missing[0]}', as another stage does, and the env has no "
                    "`config` that tells what it was before. Name it in every stage."
                ) from None
        return {}
    return {key: config[key] for key in named if key in config}  # what it does not know, the env itself refuses


def check_stages(env: VecEnv, stages: Sequence[Stage], weights: Weights | None = None) -> None:
    """Send every stage to an env that is thrown away afterwards; EnvError with the stage's name for what it refuses."""
    base = base_settings(env, stages)
    for stage in stages:
        wanted = settings(stage, base, weights(0.0) if weights else None)
        try:
            env.env_method("set_stage", wanted)
            _check_judgement(stage, wanted, env)
        except RlkitError as error:
            raise EnvError(f"stage '{stage.name}': {error}") from None


def _check_judgement(stage: Stage, wanted: Mapping[str, Any], env: VecEnv) -> None:
    """EnvError where the env could not tell, or would tell nonsense, about who won."""
    if not stage.is_judged or not isinstance(stage.success, str) or stage.success == "is_success":
        return
    config = env.get_attr("config")[0]
    weights = wanted.get(WEIGHTS, config.get(WEIGHTS, {}))
    if not weights.get(stage.success):
        raise EnvError(
            f"success='{stage.success}' is no reward term with a weight, so no episode would count as won. "
            f"Give it a weight, or take one of: {', '.join(name for name, weight in weights.items() if weight)}."
        )
    if stage.success == "goal" and wanted.get("opponents", config.get("opponents", {})).get("self"):
        raise EnvError(
            "in games against itself one side wins whatever was learned: goals cannot judge a stage with self-play. "
            "Let its opponents be scripts, or end it by steps."
        )


def score(stage: Stage, info: Mapping[str, Any]) -> float:
    """1 for an episode that is won by the stage's `success`, 0.5 for one cut by the clock, 0 for one lost.

    EnvError where the info of its last step does not tell.
    """
    wanted = stage.success
    try:
        if not isinstance(wanted, str):
            won = info["episode"]["r"] >= wanted
        else:
            won = bool(info["is_success"] if wanted == "is_success" else info["reward_terms"][wanted])
    except KeyError as error:
        raise EnvError(
            f"stage '{stage.name}' is judged by success={wanted!r}, and the info of an episode's end has no {error}. "
            "Judge it by a return (a number; a Monitor counts it), by is_success, or by a reward term of the env."
        ) from None
    return 1.0 if won else 0.5 if info.get("TimeLimit.truncated") else 0.0
