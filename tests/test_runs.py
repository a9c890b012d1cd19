"""Run folders: what they are called, what they hold, how they are found."""

import json
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock, Timeout

from rlkit import owner, runs
from rlkit.control import post_request, read_stop, set_pause
from rlkit.errors import RunError
from rlkit.params import load_params
from rlkit.progress import clock, progress_text


def new_run(**changes: object) -> runs.Run:
    return runs.create_run(load_params("baseline", changes))


@pytest.mark.parametrize("name", ["../../up", "/etc/x", "x" * 300, "🚗", "CON", "a b", ""])
def test_no_name_leads_out_of_outputs(name: str, outputs: Path) -> None:
    run = new_run(name=name)
    assert run.folder.parent == outputs / "baseline"
    assert run.params.name == name
    assert {path.name for path in outputs.iterdir()} == {"baseline"}


def test_twenty_runs_made_at_once_are_twenty_folders() -> None:
    threads = [threading.Thread(target=new_run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs.all_runs()) == 20


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RLKIT_OUTPUTS", str(tmp_path / "file"))
    with pytest.raises(RunError, match="cannot write run folders"):
        new_run()


def test_a_full_disk_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MIN_FREE_BYTES", 2**60)
    with pytest.raises(RunError, match="free"):
        new_run()
    assert runs.all_runs() == []


def test_attach_by_id_part_folder_and_last() -> None:
    first, second = new_run(name="one"), new_run(name="two")
    assert runs.attach(first.id) == runs.attach("_one_") == runs.attach(first.folder) == first
    assert runs.attach("last") == second
    with pytest.raises(RunError, match="fits 2 runs"):
        runs.attach("_s0_")
    with pytest.raises(RunError, match="no run 'three'"):
        runs.attach("three")
    with pytest.raises(RunError, match="no run"):
        runs.attach("../..")


def test_a_result_that_was_changed_does_not_count() -> None:
    run = new_run()
    (run.folder / "result.json").write_text("{}")
    status = json.loads((run.folder / "status.json").read_text())
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # SHA-256 of {}
    (run.folder / "status.json").write_text(json.dumps(status | {"state": "done", "result_sha256": digest}))
    assert run.status()["state"] == "done"
    (run.folder / "result.json").write_text("{ }")
    assert run.status()["state"] == "failed"


def test_a_damaged_status_is_no_crash() -> None:
    run = new_run()
    (run.folder / "status.json").write_text('{"state": "runn')
    assert run.status()["state"] == "died"
    (run.folder / "status.json").unlink()
    assert run.status()["state"] == "died"


def test_a_run_on_another_machine_lives_by_its_heartbeat() -> None:
    run = new_run()
    away = {"state": "running", "reason": "", "host": "elsewhere", "pid": 1, "start_mark": 0.0}
    (run.folder / "status.json").write_text(json.dumps(away | {"heartbeat": time.time()}))
    assert run.status()["state"] == "running"
    (run.folder / "status.json").write_text(json.dumps(away | {"heartbeat": time.time() - 100}))
    assert run.status()["state"] == "died"


def test_a_torn_line_of_metrics_is_left_out() -> None:
    run = new_run()
    assert run.metrics().empty
    (run.folder / "metrics.csv").write_text("a,b\n1,2\n3")
    pd.testing.assert_frame_equal(run.metrics(), pd.DataFrame({"a": [1], "b": [2]}))


def test_a_stop_is_left_in_the_mailbox() -> None:
    run = new_run()
    with pytest.raises(RunError, match="banana"):
        run.stop("enough", "banana")
    run.stop("enough", "timeout")
    assert read_stop(run.folder) == ("timeout", "enough")


def test_what_was_asked_before_the_training_came_is_there_from_its_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "POLL_SECONDS", 60.0)  # only the first look can have found it
    run = new_run()
    run.stop("enough", "timeout")
    set_pause(run.folder, True)
    request = post_request(run.folder, "edit", name="gamma", value=0.9)
    with owner.Owner(run) as held:
        assert (held.stop, held.paused, run.status()["paused"]) == (("timeout", "enough"), True, True)
        assert [found["id"] for found in held.take_requests()] == [request]


def test_the_lock_is_one_for_all() -> None:
    run = new_run()
    with FileLock(run.folder / "lock"), pytest.raises(Timeout):
        FileLock(run.folder / "lock", timeout=0, is_singleton=False).acquire()


def test_the_line_of_progress() -> None:
    status = {"state": "running", "steps": 500, "total_timesteps": 2000, "steps_per_second": 10.0, "ep_rew_mean": 1.5}
    assert progress_text(status) == "running  500 of 2,000 steps (25 %)  10 steps/s  return 1.50  2:30 left"
    assert clock(3725) == "1:02:05"
