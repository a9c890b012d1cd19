"""Updates of recurrent policies: native against sb3-contrib's own, against torch's, and gradients in float64."""

import copy

import numpy as np
import pytest
import sb3_contrib
import torch
from recurrent_models import MEMORIES, build, rolled_out, updated, without_kernels
from walk import SPACES, assert_same_training, parameters

from rlkit.trainers.fast import update
from rlkit.trainers.recurrent.native_engine import NativeEngine
from rlkit.trainers.recurrent.sequences import chunk_epoch, contrib_epoch
from rlkit.trainers.recurrent.torch_engine import TorchEngine
from rlkit.trainers.recurrent_ppo import RecurrentPPO

pytestmark = pytest.mark.filterwarnings("ignore:.*the test says so")
LAYOUTS = {"exact": {"exact": True}, "chunks": {"sequence_length": 12}, "episodes": {"store_full_episodes": True}}
OPTIONS = {
    "entropy": {"ent_coef": 0.02, "vf_coef": 0.3, "learning_rate": 1e-3, "max_grad_norm": 5.0},
    "clip_range_vf": {"clip_range_vf": 0.1, "normalize_advantage": False, "policy_kwargs": {"net_arch": []}},
    "target_kl": {"target_kl": 0.002, "learning_rate": 3e-3},
    "relu": {"policy_kwargs": {"activation_fn": torch.nn.ReLU, "net_arch": {"pi": [33, 20], "vf": [70]}}},
}


def assert_same_metrics(ours, theirs):
    mine, yours = ours.logger.name_to_value, theirs.logger.name_to_value
    assert mine.keys() == yours.keys()
    for name in yours:
        assert mine[name] == pytest.approx(yours[name], rel=1e-4, abs=2e-5), name


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize(("engine", "space"), [*(("native", space) for space in SPACES), ("torch", "multidiscrete")])
def test_exact_updates_are_sb3_contribs(memory, space, engine, monkeypatch):
    if engine == "torch":
        without_kernels(monkeypatch)
    ours, theirs = (build(a, space=space, memory=memory, **o) for a, o in both_sides())
    rolled_out(ours)
    assert type(ours._engine) is (NativeEngine if engine == "native" else TorchEngine)
    theirs._setup_learn(1000)
    assert (parameters(ours) == parameters(theirs)).all()  # the seed makes the same networks
    buffer, before = ours.rollout_buffer, parameters(ours)
    buffer.actions = buffer.actions.astype(np.float32)  # sb3-contrib cannot train on a MultiBinary's int8
    for model in (ours, theirs):
        updated(model, buffer)
    assert_same_metrics(ours, theirs)
    np.testing.assert_allclose(parameters(ours), parameters(theirs), rtol=0, atol=1e-6)  # after 18 Adam steps
    assert np.abs(parameters(ours) - before).max() > 1e-3
    assert_same_training(ours, theirs, atol=1e-5)


def both_sides():
    return (RecurrentPPO, {"exact": True}), (sb3_contrib.RecurrentPPO, {})


