"""Four hours at the panel in a few seconds: what they leave in the notebook is one panel, one line and one picture."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

HOURS, ROLLOUT_SECONDS, REFRESHES_PER_SECOND = 4, 1.1, 2  # 64 x 256 steps at 15,000 a second
ROLLOUTS = round(HOURS * 3600 / ROLLOUT_SECONDS)
CELLS = [
    """
import json
import numpy as np
from IPython.display import display
from rlkit.files import append_line, write_json
from rlkit.params import load_params
from rlkit.progress import ProgressLine
from rlkit.runs import create_run
from rlkit.widgets import panel

run = create_run(load_params("baseline"))
terms = [f"reward/{name}" for name in "goal concede touch alignment boost_gain face_ball demolition".split()]
names = ["time/total_timesteps", "rollout/ep_rew_mean", "time/steps_per_second", "time/env_seconds",
         "time/update_seconds", "train/approx_kl", "train/clip_fraction", "train/value_loss", *terms]
write_json(run.folder / "env.json", {"config": {"reward_weights": {name: 1.0 for name in terms}}})
(run.folder / "metrics.csv").write_text(",".join(names) + "\\n")
rng = np.random.default_rng(0)

def train(rollouts, done):
    rows = [[(done + k) * 16384, *rng.normal(size=len(names) - 1).round(6)] for k in range(1, rollouts + 1)]
    with open(run.folder / "metrics.csv", "a") as file:
        file.writelines(",".join(map(str, row)) + "\\n" for row in rows)
    edit = {"step": done * 16384, "kind": "edit", "planned": False, "name": "clip_range", "value": 0.1 + done % 7 / 50}
    append_line(run.folder / "events.jsonl", json.dumps(edit))
""",
    """
shown, line = panel.Panel(run), ProgressLine()
shown.close()  # its own thread: here every refresh is counted
display(shown.box)
place = display({"text/plain": "steer it"}, raw=True, display_id=True)
for number in range(REFRESHES):
    train(ROLLOUTS // REFRESHES, number * (ROLLOUTS // REFRESHES))
    shown._refresh()
    line._last = -1e9
    line.show(run.progress_text({"state": "running", "steps": number, "ep_rew_mean": float(number)}))
write_json(run.folder / "status.json", {"phase": "baseline", "state": "interrupted", "reason": "", "steps": 1})
panel._leave_picture(run, place)
""",
]


@pytest.mark.parametrize(
    "refreshes",
    [150, pytest.param(HOURS * 3600 * REFRESHES_PER_SECOND, marks=pytest.mark.slow)],
)
def test_a_long_training_leaves_a_small_notebook(refreshes: int, tmp_path: Path) -> None:
    rollouts = max(ROLLOUTS, refreshes)
    head = f"REFRESHES, ROLLOUTS = {refreshes}, {rollouts}"
    cells = [nbformat.v4.new_code_cell(source) for source in (head, *CELLS)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=3600).execute()
    nbformat.write(notebook, tmp_path / "out.ipynb")
    kinds = [next(iter(output.get("data", {"text": ""}))) for output in notebook.cells[-1].outputs]
    assert sorted(kinds) == ["image/png", "text/plain", "text/plain"]  # the picture, the panel's place, the line
    size = (tmp_path / "out.ipynb").stat().st_size
    print(f"{refreshes} refreshes of a panel over {rollouts} rollouts: {size:,} bytes")
    assert size < 500_000  # a tenth of what is allowed
