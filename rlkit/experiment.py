"""The whole flow in one place: params -> env -> trainer -> run folder, here or in a process of its own."""

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import gymnasium
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecCheckNan, VecEnv

from rlkit.best import best_keepers
from rlkit.checkpoint import check_senses, find_checkpoint, load_checkpoint, load_training, newest_checkpoint
from rlkit.control import is_paused
from rlkit.curriculum.callback import check_stages
from rlkit.diagnostics.machine import machine
from rlkit.edits import in_checkpoint, tape
from rlkit.envs import ENVS, make_vec_env
from rlkit.envs.remote import RemoteVecEnv
from rlkit.envs.rocket_league.scripts import SCRIPTS
from rlkit.envs.vec import BatchVecEnv
from rlkit.errors import RunError
from rlkit.files import project_root, read_json, write_json
from rlkit.league.member import is_member, shipped
from rlkit.league.pool import LEAGUE
from rlkit.owner import Owner
from rlkit.params import load_params
from rlkit.phases.base import ENV_EDITS, Params
from rlkit.processes import identity
from rlkit.recorder import Recorder, run_logger
from rlkit.runs import RUNNING, Run, all_runs, attach, create_run, outputs_root, requeue
from rlkit.seeding import seed_everything, stream
from rlkit.trainers import TRAINERS
from rlkit.trainers.companions import Companion, companions_of, restore
from rlkit.trainers.imitation import check as check_pupil
from rlkit.trainers.imitation import imitate
from rlkit.trainers.optimizers import spare_dynamo
from rlkit.trainers.state import go_on_from, refill_replay, warm_start

START = "start"  # in a run folder: the checkpoint of another run that this one goes on from


def train(params: Params, run: Run | None = None) -> Run:
    """Train in this process, in a new run folder or in a queued one; the run, whose status tells how it ended.

    A queued run that has checkpoints goes on from the newest. An error of the training is written to the status and
    raised.
    """
    run = run or _queued_run(params) or _new_run(params)
    with Owner(run, os.environ.get("RLKIT_SUPERVISOR", "")) as owner, torch_threads(params.n_threads):
        write_json(run.folder / "machine.json", machine())
        seed_everything(params.seed)
        env = VecCheckNan(make_params_env(params), raise_exception=True)
        try:
            write_json(run.folder / "env.json", env_facts(params, env))
            model = build_model(params, env)
            companions = companions_of(params, run.folder, owner.event)
            if params.start_from in SCRIPTS and not _is_begun(run):
                learned = imitate(model, params.start_from, params.seed, wanted=lambda: owner.stop is None)
                if owner.stop:  # a policy that has learned half of it is not worth keeping
                    return run
                owner.event("imitated", **learned)
            done = _go_on(run, model, companions, env_facts(params, env))
            model.set_logger(run_logger(run.folder, until=done or None))
            facts = {"run": run.id, "phase": params.phase, "seed": params.seed, "env": env_facts(params, env)}
            recorder = Recorder(owner, params, facts, companions)
            every = 1 if isinstance(model, OnPolicyAlgorithm) else None  # the Recorder dumps for the others
            left = params.total_timesteps - done
            keepers = best_keepers(recorder, partial(make_params_env, params))
            model.learn(left, [*companions, *keepers, recorder], log_interval=every, reset_num_timesteps=not done)
            saved = recorder.checkpoint(last=True)
            if owner.stop is None or model.num_timesteps >= params.total_timesteps:
                owner.finish({"steps": model.num_timesteps, "checkpoint": f"checkpoints/{saved.name}"})
        finally:
            env.close()
    return run


