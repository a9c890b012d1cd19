"""The command line: what it lists comes from the models, and an error is one line and exit code 2."""

import json
import sys

import pytest
from typer.testing import CliRunner

from rlkit.cli import app, main
from rlkit.phases import PHASES


@pytest.mark.parametrize("phase", PHASES)
def test_params_lists_every_field_with_its_default_and_meaning(phase: str) -> None:
    result = CliRunner().invoke(app, ["params", phase, "--json"])
    rows = {row["name"]: row for row in json.loads(result.output)}
    fields = PHASES[phase].model_fields
    assert list(rows) == list(fields)
    assert all(rows[name]["meaning"] == field.description for name, field in fields.items())
    assert rows["seed"]["limits"] == ">= 0, < 2147483648"
    assert rows["device"]["limits"].startswith("auto | cpu")


def test_an_error_is_one_line_and_exit_code_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(sys, "argv", ["rlkit", "params", "baselin"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert capsys.readouterr().err == "rlkit: unknown phase 'baselin'. Did you mean 'baseline'?\n"
