"""A person at the panel: JupyterLab in a real browser, each click checked in the run folder and not in the page."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from lab import Lab, chrome  # noqa: F401 (a fixture)

from rlkit.runs import RUNNING, Run, all_runs

CELLS = [
    "import rlkit",
    "values = dict(env_id='CartPole-v1', n_envs=4, n_steps=64, batch_size=64, n_epochs=2, total_timesteps=10**8)\n"
    "run = rlkit.start(rlkit.load_params('baseline', values))\nrun.panel()",
    "run.wait()",
]
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "control_panel.ipynb"
SMALL = {"env_id": "CartPole-v1", "n_envs": 4, "total_timesteps": 10**8, "checkpoint_every": 10**8, "eval_games": 2}
OUTPUTS = """() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells
    .flatMap(cell => (cell.outputs || []).map(output => Object.keys(output.data || {}))))"""


@pytest.fixture
def lab(tmp_path: Path, chrome: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:  # noqa: F811
    monkeypatch.setenv("RLKIT_OUTPUTS", str(tmp_path / "outputs"))
    (tmp_path / "home").mkdir()
    lab = Lab(tmp_path / "home", chrome, {"RLKIT_OUTPUTS": str(tmp_path / "outputs")})
    yield lab
    lab.page.screenshot(path=tmp_path / "last.png")  # kept by pytest with its other temporary files
    for run in all_runs():
        if run.status()["state"] in RUNNING:
            run.stop()
    lab.close()


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The condition's value once it is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    pytest.fail(f"nothing within {seconds} s")


def the_run() -> Run:
    return until(lambda: next(iter(all_runs()), None))


def edits(run: Run) -> list[dict[str, Any]]:
    return [event for event in run.events() if event["kind"] == "edit"]


def test_a_person_steers_a_training(lab: Lab, tmp_path: Path) -> None:
    page = lab.page
    lab.write("steer.ipynb", CELLS)
    lab.open("steer.ipynb")
    lab.command("notebook:run-all-cells")  # the last cell waits for the training while the panel is used
    run = the_run()
    until(lambda: run.status().get("steps", 0) > 1000)
    slider = page.locator(".rlkit-learning_rate [role=slider]").first
    slider.wait_for(timeout=60_000)

    for count, key in enumerate(["ArrowLeft", "ArrowLeft", "ArrowRight"], start=1):  # more than once: see awake.py
        slider.focus()
        page.keyboard.press(key)
        until(lambda count=count: len(edits(run)) == count)
    rate = edits(run)[-1]["value"]
    assert rate != run.params.learning_rate
    step = edits(run)[-1]["step"]
    until(lambda: run.metrics()["train/learning_rate"].iloc[-1] == pytest.approx(rate))
    page.wait_for_function(
        "text => [...document.querySelectorAll('.rlkit-answer')].some(e => e.textContent.includes(text))",
        arg=f"from step {step:,}", timeout=20_000,
    )  # fmt: skip

    page.locator(".rlkit-pause").click()
    until(lambda: run.status().get("paused"))
    page.screenshot(path=tmp_path / "panel.png")
    until(lambda: page.locator(".rlkit-pause").text_content().strip() == "Resume")
    page.locator(".rlkit-pause").click()
    until(lambda: not run.status().get("paused"))
    page.locator(".rlkit-checkpoint").click()
    until(lambda: [event for event in run.events() if event.get("request") and event["kind"] == "checkpoint"])

    lab.open("steer.ipynb", at_work=True)  # the page is loaded again, and its panel with it is gone: it was never saved
    lab.command("notebook:run-all-cells")  # `start` finds the training that has these parameters
    page.locator(".rlkit-stop").first.click(timeout=60_000)
    assert until(lambda: run.status()["state"] not in RUNNING and run.status())["state"] == "interrupted"
    assert len(all_runs()) == 1


def control_panel() -> list[str]:
    """The notebook's code cells up to the one that waits for the end, with a small task in the parameters."""
    cells = [cell for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code"]
    sources = [cell.source for cell in cells]
    (place,) = [number for number, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", [])]
    sources[place] = f"phase, profile, values = 'baseline', 'testing', {SMALL}"
    last = next(number for number, source in enumerate(sources) if source.startswith("run.wait()"))
    return sources[: last + 1]


def test_a_person_at_the_control_panel(lab: Lab, tmp_path: Path) -> None:
    page = lab.page
    lab.write("control.ipynb", control_panel())
    lab.open("control.ipynb")
    lab.command("notebook:run-all-cells")
    run = the_run()
    until(lambda: run.status().get("steps", 0) > 1000)

    seed = page.locator(".rlkit-field-seed input")
    seed.fill("-1")
    seed.press("Tab")
    page.get_by_text("greater than or equal to 0").wait_for(timeout=20_000)
    page.screenshot(path=tmp_path / "form.png")
    page.locator(".rlkit-start").click()
    seed.fill("0")
    seed.press("Tab")
    page.get_by_text("greater than or equal to 0").wait_for(state="detached", timeout=20_000)
    assert len(all_runs()) == 1

    page.locator(".rlkit-checkpoint").click()
    until(lambda: [event for event in run.events() if event["kind"] == "checkpoint"])
    page.locator(".rlkit-evaluate").click()
    player = page.frame_locator(".rlkit-panel iframe").locator("canvas").first
    player.wait_for(timeout=120_000)
    page.screenshot(path=tmp_path / "played.png")
    assert "mean_return" in run.tables()["evaluation"]

    page.get_by_text("Branches", exact=True).click()
    page.locator(".rlkit-branch").click()
    branch = until(lambda: next((one for one in all_runs() if one.params.start_from), None))
    page.wait_for_function(
        "id => document.querySelector('.rlkit-tree').textContent.includes(id)", arg=branch.id, timeout=20_000
    )
    until(lambda: branch.status().get("steps", 0) > run.params.n_steps)
    branch.stop()
    page.screenshot(path=tmp_path / "branched.png")

    page.locator(".rlkit-stop").first.click()
    until(lambda: run.status()["state"] not in RUNNING)
    until(lambda: any("image/png" in kinds for kinds in json.loads(page.evaluate(OUTPUTS))))
    lab.command("docmanager:save")
    saved = lab.folder / "control.ipynb"
    until(lambda: "image/png" in saved.read_text())
    assert saved.stat().st_size < 300_000  # bytes: pictures and charts are replaced in place