@pytest.mark.parametrize("options", OPTIONS)
def test_options_are_sb3_contribs(options):
    ours, theirs = (build(a, space="box", n_epochs=4, **OPTIONS[options] | o) for a, o in both_sides())
    buffer = rolled_out(ours).rollout_buffer
    theirs._setup_learn(1000)
    for model in (ours, theirs):
        updated(model, buffer)
    assert_same_metrics(ours, theirs)
    assert_same_training(ours, theirs, atol=1e-5)
    assert (ours._n_updates < 4) == (options == "target_kl")


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("policy", ["MlpLstmPolicy", "MlpGruPolicy"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_native_is_torch(memory, policy, layout, monkeypatch):
    kwargs = {"policy": policy, "memory": memory, **LAYOUTS[layout]}
    ours = rolled_out(build(**kwargs))
    without_kernels(monkeypatch)
    theirs = build(**kwargs)
    theirs._setup_learn(1000)
    buffer = ours.rollout_buffer
    for model in (ours, theirs):
        updated(model, buffer)
    assert type(theirs._engine) is TorchEngine
    assert_same_metrics(ours, theirs)
    assert_same_training(ours, theirs, atol=2e-6)


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("policy", ["MlpLstmPolicy", "MlpGruPolicy"])
@pytest.mark.parametrize("layout", ["exact", "chunks"])
def test_gradients_are_those_of_autograd_in_float64(memory, policy, layout):
    kwargs = {**LAYOUTS[layout], "ent_coef": 0.01, "batch_size": 400}
    model = rolled_out(build(policy=policy, memory=memory, **kwargs))
    gradient = {name: p.clone() for name, p in reference_gradient(model).items()}
    before = parameters(model)
    np.random.seed(0)
    model.n_epochs, engine = 1, model._engine
    model.train()
    assert (parameters(model) != before).any()
    names = {id(p): name for name, p in model.policy.named_parameters()}
    norms = {True: 0.0, False: 0.0}  # the value's gradient is a hundred times the policy's: each has its own measure
    for name, expected in gradient.items():
        norms[of_value(name)] = float(np.hypot(norms[of_value(name)], float(expected.norm())))
    mine, at = engine._gradient[engine._places], 0
    for tensor in engine._tensors:
        name = names[id(tensor)]
        expected, atol = gradient[name].numpy().ravel(), 1e-5 * norms[of_value(name)]
        np.testing.assert_allclose(mine[at : at + tensor.numel()], expected, rtol=0, atol=atol, err_msg=name)
        at += tensor.numel()
    assert at == len(mine) == sum(p.numel() for p in model.policy.parameters())


def of_value(name):
    return "value" in name or "critic" in name


def reference_gradient(model):
    """The loss's derivative in float64, one sequence after the other and one step after the other."""
    policy, buffer, n_steps = copy.deepcopy(model.policy).double(), copy.deepcopy(model.rollout_buffer), model.n_steps
    np.random.seed(0)
    starts = buffer.swap_and_flatten(buffer.episode_starts).ravel() > 0
    sequences = contrib_epoch(starts, n_steps, 400) if model.exact else chunk_epoch(starts, n_steps, 12, 400)
    assert len(sequences.edges) == 2
    latents = [], []
    order = []
    for first, length in zip(sequences.first, sequences.length, strict=True):
        env, t0 = divmod(int(first), n_steps)
        states = [
            [torch.from_numpy(a[t0, :, env : env + 1]).double() for a in pair]
            for pair in (
                (buffer.hidden_states_pi, buffer.cell_states_pi),
                (buffer.hidden_states_vf, buffer.cell_states_vf),
            )
        ]
        for t in range(t0, t0 + length):
            keep = 1.0 - float(buffer.episode_starts[t, env])
            x = torch.from_numpy(buffer.observations[t, env]).double().reshape(1, 1, -1)
            for which, memory in enumerate((policy.lstm_actor, policy.lstm_critic)):
                if memory is None:
                    latent = latents[0][-1].detach() if policy.shared_lstm else policy.critic(x[0])
                else:
                    h, c = (state * keep for state in states[which])
                    out, after = memory(x, h if policy_is_gru(policy) else (h, c))
                    states[which] = [after, c] if policy_is_gru(policy) else list(after)
                    latent = out[0]
                latents[which].append(latent)
            order.append((t, env))
    t, env = (np.array(column) for column in zip(*order, strict=True))
    loss = reference_loss(model, policy, buffer, t, env, *(torch.cat(each) for each in latents))
    policy.zero_grad()
    loss.backward()
    return {name: p.grad for name, p in policy.named_parameters()}


def policy_is_gru(policy):
    return isinstance(policy.lstm_actor, torch.nn.GRU)


def reference_loss(model, policy, buffer, t, env, latent_pi, latent_vf):
    def taken(name):
        return torch.from_numpy(getattr(buffer, name)[t, env]).double()

    distribution = policy._get_action_dist_from_latent(policy.mlp_extractor.forward_actor(latent_pi))
    values = policy.value_net(policy.mlp_extractor.forward_critic(latent_vf)).flatten()
    ratio = torch.exp(distribution.log_prob(taken("actions").flatten()) - taken("log_probs"))
    advantages = taken("advantages")
    advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    pg_loss = -torch.min(advantages * ratio, advantages * ratio.clamp(0.8, 1.2)).mean()
    value_loss = ((taken("returns") - values) ** 2).mean()
    return pg_loss - model.ent_coef * distribution.entropy().mean() + model.vf_coef * value_loss


def test_metrics_count_every_minibatch():
    model = rolled_out(build(sequence_length=16, n_epochs=1))
    model.train()
    metrics = np.empty(update.N_METRICS)
    np.random.seed(1)
    model._engine.begin_update(model)
    sequences = model._sequences(model._starts())
    model._engine.train_epoch(sequences, metrics)
    assert metrics[update.N_MINIBATCHES] == len(sequences.edges) - 1
    assert sequences.length.sum() == 400
