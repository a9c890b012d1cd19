"""`rlkit play A B`: matches between any two players, as a table of results and of goals by kind."""

import json
from pathlib import Path
from typing import Annotated

import typer

from rlkit.printing import show_rows

PLAYER = "a script (idle, basic, rule, ...), a member's name or folder, an SB3 zip, RUN, RUN/STEP or RUN/MEMBER"


def play(
    one: Annotated[str, typer.Argument(metavar="A", help=PLAYER)],
    other: Annotated[str, typer.Argument(metavar="B", help="the same")],
    games: Annotated[int, typer.Option(help="games, half of them with A as orange")] = 100,
    mode: Annotated[str, typer.Option(help="1v1, 1v2, 2v1, 2v2 or 3v3")] = "1v1",
    start: Annotated[str, typer.Option(help="kickoff; scatter: anywhere; or a drill")] = "kickoff",
    seed: Annotated[int | None, typer.Option(help="of the starts; by default that of evaluations")] = None,
    replay: Annotated[list[int] | None, typer.Option(help="number of a game to film; more than once for more")] = None,
    out: Annotated[Path, typer.Option(help="where films go")] = Path("replays"),
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document instead of tables")] = False,
) -> None:
    """Play games between two players on both sides, first goal wins: results with intervals, and goals by kind."""
    from rlkit.assess import write_replay
    from rlkit.playing import EVALUATION_SEED
    from rlkit.playing import play as play_games

    seed = EVALUATION_SEED if seed is None else seed
    matches = play_games(one, other, games, mode, replay or [], start, seed)
    films = [str(write_replay(out, film.title, film)) for film in matches.replays]
    summary, goals = matches.summary().to_dict("records"), matches.goals().reset_index().to_dict("records")
    if as_json:
        document = {"summary": summary[0], "goals": goals, "films": films, "games": matches.table.to_dict("records")}
        print(json.dumps(document, indent=2, default=str))
        return
    show_rows([{"": name, "value": value} for name, value in summary[0].items()], False)
    print()
    show_rows(goals, False)
    print("\n".join(["", *films]) if films else "", end="\n" if films else "")
