"""Between torch and the kernels for DQN: both Q nets and Adam's state, in torch's order and in the kernels'.

DQN may update after every env step, so the way there and back has to cost microseconds: torch's tensors are moved into
rows of one array. Nothing else about them changes: they are saved, loaded and written to as ever. What somebody else
has written is found by comparing the rows with what was last seen there, and taken up.
"""

import numpy as np
import torch
from stable_baselines3.dqn.policies import DQNPolicy
from torch import nn

from rlkit.trainers.fast.compiled import entry
from rlkit.trainers.fast.layout import CATEGORICAL, aligned, make_layout
from rlkit.trainers.fast.update import Adam

Q, TARGET, EXP_AVG, EXP_AVG_SQ = range(4)  # rows of FlatQ's memory


class FlatQ:
    """The native twin of a policy that `q_plan.obstacle` has nothing against, and of its optimizer."""

    def __init__(self, policy: DQNPolicy) -> None:
        self.policy = policy
        modules = list(policy.q_net.q_net)
        widths = [module.out_features for module in modules if isinstance(module, nn.Linear)]
        relu = any(isinstance(module, nn.ReLU) for module in modules)
        self.network, self._places = make_layout(
            policy.q_net.features_dim, [widths], CATEGORICAL, [0, widths[-1]], 1, relu, back=[False]
        )
        size = len(self.network.weights)
        self.target = self.network._replace(weights=aligned(size))
        self._gradient = aligned(size)
        self._memory = self.network.weights, self.target.weights, aligned(size), aligned(size)  # a row's native twin
        self._rows, self._seen = (np.zeros((len(self._memory), len(self._places)), np.float32) for _ in range(2))
        self._steps = np.zeros(2 * len(widths), np.float32)  # Adam counts them for each weight and bias
        self._adopt()
        for row in range(len(self._memory)):
            self._take_up(row)

    def read(self, n_rows: int = 4) -> None:
        """Take up what anyone but `write` has done to the first n_rows of Q net, target net and Adam's averages."""
        if not self._at_home():
            self._adopt()
        for row in range(n_rows):
            if _differ(self._rows[row], self._seen[row]):
                self._take_up(row)

    def adam(self) -> tuple[Adam, int]:
        """Adam's memory and present settings, and the number of steps it has done."""
        group = self.policy.optimizer.param_groups[0]
        settings = (float(number) for number in (group["lr"], *group["betas"], group["eps"]))
        return Adam(self._gradient, self._memory[EXP_AVG], self._memory[EXP_AVG_SQ], *settings), int(self._steps[0])

    def write(self, steps: int) -> None:
        """Give torch what the kernels have made of Q net and Adam's state; `steps` in all."""
        for row in (Q, EXP_AVG, EXP_AVG_SQ):
            _gather(self._memory[row], self._places, self._rows[row], self._seen[row])
        self._steps[:] = steps

    def _take_up(self, row: int) -> None:
        self._memory[row][self._places] = self._rows[row]
        self._seen[row] = self._rows[row]

    def _at_home(self) -> bool:
        """Whether torch's tensors still lie here; the optimizer's load_state_dict, for one, makes others."""
        state = self.policy.optimizer.state.get(self._tensors[0], {})
        pointers = [tensor.data_ptr() for tensor in self._tensors]
        return state.get("exp_avg") is self._tensors[2] and pointers == self._pointers

    def _adopt(self) -> None:
        """Move torch's tensors into `_rows` and `_steps`; Adam's state before its first step is what torch makes."""
        self._tensors: list[torch.Tensor] = []
        at = 0
        pairs = zip(self.policy.q_net.parameters(), self.policy.q_net_target.parameters(), strict=True)
        for number, (weight, target) in enumerate(pairs):
            state = self.policy.optimizer.state[weight]
            if not state:
                state["step"] = torch.tensor(0.0)
                state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)
            tensors = weight, target, state["exp_avg"], state["exp_avg_sq"]
            for row, tensor in zip(self._rows, tensors, strict=True):
                self._house(tensor, row[at : at + tensor.numel()])
            self._house(state["step"], self._steps[number : number + 1])
            at += weight.numel()
        self._pointers = [tensor.data_ptr() for tensor in self._tensors]

    def _house(self, tensor: torch.Tensor, memory: np.ndarray) -> None:
        home = torch.from_numpy(memory).view_as(tensor)
        if home.data_ptr() != tensor.data_ptr():
            home.copy_(tensor.detach())
            tensor.data = home
        self._tensors.append(tensor)


@entry
def _gather(memory: np.ndarray, places: np.ndarray, row: np.ndarray, seen: np.ndarray) -> None:
    for i in range(len(places)):
        row[i] = seen[i] = memory[places[i]]


@entry
def _differ(row: np.ndarray, seen: np.ndarray) -> bool:
    """Whether any bit differs, so that NaN equals itself."""
    bits, other_bits = row.view(np.int32), seen.view(np.int32)
    difference = 0
    for i in range(len(bits)):
        difference |= bits[i] ^ other_bits[i]
    return difference != 0
