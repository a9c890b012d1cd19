"""The form without a page: its fields are the model's, a profile fills them, and errors stand beside what is wrong."""

from pathlib import Path

import ipywidgets as widgets
import pytest

import rlkit
from rlkit.errors import ParamsError
from rlkit.phases import PHASES
from rlkit.trainers import TRAINERS
from rlkit.widgets.fields import RED
from rlkit.widgets.form import Form, form

CARTPOLE = {"env_id": "CartPole-v1", "n_envs": 2, "n_steps": 16, "batch_size": 16, "total_timesteps": 64}


def hint(one: Form, name: str) -> str:
    return one.fields[name]._hint.value


@pytest.mark.parametrize("phase", TRAINERS)
def test_what_stands_in_the_form_is_what_was_put_into_it(phase: str) -> None:
    made = form(phase)
    assert list(made.fields) == list(PHASES[phase].model_fields)
    assert made.params == rlkit.load_params(phase, profile="development")


def test_values_are_typed_as_a_person_would(tmp_path: Path) -> None:
    made = form("baseline", "testing", {"env_kwargs": {"mode": "2v2"}, "name": "3"})
    assert made.fields["env_kwargs"].control.value == "{mode: 2v2}"
    assert made.params.name == "3"
    made.fields["learning_rate"].control.value = "3e-4"
    made.fields["total_timesteps"].control.value = "1e6"
    made.fields["net_arch"].control.value = "[32, 16]"
    assert (made.params.learning_rate, made.params.total_timesteps) == (3e-4, 1_000_000)
    assert made.params.net_arch == [32, 16]
    assert isinstance(made.fields["activation"].control, widgets.Dropdown)
    assert isinstance(form("speed").fields["use_amp"].control, widgets.Checkbox)


def test_a_range_and_a_meaning_stand_beside_a_field() -> None:
    assert "&gt;= 1, &lt;= 65,536" in hint(form(), "n_envs")
    assert "rows stepped together" in hint(form(), "n_envs")


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [("gamma", "2", "less than or equal to 1"), ("seed", "", "valid integer"), ("net_arch", "[64", "valid list")],
)
def test_what_is_wrong_is_said_beside_its_field_and_goes_away(name: str, typed: str, words: str) -> None:
    made = form()
    before = made.fields[name].control.value
    made.fields[name].control.value = typed
    assert words in hint(made, name)
    assert RED in hint(made, name)
    assert "1 value must be changed" in made._said.value
    made._begin()
    assert made.run is None
    made.fields[name].control.value = before
    assert RED not in hint(made, name)
    assert "must be" not in made._said.value


def test_an_error_of_two_fields_together_stands_by_the_first() -> None:
    made = form()
    made.fields["batch_size"].control.value = "1000000"
    assert "larger than the rollout" in hint(made, "batch_size")


def test_another_profile_or_phase_fills_the_form_anew() -> None:
    made = form("baseline", "development")
    made._profile.value = "testing"
    assert made.params == rlkit.load_params("baseline", profile="testing")
    made._phase.value = "speed"
    assert made.params == rlkit.load_params("speed", profile=made._profile.value)
    assert "fast" in made.fields


def test_the_button_starts_the_run_and_shows_its_panel() -> None:
    made = form("baseline", "testing", CARTPOLE)
    made._begin()
    assert made.run is not None
    assert made.run.params == made.params
    assert "rlkit-panel" in made._below.children[0]._dom_classes
    assert made.start() is made.run
    assert made.run.wait().status()["state"] == "done"


def test_where_nobody_looks_it_is_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RLKIT_SUPERVISOR", "1:0")
    form("baseline", "testing", {"seed": 3})._ipython_display_()
    assert capsys.readouterr().out == "baseline, profile testing, with {'seed': 3}\n"


def test_a_wrong_name_ends_the_cell() -> None:
    with pytest.raises(ParamsError, match="Did you mean 'seed'"):
        form("baseline", "testing", {"sed": 3})
