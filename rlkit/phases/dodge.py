"""The parameters of Dodge: those of PPO, DQN and SAC, and of the studies in its notebook."""

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from rlkit.envs.registry import DODGE
from rlkit.phases.ppo import PPOParams


class DodgeParams(PPOParams):
    """PPO, DQN or SAC on Dodge. Each algorithm reads the parameters that stable-baselines3 gives it, and no others.

    `settings` are profiles of params/dodge; without any, the notebook is about one agent only.
    """

    phase: ClassVar[str] = "dodge"

    env_id: str = Field(DODGE, min_length=1, description="an id of the kit or any Gymnasium id")
    env_kwargs: dict[str, Any] = Field(
        {"level": 2, "features": ["scaled", "nearest", "relative", "threat"], "reward_scale": 0.05},
        description="of the env",
    )
    n_envs: int = Field(128, ge=1, le=65536, description="games played together")
    total_timesteps: int = Field(8_000_000, ge=1, description="decisions of the whole training, over all games")
    checkpoint_every: int = Field(2_000_000, ge=1, description="decisions between checkpoints")
    eval_games: int = Field(500, ge=2, le=100_000, description="fresh episodes of the final evaluation")

    n_steps: int = Field(128, ge=2, description="ppo: decisions per game in each rollout")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Adam's step size at the start")
    learning_rate_end: float = Field(0.0, ge=0, le=1, description="Adam's step size at the end, reached linearly")
    ent_coef: float = Field(0.01, ge=0, description="ppo: weight of the entropy bonus")

    algorithm: Literal["ppo", "dqn", "sac"] = Field("ppo", description="sac takes continuous actions, dqn discrete5")
    buffer_size: int = Field(200_000, ge=1, description="dqn, sac: decisions that the replay buffer holds")
    learning_starts: int = Field(5_000, ge=0, description="dqn, sac: decisions at random before the first update")
    train_freq: int = Field(1, ge=1, description="dqn, sac: decisions of every game between updates")
    gradient_steps: int = Field(1, ge=1, description="dqn, sac: gradient steps of each update")
    return_steps: int = Field(1, ge=1, le=1000, description="sac: decisions paid in full before the critic's estimate")
    tau: float = Field(1.0, gt=0, le=1, description="dqn, sac: share by which the target net moves; sac: 0.005")
    target_update_interval: int = Field(2_000, ge=1, description="dqn: decisions between moves of the target net")
    exploration_fraction: float = Field(0.3, ge=0, le=1, description="dqn: share of the training while epsilon falls")
    exploration_final_eps: float = Field(0.02, ge=0, le=1, description="dqn: share of random actions after that")
    eval_every: int = Field(400_000, ge=0, description="decisions between evaluations that choose best/; 0: by return")
    eval_episodes: int = Field(200, ge=2, le=4096, description="episodes of each of them, always the same ones")
    n_seeds: int = Field(5, ge=1, le=100, description="trainings of each setting in the table, from seed on")
    n_jobs: int = Field(2, ge=1, le=256, description="trainings that run at once")
    settings: list[str] = Field(
        ["level1_ppo", "level1_dqn", "level2_ppo", "level3_ppo", "around_ppo", "level2_sac", "faithful"],
        description="profiles",
    )
    study_share: float = Field(1.0, gt=0, le=1, description="of each setting's total_timesteps, how much is trained")

    @model_validator(mode="after")
    def _algorithm_fits(self) -> "DodgeParams":
        actions = self.env_kwargs.get("actions", "discrete5") if self.env_id == DODGE else ""
        if self.algorithm == "sac" and actions == "discrete5":
            raise ValueError(
                "algorithm='sac' needs continuous actions, and actions='discrete5' are not; "
                "set env_kwargs={actions: continuous3, ...}, or take ppo or dqn"
            )
        if self.algorithm == "dqn" and actions.startswith("continuous"):
            raise ValueError(f"algorithm='dqn' needs actions='discrete5', not '{actions}'; take ppo or sac")
        if self.algorithm != "ppo" and self.learning_starts >= self.total_timesteps:
            raise ValueError(
                f"learning_starts={self.learning_starts} leaves nothing of total_timesteps={self.total_timesteps} "
                "to learn in; lower it or train longer"
            )
        if self.algorithm != "ppo" and 1 < self.buffer_size < max(self.n_envs, self.batch_size):
            raise ValueError(
                f"buffer_size={self.buffer_size} holds less than one step of n_envs={self.n_envs} or one minibatch of "
                f"batch_size={self.batch_size}; raise it"
            )
        return self
