import pytest
from stable_baselines3.common.callbacks import BaseCallback

import rlkit
from rlkit.checkpoint import load_training, newest_checkpoint
from rlkit.experiment import train
from rlkit.runs import requeue
from rlkit.trainers import companions

TINY = {"env_id": "CartPole-v1", "n_envs": 2, "n_steps": 16, "batch_size": 16, "n_epochs": 1}


class Counting(BaseCallback):
    """Counts rollouts over all of a training's life, and breaks it after some."""

    def __init__(self, most):
        super().__init__()
        self.rollouts, self.most = 0, most

    def _on_step(self):
        assert self.rollouts < self.most
        return True

    def _on_rollout_end(self):
        self.rollouts += 1

    def state(self):
        return {"rollouts": self.rollouts}

    def restore(self, state):
        self.rollouts = state["rollouts"]


def test_a_companion_goes_on_with_its_training(monkeypatch):
    params = rlkit.load_params("baseline", TINY | {"total_timesteps": 192, "checkpoint_every": 32})
    made = []
    monkeypatch.setitem(companions.COMPANIONS, "baseline", lambda *_: [made.append(Counting(limit)) or made[-1]])
    limit = 2
    with pytest.raises(AssertionError):
        train(params)
    run = rlkit.attach("last")
    assert load_training(newest_checkpoint(run.folder / "checkpoints"))[0]["companions"] == {
        "Counting": {"rollouts": 2}
    }
    limit = 100
    requeue(run)
    train(params, run)
    assert [one.rollouts for one in made] == [2, 6]
    assert run.status()["state"] == "done"


def test_an_unknown_one_starts_fresh():
    fresh = Counting(1)
    companions.restore([fresh], {"Other": {"rollouts": 5}})
    assert fresh.rollouts == 0