def _go_on(run: Run, model: BaseAlgorithm, companions: Sequence[Companion], facts: dict[str, Any]) -> int:
    """Put what is fresh where the run's newest checkpoint was taken, else where it is told to start from; the step."""
    if _is_begun(run):
        folder = newest_checkpoint(run.folder / "checkpoints")
        weights, manifest = load_checkpoint(folder, facts)
    elif not run.params.start_from or run.params.start_from in SCRIPTS:
        return 0
    else:
        kept = run.folder / START
        folder = kept if kept.exists() else _start_folder(run.params)
        if is_member(folder):
            warm_start(model, folder, facts["config"])
            return 0
        check_senses(folder, facts)
        weights, manifest = load_checkpoint(folder)  # its env may differ in what a branch changes, such as rewards
    training, replay = load_training(folder)
    go_on_from(model, weights, training)
    restore(companions, training.get("companions", {}))
    if replay:
        refill_replay(model, replay)
    step = manifest["step"]
    model.get_env().seed(int(stream(run.params.seed, step).integers(2**31)))  # or its first episodes would come again
    return step


def _start_folder(params: Params) -> Path:
    """The folder that `start_from` names: a league member's, or the checkpoint of a run, its newest or run/step."""
    member = shipped().get(params.start_from, Path(params.start_from))
    if is_member(member):
        return member
    name, _, step = params.start_from.partition("/")
    return find_checkpoint(attach(name).folder, step or "newest")


def branch(run: Run, checkpoint: str = "newest", **changes: Any) -> Run:
    """A new run that goes on from a checkpoint of `run` with some parameters changed, in a process of its own.

    checkpoint: 'newest' or a step. The edits that `run` had seen until then hold in the branch as well. ParamsError
    for a change that the phase does not know; CheckpointError when the checkpoint is gone.
    """
    step = int(find_checkpoint(run.folder, checkpoint).name)
    edits = [edit for edit in tape(run) if edit["step"] <= step]
    values = run.params.model_dump() | {"start_from": f"{run.id}/{step}", "edits": edits} | changes
    return start(load_params(run.phase, values, source="branch"))


def resume(run: Run) -> Run:
    """Go on with a training that is paused, or that is over, from its newest checkpoint; returns at once.

    Weights, optimizers, counters and random generators go on where they were; the episodes that were in progress are
    lost, so that the numbers differ from those of a training that never stopped. RunError for a run that still
    trains, has trained to its end, or has no checkpoint.
    """
    if run.status()["state"] == "running" and is_paused(run.folder):
        run.pause(False)
        return run
    requeue(run)
    return _launch(run)


def start(params: Params) -> Run:
    """Train in a process of its own, which outlives this one; returns at once, and `run.wait()` follows it.

    Under `rlkit run` the folder that it made is used, if the parameters are its own. A training that runs already with
    the same parameters (a cell run again, a second notebook) is attached to: its numbers would be the same. RunError
    for an env that only this process knows.
    """
    check_env(params)
    run = _queued_run(params)
    if run is None and (twin := _running_twin(params)):
        warnings.warn(f"attached to {twin.id}, which trains with these parameters already", stacklevel=2)
        return twin
    return _launch(run or _new_run(params))


def _new_run(params: Params) -> Run:
    """A queued run, with a copy of the checkpoint it is to start from, which its own run may soon delete."""
    run = create_run(params)
    if params.start_from and params.start_from not in SCRIPTS:
        source = _start_folder(params)
        shutil.copytree(source, run.folder / START)
        if (league := source.parents[1] / LEAGUE).is_dir() and not is_member(source):
            shutil.copytree(league, run.folder / LEAGUE)
    return run


def _launch(run: Run) -> Run:
    """Train a queued run in a process of its own, which outlives this one."""
    command = [sys.executable, "-m", "rlkit", "train", str(run.folder)]
    detached: dict[str, Any] = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
        if os.name == "nt"
        else {"start_new_session": True}
    )
    # what this process can import, such as an env module beside the notebook, the training can too
    paths = [*os.environ.get("PYTHONPATH", "").split(os.pathsep), *sys.path]
    importable = os.pathsep.join(dict.fromkeys(path or os.getcwd() for path in paths))
    with open(run.folder / "train.log", "ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=project_root(),
            env=os.environ | {"PYTHONPATH": importable},
            **detached,
        )
    write_json(run.folder / "launched.json", identity(child.pid))
    return run


def make_params_env(params: Params, **changes: Any) -> VecEnv:
    """The VecEnv that the parameters describe; `changes` override arguments of `make_vec_env`."""
    asked = {"n_envs": params.n_envs, "seed": params.seed, "n_workers": params.n_workers or None}
    asked |= {name: getattr(params, name) or None for name in ("vec_env", "action_repeat") if hasattr(params, name)}
    return make_vec_env(params.env_id, **asked | params.env_arguments() | changes)


