"""rlkit.PPO against SBX, PureJaxRL, CleanRL, LeanRL and PufferLib on this machine, in one command.

    python benchmarks/peers.py [--peers SBX,CleanRL --workloads W1,W3 --rounds 3 --seconds 2 --cores 1,2]
                               [--source CleanRL=path_or_address] [--clock cpu] [--cache folder] [--keep]
    python benchmarks/peers.py --peers CleanRL,PureJaxRL --workloads L1,L2,L3,G1,G2,G3      # PPO with a memory

Every trainer has the same rollout, batch, epochs and layers, on an env that costs next to nothing (PureJaxRL has it
inside its XLA program). Each is a process of its own, pinned to the same one or two cores, and they take turns: while
one trains whole rollouts for about --seconds, the others wait. The figure is the median over the rounds of env steps
per second, updates included; the ratio, ours by theirs, is the median of the rounds' ratios. `--clock cpu` counts
CPU-seconds instead, which other load on the machine disturbs less and which a second core does not speed up.

The first call installs the peers, each in an environment of its own in the cache folder. One that cannot be installed
or fails stays in the table with the reason.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import psutil
from measuring import RECURRENT, SIZES, WORKLOADS, add_keep, header, keep_results, print_table
from peer_setup import PEERS, PeerError, install

OURS = "rlkit"
HERE = ("SB3", OURS)  # in this environment
Homes = dict[str, tuple[Path, Path] | PeerError]  # (python, code) of every trainer, or why there is none
Figures = dict[str, dict[str, float]]


class Racer:
    """A trainer in its child process."""

    def __init__(self, name: str, home: tuple[Path, Path], workload: str, cores: list[int], seconds: float) -> None:
        python, code = home
        driver = Path(__file__).with_name("peer_drivers.py")
        command = [python, driver, name, workload, "--cores", ",".join(map(str, cores)), "--code", code]
        self.errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - a pipe would fill up
        self.process = subprocess.Popen(
            [*map(str, command), "--seconds", str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": str(len(cores)), "PYTHONWARNINGS": "ignore"},
        )
        self.answer()  # "ready"

    def turn(self, clock: str) -> float:
        """Env steps per second of one turn, by its "wall" or "cpu" clock. PeerError when it has died."""
        with contextlib.suppress(BrokenPipeError):  # it has died, which the answer tells
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
        figures = json.loads(self.answer())
        return figures["steps"] / figures[clock]

    def answer(self) -> str:
        """Its next line. PeerError with the last one of its errors when it has died."""
        line = self.process.stdout.readline()
        if not line:
            self.end()
            self.errors.seek(0)
            said = [text.strip() for text in self.errors if text.strip()]
            raise PeerError((said or [f"exit code {self.process.returncode}"])[-1][:160])
        return line

    def end(self) -> None:
        """Let it go."""
        self.process.communicate()


def main() -> None:
    """Install, race and print markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=",".join(PEERS), help="which of " + ", ".join(PEERS))
    parser.add_argument("--workloads", default="W1,W2,W3,W4,W5", help="which of W1-W6; with a memory L1-L3, G1-G3")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each trainer")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a turn")
    parser.add_argument("--cores", default="1,2", help="numbers of cores to race on")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="whose seconds")
    parser.add_argument("--source", action="append", default=[], help="name=path or address to clone a peer from")
    default = platformdirs.user_cache_path("rlkit", appauthor=False) / "peers"
    parser.add_argument("--cache", type=Path, default=default, help="folder of the installations")
    add_keep(parser)
    args = parser.parse_args()
    homes = {name: (Path(sys.executable), Path()) for name in HERE}
    homes |= install_all(args.peers.split(","), args.cache, dict(pair.split("=", 1) for pair in args.source))
    names = args.workloads.split(",")
    print(f"{header()}\n\n{SIZES}: " + "; ".join(f"{name} = {(WORKLOADS | RECURRENT)[name]}" for name in names))
    usable = psutil.Process().cpu_affinity() if hasattr(psutil.Process, "cpu_affinity") else list(range(os.cpu_count()))
    unit = "CPU-second" if args.clock == "cpu" else "second"
    found: dict[str, Figures] = {}
    for count in map(int, args.cores.split(",")):
        columns = f"{count} core{'s'[: count > 1]}: steps per {unit} (rlkit's lead)", *map(label, homes)
        print_table(columns, race_all(homes, names, usable[:count], args, found))
    if args.keep:
        memory = "_recurrent" * (not set(names) & set(WORKLOADS))
        keep_results(f"peers{memory}", found | {"peers": {name: str(PEERS[name]) for name in homes if name in PEERS}})


def race_all(
    homes: Homes, names: list[str], cores: list[int], args: argparse.Namespace, found: dict[str, Figures]
) -> Iterator[list[str]]:
    """A row of the table for every workload, as soon as its race is over; its figures are added to those found."""
    for name in names:
        cells = race(homes, name, cores, args)
        found[f"{name} on {len(cores)}"] = {peer: cell for peer, cell in cells.items() if isinstance(cell, dict)}
        yield [name, *map(text, cells.values())]


def install_all(names: list[str], cache: Path, sources: dict[str, str]) -> Homes:
    """(python, code) of every peer, or why there is none."""
    homes: Homes = {}
    for name in names:
        try:
            homes[name] = install(name, cache, sources.get(name))
        except PeerError as error:
            homes[name] = error
    return homes


def race(homes: Homes, workload: str, cores: list[int], args: argparse.Namespace) -> dict[str, dict[str, float] | str]:
    """The speed of every trainer at one workload and rlkit's lead on it, or why there is none."""
    racers: dict[str, Racer] = {}
    failed: dict[str, str] = {}
    speeds: dict[str, list[float]] = {name: [] for name in homes}
    for turn in range(args.rounds + 1):  # the first starts them, one after the other
        for name, home in homes.items():
            try:
                if name in failed:
                    continue
                if isinstance(home, PeerError):
                    raise home
                if turn == 0:
                    racers[name] = Racer(name, home, workload, cores, args.seconds)
                else:
                    speeds[name].append(racers[name].turn(args.clock))
            except PeerError as error:
                failed[name] = str(error).replace("|", "/")
    for racer in racers.values():
        racer.end()
    return {name: failed.get(name) or figures(column, speeds[OURS]) for name, column in speeds.items()}


def figures(theirs: list[float], ours: list[float]) -> dict[str, float]:
    """Median speed, and the median of the rounds' ratios of ours to it."""
    lead = statistics.median(our / their for our, their in zip(ours, theirs, strict=True))
    return {"speed": statistics.median(theirs), "lead": lead}


def text(found: dict[str, float] | str) -> str:
    """What the table says of a trainer: its figures, or why it has none."""
    return found if isinstance(found, str) else f"{found['speed']:,.0f} ({found['lead']:.2f}x)"


def label(name: str) -> str:
    """A trainer and its version or commit."""
    return f"{name} {PEERS[name]}" if name in PEERS else name


if __name__ == "__main__":
    main()
