"""Claims are held against their sources: what fits holds, and what is stale, lost or miscounted is found."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from rlkit.claims import Claim, check_claims, write_results
from rlkit.cli import app
from rlkit.errors import ParamsError
from rlkit.params import load_params
from rlkit.runs import create_run

RESULTS = {
    "W1": {"sb3": 4456.3, "rlkit": 109637.8, "ratio": 24.603, "share": 0.1249, "loss": -0.034, "name": "small"},
    "W2": {"sb3": 14374.0, "rlkit": 144922.0, "ratio": 10.082, "share": 0.5, "loss": 1.0, "name": "large"},
}
FROM = "<!-- from results/ppo.json: {} -->"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_results(tmp_path / "results" / "ppo.json", RESULTS, command="python benchmarks/ppo.py")
    return tmp_path


def check(folder: Path, *lines: str) -> list[Claim]:
    (folder / "text.md").write_text("\n".join(lines), "utf-8")
    return check_claims(folder / "text.md")


def states(claims: list[Claim]) -> list[tuple[str, str]]:
    return [(claim.claimed, claim.state) for claim in claims]


def test_results_say_how_they_were_made(folder: Path) -> None:
    written = json.loads((folder / "results" / "ppo.json").read_text("utf-8"))
    assert written["command"] == "python benchmarks/ppo.py"
    assert written["results"] == RESULTS
    assert written["machine"]["cores_usable"] >= 1
    assert "torch" in written["versions"]
    assert len(written["date"]) == len("2026-01-31")


@pytest.mark.parametrize(
    ("text", "key", "state"),
    [
        ("24.6x", "W1.ratio", "holds"),
        ("25x", "W1.ratio", "holds"),
        ("24.60x", "W1.ratio", "holds"),
        ("24.7x", "W1.ratio", "wrong"),
        ("24.5\u00d7", "W1.ratio", "wrong"),
        ("109,638 steps/s", "W1.rlkit", "holds"),
        ("109,639 steps/s", "W1.rlkit", "wrong"),
        ("110k steps per second", "W1.rlkit", "holds"),
        ("0.11 M steps per CPU-second", "W1.rlkit", "holds"),
        ("111k steps/s", "W1.rlkit", "wrong"),
        ("12 %", "W1.share", "holds"),
        ("12.5%", "W1.share", "holds"),
        ("13 %", "W1.share", "wrong"),
        ("-0.03", "W1.loss", "holds"),
        ("\u22120.034", "W1.loss", "holds"),
        ("0.03", "W1.loss", "wrong"),
    ],
)
def test_a_figure_holds_to_its_printed_precision(folder: Path, text: str, key: str, state: str) -> None:
    (claim,) = check(folder, f"It is {text} here.", FROM.format(key))
    assert (claim.state, claim.where, claim.key) == (state, "text.md:1", key)
    assert text.startswith(claim.claimed)


def test_what_was_found_is_told(folder: Path) -> None:
    (claim,) = check(folder, "It is 24.7x here.", FROM.format("W1.ratio"))
    assert claim == Claim("text.md:1", "24.7x", "24.603", "wrong", "results/ppo.json", "W1.ratio")


def test_numbers_and_keys_pair_up_in_order(folder: Path) -> None:
    text = ["On 64 envs, `--seconds 0.6`, torch 2.13.0, 1v1 and [here](page/12.html) it makes", "144,922 (10.1x)."]
    claims = check(folder, *text, FROM.format("-, W2.rlkit"), FROM.format("W2.ratio"), "", "Next.")
    assert states(claims) == [("144,922", "holds"), ("10.1x", "holds")]
    assert {claim.where for claim in claims} == {"text.md:2"}
    (claim,) = check(folder, *text, FROM.format("W2.rlkit, W2.ratio"))
    assert claim.state == "wrong"
    assert "they bind 3 numbers: 64, 144,922, 10.1" in claim.found


@pytest.mark.parametrize(
    ("comment", "why"),
    [
        ("from results/ppo.json: W1.ration", "no 'ration' of W1.ration. Did you mean 'ratio'"),
        ("from results/ppo.json: W3.ratio", "no 'W3'"),
        ("from results/ppo.json: W1.ratio.x", "no 'x'"),
        ("from results/ppo.json: W1.name", "'small', no number"),
        ("from results/ppo.json: W1", "no number"),
        ("from results/dqn.json: W1.ratio", "results/dqn.json is not there"),
        ("from results/bare.json: W1.ratio", "does not tell its machine, versions, date, command"),
        ("from run 20260101-000000_lost_s0_abcdef: time/fps", "no run '20260101"),
    ],
)
def test_a_source_that_does_not_have_it_is_told(folder: Path, comment: str, why: str) -> None:
    (folder / "results" / "bare.json").write_text(json.dumps({"results": RESULTS}))
    (claim,) = check(folder, "It is 24.6x.", f"<!-- {comment} -->")
    assert claim.state == "wrong"
    assert why in claim.found


TABLE = ["| case | SB3 | rlkit | ratio |", "|---|---|---|---|"]
ROWS = ["| 8 x 256, 64 | 4,456 | 109,638 | 24.6x |", "| 64 x 128 | 14,374 | 144,922 | 10.1x |"]
COLUMNS = FROM.format("-, *.sb3, *.rlkit, *.ratio")


def test_columns_of_a_table_are_bound_by_a_star(folder: Path) -> None:
    claims = check(folder, "Text.", "", *TABLE, *ROWS, COLUMNS)
    assert [claim.state for claim in claims] == ["holds"] * 6
    assert claims[-1] == Claim("text.md:6", "10.1x", "10.1", "holds", "results/ppo.json", "W2.ratio")
    stale = check(folder, *TABLE, ROWS[0], ROWS[1].replace("10.1x", "10.2x"), COLUMNS)
    assert [claim.claimed for claim in stale if claim.state == "wrong"] == ["10.2x"]
    for broken, why in (
        (ROWS[:1], "1 rows of 4 columns, and results/ppo.json 2 entries"),
        ([ROWS[0], "| 64 x 128 | 14,374 | 144,922 |"], "2 rows of 4 columns"),
        ([ROWS[0], "| 64 x 128 | fast | 144,922 | 10.1x |"], "'fast' of *.sb3 holds 0 numbers"),
    ):
        assert why in next(claim.found for claim in check(folder, *TABLE, *broken, COLUMNS) if claim.state == "wrong")
    cell_by_cell = FROM.format("-, -, -, W1.sb3, W1.rlkit, W1.ratio")
    assert [claim.state for claim in check(folder, *TABLE, ROWS[0], cell_by_cell)] == ["holds"] * 3


def test_figures_that_look_measured_are_listed_when_nothing_binds_them(folder: Path) -> None:
    text = ["It is 3.3x faster, wins 12 % and makes 5,000 steps/s", "or 7 agent-steps per CPU-second at 8 x 256.", ""]
    code = ["```", "it is 9x", "```", "", "    it is 8x", "", "`7x` at 2v2 with gamma 0.99"]
    claims = check(folder, *text, *code)
    listed = ["3.3x", "12 %", "5,000 steps/s", "7 agent-steps per CPU-second"]
    assert states(claims) == [(figure, "unbound") for figure in listed]
    assert [claim.where for claim in claims] == ["text.md:1"] * 3 + ["text.md:2"]


def test_a_comment_without_a_paragraph_is_wrong(folder: Path) -> None:
    assert [claim.state for claim in check(folder, FROM.format("W1.ratio"), "", "Text.")] == ["wrong"]


def test_runs_are_sources(folder: Path) -> None:
    run = create_run(load_params("baseline", {}))
    pd.DataFrame({"time/fps": [900.0, 1234.4, None]}).to_csv(run.folder / "metrics.csv", index=False)
    run.keep_tables(evaluation=pd.DataFrame({"opponent": ["rule", "basic"], "win_rate": [0.871, 0.5]}))
    text = "It makes 1,234 steps/s and wins 87 % of its games."
    bound = "<!-- from run {}: time/fps, evaluation.0.win_rate -->"
    assert [claim.state for claim in check(folder, text, bound.format(run.id))] == ["holds", "holds"]
    last = check(folder, text, bound.format("last"))
    assert [claim.state for claim in last] == ["wrong", "wrong"]  # another run tomorrow
    assert f"write {run.id}" in last[0].found


def test_the_command_fails_for_what_is_wrong_only(folder: Path) -> None:
    path = folder / "text.md"
    path.write_text(f"It is 24.6x.\n{FROM.format('W1.ratio')}\n\nAnd 3x.\n")
    result = CliRunner().invoke(app, ["claims", str(path)])
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "1 holds, 0 wrong, 1 unbound")
    path.write_text(f"It is 26x.\n{FROM.format('W1.ratio')}\n")
    result = CliRunner().invoke(app, ["claims", str(path)])
    assert result.exit_code == 1
    assert "text.md:1  26x      24.60" in result.output
    rows = json.loads(CliRunner().invoke(app, ["claims", str(path), "--json"]).output)
    assert rows[0]["state"] == "wrong"
    with pytest.raises(ParamsError, match="not there"):
        check_claims(folder / "none.md")


def test_every_figure_of_the_readme_is_what_was_measured() -> None:
    claims = check_claims(Path(__file__).parents[1] / "README.md")
    assert [claim for claim in claims if claim.state != "holds"] == []
