"""The doctor: what it tries and keeps, what it never applies, the profile it writes, and a real small run of it."""

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from rlkit import doctor
from rlkit.cli import app
from rlkit.diagnostics.throughput import PARTS
from rlkit.doctor import search
from rlkit.doctor.remedies import remedies
from rlkit.doctor.trial import Trial
from rlkit.envs.choice import Choice
from rlkit.errors import EnvError, ParamsError
from rlkit.params import load_params
from rlkit.phases.speed import SpeedParams

SMALL = {"env_id": "CartPole-v1", "n_envs": 2, "n_steps": 32, "batch_size": 16, "n_epochs": 1, "total_timesteps": 1000}
BASE = load_params("baseline", SMALL)


class Patient:
    """Stands for Trial: speed and parts follow from the parameters, with a little noise that comes in turns."""

    gains: ClassVar[dict[str, dict[Any, float]]] = {}
    refuses: ClassVar[dict[str, str]] = {}
    absent: ClassVar[dict[str, str]] = {}
    alive = 0
    turn_seconds = 0.001
    choice = Choice("dummy", 1, "asked for")

    def __init__(self, params: SpeedParams) -> None:
        self.params, self._turns = params, 0
        for name, reason in self.absent.items():
            if getattr(params, name) != SpeedParams.model_fields[name].default:
                raise EnvError(reason)
        self.notes = [text for name, text in self.refuses.items() if getattr(params, name)]
        type(self).alive += 1

    def turn(self) -> float:
        self._turns += 1
        speed = np.prod([gains.get(getattr(self.params, name), 1.0) for name, gains in self.gains.items()])
        return 1000.0 * float(speed) * (1 + 0.01 * (self._turns % 3))

    def parts(self) -> dict[str, float]:
        fast = self.params.fast
        return dict(
            zip(PARTS, (1e-4, 1e-6, 1e-6, 1e-6, 0, 0) if fast else (1e-4, 1e-4, 1e-5, 7e-4, 0, 1e-4), strict=True)
        )

    def memory(self) -> dict[str, float]:
        return {"memory_gib": 0.5}

    def close(self) -> None:
        type(self).alive -= 1

    def __enter__(self) -> "Patient":
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> type[Patient]:
    """A class of its own per test, in the place of Trial; two cores, so that every machine tries the same."""
    kind = type("Patient", (Patient,), {"alive": 0})
    monkeypatch.setattr(search, "Trial", kind)
    monkeypatch.setattr("rlkit.doctor.remedies.cores_usable", lambda: 2)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    return kind


def verdicts(found: doctor.Diagnosis) -> dict[str, str]:
    return {attempt.remedy: attempt.verdict for attempt in found.attempts}


def test_it_keeps_what_is_faster_and_drops_the_rest(patient: type[Patient]) -> None:
    patient.gains = {"fast": {True: 5.0}, "vec_env": {"subproc": 0.5}, "n_threads": {2: 3.0}}
    found = doctor.diagnose(BASE, budget=1000)
    told = verdicts(found)
    assert (told["rlkit.PPO"], told["subproc"]) == ("kept", "slower")
    assert (found.better.fast, found.better.vec_env) == (True, "auto")
    assert found.together.middle == pytest.approx(5.0, rel=0.03)
    assert found.steps_per_second_after / found.steps_per_second == pytest.approx(5.0, rel=0.03)


def test_the_largest_part_comes_first_and_small_parts_are_left_alone(patient: type[Patient]) -> None:
    """Stock: update, inference, buffer and other are 90 %, the env 10 %; afterwards the env is 97 %."""
    patient.gains = {"fast": {True: 5.0}, "n_threads": {2: 3.0}}
    found = doctor.diagnose(BASE, budget=1000)
    assert [attempt.remedy for attempt in found.attempts[:2]] == ["rlkit.PPO", "subproc"]
    assert found.attempts[0].because == "update 69%, inference 10%, other 10%"
    assert verdicts(found)["threads"] == "not tried"  # it speaks to 3 % of what is left
    assert found.parts["update"] == pytest.approx(700)
    assert found.parts_after["update"] == pytest.approx(1)


def test_what_changes_the_learning_is_measured_and_never_applied(patient: type[Patient]) -> None:
    patient.gains = {"batch_size": {64: 4.0}}
    found = doctor.diagnose(BASE, budget=1000)
    (offer,) = [attempt for attempt in found.attempts if attempt.remedy == "larger minibatches"]
    assert (offer.verdict, found.better.batch_size) == ("your choice", 16)
    assert offer.ratio.middle == pytest.approx(4.0, rel=0.03)
    assert "# batch_size: 64" in doctor.profile(found).splitlines()
    assert verdicts(found)["half precision"] == "no gain"  # nothing to offer


def test_nothing_faster_is_said_and_changes_nothing(patient: type[Patient]) -> None:
    found = doctor.diagnose(BASE, budget=1000)
    assert found.together is None
    assert found.better == found.params
    assert "nothing that was tried is surely faster" in doctor.profile(found)
    assert "fast: false" in doctor.profile(found)


