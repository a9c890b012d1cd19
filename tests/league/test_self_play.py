import shutil
from pathlib import Path

import numpy as np
import pytest

import rlkit
from rlkit.checkpoint import load_training, newest_checkpoint
from rlkit.errors import CheckpointError, EnvError, ParamsError
from rlkit.experiment import check_env, train
from rlkit.league.ledger import Ledger
from rlkit.league.pool import LEAGUE
from rlkit.league.samplers import SAMPLERS
from rlkit.league.self_play import LEARNER, SelfPlay
from rlkit.params import load_params
from rlkit.phases.self_play import SelfPlayParams
from rlkit.runs import requeue
from rlkit.trainers import companions
from rlkit.trainers.self_play import league_of

MIX = {"self": 0.5, "rule": 0.3, "basic": 0.2}
TINY = {
    "n_envs": 6, "n_steps": 16, "batch_size": 32, "n_epochs": 1, "net_arch": [16, 16], "n_workers": 1,
    "env_kwargs": {"opponents": MIX}, "total_timesteps": 480, "checkpoint_every": 192, "member_every": 96,
    "rate_every": 192, "rate_games": 2, "rate_seconds": 1.0, "opponents_at_once": 4,
}  # fmt: skip


def params(**changes):
    return load_params("self_play", TINY | changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A whole training with its league."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RLKIT_OUTPUTS", str(tmp_path_factory.mktemp("outputs")))
        return train(params())


def _saved(run):
    return load_training(newest_checkpoint(run.folder / "checkpoints"))[0]["companions"]["SelfPlay"]


def test_a_training_leaves_a_league(run):
    members = sorted(path.name for path in (run.folder / LEAGUE).glob("step-*"))
    assert members == [f"step-{step:09d}" for step in (96, 192, 288, 384, 480)]
    games = Ledger(run.folder / LEAGUE).games()
    assert games.groupby("step")["other"].unique().map(len).to_dict() == {192: 3, 384: 4, 480: 4}
    assert set(games["one"]) == {f"step-{step:09d}" for step in (192, 384, 480)}
    assert games["side"].value_counts().to_dict() == {"blue": 11, "orange": 11}
    metrics = run.metrics()
    assert metrics["league/members"].dropna().tolist() == [1, 2, 3, 4, 5]  # the last line follows the last update
    assert metrics["league/elo"].dropna().tolist()[-1] == pytest.approx(_saved(run)["elo"]["ratings"][LEARNER])
    joined = [event for event in run.events() if event["kind"] == "member"]
    assert [event["name"] for event in joined] == members
    assert [event["step"] for event in joined] == [96, 192, 288, 384, 480]
    saved = _saved(run)
    assert saved["members"] == members
    assert saved["elo"]["games"][LEARNER] == 22
    assert saved["elo"]["ratings"]["rule"] == 1200


