import pandas as pd

from rlkit.league.ledger import Ledger
from rlkit.league.matches import Matches


def matches(*results):
    rows = [{"game": k, "blue": "a", "orange": "b", "side": "blue", "winner": "none", "result": result}
            for k, result in enumerate(results)]  # fmt: skip
    return Matches("a", "b", pd.DataFrame(rows))


def test_games_come_back_and_a_lost_future_is_forgotten(tmp_path):
    ledger = Ledger(tmp_path)
    assert ledger.games().empty
    ledger.add(100, matches("win", "draw"))
    ledger.add(200, matches("loss"))
    games = ledger.games()
    assert games[["step", "one", "other", "score"]].values.tolist() == [
        [100, "a", "b", 1.0],
        [100, "a", "b", 0.5],
        [200, "a", "b", 0.0],
    ]
    assert games["winner"].tolist() == ["none"] * 3
    ledger.path.write_text(ledger.path.read_text() + "300,a,b,1.0,0")  # killed while it wrote
    assert len(ledger.games()) == 3
    ledger.until(100)
    ledger.add(150, matches("win"))
    assert ledger.games()["step"].tolist() == [100, 100, 150]
