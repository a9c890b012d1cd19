import json
import shutil

import numpy as np
import pytest
from frozen import CONFIG, make_member

from rlkit.errors import CheckpointError
from rlkit.league.member import WEIGHTS
from rlkit.league.pool import Pool


@pytest.fixture
def pool(tmp_path):
    pool = Pool(tmp_path / "league", CONFIG)
    for k in range(5):
        pool.add(*make_member(f"m{k}", seed=k, steps=1000 * k))
    return pool


RATINGS = {"m0": 1000.0, "m1": 1100.0, "m2": 1200.0, "m3": 1300.0, "m4": 1400.0}


def test_the_folder_is_the_index(pool):
    again = Pool(pool.folder, CONFIG)
    assert again.members == pool.members
    assert list(again.members) == list(RATINGS)
    assert again.skipped == []


def test_what_is_broken_is_left_out_with_a_line(pool):
    folder = pool.folder
    (folder / "m0" / WEIGHTS).write_bytes(b"x")
    (folder / "m1" / "manifest.json").write_text("{")
    shutil.copytree(folder / "m2", folder / "copy")
    facts = json.loads((folder / "m3" / "manifest.json").read_text())
    facts["env"]["tick_skip"] = 4
    (folder / "m3" / "manifest.json").write_text(json.dumps(facts))
    (folder / "empty").mkdir()
    (folder / "games.csv").write_text("not a member")
    with pytest.warns(UserWarning, match="left out of the league"):
        again = Pool(folder, CONFIG)
    assert list(again.members) == ["m2", "m4"]
    hints = ["called m2", "manifest.json is missing", "not the file", "manifest.json is missing", "every 4 ticks"]
    for line, name, hint in zip(again.skipped, ["copy", "empty", "m0", "m1", "m3"], hints, strict=True):
        assert name in line
        assert hint in line
        assert "\n" not in line


def test_pruning_keeps_a_floor(pool):
    assert pool.prune(RATINGS, 1450.0, 300, 3) == ["m0", "m1"]
    assert pool.prune(RATINGS, 1450.0, 300, 3) == []
    assert pool.prune(RATINGS, 9000.0, 300, 3) == []  # all are too weak, and three stay
    assert list(pool.members) == ["m2", "m3", "m4"]
    assert pool.prune(RATINGS, 9000.0, 300, 1) == ["m2", "m3"]
    assert list(Pool(pool.folder, CONFIG).members) == ["m4"]


def test_a_training_that_goes_on_gets_the_pool_it_had(pool):
    shutil.rmtree(pool.folder / "m1")
    again = Pool(pool.folder, CONFIG)
    assert again.keep(["m0", "m1", "m2"]) == ["m1"]
    assert list(again.members) == ["m0", "m2"]
    assert list(Pool(pool.folder, CONFIG).members) == ["m0", "m2"]


def test_statistics(pool):
    found = pool.statistics(RATINGS)
    assert found == {"count": 5, "mean": 1200, "std": pytest.approx(np.std(list(RATINGS.values()))), "min": 1000,
                     "max": 1400, "first_steps": 0, "last_steps": 4000}  # fmt: skip
    assert Pool(pool.folder / "none", CONFIG).statistics({}) == {"count": 0}


def test_who_cannot_play_here_is_not_added(pool):
    with pytest.raises(CheckpointError, match="every 4 ticks"):
        pool.add(*make_member("other", config={"tick_skip": 4}))
    assert "other" not in pool.members
