import json
import pickle
import random
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import safetensors.numpy
import torch
from frozen import CONFIG, Blank, make_member, make_model

from rlkit.checkpoint import save_checkpoint
from rlkit.errors import CheckpointError
from rlkit.league.importing import from_checkpoint, from_zip, numpy_weights
from rlkit.league.matches import play_matches
from rlkit.league.member import WEIGHTS, Member, check_fit, load_member, member_facts, save_member, shipped
from rlkit.sealed import seal

EIGHT = gymnasium.spaces.MultiDiscrete([5, 5, 5, 5, 5, 2, 2, 2])


def looks(n=3000, size=74):
    return np.random.default_rng(0).uniform(-2, 2, (n, size)).astype(np.float32)


@pytest.mark.parametrize(
    ("actions", "kind", "activation"),
    [
        (gymnasium.spaces.Discrete(28), "table28", "tanh"),
        (gymnasium.spaces.Discrete(28), "table28", "relu"),
        (EIGHT, "multi_discrete", "tanh"),
    ],
)
def test_it_answers_as_the_policy_did(actions, kind, activation):
    model = make_model(env=Blank(actions), activation={"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[activation])
    weights = numpy_weights(model.policy.state_dict())
    facts = member_facts("one", weights, CONFIG | {"actions": kind}, 1000, activation)
    expected = model.predict(looks(), deterministic=True)[0]
    assert len(np.unique(expected)) > 3
    answers = Member(facts, weights, greedy=True).predict(looks())
    assert (answers == expected).mean() > 0.999  # but for ties within rounding
    assert answers.shape == expected.shape


@pytest.mark.parametrize("actions", [gymnasium.spaces.Discrete(28), EIGHT])
def test_it_samples_as_the_policy_would(actions):
    model = make_model(env=Blank(actions))
    with torch.no_grad():
        model.policy.action_net.weight /= 200
    weights = numpy_weights(model.policy.state_dict())
    kind = "table28" if actions == gymnasium.spaces.Discrete(28) else "multi_discrete"
    member = Member(member_facts("one", weights, CONFIG | {"actions": kind}, 1000, "tanh"), weights)
    same = np.repeat(looks(1), 40_000, axis=0)
    drawn = member.predict(same).reshape(len(same), -1)
    with torch.no_grad():
        found = model.policy.get_distribution(torch.as_tensor(same[:1])).distribution
    heads = found if isinstance(found, list) else [found]
    for column, head in zip(drawn.T, heads, strict=True):
        share = np.bincount(column, minlength=head.probs.shape[1]) / len(same)
        assert share == pytest.approx(head.probs[0].numpy(), abs=0.01)


def test_what_was_saved_comes_back_and_travels(tmp_path):
    facts, weights = make_member()
    member = save_member(tmp_path / "one", facts, weights)
    assert member == load_member(tmp_path / "one")
    assert member.facts | facts == member.facts
    copy = pickle.loads(pickle.dumps(member))
    assert copy == member
    assert (copy.predict(looks()) == member.predict(looks())).all()  # its dice travel too
    assert len(pickle.dumps(member)) < 20_000  # without the value net


def test_workers_need_no_torch():
    code = "import sys, rlkit.league.member, rlkit.league.pool; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_members_play_matches():
    members = [Member(*make_member(name, seed)) for seed, name in enumerate(("one", "two"))]
    table = play_matches(*members, games=4, max_seconds=3.0).table
    assert set(table["blue"]) == {"one", "two"}


def test_a_checkpoint_becomes_a_member(tmp_path):
    model = make_model()
    env = {"env_id": "rlkit/RocketLeague-v0", "config": CONFIG}
    save_checkpoint(tmp_path / "500", model.policy.state_dict(), {}, {"env": env, "step": 500, "schema": 2, "run": "r"})
    facts, weights = from_checkpoint(tmp_path / "500", "half", "tanh")
    assert (facts["steps"], facts["run"], facts["net"]) == (
        500,
        {"run": "r"},
        {"layers": [16, 16], "activation": "tanh"},
    )
    assert (Member(facts, weights, greedy=True).predict(looks()) == model.predict(looks(), deterministic=True)[0]).all()
    save_checkpoint(tmp_path / "600", {}, {}, {"env": {"env_id": "CartPole-v1"}, "step": 600})
    with pytest.raises(CheckpointError, match="trained on CartPole-v1"):
        from_checkpoint(tmp_path / "600", "half", "tanh")


@pytest.mark.parametrize("activation", [torch.nn.Tanh, torch.nn.ReLU])
def test_a_zip_becomes_a_member(tmp_path, activation):
    model = make_model(activation=activation)
    model.save(tmp_path / "theirs.zip")
    member = from_zip(tmp_path / "theirs.zip", "theirs")
    member.greedy = True
    assert member.facts["net"]["activation"] == activation.__name__.lower()
    assert (member.predict(looks()) == model.predict(looks(), deterministic=True)[0]).all()


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_zip_with_code_in_it_is_refused_and_its_pickles_never_opened(tmp_path):
    make_model().save(tmp_path / "good.zip")
    with zipfile.ZipFile(tmp_path / "good.zip") as good:
        parts = {name: good.read(name) for name in good.namelist()}
    torch.save(Hostile(tmp_path / "ran"), tmp_path / "hostile.pth")
    hostile = (tmp_path / "hostile.pth").read_bytes()
    for name, changed in {"a": {"policy.pth": hostile}, "b": {"policy.optimizer.pth": hostile}}.items():
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as file:
            for part, content in (parts | changed).items():
                file.writestr(part, content)
    with pytest.raises(CheckpointError, match="more than tensors"):
        from_zip(tmp_path / "a.zip", "a")
    from_zip(tmp_path / "b.zip", "b")
    assert not (tmp_path / "ran").exists()
    (tmp_path / "c.zip").write_bytes(b"no zip")
    with pytest.raises(CheckpointError, match="no stable-baselines3 zip"):
        from_zip(tmp_path / "c.zip", "c")


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"name": "rule"}, "no name"),
        ({"name": "../up"}, "no name"),
        ({"weights": {"lstm_actor.weight_ih_l0": np.zeros(3, np.float32)}}, "lstm_actor"),
    ],
)
def test_what_is_no_member_is_refused(change, hint):
    _, weights = make_member()
    with pytest.raises(CheckpointError, match=hint):
        member_facts(change.get("name", "one"), weights | change.get("weights", {}), CONFIG, 1, "tanh")


