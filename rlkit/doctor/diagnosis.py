"""What the doctor found, as data, and the profile that it writes from it."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from rlkit.diagnostics.ablation import Ratio
from rlkit.files import write_atomic
from rlkit.phases import Params
from rlkit.runs import outputs_root

Verdict = Literal["kept", "no gain", "slower", "not here", "not tried", "your choice"]


@dataclass(frozen=True)
class Attempt:
    """A remedy, why it was looked at, and what came of it."""

    remedy: str
    because: str  # the parts that it speaks to, with their shares of the time
    verdict: Verdict
    note: str = ""
    ratio: Ratio | None = None  # against the best until then
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was measured. Parts are microseconds of wall time per env step."""

    params: Params  # as asked, in the phase that has the switches
    better: Params  # with what was kept
    machine: dict[str, Any]
    memory: dict[str, float]
    parts: dict[str, float]
    parts_after: dict[str, float]
    attempts: list[Attempt]
    steps_per_second: float  # median of the rounds of the last check, before
    steps_per_second_after: float
    together: Ratio | None  # all that was kept against the beginning, in fresh rounds; None when nothing was kept

    def as_dict(self) -> dict[str, Any]:
        """Everything, JSON-ready."""
        plain = {"phase": self.params.phase, "params": self.params.model_dump(), "better": self.better.model_dump()}
        attempts = [asdict(one) | {"ratio": _ratio_dict(one.ratio)} for one in self.attempts]
        return asdict(self) | plain | {"attempts": attempts, "together": _ratio_dict(self.together)}

    def in_short(self) -> str:
        """One line: the speed before and after, and how sure that is."""
        before, after = f"{self.steps_per_second:,.0f}", f"{self.steps_per_second_after:,.0f}"
        if self.together is None:
            return f"{before} env steps/s; nothing that was tried is surely faster"
        return f"{after} env steps/s instead of {before}: {self.together}, all of it together"

    def parts_table(self) -> list[dict[str, str]]:
        """Where the time goes as rows for people: the parts of one env step, before and after."""
        sides = {"before": self.parts, "after": self.parts_after}
        if self.together is None:
            del sides["after"]
        return [
            {"part": part}
            | {side: f"{parts[part]:.2f} us ({parts[part] / sum(parts.values()):.0%})" for side, parts in sides.items()}
            for part in self.parts
        ]

    def table(self) -> list[dict[str, str]]:
        """The attempts as rows for people, in the order in which they were made."""
        return [
            {
                "remedy": one.remedy,
                "because": one.because,
                "measured": str(one.ratio or ""),
                "verdict": one.verdict,
                "note": one.note if one.verdict in ("not here", "not tried", "your choice") else "",
            }
            for one in self.attempts
        ]


def profile(found: Diagnosis) -> str:
    """A params profile as YAML: each value that is not the default, and what was measured beside each change.

    What may change the learning stands below as comments, for the reader to take or leave.
    """
    facts, defaults = found.machine, type(found.better)().model_dump()
    lines = [
        f"# rlkit doctor on {facts['cpu']}, {facts['cores_usable']} cores",
        f"# {found.in_short()}",
        f"# rlkit run {found.params.phase} --profile THIS_FILE",
    ]
    kept = {name: one for one in found.attempts if one.verdict == "kept" for name in one.changes}
    for name, value in found.better.model_dump().items():
        if name in kept:
            lines.append(f"{_spell(name, value)}  # {kept[name].ratio}: {kept[name].note}")
        elif value != defaults[name]:
            lines.append(_spell(name, value))
    for one in found.attempts:
        if one.verdict == "your choice":
            lines.append(f"# {one.remedy}: {one.ratio} on top of the above; {one.note}")
            differ = {name: value for name, value in one.changes.items() if getattr(found.better, name) != value}
            lines += [f"# {_spell(name, value)}" for name, value in differ.items()]
    return "\n".join(lines) + "\n"


def write_profile(found: Diagnosis, path: Path | None = None) -> Path:
    """Where `profile` was written: `path`, or doctor.yaml in the folder of the runs."""
    path = path or outputs_root() / "doctor.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, profile(found))
    return path


def _spell(name: str, value: Any) -> str:
    return f"{name}: {yaml.safe_dump([value], default_flow_style=True, width=10_000).strip()[1:-1]}"


def _ratio_dict(ratio: Ratio | None) -> dict[str, float] | None:
    return ratio and ratio._asdict()
