"""A training on the native path never loads torch.compile's machinery; compiling works as it did."""

import subprocess
import sys

import torch

from rlkit.trainers.optimizers import GUARDED, spare_dynamo

TRAINING = """
import sys, rlkit
values = dict(env_id="CartPole-v1", n_envs=4, n_workers=1, n_steps=32, batch_size=32, total_timesteps=256)
run = rlkit.train(rlkit.load_params("curriculum", values | dict(checkpoint_every=128, reward_mode="env")))
sys.exit(run.status()["state"] != "done" or "torch._dynamo" in sys.modules)
"""


def test_a_native_training_does_not_load_dynamo() -> None:
    assert subprocess.run([sys.executable, "-c", TRAINING], check=False).returncode == 0


def test_what_is_spared_is_guarded_by_torch() -> None:
    assert all(hasattr(getattr(torch.optim.Optimizer, name), "__wrapped__") for name in GUARDED)


def test_an_optimizer_still_serves_a_compiled_function() -> None:
    spare_dynamo()
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = torch.optim.SGD([weight], lr=0.25)
    torch.compile(lambda: (weight**2).sum(), backend="eager")().backward()
    optimizer.step()
    optimizer.zero_grad()
    assert weight.tolist() == [1.0]
    assert weight.grad is None
