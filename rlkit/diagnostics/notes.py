"""What an agent thought, did and earned in a filmed episode, as the arrays that a replay shows beside its pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.dqn.policies import DQNPolicy


class Notes:
    """Taken while an episode is played: `decide` at each decision, `earn` after each frame that follows from it.

    The first frame shows the first observation, so an episode of n steps has n + 1 frames. agent: a `ModelPredict` of
    an SB3 actor-critic (sb3-contrib's recurrent ones too) or DQN; any other has no value and no odds. What it thought
    is worked out when the episode is over, in one batch, and so costs the play nothing.
    """

    def __init__(self, agent: Any, action_names: Sequence[str] = ()) -> None:
        model = getattr(agent, "model", None)
        self._policy, self._action_names = getattr(model, "policy", model), list(action_names)
        self._observations: list[Any] = []
        self._actions: list[Any] = []
        self._terms: list[Mapping[str, float]] = []
        self._decision: list[int] = []  # of each frame but the last: which decision was being carried out

    def decide(self, observation: Any, action: Any) -> None:
        """Keep an observation, as the env's space has it, and the action that the agent answered."""
        self._observations.append(observation)
        self._actions.append(action)

    def earn(self, terms: Mapping[str, float]) -> None:
        """Keep the rewards by name of the step that led to the next frame."""
        self._decision.append(len(self._observations) - 1)
        self._terms.append(terms)

    def series(self) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
        """(arrays, names) for a `Replay` and its meta["series_names"]; rows (n + 1, ...) of nan where nothing is known.

        Terms that never brought anything are left out.
        """
        if not self._decision:
            return {}, {}
        arrays, names = thoughts(self._policy, _stack(self._observations)), {}
        if np.ndim(self._actions[0]) == 0:
            arrays["action"] = np.array(self._actions, np.float32)
        arrays = {name: _with_blank(array[self._decision]) for name, array in arrays.items()}
        if "action_odds" in arrays and self._action_names:
            names["action_odds"] = self._action_names
        every = list(dict.fromkeys(name for terms in self._terms for name in terms))
        earned = [name for name in every if any(terms.get(name) for terms in self._terms)] or every[:1]
        rewards = np.array([[terms.get(name, 0.0) for name in earned] for terms in self._terms], np.float32)
        names["reward_terms"] = earned
        return arrays | {"reward_terms": np.concatenate([np.zeros_like(rewards[:1]), rewards])}, names


def thoughts(policy: Any, observations: Any) -> dict[str, np.ndarray]:
    """What a policy makes of the observations of one episode in their order: {"value": (n,), "action_odds": (n, A)}.

    Float32. A DQN's value is its highest one, and it has no odds; odds exist for discrete actions only. {} for a policy
    that is none of SB3's, or that sees several observations at once.
    """
    if not isinstance(policy, ActorCriticPolicy | DQNPolicy):
        return {}
    if isinstance(observations, np.ndarray) and observations.shape[1:] != policy.observation_space.shape:
        return {}
    policy.set_training_mode(False)
    with torch.no_grad():
        batch, _ = policy.obs_to_tensor(observations)
        if isinstance(policy, DQNPolicy):
            return {"value": policy.q_net(batch).max(dim=1).values.cpu().numpy()}
        memory = _empty_memory(policy, batch) if isinstance(policy, RecurrentActorCriticPolicy) else ()
        distribution, values = policy.get_distribution(batch, *memory), policy.predict_values(batch, *memory)
    distribution = distribution[0] if memory else distribution
    found = {"value": values.flatten().cpu().numpy()}
    if isinstance(distribution, CategoricalDistribution):
        found["action_odds"] = distribution.distribution.probs.cpu().numpy()
    return found


def _empty_memory(policy: RecurrentActorCriticPolicy, batch: Any) -> tuple[Any, torch.Tensor]:
    """(states, episode starts) that let a batch pass as one sequence from the beginning of an episode."""
    layers, _, hidden = policy.lstm_hidden_state_shape
    zeros = torch.zeros((layers, 1, hidden), device=policy.device)
    n = len(next(iter(batch.values())) if isinstance(batch, dict) else batch)
    return (zeros, zeros), torch.zeros(n, device=policy.device)


def _stack(observations: list[Any]) -> Any:
    if isinstance(observations[0], dict):
        return {name: np.stack([each[name] for each in observations]) for name in observations[0]}
    return np.stack(observations)


def _with_blank(rows: np.ndarray) -> np.ndarray:
    """The rows and one of nan: the last frame is looked at, not answered."""
    return np.concatenate([rows, np.full_like(rows[:1], np.nan)]).astype(np.float32)
