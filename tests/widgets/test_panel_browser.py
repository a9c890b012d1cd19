"""A person at the panel: JupyterLab in a real browser, each click checked in the run folder and not in the page."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, chrome  # noqa: F401 (a fixture)

from rlkit.runs import RUNNING, Run, all_runs

CELLS = [
    "import rlkit",
    "values = dict(env_id='CartPole-v1', n_envs=4, n_steps=64, batch_size=64, n_epochs=2, total_timesteps=10**8)\n"
    "run = rlkit.start(rlkit.load_params('baseline', values))\nrun.panel()",
    "run.wait()",
]


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

    for count, key in enumerate(["ArrowLeft", "ArrowLeft", "ArrowRight"], start=1):  # more than once: see panel._wake
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

    lab.open("steer.ipynb")  # the page is loaded again, and its panel with it is gone: it was never saved
    lab.command("notebook:run-all-cells")  # `start` finds the training that has these parameters
    page.locator(".rlkit-stop").first.click(timeout=60_000)
    assert until(lambda: run.status()["state"] not in RUNNING and run.status())["state"] == "interrupted"
    assert len(all_runs()) == 1