@pytest.mark.parametrize(
    ("config", "options", "hint"),
    [
        ({"mode": "2v2"}, {}, "sees"),
        ({"observation": "seed180"}, {}, "sees"),
        ({"actions": "table90"}, {}, "manifest says"),
        ({}, {"size": 75}, "sees"),
    ],
)
def test_a_member_of_other_spaces_is_refused(config, options, hint):
    with pytest.raises(CheckpointError, match=hint):
        Member(*make_member(config=config, **options))


def test_a_member_of_another_env_is_refused():
    member = Member(*make_member())
    check_fit(member, CONFIG | {"reward_weights": {"touch": 5}})  # rewards do not matter to who plays
    with pytest.raises(CheckpointError, match="every 8 ticks"):
        check_fit(member, CONFIG | {"tick_skip": 4})
    with pytest.raises(CheckpointError, match="cannot see"):
        check_fit(member, CONFIG | {"mode": "2v2"})


def test_weights_that_are_not_finite_are_refused(tmp_path):
    facts, weights = make_member()
    weights["action_net.bias"][3] = np.nan
    with pytest.raises(CheckpointError, match="not finite"):
        save_member(tmp_path / "one", facts, weights)
    seal(tmp_path / "one", {WEIGHTS: safetensors.numpy.save(weights)}, facts)
    with pytest.raises(CheckpointError, match="not finite"):
        load_member(tmp_path / "one")


def test_every_cut_flip_and_odd_manifest_is_refused(tmp_path):
    facts, weights = make_member()
    save_member(tmp_path / "one", facts, weights)
    rng = random.Random(0)
    file = tmp_path / "one" / WEIGHTS
    whole = file.read_bytes()
    for _ in range(20):
        flipped = bytearray(whole)
        flipped[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        for damaged in (whole[: rng.randrange(len(whole))], bytes(flipped)):
            file.write_bytes(damaged)
            with pytest.raises(CheckpointError, match="is not the file"):
                load_member(tmp_path / "one")
    for key in (*facts, "sha256"):
        for value in (None, [], {}, "x", -1.5):
            manifest = {"sha256": {}, **facts, key: value}
            seal(tmp_path / "two", {WEIGHTS: safetensors.numpy.save(weights)}, facts)
            sums = json.loads((tmp_path / "two" / "manifest.json").read_text())["sha256"]
            manifest |= {} if key == "sha256" else {"sha256": sums}
            (tmp_path / "two" / "manifest.json").write_text(json.dumps(manifest))
            if key in ("run", "rating") or (key, value) == ("name", "x"):
                load_member(tmp_path / "two")  # facts for people, and a name that a pool would hold against its folder
                continue
            with pytest.raises(CheckpointError):
                load_member(tmp_path / "two")


def test_members_that_come_with_the_kit_are_whole_small_and_packaged():
    data = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["tool"]["setuptools"][
        "package-data"
    ]
    assert "league/members/*/*" in data["rlkit"]
    for name, folder in shipped().items():
        assert load_member(folder).name == name
        assert sum(path.stat().st_size for path in folder.iterdir()) < 2**20


def test_members_that_come_with_the_kit_are_rated_by_what_was_measured():
    results = Path(__file__).parents[2] / "benchmarks" / "results" / "matches.json"
    measured = json.loads(results.read_text())["results"]
    for name, folder in shipped().items():
        assert load_member(folder).facts["rating"] == pytest.approx(measured[f"{name} rated"]["rating"], abs=0.1)
