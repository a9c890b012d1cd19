"""rlkit.RecurrentPPO's torch path against sb3_contrib.RecurrentPPO for every policy, and how far it could go.

    python benchmarks/recurrent_policies.py [--hidden 64,256 --episodes 40,1000 --rounds 2 --lines vector,84x84x4]

Both train with the same arguments on one torch thread, on an env that costs next to nothing, and take turns. A turn is
one rollout and one epoch, each timed by itself in CPU-seconds; the table is for 10 epochs. The torch path takes
sb3-contrib's own minibatches (`exact`). How long episodes are decides how much sb3-contrib pads, images included.

Two limits stand beside the ratio. "without convolutions": what it would be if everything but the convolutions and the
layer after them cost nothing, these being timed alone, on real samples, in the same turns (Amdahl's law). "at the GEMM
limit": what it would be if all matrix products ran at the rate of NumPy's (512 x 512)^2 and nothing else cost anything.
"""

import argparse
import time
from typing import Any, NamedTuple

import numpy as np
import sb3_contrib
import torch
from gymnasium import spaces
from measuring import header, print_table
from ppo_envs import N_OBSERVED, Synth65
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.preprocessing import preprocess_obs

from rlkit.diagnostics.roofline import convolution_flops, flops_per_step, numpy_product_flops
from rlkit.trainers.general.samples import each
from rlkit.trainers.recurrent.policies import MlpGruPolicy
from rlkit.trainers.recurrent.torch_engine import for_convolutions
from rlkit.trainers.recurrent_ppo import RecurrentPPO

N_ENVS, N_STEPS, BATCH_SIZE, N_EPOCHS = 8, 128, 128, 10
BANK = 512  # images to draw from


class TorchLstmPolicy(sb3_contrib.ppo_recurrent.MlpLstmPolicy):
    """The same policy under another name, which the native kernels therefore do not serve."""


class TorchGruPolicy(MlpGruPolicy):
    """As TorchLstmPolicy; sb3-contrib's side has its own LSTM."""


class Line(NamedTuple):
    """One policy: what it observes, and its classes on both sides."""

    observed: str  # "vector", or an image's height x width x channels
    ours: Any
    theirs: Any = "MlpLstmPolicy"
    extra: bool = False  # a vector beside the image
    kwargs: dict[str, Any] = {}  # noqa: RUF012

    def __str__(self) -> str:
        name = getattr(self.ours, "__name__", self.ours).replace("Torch", "Mlp")
        return ", ".join([name, *self.kwargs, self.observed + (" and a vector" if self.extra else "")])


SHARED = {"shared_lstm": True, "enable_critic_lstm": False}
LINES = [
    Line("vector", TorchLstmPolicy),
    Line("vector", TorchLstmPolicy, kwargs=SHARED),
    Line("vector", TorchLstmPolicy, kwargs={"enable_critic_lstm": False}),
    Line("vector", TorchGruPolicy),
    *(
        Line(size, f"{kind}LstmPolicy", f"{kind}LstmPolicy", kind == "MultiInput")
        for size in ("36x36x1", "84x84x1", "84x84x4")
        for kind in ("Cnn", "MultiInput")
    ),
]


class Synth(Synth65):
    """Synth65, or a bank of random images in its place or beside its vector; a row ends by chance."""

    def __init__(self, line: Line, episode_steps: float) -> None:
        super().__init__(N_ENVS)
        self._random, self._end, self._images = np.random.default_rng(0), 1 / episode_steps, None
        if line.observed != "vector":
            height, width, channels = map(int, line.observed.split("x"))
            shape = (channels, height, width)
            self._images = self._random.integers(0, 256, (BANK, *shape), np.uint8)
            image = spaces.Box(0, 255, shape, np.uint8)
            space = spaces.Dict({"image": image, "vector": self.observation_space}) if line.extra else image
            self.observation_space = space

    def observe(self, vector: np.ndarray) -> Any:
        """What the policy sees of a step, given Synth65's."""
        if self._images is None:
            return vector
        images = self._images[self._random.integers(0, BANK, N_ENVS)]
        return {"image": images, "vector": vector} if isinstance(self.observation_space, spaces.Dict) else images

    def reset(self) -> Any:
        return self.observe(super().reset())

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        vector, rewards, _, infos = super().step_wait()
        return self.observe(vector), rewards, self._random.random(N_ENVS) < self._end, infos


