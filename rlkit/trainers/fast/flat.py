"""Between torch and the kernels: a policy's parameters and its Adam state, read into flat memory and written back.

Nothing is shared between the two, so whatever SB3 does with its own tensors (load, set_parameters, save) stays right.
Reading and writing cost about 0.2 ms per update for two [64, 64] networks.
"""

from collections.abc import Sequence

import numpy as np
import torch
from stable_baselines3.common.distributions import BernoulliDistribution, DiagGaussianDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.preprocessing import get_action_dim
from torch import nn

from rlkit.trainers.fast.layout import BERNOULLI, CATEGORICAL, GAUSSIAN, Network, aligned, make_layout
from rlkit.trainers.fast.plan import segments
from rlkit.trainers.fast.threads import Team
from rlkit.trainers.fast.update import Adam

KINDS = {DiagGaussianDistribution: GAUSSIAN, BernoulliDistribution: BERNOULLI}


class FlatPolicy:
    """The native twin of a policy that `plan.obstacle` has nothing against, and of its optimizer.

    back: as in `make_layout`, for networks on top of others.
    """

    def __init__(self, policy: ActorCriticPolicy, n_threads: int = 1, back: Sequence[int] = ()) -> None:
        self.policy = policy
        nets = policy.mlp_extractor.policy_net, policy.mlp_extractor.value_net
        layers = [
            [module for module in (*net, head) if isinstance(module, nn.Linear)]
            for net, head in zip(nets, (policy.action_net, policy.value_net), strict=True)
        ]
        self.kind = KINDS.get(type(policy.action_dist), CATEGORICAL)
        self.network, places = make_layout(
            layers[0][0].in_features,
            [[layer.out_features for layer in net] for net in layers],
            self.kind,
            segments(policy),
            get_action_dim(policy.action_space),
            any(isinstance(module, nn.ReLU) for net in nets for module in net),
            back,
        )
        tensors = [tensor for net in layers for layer in net for tensor in (layer.weight, layer.bias)]
        self._hold([*tensors, policy.log_std] if self.kind == GAUSSIAN else tensors, places)
        self.team = Team(self.network, n_threads)

    def _hold(self, tensors: list[torch.Tensor], places: np.ndarray) -> None:
        """Take these parameters for those at `places` of the network's weights, and make room for Adam's memory."""
        self._tensors, self._places = tensors, places
        self._exp_avg, self._exp_avg_sq, self._gradient = (aligned(len(self.network.weights)) for _ in range(3))

    def read(self) -> Network:
        """The network with the policy's present weights."""
        self._put(self._tensors, self.network.weights)
        return self.network

    def read_optimizer(self) -> tuple[Adam, int]:
        """Adam's memory and settings, and the number of steps it has done."""
        optimizer = self.policy.optimizer
        states = [optimizer.state[tensor] for tensor in self._tensors]
        for tensor, state in zip(self._tensors, states, strict=True):
            if not state:  # before the first step; torch makes the same
                state["step"] = torch.tensor(0.0)
                state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(tensor), torch.zeros_like(tensor)
        self._put([state["exp_avg"] for state in states], self._exp_avg)
        self._put([state["exp_avg_sq"] for state in states], self._exp_avg_sq)
        group = optimizer.param_groups[0]
        settings = (float(number) for number in (group["lr"], *group["betas"], group["eps"]))
        return Adam(self._gradient, self._exp_avg, self._exp_avg_sq, *settings), int(states[0]["step"])

    def write(self, steps: int) -> None:
        """Give the policy and its optimizer what an update has made of them; `steps` in all."""
        states = [self.policy.optimizer.state[tensor] for tensor in self._tensors]
        self._get(self.network.weights, self._tensors)
        self._get(self._exp_avg, [state["exp_avg"] for state in states])
        self._get(self._exp_avg_sq, [state["exp_avg_sq"] for state in states])
        for state in states:
            state["step"].fill_(steps)

    def noise(self, *shape: int) -> np.ndarray:
        """float32 for `rollout.act`, from a stream that torch's global generator starts: it has the state to save."""
        stream = np.random.default_rng(int(torch.randint(2**62, ())))
        shape = (*shape, self.network.n_actions)
        return stream.standard_normal(shape, np.float32) if self.kind == GAUSSIAN else stream.random(shape, np.float32)

    def _put(self, tensors: list[torch.Tensor], memory: np.ndarray) -> None:
        memory[self._places] = torch.cat([tensor.detach().reshape(-1) for tensor in tensors]).numpy()

    def _get(self, memory: np.ndarray, tensors: list[torch.Tensor]) -> None:
        flat = torch.from_numpy(memory[self._places])
        with torch.no_grad():
            for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
                tensor.copy_(part.view_as(tensor))