def env_facts(params: Params, env: VecEnv) -> dict[str, Any]:
    """What decides the task, as plain data: kept in checkpoints, and compared before an evaluation.

    As it is now: what stages change later is no part of it.
    """
    config = deepcopy(env.get_attr("config")[0]) if isinstance(env.unwrapped, BatchVecEnv | RemoteVecEnv) else {}
    held = {"action_repeat": params.action_repeat} if getattr(params, "action_repeat", 0) else {}
    return {"env_id": params.env_id, "env_kwargs": params.env_kwargs, "config": config} | held


def build_model(params: Params, env: VecEnv) -> BaseAlgorithm:
    """The phase's model on `env`, fresh, with the hyperparameters that its trainer takes."""
    spare_dynamo()
    return resolve_name(TRAINERS[params.phase])(env, params)


def load_model(run: Run, env: VecEnv, checkpoint: str = "newest") -> BaseAlgorithm:
    """The run's model on `env`, with the weights of checkpoint 'newest', 'best' or a step.

    CheckpointError when there is none, when it is damaged, or when `env` is not the task it was trained on.
    """
    params = run.params
    folder = find_checkpoint(run.folder, checkpoint)
    weights, _ = load_checkpoint(folder, env_facts(params, env))
    model = build_model(params.smallest(), env)
    model.policy.load_state_dict(weights)
    return model


def check_env(params: Params) -> None:
    """Build the env once and close it, so that whatever is wrong with it is said before a run is made.

    The same for planned edits of the env, the stages of a curriculum, and the checkpoint or script to start from.

    EnvError for an unknown id, argument or number of rows. RunError when the env's class lives in a notebook cell or
    script, where no other process can import it.
    """
    entry_point = getattr(gymnasium.registry.get(params.env_id), "entry_point", "")
    home = entry_point.__module__ if callable(entry_point) else str(entry_point).partition(":")[0]
    if home == "__main__":
        raise RunError(
            f"{params.env_id} is defined in this notebook or script, where a training in its own process cannot "
            f"import it. Put the class in a module, or train here with rlkit.train(params)."
        )
    stages = getattr(params, "stages", [])
    whole = "://" in params.env_id or stages  # every stage has to fit the rows of each process
    one_process = {} if whole else {"n_workers": 1} if params.env_id in ENVS else {"n_workers": 1, "n_envs": 1}
    env = make_params_env(params, **one_process)
    try:
        for edit in params.edits:
            for name in (name for name in edit if name in ENV_EDITS and not in_checkpoint(name, edit[name])):
                env.env_method(f"set_{name}", edit[name])
        if stages:
            check_stages(env, params.path(), params.reward_weights)
        if params.start_from in SCRIPTS:
            check_pupil(build_model(params.smallest(), env), params.start_from)
        elif params.start_from and not is_member(folder := _start_folder(params)):
            check_senses(folder, env_facts(params, env))
    finally:
        env.close()
    companions_of(params, outputs_root(), lambda kind, **facts: None)


@contextmanager
def torch_threads(n: int) -> Iterator[None]:
    """torch on `n` threads inside, as before afterwards: on a busy machine, more than one can slow small nets a lot.

    0, which leaves the number to the trainer, begins with 1.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n or 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _is_begun(run: Run) -> bool:
    return any((run.folder / "checkpoints").glob("[0-9]*"))


def _running_twin(params: Params) -> Run | None:
    """A training in its own process that runs now with these very parameters."""
    twins = (run for run in reversed(all_runs()) if run.phase == params.phase and run.status()["state"] in RUNNING)
    return next((run for run in twins if (run.folder / "launched.json").exists() and run.params == params), None)


def _queued_run(params: Params) -> Run | None:
    folder = os.environ.get("RLKIT_RUN")
    if not folder:
        return None
    run = Run(Path(folder))
    unused = read_json(run.folder / "launched.json") is None and run.status()["state"] == "queued"
    return run if unused and run.params == params else None
