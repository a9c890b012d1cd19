"""The Dodge notebook's studies: its tables by hand-worked numbers, and one small training through all of them."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rlkit
from rlkit.assess import play_episodes
from rlkit.diagnostics import dodge_plots
from rlkit.diagnostics.replay import Replay
from rlkit.errors import CheckpointError, RunError
from rlkit.experiment import check_env
from rlkit.files import project_root
from rlkit.params import load_params
from rlkit.phases import Params
from rlkit.phases.dodge import DodgeParams
from rlkit.runs import Run
from rlkit.studies import dodge, dodge_trials, trials

SMALL: dict[str, Any] = {
    "n_envs": 4, "n_steps": 32, "batch_size": 64, "total_timesteps": 512, "checkpoint_every": 256, "eval_every": 256,
    "eval_episodes": 4, "eval_games": 6, "n_seeds": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "word"),
    [(1.0, "excellent"), (0.8, "good"), (0.5, "moderate"), (0.21, "moderate"), (0.2, "poor"), (0, "poor")],
)
def test_grades_are_the_authors(rate: float, word: str) -> None:
    assert dodge.grade(rate) == word


def test_success_has_wilsons_interval() -> None:
    """4 of 10: centre (0.4 + 1.92 / 10) / (1 + 3.84 / 10) = 0.428, half width 0.260."""
    row = dodge.success(4, 10)
    assert (row["episodes"], row["success"], row["grade"]) == (10, 0.4, "moderate")
    assert (row["low"], row["high"]) == pytest.approx((0.168, 0.687), abs=1e-3)


def test_the_summary_counts_all_seeds_together_and_names_the_worst() -> None:
    table = pd.DataFrame(
        {
            "setting": ["level1_ppo", "level1_ppo", "level1_dqn", "other"],
            "episodes": [100, 300, 100, 100],
            "success": [1.0, 0.98, 0.97, 0.5],
            "newest": [0.5, 0.7, 0.0, 0.5],
            "seconds": [4.0, 6.0, 9.0, 1.0],
            "steps": [10, 10, 20, 30],
        }
    )
    ppo, dqn, other = dodge_trials.summary(table).to_dict("records")
    assert ppo["success"] == pytest.approx(394 / 400)
    assert (ppo["seeds"], ppo["worst seed"], ppo["newest"], ppo["seconds"]) == (2, 0.98, pytest.approx(0.6), 5.0)
    assert (ppo["target"], ppo["met"], ppo["author"]) == ("100% in 10 s", False, 1.0)
    assert (dqn["target"], dqn["met"], dqn["author"]) == ("95%", True, 0.3)
    assert np.isnan(other["author"])


def test_a_setting_is_its_profile_in_the_notebooks_share_of_steps() -> None:
    params = DodgeParams(**SMALL | {"study_share": 0.01, "seed": 7})
    whole, dqn = load_params("dodge", profile="level1_dqn"), dodge_trials.setting(params, "level1_dqn")
    assert (dqn.algorithm, dqn.name, dqn.seed) == ("dqn", "level1_dqn", 7)
    assert (dqn.total_timesteps, dqn.learning_starts) == (whole.total_timesteps // 100, whole.learning_starts // 100)
    assert (dqn.eval_games, dqn.eval_episodes, dqn.env_kwargs) == (6, 4, whole.env_kwargs)


def test_every_change_is_one_change() -> None:
    wanted: dict[str, DodgeParams] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dodge_trials, "_train", lambda settings, params, n_seeds: wanted.update(settings) or {})
        dodge_trials.train_changes(DodgeParams())
    base = wanted.pop("as it is").model_dump()
    for name, params in wanted.items():
        different = {key for key, value in params.model_dump().items() if value != base[key]} - {"name"}
        assert different in ({"env_kwargs"}, {"n_envs", "n_steps"}), name
        assert params.n_envs * params.n_steps == base["n_envs"] * base["n_steps"]


class FakeRun:
    """A run that lasts for a few looks at it."""

    busy = most = 0

    def __init__(self, params: Params) -> None:
        self.params, self.id, self.looks, self.state = params, params.name, 3, "running"
        FakeRun.busy += 1
        FakeRun.most = max(FakeRun.most, FakeRun.busy)

    def status(self) -> dict[str, Any]:
        self.looks -= 1
        if self.looks == 0:
            FakeRun.busy -= 1
            self.state = "failed" if self.params.name == "bad" else "done"
        return {"state": self.state, "reason": "because"}

    def stop(self, reason: str) -> None:
        self.state = "interrupted"

    def log_tail(self) -> str:
        return ""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[FakeRun]:
    """The fake runs that were started."""
    runs: list[FakeRun] = []
    monkeypatch.setattr(trials, "start", lambda params: runs.append(FakeRun(params)) or runs[-1])
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    FakeRun.busy = FakeRun.most = 0
    return runs


def test_no_more_trainings_than_asked_for_run_at_once(started: list[FakeRun]) -> None:
    wanted = [DodgeParams(name=str(i)) for i in range(5)]
    assert trials.train_all(wanted, n_jobs=2) == started
    assert [run.params.name for run in started] == list("01234")
    assert FakeRun.most == 2


def test_a_failed_training_is_told_after_the_others(started: list[FakeRun]) -> None:
    with pytest.raises(RunError, match="run bad failed: because"):
        trials.train_all([DodgeParams(name="bad"), DodgeParams(name="good")], n_jobs=1)
    assert [run.state for run in started] == ["failed", "done"]


def test_an_interrupted_study_stops_its_trainings(started: list[FakeRun], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        trials.train_all([DodgeParams()], n_jobs=1)
    assert [run.state for run in started] == ["interrupted"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A small run, trained in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RLKIT_OUTPUTS", str(tmp_path_factory.mktemp("outputs")))
        yield rlkit.train(DodgeParams(**SMALL))


def test_the_best_weights_are_kept_by_playing(trained: Run) -> None:
    assert trained.metrics()["eval/success_rate"].dropna().between(0, 1).all()
    curve = dodge_trials.curves({"ppo": [trained]})
    assert curve["steps"].tolist() == [256, 512, 512]  # the last one: the weights of the last update
    assert curve["seconds"].is_monotonic_increasing


def test_an_evaluation_tells_best_and_newest_and_keeps_a_film(trained: Run) -> None:
    table = dodge.evaluate(trained)
    assert table["weights"].tolist() == [
        "best, deterministic", "best, sampled", "newest, deterministic", "newest, sampled",
    ]  # fmt: skip
    assert (table["episodes"] == 6).all()
    film = Replay.from_bytes((trained.folder / "replays" / "best.npz").read_bytes())
    assert film.arrays["frames"].shape[1:] == (300, 480, 3)
    assert film.seconds_per_frame == pytest.approx(1 / 25)
    assert dodge_plots.success_rates(table).axes


def test_a_film_shows_the_episode_that_was_evaluated(trained: Run) -> None:
    """One row of the evaluation's seed: its length in decisions is the film's length in pictures."""
    table, agent = play_episodes(trained, 1)
    dodge.film(trained, agent)
    frames = len(Replay.from_bytes((trained.folder / "replays" / "best.npz").read_bytes()))
    assert 2 * (table["length"].item() - 1) < frames - 1 <= 2 * table["length"].item()


def test_another_game_is_refused_unless_asked_for(trained: Run) -> None:
    with pytest.raises(CheckpointError, match="another environment"):
        play_episodes(trained, 2, env_kwargs={"angle": 180})
    with pytest.raises(CheckpointError, match="another environment"):
        play_episodes(trained, 2, env_kwargs={"features": ["scaled"]})  # as wide, and means something else
    assert dodge.elsewhere(trained, {"wide": {"angle": 180}, "slow": {"flight_seconds": 2.0}})["episodes"].sum() == 12
    with pytest.raises(CheckpointError, match="no weights fit both"):
        play_episodes(trained, 2, env_kwargs={"features": ["warning"]}, other_env=True)


@pytest.mark.parametrize("change", [{"features": ["scaled"]}, {"features": ["warning"]}, {"observation": "image"}])
def test_a_training_does_not_go_on_from_other_observations(
    trained: Run, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    monkeypatch.setenv("RLKIT_OUTPUTS", str(trained.folder.parents[1]))
    params = SMALL | {"start_from": trained.id}
    check_env(DodgeParams(**params | {"env_kwargs": trained.params.env_kwargs | {"angle": 180}}))
    other = DodgeParams(**params | {"env_kwargs": {"level": 2} | change})
    with pytest.raises(CheckpointError, match=r"other observations or actions: .*features was"):
        check_env(other)
    with pytest.raises(CheckpointError, match="other observations or actions"):
        rlkit.train(other)


def test_a_foreign_env_is_compared_by_its_arguments(trained: Run) -> None:
    cartpole = {"env_id": "CartPole-v1", "env_kwargs": {}, "n_envs": 2, "eval_every": 0}
    run = rlkit.train(DodgeParams(**SMALL | cartpole))
    with pytest.raises(CheckpointError, match="sutton_barto_reward"):
        play_episodes(run, 2, env_kwargs={"sutton_barto_reward": True})
    table, _ = play_episodes(run, 2, env_kwargs={"sutton_barto_reward": True}, other_env=True)
    assert len(table) == 2


def test_a_minute_of_each_level_is_of_as_many_episodes_as_it_takes(
    trained: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = [np.full((30, 48, 3), shade, np.uint8) for shade in range(11)]  # at 25 a second: 0.4 s
    monkeypatch.setattr(dodge, "_pictures", lambda env, agent, held, seed: episode)
    table = dodge_trials.film_levels({"level1_ppo": [trained], "faithful": [trained]}, seconds=1.0)
    assert table["film"].tolist() == ["development: 1.2 s, 3 episodes"]
    film = Replay.from_bytes((trained.folder / "replays" / "minute.npz").read_bytes())
    assert len(film) == 33
    assert (trained.folder.parents[1] / table["page"].item()).exists()


def test_a_training_is_a_row(trained: Run) -> None:
    (row,) = dodge_trials.trainings({"ppo": [trained]}).to_dict("records")
    assert (row["setting"], row["seed"], row["run"], row["steps"]) == ("ppo", 0, trained.id, 512)
    assert 0 < row["best_seconds"] <= row["seconds"]
    assert row["best_steps"] in (256, 512)


def test_throwers_are_compared_with_chance(trained: Run) -> None:
    env_kwargs = {"level": 2, "dodger": str(trained.folder / "best")}
    run = rlkit.train(DodgeParams(**SMALL | {"env_id": "rlkit/DodgeThrower-v0", "env_kwargs": env_kwargs}))
    table = dodge_trials.hits({"agent": [run]})
    assert table["throws"].tolist() == ["at random, at the agent", "learned, at the agent"]
    assert (table["success"] > 0).all()  # an agent after 512 decisions is hit


def test_throwers_play_the_game_of_the_run_against_its_very_network(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: dict[str, DodgeParams] = {}
    monkeypatch.setattr(dodge_trials, "_train", lambda settings, params, n_seeds: wanted.update(settings) or {})
    game = {"level": 2, "angle": 90, "max_seconds": 5.0, "action_repeat": 2}
    params = DodgeParams(**SMALL | {"activation": "relu", "env_kwargs": game | {"features": ["scaled"]}})
    dodge_trials.train_throwers(SimpleNamespace(folder=Path("run"), params=params), params)
    agent = wanted["agent"].env_kwargs
    assert agent | game == agent
    assert (agent["dodger"], agent["dodger_activation"]) == (str(Path("run") / "best"), "relu")
    assert "features" not in agent


def test_a_level_without_an_arc_is_not_asked_for_angles() -> None:
    run = rlkit.train(DodgeParams(**SMALL | {"env_kwargs": {"level": 1}, "total_timesteps": 128, "eval_every": 128}))
    games = {"wide": {"angle": 180}, "60 steps a second": {"dt": 1 / 60}}
    assert dodge.elsewhere(run, games)["game"].tolist() == ["60 steps a second"]


def test_a_sampled_dqn_explores_as_at_the_end_of_its_training() -> None:
    dqn = {"algorithm": "dqn", "learning_starts": 64, "buffer_size": 500, "exploration_final_eps": 0.5}
    run = rlkit.train(DodgeParams(**SMALL | dqn))
    lengths = [play_episodes(run, 40, deterministic=chosen)[0]["length"].tolist() for chosen in (True, True, False)]
    assert lengths[0] == lengths[1] != lengths[2]


def test_without_settings_nothing_else_is_trained(trained: Run) -> None:
    alone = DodgeParams(**SMALL | {"settings": []})
    for runs in (
        dodge_trials.train_settings(alone),
        dodge_trials.train_changes(alone),
        dodge_trials.train_throwers(trained, alone),
    ):
        assert runs == {}
        assert dodge_trials.summary(dodge_trials.trainings(runs)).empty
        assert dodge_trials.hits(runs).empty
        assert any(
            "no data yet" in text.get_text() for text in dodge_plots.learning(dodge_trials.curves(runs)).axes[0].texts
        )


def test_scripts_are_between_nothing_and_all() -> None:
    table = dodge.scripted(DodgeParams(), episodes=20).set_index("player")
    assert table.loc["still", "success"] == 0
    assert table.loc["planner", "success"] > 0.9
    assert table.loc["still", "seconds"] < 2


@pytest.mark.parametrize("table", [pd.DataFrame(), pd.DataFrame({"setting": [], "seed": []})])
def test_figures_of_nothing_say_so(table: pd.DataFrame) -> None:
    figure = dodge_plots.learning(table) if "seed" in table else dodge_plots.success_rates(table)
    assert any("no data yet" in text.get_text() for text in figure.axes[0].texts)


def test_the_learning_curve_has_a_bold_line_per_setting() -> None:
    rows = [(name, seed, second, second / 10) for name in ("a", "b") for seed in (0, 1) for second in (1.0, 5.0)]
    (axes,) = dodge_plots.learning(pd.DataFrame(rows, columns=["setting", "seed", "seconds", "success"])).axes
    bold = [line for line in axes.lines if line.get_linewidth() > 2]
    assert [line.get_label() for line in bold] == ["a  50%", "b  50%"]
    assert len(axes.lines) == 6


def test_the_authors_figure_stands_beside_ours() -> None:
    table = pd.DataFrame({"setting": ["a", "b"], "author": [0.3, np.nan]})
    table = pd.concat([table, pd.DataFrame([dodge.success(5, 10), dodge.success(10, 10)])], axis="columns")
    (axes,) = dodge_plots.success_rates(table).axes
    assert [text.get_text() for text in axes.texts if "of 10" in text.get_text()] == ["50.0% of 10", "100.0% of 10"]
    (diamonds,) = [line for line in axes.lines if line.get_marker() == "D"]
    assert diamonds.get_xdata().tolist()[0] == 0.3


def test_what_is_compared_and_aimed_at_are_settings() -> None:
    profiles = {path.stem for path in (project_root() / "params" / "dodge").glob("*.yaml")}
    assert {*dodge_trials.AUTHOR, *dodge_trials.TARGETS} <= profiles
