"""What the members that come with the kit are worth: games against every script, from kickoffs and from anywhere.

    python benchmarks/matches.py [--games 400 --rated 200 --jobs 2] [--members champion] [--keep]

1v1 on real physics, on both sides, first goal wins, a draw after two minutes; a member samples its actions. From
kickoffs, which are never twice the same, a game is often over within seconds; `scatter` puts cars and ball anywhere,
so that a kickoff cannot win it. The last three columns tell how the games were won: within 10 s of a kickoff, by the
opponent's own goal, or in open play. Figures are shares of all games, with 95 % intervals (Wilson). Ratings are Elo
from other games, of every pair of members and scripts from kickoffs, rule fixed at 1200.
"""

import argparse
from itertools import combinations

import pandas as pd
from measuring import add_keep, header, keep_results, print_table

from rlkit.league.matches import KINDS
from rlkit.league.member import shipped
from rlkit.league.ratings import rate
from rlkit.phases.self_play import SelfPlayParams
from rlkit.playing import EVALUATION_SEED, play
from rlkit.studies.trials import workers

SCRIPTS, STARTS = ("rule", "basic", "striker"), ("kickoff", "scatter")
COLUMNS = ("", "start", "against", "won", "95 %", "lost", "drawn", "seconds", *KINDS)


def main() -> None:
    """Play everything: the table, a line as soon as its games are over, then the ratings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", type=int, default=400, help="of each pair and start")
    parser.add_argument("--rated", type=int, default=200, help="games of each pair, for ratings; 0: none")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--members", default=",".join(shipped()), help="names; ratings take all")
    add_keep(parser)
    args = parser.parse_args()
    print(header())
    wanted = [(member, start, script, args.games) for member in args.members.split(",") for start in STARTS
              for script in SCRIPTS]  # fmt: skip
    kept: dict[str, dict[str, float]] = {}
    with workers(args.jobs) as spread:
        played = zip(wanted, spread(games_of, wanted), strict=True)
        print_table(COLUMNS, (cells(pair, found, kept) for pair, found in played))
        if args.rated:
            pairs = [(*pair, args.rated) for pair in combinations([*SCRIPTS, *shipped()], 2)]
            ratings = rate(pd.concat(spread(meet, pairs)), SelfPlayParams().anchors)[["rating", "low", "high"]]
            kept |= {f"{name} rated": row for name, row in ratings.to_dict("index").items()}
            print()
            print_table(("", *ratings), ([name, *(f"{elo:.0f}" for elo in row)] for name, *row in ratings.itertuples()))
    if args.keep:
        keep_results("matches", kept)


def games_of(pair: tuple[str, str, str, int]) -> dict[str, float]:
    """What some games of a member against a script came to."""
    member, start, script, games = pair
    matches = play(member, script, games, start=start)
    summary, made = matches.summary().iloc[0], matches.goals()["made"] / games
    found = {"won": summary["win_rate"], "low": summary["win_rate_low"], "high": summary["win_rate_high"]}
    found |= {"lost": summary["losses"] / games, "drawn": summary["draws"] / games}
    return found | {"seconds": matches.table["seconds"].median(), **made}


def meet(pair: tuple[str, str, int]) -> pd.DataFrame:
    """Games between two as `rate` takes them, none of which the table has."""
    one, other, games = pair
    scores = play(one, other, games, seed=EVALUATION_SEED + 1).scores()
    return pd.DataFrame({"one": one, "other": other, "score": scores})


def cells(pair: tuple[str, str, str, int], found: dict[str, float], kept: dict[str, dict[str, float]]) -> list[str]:
    """A line of the table, whose figures are added to those kept."""
    member, start, script, _ = pair
    kept[f"{member} {start} {script}"] = {name: float(value) for name, value in found.items()}
    interval = f"{found['low']:.1%} to {found['high']:.1%}"
    shares = [f"{found[name]:.1%}" for name in ("lost", "drawn")]
    kinds = [f"{found[name]:.0%}" for name in KINDS]
    return [member, start, script, f"{found['won']:.1%}", interval, *shares, f"{found['seconds']:.1f}", *kinds]


if __name__ == "__main__":
    main()
