"""Films say what the policy thought of the very observations that it played from, and what they earned."""

from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3 import DQN, PPO

from rlkit.diagnostics.evaluation import ModelPredict
from rlkit.diagnostics.filming import film_episode
from rlkit.diagnostics.notes import Notes, thoughts


class Walk(gymnasium.Env[Any, int]):
    """Steps 0, 1, ... 9 with the place as a picture and as the observation; the last but one pays 5."""

    metadata: ClassVar = {"render_modes": ["rgb_array"], "render_fps": 10}
    action_space = gymnasium.spaces.Discrete(3)

    def __init__(self, as_dict: bool = False) -> None:
        box = gymnasium.spaces.Box(0, 1, (2,), np.float32)
        self.as_dict = as_dict
        self.observation_space = gymnasium.spaces.Dict({"place": box}) if as_dict else box

    def look(self) -> Any:
        place = np.float32([self.place / 10, 1])
        return {"place": place} if self.as_dict else place

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        self.place = 0
        return self.look(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.place += 1
        terms = {"step": -1.0, "prize": 5.0 * (self.place == 9), "never": 0.0}
        return self.look(), sum(terms.values()), self.place == 10, False, {"reward_terms": terms}

    def render(self) -> np.ndarray:
        return np.full((6, 8, 3), self.place, np.uint8)


SMALL = {"n_steps": 16, "batch_size": 16, "device": "cpu", "seed": 0}


def test_a_film_has_a_frame_more_than_steps() -> None:
    env = Walk()
    replay = film_episode(env, ModelPredict(PPO("MlpPolicy", env, **SMALL)), "walk", 0, ["a", "b", "c"])
    assert replay.title == "walk, 10 steps"
    assert replay.seconds_per_frame == 0.1
    assert replay.arrays["frames"][:, 0, 0, 0].tolist() == list(range(11))
    assert replay.meta["series_names"] == {"reward_terms": ["step", "prize"], "action_odds": ["a", "b", "c"]}
    assert replay.arrays["reward_terms"][:, 0].tolist() == [0.0] + [-1.0] * 10
    assert np.flatnonzero(replay.arrays["reward_terms"][:, 1]).tolist() == [9]  # in the frame that shows it


def test_odds_and_value_are_the_policy_s_at_that_frame() -> None:
    env = Walk()
    model = PPO("MlpPolicy", env, **SMALL)
    arrays = film_episode(env, ModelPredict(model), "walk", 0).arrays
    for step in range(10):
        seen = torch.tensor([[step / 10, 1.0]])
        with torch.no_grad():
            assert arrays["value"][step] == pytest.approx(model.policy.predict_values(seen).item(), abs=1e-6)
            probabilities = model.policy.get_distribution(seen).distribution.probs[0].numpy()
        np.testing.assert_allclose(arrays["action_odds"][step], probabilities, atol=1e-6)
        assert arrays["action"][step] == probabilities.argmax()
    assert np.isnan(arrays["value"][10])
    assert np.isnan(arrays["action_odds"][10]).all()


def test_a_recurrent_policy_remembers_while_it_is_asked() -> None:
    env = Walk()
    model = RecurrentPPO("MlpLstmPolicy", env, policy_kwargs={"lstm_hidden_size": 8}, **SMALL)
    agent = ModelPredict(model)
    arrays = film_episode(env, agent, "walk", 0).arrays
    again = film_episode(env, agent, "walk", 0).arrays  # nothing is remembered from the episode before
    np.testing.assert_array_equal(again["action_odds"], arrays["action_odds"])
    shape = model.policy.lstm_hidden_state_shape
    state, value_state = ((torch.zeros(shape), torch.zeros(shape)) for _ in range(2))
    for step in range(10):
        seen, start = torch.tensor([[step / 10, 1.0]]), torch.zeros(1)
        with torch.no_grad():
            distribution, state = model.policy.get_distribution(seen, state, start)
            features = model.policy.extract_features(seen, model.policy.vf_features_extractor)
            latent, value_state = model.policy._process_sequence(features, value_state, start, model.policy.lstm_critic)
            value = model.policy.value_net(model.policy.mlp_extractor.forward_critic(latent)).item()
        np.testing.assert_allclose(arrays["action_odds"][step], distribution.distribution.probs[0].numpy(), atol=1e-6)
        assert arrays["value"][step] == pytest.approx(value, abs=1e-6)


def test_held_actions_show_the_thought_they_came_from() -> None:
    env = Walk()
    model = PPO("MlpPolicy", env, **SMALL)
    arrays = film_episode(env, ModelPredict(model), "walk", 0, held=4).arrays
    whole = thoughts(model.policy, np.float32([[0.0, 1], [0.4, 1], [0.8, 1]]))["value"]
    np.testing.assert_allclose(arrays["value"][:10], np.repeat(whole, [4, 4, 2]), atol=1e-6)
    assert len(arrays["frames"]) == 11


def test_other_agents_leave_what_they_have() -> None:
    env = Walk(as_dict=True)
    dqn = DQN("MultiInputPolicy", env, device="cpu")
    arrays = film_episode(env, ModelPredict(dqn), "walk", 0).arrays
    seen = {"place": np.float32([[0.3, 1]])}
    assert arrays["value"][3] == pytest.approx(dqn.q_net(dqn.policy.obs_to_tensor(seen)[0]).max().item(), abs=1e-6)
    assert "action_odds" not in arrays
    notes = Notes(lambda observation: 0)
    notes.decide(np.zeros(2), np.float32([0.1, 0.2]))
    notes.earn({"reward": 0.0})
    arrays, names = notes.series()
    assert (arrays.keys(), names) == ({"reward_terms"}, {"reward_terms": ["reward"]})
    assert Notes(None).series() == ({}, {})