def test_a_switch_that_falls_back_is_not_counted_as_on(patient: type[Patient]) -> None:
    patient.gains = {"use_torch_compile": {True: 2.0}}
    patient.refuses = {"use_torch_compile": "rlkit.PPO: use_torch_compile is off, because there is no C++ compiler."}
    (attempt,) = [one for one in doctor.diagnose(BASE, budget=1000).attempts if one.remedy == "compile"]
    assert (attempt.verdict, attempt.ratio) == ("not here", None)
    assert "no C++ compiler" in attempt.note


def test_an_env_that_refuses_is_not_here(patient: type[Patient]) -> None:
    patient.absent = {"vec_env": "it cannot be sent to another process"}
    found = doctor.diagnose(BASE, budget=1000)
    assert verdicts(found)["subproc"] == "not here"


def test_luck_that_does_not_last_is_not_kept(patient: type[Patient], monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as fast in the comparison and no more in the check: everything goes back."""
    patient.gains = {"fast": {True: 2.0}}
    check = search._Search.check

    def later(self: Any) -> Any:
        patient.gains = {}
        return check(self)

    monkeypatch.setattr(search._Search, "check", later)
    found = doctor.diagnose(BASE, budget=1000)
    assert (found.together, found.better.fast, verdicts(found)["rlkit.PPO"]) == (None, False, "no gain")


@pytest.mark.parametrize("gains", [{}, {"fast": {True: 5.0}, "vec_env": {"subproc": 2.0}}])
def test_every_trial_is_closed(patient: type[Patient], gains: dict[str, Any]) -> None:
    patient.gains = gains
    doctor.diagnose(BASE, budget=1000)
    assert patient.alive == 0


def test_the_profile_is_one_that_load_params_reads(patient: type[Patient], tmp_path: Path) -> None:
    patient.gains = {"fast": {True: 5.0}, "vec_env": {"subproc": 2.0}}
    found = doctor.diagnose(BASE.model_copy(update={"net_arch": [32, 32]}), budget=1000)
    path = doctor.write_profile(found, tmp_path / "deep" / "doctor.yaml")
    assert load_params("speed", profile=path) == found.better
    kept = [line for line in path.read_text().splitlines() if line.startswith("vec_env:")]
    assert kept[0].startswith("vec_env: subproc  # 2.00x (")
    assert yaml.safe_load(path.read_text())["net_arch"] == [32, 32]


def test_remedies_are_only_what_is_not_on_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlkit.doctor.remedies.cores_usable", lambda: 4)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    speed = load_params("speed", {"n_threads": 4, "n_envs": 64})
    names = {remedy.name for remedy in remedies(speed, Choice("native", 4, ""))}
    assert {"one thread", "1 processes", "2 processes", "compile"} <= names
    assert not names & {"rlkit.PPO", "threads", "4 processes", "subproc", "GPU", "pinned memory"}
    baseline = {remedy.name for remedy in remedies(BASE, Choice("subproc", 2, ""))}
    assert not baseline & {"rlkit.PPO", "compile", "dummy"}  # the baseline's model has no such switch


def test_without_time_it_tries_nothing_and_says_so() -> None:
    found = doctor.diagnose(BASE, budget=0)
    assert {attempt.verdict for attempt in found.attempts} == {"not tried"}
    assert found.steps_per_second > 0
    assert sum(found.parts.values()) > 0
    assert json.loads(json.dumps(found.as_dict()))["params"]["env_id"] == "CartPole-v1"


def test_a_trial_tells_what_fell_back_and_its_parts() -> None:
    with Trial(load_params("speed", SMALL | {"use_pinned_memory": True})) as trial:
        assert any("use_pinned_memory is off" in note for note in trial.notes)
        assert trial.switches["path"].startswith("native")
        parts, speed = trial.parts(), trial.turn()
    assert list(parts) == list(PARTS)
    assert min(parts["env"], parts["inference"], parts["update"]) > 0
    assert speed > 0
    trial.close()


def test_single_tests_and_their_figures() -> None:
    found = doctor.measure(BASE, "env", "inference", seconds=0.05)
    assert {"total_steps", "seconds", "steps_per_second", "ms_per_step"} == set(found["env"][0])
    assert [row["batch_size"] for row in found["inference"]] == [1, 2, 1024]
    assert {"mean_ms", "p95_ms", "p99_ms", "per_second"} <= set(found["inference"][0])
    with pytest.raises(ParamsError, match="Did you mean 'inference'"):
        doctor.measure(BASE, "inferense")


def test_the_command_writes_the_profile_and_speaks_json(tmp_path: Path) -> None:
    values = [word for name, value in SMALL.items() for word in ("-p", f"{name}={value}")]
    out = tmp_path / "mine.yaml"
    told = CliRunner().invoke(app, ["doctor", "baseline", *values, "--budget", "0", "--out", str(out), "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["phase"] == "speed"
    assert load_params("speed", profile=out).env_id == "CartPole-v1"
