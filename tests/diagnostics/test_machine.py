"""Machine facts: real ones of this machine, and those of GPUs by a stand-in for torch's counters."""

import json
import math

import psutil
import pytest
import torch

from rlkit.diagnostics import machine as facts
from rlkit.diagnostics.machine import GIB, cores_usable, gpu_load, machine, pick_device
from rlkit.errors import ParamsError


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Big Card")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (6 * GIB, 8 * GIB))
    monkeypatch.setattr(torch.cuda, "utilization", lambda device: 40)


@pytest.mark.usefixtures("no_gpu")
def test_facts_are_json_and_plausible() -> None:
    told = json.loads(json.dumps(machine()))
    assert told["cpu"]
    assert 1 <= told["cores_usable"] <= psutil.cpu_count()
    assert 0 < told["memory_gib"] <= psutil.virtual_memory().total / GIB + 0.1
    assert told["versions"]["torch"] == torch.__version__
    assert (told["device"], told["backend"], told["device_name"]) == ("cpu", "CPU", told["cpu"])
    assert not [key for key in told if key.startswith("gpu")]


@pytest.mark.usefixtures("two_gpus")
def test_facts_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "hip", "6.4")
    told = machine()
    assert (told["device"], told["device_name"], told["backend"]) == ("cuda:0", "Big Card", "ROCm 6.4")
    assert (told["gpu_memory_used_gib"], told["gpu_memory_gib"], told["gpu_utilisation_percent"]) == (2.0, 8.0, 40.0)


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_without_counters_still_has_a_load(monkeypatch: pytest.MonkeyPatch) -> None:
    class DriverError(Exception):
        pass

    def refuse(device: torch.device) -> int:
        raise DriverError

    monkeypatch.setattr(torch.cuda, "utilization", refuse)
    assert math.isnan(gpu_load(torch.device("cuda:0"))["gpu_utilisation_percent"])


@pytest.mark.usefixtures("no_gpu")
def test_device_asked_for_and_absent_is_an_error() -> None:
    assert pick_device() == pick_device("cpu") == torch.device("cpu")
    with pytest.raises(ParamsError, match=r"'cuda' was asked for.* sees 0 .*device='auto'"):
        pick_device("cuda")


@pytest.mark.usefixtures("two_gpus")
def test_device_index_is_checked() -> None:
    assert pick_device() == torch.device("cuda:0")
    assert pick_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ParamsError, match="sees 2 of type 'cuda'"):
        pick_device("cuda:2")


@pytest.mark.parametrize(("name", "hint"), [("cuad", "Did you mean 'cuda'"), ("meta", "Known: auto, cpu, cuda, mps")])
def test_unknown_device_names_the_known(name: str, hint: str) -> None:
    with pytest.raises(ParamsError, match=hint):
        pick_device(name)


@pytest.mark.parametrize(("quota", "cores"), [("150000 100000", 1), ("50000 100000", 1), ("200000 100000", 2)])
def test_a_container_quota_counts(monkeypatch: pytest.MonkeyPatch, quota: str, cores: int) -> None:
    monkeypatch.setattr(facts, "_cgroup", lambda file: quota.split())
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda self: list(range(64)), raising=False)
    assert cores_usable() == cores
    monkeypatch.setattr(facts, "_cgroup", lambda file: ["max", "100000"])
    assert cores_usable() == 64
