"""Puts the peers of the race on this machine: a throw-away virtual environment each, never this repository's own."""

import re
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path
from typing import NamedTuple

GITHUB = "https://github.com"


class Peer(NamedTuple):
    """Where a trainer comes from; without packages or a repository it is in this environment already."""

    packages: tuple[str, ...] = ()  # for pip, pinned
    repository: str = ""  # to be cloned by git
    commit: str = ""
    obstacle: str = ""  # why it is not raced

    def __str__(self) -> str:
        return ", ".join([*self.packages, *([self.commit[:8]] if self.commit else [])])


PEERS = {
    "SBX": Peer(("sbx-rl==0.28.0", "jax==0.10.2", "flax==0.12.8")),
    "PureJaxRL": Peer(
        ("jax==0.10.2", "flax==0.12.8", "distrax==0.1.9", "gymnax==1.0.1"),
        f"{GITHUB}/luchris429/purejaxrl",
        "31756b197773a52db763fdbe6d635e4b46522a73",
    ),
    "CleanRL": Peer((), f"{GITHUB}/vwxyzjn/cleanrl", "fe8d8a03c41a7ef5b523e2e354bd01c363e786bb"),
    "LeanRL": Peer(("tensordict", "tqdm"), f"{GITHUB}/pytorch-labs/LeanRL", "8dbb6336b7f6cc65cdbbeb2e86637c38867e2677"),
    "PufferLib": Peer(
        ("pufferlib==3.0.0",),
        obstacle="not raced: its setup downloads raylib, and without that (NO_OCEAN=1) stops at an undefined name",
    ),
}


class PeerError(Exception):
    """A peer that cannot be raced here; the message is the reason."""


def install(name: str, cache: Path, source: str | None = None) -> tuple[Path, Path]:
    """(its python, its code) of a peer, installed under `cache` unless it is there already.

    source: a path or address to clone instead of its repository. PeerError when it cannot be installed.
    """
    peer, folder = PEERS[name], cache / name
    if peer.obstacle:
        raise PeerError(peer.obstacle)
    python = folder / "env" / ("Scripts/python.exe" if sysconfig.get_platform().startswith("win") else "bin/python")
    done = folder / "done.txt"
    wanted = f"{peer} on {sysconfig.get_path('purelib')}"
    if not (done.exists() and done.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder / "env", with_pip=True)
        _share_packages(folder / "env")
        if peer.packages:
            _call([python, "-m", "pip", "install", "--quiet", "--prefer-binary", *peer.packages])
        if peer.repository:
            _call(["git", "clone", "--quiet", source or peer.repository, folder / "code"])
            _call(["git", "-C", folder / "code", "checkout", "--quiet", peer.commit])
        done.write_text(wanted)
    return python, folder / "code"


def _share_packages(env: Path) -> None:
    """Let an environment fall back to the packages of this one, so that both sides run the same torch and NumPy.

    pip puts there what is missing or too new for the peer, and can change nothing here.
    """
    inside = Path(sysconfig.get_path("purelib", "venv", {"base": str(env), "platbase": str(env)}))
    (inside / "shared.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")


def _call(command: list[str | Path]) -> None:
    """Run a command; PeerError with the line of its output that says most."""
    found = subprocess.run([str(part) for part in command], capture_output=True, text=True, errors="replace")
    if found.returncode:
        lines = [line.strip() for line in (found.stdout + found.stderr).splitlines() if line.strip()]
        named = [line for line in lines if re.match(r"(fatal:|[\w.]*(Error|Exception)\b)", line)]
        raise PeerError((named or lines or [f"exit code {found.returncode}"])[-1][:160])
