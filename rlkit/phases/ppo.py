"""The parameters of PPO, which several phases share."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from rlkit.phases.base import Params


class PPOParams(Params):
    """The arguments of PPO, as stable-baselines3 names them, with a learning rate that falls linearly."""

    live: ClassVar[tuple[str, ...]] = (
        *Params.live, "learning_rate", "clip_range", "ent_coef", "vf_coef", "max_grad_norm", "gamma", "gae_lambda",
        "n_epochs", "batch_size",
    )  # fmt: skip

    n_steps: int = Field(256, ge=2, description="env steps per row in each rollout")
    batch_size: int = Field(1024, ge=2, description="samples per gradient step")
    n_epochs: int = Field(4, ge=1, description="passes over each rollout")
    learning_rate: float = Field(7e-4, gt=0, le=1, description="Adam's step size at the start")
    learning_rate_end: float = Field(2e-4, ge=0, le=1, description="Adam's step size at the end, reached linearly")
    gamma: float = Field(0.99, ge=0, le=1, description="discount per decision")
    gae_lambda: float = Field(0.95, ge=0, le=1, description="GAE's lambda")
    clip_range: float = Field(0.2, gt=0, description="PPO's clip of the probability ratio")
    ent_coef: float = Field(0.003, ge=0, description="weight of the entropy bonus")
    vf_coef: float = Field(0.5, ge=0, description="weight of the value loss")
    max_grad_norm: float = Field(0.5, gt=0, description="gradient norm is clipped to this")
    net_arch: list[int] = Field([64, 64], description="hidden widths of the policy and of the value net")
    activation: Literal["tanh", "relu"] = Field("tanh", description="between the layers")

    @model_validator(mode="after")
    def _sizes_fit(self) -> "PPOParams":
        if self.batch_size > self.n_envs * self.n_steps:
            raise ValueError(
                f"batch_size={self.batch_size} is larger than the rollout of n_envs x n_steps = "
                f"{self.n_envs} x {self.n_steps} = {self.n_envs * self.n_steps}; lower it or lengthen the rollout"
            )
        if not self.net_arch or min(self.net_arch) < 1:
            raise ValueError(f"net_arch={self.net_arch} needs at least one width, each 1 or more, such as [64, 64]")
        return self
