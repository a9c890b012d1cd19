"""PPO's loss on a minibatch, in torch, and the numbers about it that SB3 logs."""

from collections.abc import Callable

import torch
from torch.nn import functional

from rlkit.trainers.fast.update import Settings
from rlkit.trainers.general.samples import ACTION, Samples

PG_LOSS, VALUE_LOSS, ENTROPY_LOSS, APPROX_KL, CLIP_FRACTION, LOSS = range(6)  # of a minibatch's statistics
Evaluate = Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]]


def minibatch_loss(evaluate: Evaluate, batch: Samples, settings: Settings) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss of a minibatch, and its statistics (6,) without gradients; arXiv:1707.06347 as SB3 computes it.

    evaluate(observations, actions) gives values, log_probs and entropies; see `Evaluation`. In `settings`,
    clip_range_vf is None for no clipping, and where the update is compiled its numbers are tensors.
    """
    old_values, old_log_probs, advantages, returns = batch.table[:, :ACTION].unbind(1)
    values, log_probs, entropies = evaluate(batch.observations, batch.table[:, ACTION:])
    if settings.normalize_advantage and len(advantages) > 1:  # SB3 issue 325: one sample has no deviation
        deviation, mean = torch.std_mean(advantages)
        advantages = (advantages - mean) / (deviation + 1e-8)
    log_ratio = log_probs - old_log_probs
    ratio = torch.exp(log_ratio)
    clipped_ratio = torch.clamp(ratio, 1 - settings.clip_range, 1 + settings.clip_range)
    pg_loss = -torch.min(advantages * ratio, advantages * clipped_ratio).mean()
    if settings.clip_range_vf is not None:
        limit = settings.clip_range_vf
        values = old_values + torch.clamp(values - old_values, -limit, limit)
    value_loss = functional.mse_loss(values, returns)
    entropy_loss = log_probs.mean() if entropies is None else -entropies.mean()
    loss = pg_loss + settings.ent_coef * entropy_loss + settings.vf_coef * value_loss
    with torch.no_grad():
        change = ratio - 1
        approx_kl = (change - log_ratio).mean()  # joschu.net/blog/kl-approx.html; SB3 issue 417
        clip_fraction = (change.abs() > settings.clip_range).float().mean()
        statistics = torch.stack((pg_loss, value_loss, entropy_loss, approx_kl, clip_fraction, loss))
    return loss, statistics
