"""The recurrent notebook's studies: does memory help, what does it cost, and what does it hold?

Every memory trains on every problem over the seeds; "none" is the side that the others are held to.
"""

import itertools
from collections.abc import Iterable

import numpy as np
import pandas as pd

from rlkit.assess import EVALUATION_SEED, play_episodes
from rlkit.diagnostics.statistics import mean_interval
from rlkit.diagnostics.verdict import judge
from rlkit.errors import ParamsError
from rlkit.experiment import load_model, make_params_env, train
from rlkit.params import load_params, profile_path, read_profile
from rlkit.phases.recurrent import RecurrentParams
from rlkit.progress import ProgressLine
from rlkit.recorder import STEPS
from rlkit.runs import Run
from rlkit.studies.trials import warm_up, workers

MEMORIES = {"none": "MLP", "stack": "frame stack", "gru": "GRU", "lstm": "LSTM"}  # the first is held against the others
RETURN = "rollout/ep_rew_mean"
CURVE = {STEPS: "steps", RETURN: "return"}
ROWS = 64  # episodes from which those to look at are chosen
SAME = ("eval_games", "device", "n_threads", "n_stack")  # parameters of the notebook that hold for every problem


def train_problems(params: RecurrentParams) -> dict[str, list[Run]]:
    """One training per memory and seed of each problem in params.problems, in turns, in params.n_jobs processes."""
    wanted = {name: problem(params, name) for name in params.problems}
    for one in wanted.values():
        for memory in MEMORIES:  # compiling is no part of a training
            warm_up([one.model_copy(update={"memory": memory, "sequence_length": 0})])
    seeds = range(params.seed, params.seed + params.n_seeds)
    order = [(name, seed, memory) for name in wanted for seed in seeds for memory in MEMORIES]
    each = [wanted[name].model_copy(update={"memory": memory, "seed": seed}) for name, seed, memory in order]
    runs: dict[str, list[Run]] = {name: [] for name in wanted}
    line = ProgressLine()
    with workers(params.n_jobs) as spread:
        for number, ((name, _, memory), run) in enumerate(zip(order, spread(train, each), strict=True), start=1):
            line.show(f"{number} of {len(order)} trainings are over, the last of {MEMORIES[memory]} on {name}")
            runs[name].append(run)
    line.end(f"{len(order)} trainings")
    return runs


def problem(params: RecurrentParams, name: str) -> RecurrentParams:
    """The profile `name` of params/recurrent, with the notebook's share of its steps and its evaluations."""
    profile = read_profile(profile_path("recurrent", name)) | {"name": name}
    asked = load_params("recurrent", profile)
    steps = max(1, int(asked.total_timesteps * params.study_share))
    same = {name: getattr(params, name) for name in SAME}
    return asked.model_copy(update={"total_timesteps": steps, "checkpoint_every": steps, "problems": []} | same)


def curves(runs: dict[str, list[Run]]) -> pd.DataFrame:
    """problem, memory, seed, steps and return (mean of the last 100 episodes) of each rollout of the trainings."""
    tables = [pd.DataFrame(columns=[*CURVE.values(), "problem", "memory", "seed"])]
    for name, group in runs.items():
        for run in group:
            found = run.metrics().reindex(columns=list(CURVE)).rename(columns=CURVE).dropna()
            tables.append(found.assign(problem=name, memory=MEMORIES[run.params.memory], seed=run.params.seed))
    return pd.concat(tables[bool(runs) :], ignore_index=True)


def results(runs: dict[str, list[Run]], n_jobs: int = 1) -> pd.DataFrame:
    """One row per training: problem, memory, seed, return, goal, steps to goal, run; played in n_jobs processes.

    return: the mean of params.eval_games fresh episodes with the final weights, without exploring, memory carried along
    and cleared where an episode begins. steps to goal: env steps until the last 100 training episodes had the
    problem's goal_return as their mean; nan where they never had.
    """
    wanted = [(name, run) for name, group in runs.items() for run in group]
    with workers(n_jobs) as spread:
        return pd.DataFrame(list(spread(_result, wanted)))


