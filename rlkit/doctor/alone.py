"""The doctor's single tests: how fast the env, the policy and the GPU are, each alone."""

from typing import Any

from rlkit.diagnostics.throughput import measure_env, measure_gpu, measure_inference
from rlkit.doctor.trial import Trial
from rlkit.errors import ParamsError, did_you_mean
from rlkit.experiment import torch_threads
from rlkit.phases import Params

TESTS = ("gpu", "env", "inference")  # the GPU first: random actions leave the env where no policy would


def measure(params: Params, *names: str, seconds: float = 5.0) -> dict[str, list[dict[str, Any]]]:
    """{test: rows of its figures} of 'env', 'inference' and 'gpu', by default all, each of about `seconds`.

    env: total_steps, seconds, steps_per_second, ms_per_step. inference, per batch size: mean_ms, p50_ms, p95_ms, p99_ms
    and observations per_second. gpu, while the model trains: utilisation_{mean,min,max} in percent, memory_gib and
    calls_per_second (trainings of Trial.turn_steps); "no GPU" without one. ParamsError for another test.
    """
    for name in names:
        if name not in TESTS:
            raise ParamsError(f"the doctor knows no test '{name}'. {did_you_mean(name, TESTS)}")
    with Trial(params) as trial, torch_threads(params.n_threads):
        sizes = sorted({1, params.n_envs, 1024})
        work = {
            "gpu": lambda: [measure_gpu(trial.turn, seconds)],
            "env": lambda: [measure_env(trial.env, seconds)],
            "inference": lambda: (
                measure_inference(trial.model.policy, sizes, seconds / len(sizes)).reset_index().to_dict("records")
            ),
        }
        return {name: work[name]() for name in TESTS if name in (names or TESTS)}
