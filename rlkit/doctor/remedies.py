"""What can be changed to make a training faster: each remedy, the part of the time that it speaks to, and its price.

Nothing here says how much a remedy gains: the doctor measures that.
"""

from typing import Any, NamedTuple

import torch

from rlkit.diagnostics.machine import cores_usable
from rlkit.envs.choice import Choice
from rlkit.phases import Params

COMPILE_SECONDS = 40.0  # a first torch.compile of the update step, with its warm-up, took 7 to 40 s
HALF = "half precision has about 3 digits: compare the learning curves before you trust it"


class Remedy(NamedTuple):
    """A change of parameters that may save time."""

    name: str
    parts: tuple[str, ...]  # of `throughput.PARTS`; it is tried where these take a share worth saving
    changes: dict[str, Any]
    what: str  # it does, as a comment in the patch
    learning: str = ""  # how it may change what is learned; such a remedy is measured and offered, never applied
    seconds: float = 0.0  # that trying it takes besides its turns


def remedies(params: Params, choice: Choice) -> list[Remedy]:
    """What this phase, env and machine can try, and is not on already; `choice` says how the env is stepped now."""
    found = [*_trainer(params), *_env(params, choice), *_devices(params), *_learning(params)]
    return [remedy for remedy in found if _applies(remedy, params)]


def _applies(remedy: Remedy, params: Params) -> bool:
    known = type(params).model_fields.keys() >= remedy.changes.keys()
    return known and any(getattr(params, name) != value for name, value in remedy.changes.items())


def _trainer(params: Params) -> list[Remedy]:
    cores = cores_usable()
    found = [
        Remedy(
            "rlkit.PPO",
            ("update", "inference", "buffer", "other"),
            {"fast": True},
            "the rollout and the update without Python between their operations",
        )
    ]
    if params.n_threads != 1:
        found.append(Remedy("one thread", ("update", "inference"), {"n_threads": 1}, "no waiting for other threads"))
    if cores > 1:
        found.append(Remedy("threads", ("update", "inference"), {"n_threads": cores}, f"the update on {cores} threads"))
    graph = {"fast": True, "use_torch_compile": True}
    found.append(Remedy("compile", ("update",), graph, "the update as one compiled graph", seconds=COMPILE_SECONDS))
    return found


def _env(params: Params, choice: Choice) -> list[Remedy]:
    """Other ways to step the env than the one that was chosen."""
    if choice.vec_env == "dummy":
        return [Remedy("subproc", ("env",), {"vec_env": "subproc"}, "the env stepped by other processes")]
    if choice.vec_env == "subproc":
        return [Remedy("dummy", ("env",), {"vec_env": "dummy"}, "the env stepped in this process")]
    cores = cores_usable()
    counts = {min(n, params.n_envs) for n in (1, max(1, cores // 2), cores)} - {choice.n_workers}
    return [
        Remedy(f"{n} processes", ("env",), {"n_workers": n}, f"the env stepped by {n} processes, this one among them")
        for n in sorted(counts)
        if choice.vec_env == "native"
    ]


def _devices(params: Params) -> list[Remedy]:
    """The other device, where there is a GPU, and a shorter way to it."""
    if not torch.cuda.is_available():
        return []
    work, pinned = ("update", "inference"), {"fast": True, "use_pinned_memory": True}
    if params.device in ("auto", "cpu"):  # auto is the CPU
        return [Remedy("GPU", work, {"device": "cuda"}, "the networks on the GPU")]
    return [
        Remedy("CPU", work, {"device": "cpu"}, "no copies to a GPU and back"),
        Remedy("pinned memory", ("inference",), pinned, "observations reach the GPU without a detour"),
    ]


def _learning(params: Params) -> list[Remedy]:
    """Changes that save time by doing something else: measured last, on top of what was kept."""
    work = ("update", "inference")
    found = [Remedy("half precision", work, {"fast": True, "use_amp": True}, "products in bfloat16", HALF)]
    n_envs, n_steps, batch_size = (getattr(params, name, 0) for name in ("n_envs", "n_steps", "batch_size"))
    larger, shorter = min(4 * batch_size, n_envs * n_steps), n_steps // 4
    if larger > batch_size > 0:
        price = "fewer gradient steps on larger minibatches: the learning rate may want to be higher"
        found.append(Remedy("larger minibatches", ("update",), {"batch_size": larger}, "fewer, larger products", price))
    if shorter >= 16:
        rows, price = {"n_envs": 4 * n_envs, "n_steps": shorter}, "advantages look less far ahead within a rollout"
        found.append(Remedy("more rows", ("env", "inference"), rows, "more rows in each step", price))
    return found