def _result(of: tuple[str, Run]) -> dict[str, object]:
    name, run = of
    params, metrics = run.params, run.metrics()
    played, _ = play_episodes(run, params.eval_games)
    goal = params.goal_return or np.nan
    reached = metrics.loc[metrics[RETURN] >= goal, STEPS]
    return {
        "problem": name,
        "memory": MEMORIES[params.memory],
        "seed": params.seed,
        "return": float(played["return"].mean()),
        "goal": goal,
        "steps to goal": float(reached.iloc[0]) if len(reached) else np.nan,
        "run": run.id,
    }


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row per problem and memory of `results`: return with its 95 % interval, seeds at the goal, median steps."""
    groups = table.groupby(["problem", "memory"], sort=False) if len(table) else ()
    rows = []
    for (name, memory), group in groups:
        low, high = mean_interval(group["return"])
        row = {"problem": name, "memory": memory, "return": group["return"].mean(), "low": low, "high": high}
        reached = group["steps to goal"].notna().sum()
        row |= {"worst seed": group["return"].min(), "goal": group["goal"].iloc[0]}
        rows.append(row | {"reached": f"{reached} of {len(group)}", "steps to goal": group["steps to goal"].median()})
    return pd.DataFrame(rows)


def verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """Each memory against none, by the returns of `results`: problem, memory, verdict, difference, low, high and p.

    And the LSTM against the GRU. With fewer seeds than a verdict needs, the verdict says so.
    """
    pairs = [("none", memory) for memory in MEMORIES if memory != "none"] + [("gru", "lstm")]
    rows = []
    for name, group in table.groupby("problem", sort=False) if len(table) else ():
        returns = {memory: group.loc[group["memory"] == word, "return"] for memory, word in MEMORIES.items()}
        for one, other in pairs:
            row = {"problem": name, "question": f"{MEMORIES[other]} against {MEMORIES[one]}"}
            rows.append(row | _verdict(returns[one], returns[other]))
    return pd.DataFrame(rows)


def _verdict(first: Iterable[float], second: Iterable[float]) -> dict[str, object]:
    try:
        found = judge(list(first), list(second))
    except ParamsError as error:
        return {"verdict": f"no verdict: {error}"}
    return {"verdict": found.word, "difference": found.difference, "low": found.low, "high": found.high, "p": found.p}


def watch(run: Run, episodes: int = 3, checkpoint: str = "newest") -> pd.DataFrame:
    """What a run's agent holds in memory over some episodes: one row per step, with columns episode, step and h0, h1...

    The episodes begin with observations that differ as much as those of ROWS rows can: each of Recall shows another
    cue. h: a recurrent net's outputs, layer by layer, or a stack's observations. Empty for an agent without memory.
    """
    env = make_params_env(run.params, n_envs=ROWS, seed=EVALUATION_SEED, n_workers=1)
    try:
        model = load_model(run, env, checkpoint)
        observations, state, starts = env.reset(), None, np.ones(ROWS, bool)
        running, tables = dict(enumerate(_different(observations, episodes))), []
        for step in itertools.count():
            actions, state = model.predict(observations, state, starts, deterministic=True)
            if state is None:
                return pd.DataFrame()
            tables.append(_held(state, running).assign(step=step))
            observations, _, starts, _ = env.step(actions)
            running = {episode: row for episode, row in running.items() if not starts[row]}
            if not running:
                return pd.concat(tables, ignore_index=True)
    finally:
        env.close()


def _different(observations: np.ndarray, n: int) -> list[int]:
    """Rows of observations, each as far as can be from those before it."""
    flat = observations.reshape(len(observations), -1)
    chosen = [0]
    while len(chosen) < n:
        distances = np.min([np.abs(flat - flat[row]).sum(axis=1) for row in chosen], axis=0)
        chosen.append(int(distances.argmax()))
    return chosen


def _held(state: tuple[np.ndarray, ...], rows: dict[int, int]) -> pd.DataFrame:
    """The state of the rows by episode: of a pair (h, c) of (layers, n, units) h, of a stack (n, width) all."""
    by_row = state[0].swapaxes(0, 1) if state[0].ndim == 3 else state[0]
    held = by_row[list(rows.values())].reshape(len(rows), -1)
    names = [f"h{unit}" for unit in range(held.shape[1])]
    return pd.DataFrame(held, columns=names).assign(episode=list(rows))
