"""What a memory costs: time of a training step and of a policy call, and bytes, measured in turns with the MLP.

And what the kit's ancestor promised of recurrent nets, beside what was measured.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
import pandas as pd
import torch
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from rlkit.diagnostics.ablation import ratio, take_turns
from rlkit.diagnostics.evaluation import ModelPredict
from rlkit.diagnostics.statistics import difference_interval
from rlkit.doctor.trial import Trial
from rlkit.experiment import torch_threads
from rlkit.phases.recurrent import RecurrentParams
from rlkit.studies.recurrent import MEMORIES

CALLS = 200  # of the policy in a turn: some 20 ms
BATCH = 64  # observations of a large policy call
COPIES = 4  # of the weights: themselves, their gradient, and Adam's two means
PROMISED = {  # percent more than without memory, from and to; RL-Bot's documents, which name no run
    "training": (20, 35),
    "inference": (15, 25),
    "memory": (30, 50),
}
SAMPLES, ELO = (-30, -20), (10, 20)  # percent, from the same source
LSTM, MLP = MEMORIES["lstm"], MEMORIES["none"]


def costs(params: RecurrentParams) -> pd.DataFrame:
    """One row per measure and memory, on the task of `params`: value, its ratio to the MLP's, low and high.

    measure: "training" (us of wall time per env step, the env's own counted in), "inference" (us of a call with one
    observation), "inference, 64" (with BATCH of them), "memory" (bytes: weights with gradients and Adam's means, the
    rollout buffer, the state that play carries). promised_low, promised_high: as ratios, for "lstm" only.
    """
    with ExitStack() as stack, torch_threads(params.n_threads):
        trials = {
            memory: stack.enter_context(Trial(params.model_copy(update={"memory": memory}))) for memory in MEMORIES
        }
        sides = {
            "training": [trial.turn for trial in trials.values()],
            "inference": [_calls(trial, 1) for trial in trials.values()],
            f"inference, {BATCH}": [_calls(trial, BATCH) for trial in trials.values()],
        }
        speeds = {measure: take_turns(turns, params.n_rounds) for measure, turns in sides.items()}
        held = np.array([bytes_held(trial.model) for trial in trials.values()], float)
    rows = []
    for measure, found in speeds.items():
        for k, memory in enumerate(MEMORIES):
            slower = ratio(found[:, k], found[:, 0])  # how many times the MLP's time it takes
            row = {"measure": measure, "memory": MEMORIES[memory], "value": 1e6 / float(np.median(found[:, k]))}
            rows.append(row | {"ratio": slower.middle, "low": slower.low, "high": slower.high})
    for memory, size in zip(MEMORIES, held, strict=True):
        same = dict.fromkeys(("ratio", "low", "high"), size / held[0])
        rows.append({"measure": "memory", "memory": MEMORIES[memory], "value": size} | same)
    table = pd.DataFrame(rows)
    promised = table["measure"].str.split(",").str[0].map(PROMISED)
    bounds = pd.DataFrame(promised.tolist(), columns=["promised_low", "promised_high"])
    return table.join(1 + bounds / 100)


def _calls(trial: Trial, n: int) -> Callable[[], float]:
    """Calls per second of the policy with n observations, the state carried from one to the next."""
    space = trial.env.observation_space
    observations = np.zeros((n, *space.shape), space.dtype)
    agent = ModelPredict(trial.model)

    def turn() -> float:
        agent.ended(np.ones(n, bool))
        start = time.perf_counter()
        for _ in range(CALLS):
            agent(observations)
            agent.ended(np.zeros(n, bool))
        return CALLS / (time.perf_counter() - start)

    turn()
    return turn


def bytes_held(model: OnPolicyAlgorithm) -> int:
    """Bytes that a training of the model keeps: its weights COPIES times, its rollout buffer, its memory's state."""
    weights = sum(tensor.nbytes for tensor in model.policy.parameters())
    buffer = sum(array.nbytes for array in _arrays(model.rollout_buffer))
    states = getattr(model, "_last_lstm_states", None) or ()
    return COPIES * weights + buffer + sum(tensor.nbytes for pair in states for tensor in pair)


