"""Policies with a GRU for a memory, which sb3-contrib lacks: its LSTM policies with the memory exchanged."""

from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import (
    RecurrentActorCriticCnnPolicy,
    RecurrentActorCriticPolicy,
    RecurrentMultiInputActorCriticPolicy,
)
from torch import nn

States = tuple[torch.Tensor, torch.Tensor]  # h and c, (n_layers, n, hidden size) each


def run(memory: nn.Module, inputs: torch.Tensor, states: States) -> tuple[torch.Tensor, States]:
    """Outputs (n_steps, n, hidden size) and states after inputs (n_steps, n, n_inputs); a GRU's c stays as it is."""
    if isinstance(memory, nn.GRU):
        outputs, h = memory(inputs, states[0].contiguous())
        return outputs, (h, states[1])
    return memory(inputs, states)


class _Gru:
    """Makes an LSTM policy a GRU policy. States stay pairs (h, c), so that buffers and `predict` fit, with c zero."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lr = self.optimizer.param_groups[0]["lr"]
        self.lstm_actor = self._gru(self.lstm_actor)
        if self.lstm_critic is not None:
            self.lstm_critic = self._gru(self.lstm_critic)
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr, **self.optimizer_kwargs)

    def _gru(self, lstm: nn.LSTM) -> nn.GRU:
        return nn.GRU(lstm.input_size, lstm.hidden_size, lstm.num_layers, **self.lstm_kwargs)

    @staticmethod
    def _process_sequence(
        features: torch.Tensor, lstm_states: States, episode_starts: torch.Tensor, lstm: nn.GRU
    ) -> tuple[torch.Tensor, States]:
        """sb3-contrib's, for a GRU: (n_seq * n_steps, n_inputs) to outputs as many, states reset where flags say."""
        n_seq = lstm_states[0].shape[1]
        inputs = features.reshape((n_seq, -1, lstm.input_size)).swapaxes(0, 1)
        keep = 1.0 - episode_starts.reshape((n_seq, -1, 1)).swapaxes(0, 1)
        h, c = lstm_states
        if (keep[1:] == 1).all():
            outputs, h = lstm(inputs, h * keep[0])
        else:
            steps = []
            for x, kept in zip(inputs, keep, strict=True):
                output, h = lstm(x[None], h * kept)
                steps.append(output)
            outputs = torch.cat(steps)
        return outputs.swapaxes(0, 1).flatten(0, 1), (h, torch.zeros_like(c))


class MlpGruPolicy(_Gru, RecurrentActorCriticPolicy):
    """sb3-contrib's MlpLstmPolicy with GRUs; the arguments keep their names (`lstm_hidden_size`, `shared_lstm`...)."""


class CnnGruPolicy(_Gru, RecurrentActorCriticCnnPolicy):
    """sb3-contrib's CnnLstmPolicy with GRUs."""


class MultiInputGruPolicy(_Gru, RecurrentMultiInputActorCriticPolicy):
    """sb3-contrib's MultiInputLstmPolicy with GRUs."""


GRU_POLICIES = {
    "MlpGruPolicy": MlpGruPolicy,
    "CnnGruPolicy": CnnGruPolicy,
    "MultiInputGruPolicy": MultiInputGruPolicy,
}