def test_a_training_that_broke_goes_on_with_ratings_and_pool(run, monkeypatch):
    whole = run.events()
    monkeypatch.setenv("RLKIT_OUTPUTS", str(run.folder.parents[1] / "broken"))
    breaking = monkeypatch.context
    with breaking() as patch:
        patch.setattr(SelfPlay, "_on_step", lambda self: self.num_timesteps < 300 or 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(params())
    broken = rlkit.attach("last")
    assert (broken.folder / LEAGUE / "step-000000288").exists()  # after the checkpoint of step 192
    ledger = Ledger(broken.folder / LEAGUE)
    assert ledger.games()["step"].unique().tolist() == [192]
    requeue(broken)
    train(broken.params, broken)
    assert broken.status()["state"] == "done"
    members = [event["name"] for event in broken.events() if event["kind"] == "member"]
    assert members == [f"step-{step:09d}" for step in (96, 192, 288, 288, 384, 480)]
    assert ledger.games()["step"].unique().tolist() == [192, 384, 480]
    saved = _saved(broken)
    assert saved["elo"]["games"][LEARNER] == 22
    assert [event["kind"] for event in whole].count("member") == 5


class Watched(SelfPlay):
    """Keeps what the env was asked."""

    def _on_training_start(self):
        super()._on_training_start()
        self.asked, ask = [], self.training_env.env_method
        self.training_env.env_method = lambda *given: self.asked.append(given[1:]) or ask(*given)


def test_who_sits_opposite_also_after_an_edit(run, monkeypatch):
    made = []
    monkeypatch.setattr("rlkit.trainers.self_play.SelfPlay", lambda *given: made.append(Watched(*given)) or made[-1])
    train(params(league_share=0.8, edits=[{"step": 192, "opponents": {"self": 0.5, "basic": 0.5}}]))
    drawn = [asked for asked in made[0].asked if len(asked) == 2]
    assert len(made[0].asked) == len(drawn) + 1 == 5
    for k, (opponents, players) in enumerate(drawn):
        members = {name: share for name, share in opponents.items() if name.startswith("step-")}
        assert sorted(members) == sorted(player.name for player in players)
        assert opponents["self"] == 0.5
        assert sum(members.values()) == pytest.approx(0.4)
        assert np.allclose(np.array(list(members.values())) / 0.1 % 1, 0)  # quarters of it, for four draws
        scripts = {"rule": 0.06, "basic": 0.04} if k < 2 else {"basic": 0.1}
        assert {name: opponents[name] for name in opponents if name in ("rule", "basic")} == pytest.approx(scripts)


def test_workers_seat_members_too():
    done = train(params(n_workers=2, total_timesteps=288, rate_every=10_000))
    assert done.status()["state"] == "done"


def test_missing_and_broken_members_are_skipped_with_a_line(run, tmp_path, monkeypatch):
    league = league_of(run.params, tmp_path / LEAGUE, lambda *a, **k: None)
    shutil.copytree(run.folder / LEAGUE, tmp_path / LEAGUE)
    shutil.rmtree(tmp_path / LEAGUE / "step-000000096")
    (tmp_path / LEAGUE / "step-000000192" / "weights.safetensors").write_bytes(b"x")
    league.restore(_saved(run))
    env = rlkit.make_vec_env("rlkit/RocketLeague-v0", n_envs=6, opponents=MIX)
    model = rlkit.PPO("MlpPolicy", env, n_steps=16, batch_size=32, n_epochs=1, policy_kwargs={"net_arch": [16, 16]})
    model.num_timesteps = 480
    with pytest.warns(UserWarning, match="left out|are missing: step-000000096, step-000000192"):
        model.learn(96, callback=league, reset_num_timesteps=False)
    env.close()
    assert {"step-000000288", "step-000000384", "step-000000480"} <= set(league.pool.members)


def test_guests_are_there_from_the_start(run, tmp_path):
    guest = str(run.folder / LEAGUE / "step-000000480")
    league = league_of(params(members=[guest]), tmp_path, lambda *a, **k: None)
    ((facts, _),) = league.guests
    assert facts["name"] == "guest-step-000000480"
    with pytest.raises(CheckpointError, match="no member"):
        league_of(params(members=[str(tmp_path)]), tmp_path, lambda *a, **k: None)
    with pytest.raises(ParamsError, match="Did you mean 'rule'"):
        league_of(params(anchors={"rul": 1200}), tmp_path, lambda *a, **k: None)
    with pytest.raises(CheckpointError, match="no member"):
        check_env(params(members=[str(tmp_path)]))


def test_who_cannot_lead_a_league_is_told_so(tmp_path):
    league = league_of(params(), tmp_path, lambda *a, **k: None)
    with pytest.raises(EnvError, match="seats for its members"):
        rlkit.PPO("MlpPolicy", "CartPole-v1", n_steps=16, batch_size=16).learn(16, callback=league)
    for changes, hint in (
        ({"env_kwargs": {"opponents": {"self": 1}}}, "no seat"),
        ({"env_id": "CartPole-v1"}, "no seats"),
        ({"sampler": "elo"}, "sampler"),
    ):
        with pytest.raises(ParamsError, match=hint):
            params(**changes)


def test_the_samplers_are_those_of_the_league():
    assert SelfPlayParams.model_fields["sampler"].annotation.__args__ == tuple(SAMPLERS)
    assert set(companions.COMPANIONS) >= {"self_play"}
    assert Path(LEAGUE).name == LEAGUE
