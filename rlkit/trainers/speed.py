"""Phase 1: rlkit.PPO with the baseline's hyperparameters and the switches that make it faster."""

import gymnasium
from stable_baselines3.common.vec_env import VecEnv

from rlkit.diagnostics.machine import pick_device
from rlkit.trainers.baseline import ACTIVATIONS, linear
from rlkit.trainers.ppo import PPO


def speed_ppo(
    env: VecEnv,
    *,
    seed: int,
    device: str,
    n_steps: int,
    batch_size: int,
    n_epochs: int,
    learning_rate: float,
    learning_rate_end: float,
    gamma: float,
    gae_lambda: float,
    clip_range: float,
    ent_coef: float,
    vf_coef: float,
    max_grad_norm: float,
    net_arch: list[int],
    activation: str,
    fast: bool,
    n_threads: int,
    use_amp: bool,
    amp_dtype: str,
    use_torch_compile: bool,
    compile_mode: str,
    use_pinned_memory: bool,
) -> PPO:
    """A `rlkit.PPO` that differs from `baseline_ppo` by its switches only; with fast=False it is the same training.

    n_threads 0 leaves the choice to rlkit.PPO, which times both. ParamsError for a device that is not there.
    """
    space = env.observation_space
    return PPO(
        "MultiInputPolicy" if isinstance(space, gymnasium.spaces.Dict) else "MlpPolicy",
        env,
        seed=seed,
        device="cpu" if device == "auto" else pick_device(device),
        n_steps=n_steps,
        batch_size=batch_size,
        n_epochs=n_epochs,
        learning_rate=linear(learning_rate, learning_rate_end),
        gamma=gamma,
        gae_lambda=gae_lambda,
        clip_range=clip_range,
        ent_coef=ent_coef,
        vf_coef=vf_coef,
        max_grad_norm=max_grad_norm,
        policy_kwargs={"net_arch": net_arch, "activation_fn": ACTIVATIONS[activation]},
        fast=fast,
        n_threads=n_threads or "auto",
        use_amp=use_amp,
        amp_dtype=amp_dtype,
        use_torch_compile=use_torch_compile,
        compile_mode=compile_mode,
        use_pinned_memory=use_pinned_memory,
    )
