"""The machine a figure was measured on, as plain data, and the device a model should use."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import psutil
import torch

from rlkit.errors import ParamsError, did_you_mean

PACKAGES = ("rlkit-lab", "torch", "stable-baselines3", "sb3-contrib", "gymnasium", "numpy", "numba", "rocketsim")
GIB = 2**30  # bytes
DEVICES = ("auto", "cpu", "cuda", "mps")  # ROCm builds of torch call their devices "cuda" too


def machine() -> dict[str, Any]:
    """Facts of this machine as JSON-ready values: a figure without them cannot be compared with another.

    os, cpu, instructions (the widest vectors that torch uses there, "AVX2", "AVX512", "DEFAULT": CPUs of one name may
    differ in them, and by three times in speed), cores_usable, memory_gib, python, device ("cpu", "cuda:0", "mps"),
    device_name, backend ("CPU", "CUDA 12.8", "ROCm 6.4", "MPS"), versions {package: version}; with a GPU also what
    `gpu_load` tells.
    """
    device = pick_device()
    facts = {
        "os": platform.platform(terse=True),
        "cpu": _cpu_model(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores_usable": cores_usable(),
        "memory_gib": round(_memory_bytes() / GIB, 1),
        "python": platform.python_version(),
        "device": str(device),
        "device_name": _device_name(device),
        "backend": _backend(device),
    }
    return facts | gpu_load(device) | {"versions": versions()}


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """The torch device of that name; "auto" takes CUDA or ROCm, else MPS, else the CPU.

    Unlike SB3's `get_device`, which falls back to the CPU in silence, a device that is asked for by name and is not
    there is a ParamsError. "auto" is for large networks: a small MLP policy usually trains faster on "cpu".
    """
    here = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if name == "auto":
        return torch.device("cuda:0" if here["cuda"] else "mps" if here["mps"] else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ParamsError(f"device '{name}' is not one torch knows. {did_you_mean(str(name), DEVICES)}") from None
    if device.type not in here:
        raise ParamsError(f"device '{name}' is not one the kit trains on. {did_you_mean(device.type, DEVICES)}")
    if (device.index or 0) >= here[device.type]:
        raise ParamsError(
            f"device '{name}' was asked for, but torch {torch.__version__} sees {here[device.type]} of type "
            f"'{device.type}' here. Use device='auto' or 'cpu', or install a torch build for your GPU and its driver."
        )
    return device


def gpu_load(device: torch.device) -> dict[str, float]:
    """Memory in use and in all (GiB) and utilisation (percent of its last sampling window) of a GPU, {} for the CPU.

    Memory is the whole GPU's on CUDA and ROCm, this process's on MPS. Utilisation is nan on MPS, which counts none, on
    CUDA without the package nvidia-ml-py and on ROCm without amdsmi.
    """
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        used, percent = total - free, _utilisation(device)
    elif device.type == "mps":
        used, total = torch.mps.driver_allocated_memory(), torch.mps.recommended_max_memory()
        percent = float("nan")
    else:
        return {}
    return {
        "gpu_memory_used_gib": round(used / GIB, 2),
        "gpu_memory_gib": round(total / GIB, 2),
        "gpu_utilisation_percent": percent,
    }


def cores_usable() -> int:
    """Cores this process may use: its affinity and its container's CPU quota, not what the box has."""
    try:
        allowed = len(psutil.Process().cpu_affinity())
    except AttributeError:  # macOS has no affinity
        allowed = os.cpu_count() or 1
    quota = _cgroup("cpu.max")  # "200000 100000": microseconds of CPU per period, "max 100000" for no limit
    if quota and quota[0] != "max":
        allowed = min(allowed, max(1, int(quota[0]) // int(quota[1])))
    return allowed


def _memory_bytes() -> int:
    """Memory of the box, or of the container where that has a lower limit."""
    total = psutil.virtual_memory().total
    limit = _cgroup("memory.max")
    return min(total, int(limit[0])) if limit and limit[0] != "max" else total


def _cgroup(file: str) -> list[str]:
    """Words of a control group file (version 2, Linux); none where there is no such limit."""
    try:
        return Path("/sys/fs/cgroup", file).read_text("ascii").split()
    except OSError:
        return []


def _cpu_model() -> str:
    """The marketing name of the CPU, for which `platform.processor()` has only "x86_64" on Linux and "arm" on macOS."""
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or platform.machine()
    if platform.system() == "Linux":
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_model()


def _backend(device: torch.device) -> str:
    if device.type != "cuda":
        return device.type.upper()
    return f"ROCm {torch.version.hip}" if torch.version.hip else f"CUDA {torch.version.cuda}"


def _utilisation(device: torch.device) -> float:
    """Percent of the last window (1/6 to 1 s) in which a kernel ran; nan where its counter cannot be read."""
    try:
        return float(torch.cuda.utilization(device))
    except Exception:  # NVML and amdsmi raise classes of their own, which exist only where they are installed
        return float("nan")


def versions() -> dict[str, str]:
    """Installed versions of the packages that decide a figure; those not installed are left out."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
