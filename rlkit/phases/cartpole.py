"""The parameters of the CartPole phase: one DQN, in three libraries' words."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from rlkit.phases.base import Params


class CartPoleParams(Params):
    """DQN by TorchRL, stable-baselines3 or rlkit on a task with numbered actions; every interval names its unit."""

    phase: ClassVar[str] = "cartpole"
    live: ClassVar[tuple[str, ...]] = ("learning_rate",)

    env_id: str = Field("CartPole-v1", min_length=1, description="a Gymnasium id with numbered actions")
    n_envs: int = Field(1, ge=1, le=256, description="envs stepped in turn")
    total_timesteps: int = Field(100_000, ge=1, description="env steps, over all envs, at which it ends at the latest")
    checkpoint_every: int = Field(20_000, ge=1, description="env steps between checkpoints")
    algorithm: Literal["torchrl", "sb3", "rlkit"] = Field("torchrl", description="whose DQN trains")
    net_arch: list[int] = Field([120, 84], min_length=1, description="hidden widths of the Q net, with relu between")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Adam's step size")
    gamma: float = Field(0.98, ge=0, le=1, description="discount per env step")
    buffer_size: int = Field(50_000, ge=1, description="env steps kept for replay")
    batch_size: int = Field(64, ge=1, description="samples per update")
    learning_starts: int = Field(1_000, ge=0, description="env steps of random play before the first update")
    frames_per_batch: int = Field(256, ge=1, description="env steps, over all envs, between rounds of updates")
    updates_per_batch: int = Field(128, ge=1, description="updates in each round")
    target_update_interval: int = Field(128, ge=1, description="updates between changes of the target net")
    tau: float = Field(1.0, gt=0, le=1, description="share of the Q net that the target net takes; 1 copies it")
    exploration_initial_eps: float = Field(1.0, ge=0, le=1, description="share of random actions at the start")
    exploration_final_eps: float = Field(0.04, ge=0, le=1, description="share of random actions from then on")
    exploration_steps: int = Field(8_000, ge=1, description="env steps over which that share falls")
    max_grad_norm: float = Field(10.0, gt=0, description="gradient norm is clipped to this")
    double_dqn: bool = Field(False, description="the Q net picks the next action, the target net rates it (torchrl)")
    prioritized: bool = Field(False, description="replay what surprised more often (torchrl; arXiv:1511.05952)")
    priority_alpha: float = Field(0.6, ge=0, le=1, description="how much more often, 0 being not at all")
    priority_beta: float = Field(0.4, ge=0, le=1, description="how much the loss makes up for it, 1 being wholly")
    greedy_every: int = Field(2_500, ge=1, description="env steps between evaluations without exploration")
    greedy_episodes: int = Field(10, ge=2, le=1000, description="episodes of each of them")
    goal_return: float = Field(475.0, description="mean return over eval_games that counts as solved")
    stop_when_solved: bool = Field(True, description="end the training there")
    n_seeds: int = Field(5, ge=1, le=100, description="trainings of each side of a comparison, from seed on")
    sweep_algorithm: Literal["torchrl", "sb3", "rlkit"] = Field(
        "rlkit", description="whose DQN tries them; the three learn alike, and this one takes seconds"
    )
    sweep: dict[str, list[float]] = Field(
        {"learning_rate": [3e-4, 1e-3, 3e-3], "updates_per_batch": [32, 128]},
        description="values to try, one by one",
    )

    @model_validator(mode="after")
    def _batches_fit(self) -> "CartPoleParams":
        if self.frames_per_batch % self.n_envs:
            raise ValueError(
                f"frames_per_batch={self.frames_per_batch} is no multiple of n_envs={self.n_envs}, whose envs step "
                "together; take one that is"
            )
        if self.exploration_final_eps > self.exploration_initial_eps:
            raise ValueError(
                f"exploration_final_eps={self.exploration_final_eps} is above exploration_initial_eps="
                f"{self.exploration_initial_eps}; exploration can only fall"
            )
        if self.algorithm != "torchrl" and (self.double_dqn or self.prioritized):
            raise ValueError(f"algorithm='{self.algorithm}' has no double_dqn and no prioritized; take 'torchrl'")
        unknown = sorted(set(self.sweep) - set(type(self).model_fields))
        if unknown:
            raise ValueError(f"sweep names '{unknown[0]}', which is no parameter")
        return self
