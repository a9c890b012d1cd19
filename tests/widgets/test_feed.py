"""A run folder looked at again and again: only what is new is read, and a file that was replaced begins anew."""

import json

import pytest

from rlkit.files import append_line, write_atomic
from rlkit.params import load_params
from rlkit.recorder import MetricsWriter
from rlkit.runs import Run, create_run
from rlkit.widgets.feed import Feed, Tail

STEPS, RETURN, LOSS = "time/total_timesteps", "rollout/ep_rew_mean", "train/loss"


@pytest.fixture
def run() -> Run:
    return create_run(load_params("baseline", {"env_id": "CartPole-v1"}))


def curve(feed: Feed, name: str) -> list[tuple[float, float]]:
    return list(zip(*feed.curves[name], strict=True))


def test_curves_grow_with_the_file_and_survive_a_new_metric(run: Run) -> None:
    feed, writer = Feed(run, [RETURN, "reward/", LOSS]), MetricsWriter(run.folder / "metrics.csv")
    assert not feed.look()
    writer.write({STEPS: 100, RETURN: 1.0, "time/fps": 9.0}, {})
    assert feed.look()
    assert not feed.look()
    assert curve(feed, RETURN) == [(100, 1)]
    writer.write({STEPS: 200, RETURN: 2.0, LOSS: 0.5, "reward/goal": 3.0}, {})  # the file is written anew
    writer.write({STEPS: 200, LOSS: 0.25}, {})  # SB3's last line: the update after the last rollout
    assert feed.look()
    assert curve(feed, RETURN) == [(100, 1), (200, 2)]
    assert curve(feed, "reward/goal") == [(200, 3)]
    assert curve(feed, LOSS) == [(100, 0.5), (200, 0.25)]  # each at the step from which it was computed
    assert "time/fps" not in feed.curves
    MetricsWriter(run.folder / "metrics.csv", until=100)  # a training that goes on from there
    assert feed.look()
    assert curve(feed, RETURN) == [(100, 1)]


def test_a_torn_line_waits_until_it_is_whole(run: Run) -> None:
    path = run.folder / "metrics.csv"
    tail = Tail(path)
    assert tail.read() == (False, [])
    path.write_text("a,b\n1,2\n3,")
    assert tail.read() == (True, ["a,b", "1,2"])
    with path.open("a") as file:
        file.write("4\n")
    assert tail.read() == (False, ["3,4"])
    write_atomic(path, "c,b\n1,2\n3,4\n5,6\n")
    assert tail.read() == (True, ["c,b", "1,2", "3,4", "5,6"])


def test_events_come_once(run: Run) -> None:
    feed = Feed(run, [])
    for step in (1, 2):
        append_line(run.folder / "events.jsonl", json.dumps({"step": step, "kind": "checkpoint"}))
        feed.look()
    assert [event["step"] for event in feed.events] == [1, 2]