def main() -> None:
    """Measure what was asked for and print it as markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", default="64,256", help="sizes of the memory")
    parser.add_argument("--episodes", default="40,1000", help="mean lengths of an episode")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each side")
    parser.add_argument("--lines", default="vector,36x36x1,84x84x1,84x84x4", help="observations")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(header())
    lines = [line for line in LINES if line.observed in args.lines.split(",")]
    for hidden in map(int, args.hidden.split(",")):
        for steps in map(int, args.episodes.split(",")):
            columns = f"memory of {hidden}, episodes of {steps}: env steps per CPU-second", "sb3-contrib", "torch path"
            limits = "without convolutions", "at the GEMM limit"
            print_table((*columns, "ratio", *limits), (row(line, hidden, steps, args.rounds) for line in lines))


def row(line: Line, hidden: int, episode_steps: int, rounds: int) -> tuple[str, ...]:
    """A line of a table."""
    sides = (sb3_contrib.RecurrentPPO, line.theirs, {}), (RecurrentPPO, line.ours, {"exact": True})
    models = [make_model(*side, line, hidden, episode_steps) for side in sides]
    policy = models[1].policy
    turns = [[*(seconds_per_step(model) for model in models), image_seconds(policy)] for _ in range(rounds)]
    theirs, ours, images = np.transpose(turns)
    (limit,) = numpy_product_flops((512, 512, 512))
    amdahl = f"{np.median(theirs / images):.1f}x" if images.all() else ""
    ideal = np.median(theirs) * limit / flops(policy)
    speeds = (f"{1 / np.median(seconds):,.0f}" for seconds in (theirs, ours))
    return str(line), *speeds, f"**{np.median(theirs / ours):.1f}x**", amdahl, f"{ideal:.1f}x"


def make_model(
    algorithm: Any, policy: Any, switches: dict[str, Any], line: Line, hidden: int, episode_steps: int
) -> sb3_contrib.RecurrentPPO:
    """A model of one side after a rollout and an epoch, which touch all memory."""
    policy_kwargs = {"lstm_hidden_size": hidden, **line.kwargs}
    sizes = {"n_steps": N_STEPS, "batch_size": BATCH_SIZE, "n_epochs": 1}
    env = Synth(line, episode_steps)
    model = algorithm(policy, env, policy_kwargs=policy_kwargs, seed=0, device="cpu", **sizes, **switches)
    return model.learn(N_ENVS * N_STEPS)


def seconds_per_step(model: sb3_contrib.RecurrentPPO) -> float:
    """CPU-seconds of an env step in a training of N_EPOCHS: of a rollout, and of an epoch as often."""
    _, callback = model._setup_learn(N_ENVS * N_STEPS, reset_num_timesteps=False)
    start = time.process_time()
    model.collect_rollouts(model.env, callback, model.rollout_buffer, N_STEPS)
    middle = time.process_time()
    model.train()
    return (middle - start + N_EPOCHS * (time.process_time() - middle)) / (N_ENVS * N_STEPS)


def image_seconds(policy: ActorCriticPolicy) -> float:
    """CPU-seconds per env step of the features' extraction alone: a pass of N_ENVS rows, and the epochs' minibatches.

    Images with channels innermost, as the torch path has them; nothing where there are none.
    """
    if not any(isinstance(part, torch.nn.Conv2d) for part in policy.modules()):
        return 0.0

    sample = policy.observation_space.sample()

    def observations(n: int) -> Any:
        return each(lambda value: for_convolutions(torch.from_numpy(np.repeat(value[None], n, axis=0))), sample)

    few, many = observations(N_ENVS), observations(BATCH_SIZE)
    policy.extract_features(many).sum().backward()
    start = time.process_time()
    with torch.no_grad():
        for _ in range(4):
            policy.extract_features(few)
    middle = time.process_time()
    for _ in range(2):
        policy.extract_features(many).sum().backward()
    update = (time.process_time() - middle) / (2 * BATCH_SIZE)
    policy.zero_grad()
    return (middle - start) / (4 * N_ENVS) + N_EPOCHS * update


def flops(policy: ActorCriticPolicy) -> float:
    """Floating point operations in the matrix products and convolutions of one env step."""
    n_observed = N_OBSERVED if isinstance(policy.observation_space, spaces.Box) else 0
    forward, update = flops_per_step(policy, n_observed, N_EPOCHS)
    one = preprocess_obs(policy.obs_to_tensor(policy.observation_space.sample())[0], policy.observation_space)
    images, first = convolution_flops(policy.features_extractor, one)
    return forward + update + images + N_EPOCHS * (3 * images - first)


if __name__ == "__main__":
    main()