def _arrays(buffer: object) -> list[np.ndarray | torch.Tensor]:
    """The arrays of a rollout buffer; a Dict of observations is several."""
    parts = [
        part for value in vars(buffer).values() for part in (value.values() if isinstance(value, dict) else [value])
    ]
    return [part for part in parts if isinstance(part, np.ndarray | torch.Tensor)]


def claims(table: pd.DataFrame, cost: pd.DataFrame) -> pd.DataFrame:
    """What was promised of an LSTM against no memory, and what `results` and `costs` say of it.

    Columns: figure, promised, measured here (with the 95 % interval of the difference, in percent of the MLP's mean),
    and so: as much as promised, more or less of it where the whole interval is, else "cannot tell". Elo comes of
    matches, which these problems do not have; the return stands for it, problem by problem.
    """
    rows = []
    for name, group in table.groupby("problem", sort=False) if len(table) else ():
        mlp, lstm = (group[group["memory"] == memory] for memory in (MLP, LSTM))
        rows.append((f"strength (Elo there, return here), {name}", ELO, *_change(mlp["return"], lstm["return"])))
        goal = f"samples to {group['goal'].iloc[0]:g}, {name}"
        rows.append((goal, SAMPLES, *_change(mlp["steps to goal"], lstm["steps to goal"])))
    measured = cost[cost["memory"] == LSTM].set_index("measure")
    for measure, promised in PROMISED.items():
        low, middle, high = (100 * (measured.loc[measure, name] - 1) for name in ("low", "ratio", "high"))
        rows.append((measure, promised, _percent(middle, low, high), low, high))
    named = [
        {"figure": figure, "promised": "{:+d} to {:+d} %".format(*promised), "measured here": text}
        | {"so": _word(low, high, promised)}
        for figure, promised, text, low, high in rows
    ]
    return pd.DataFrame(named)


def _change(mlp: pd.Series, lstm: pd.Series) -> tuple[str, float, float]:
    """(text, low, high) of the LSTM's mean less the MLP's, in percent of it; nan is a seed that did not get there."""
    n_mlp, n_lstm = mlp.notna().sum(), lstm.notna().sum()
    if n_mlp < len(mlp) or n_lstm < len(lstm):
        reached = f"{n_lstm} of {len(lstm)} seeds get there, without memory {n_mlp} of {len(mlp)}"
        alone = -np.inf if n_lstm == len(lstm) and n_mlp == 0 and len(mlp) > 1 else np.nan
        return reached + (f": {lstm.median():,.0f} steps" if n_lstm else ""), alone, alone
    both = f"{lstm.mean():,.4g} against {mlp.mean():,.4g}"
    if mlp.mean() <= 0:  # no percentage of that
        return both, np.nan, np.nan
    middle, low, high = (
        100 * change / mlp.mean() for change in (lstm.mean() - mlp.mean(), *difference_interval(mlp, lstm))
    )
    return f"{_percent(middle, low, high)}: {both}", low, high


def _percent(middle: float, low: float, high: float) -> str:
    return f"{middle:+.0f} %" + (f" ({low:+.0f} to {high:+.0f})" if low < high else "")


def _word(low: float, high: float, promised: tuple[int, int]) -> str:
    """How an interval lies to what was promised, further along being more: of -30 to -20, -40 is more and -10 less."""
    if np.isnan([low, high]).any():
        return "cannot tell"
    nearest, furthest = sorted(promised, key=abs)
    if promised[0] < 0:
        low, high, nearest, furthest = -high, -low, -nearest, -furthest
    if low > furthest:
        return "more"
    if high < nearest:
        return "less"
    return "as much" if low >= nearest and high <= furthest else "cannot tell"
