"""Phase 3: rlkit.PPO; what leads it through its stages is a companion (companions.py)."""

from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from rlkit.phases.curriculum import CurriculumParams
from rlkit.trainers.baseline import nets, policy_kind, ppo_arguments
from rlkit.trainers.ppo import PPO


def curriculum_ppo(env: VecEnv, params: CurriculumParams) -> PPO:
    """A `rlkit.PPO` on `env`; with normalize_reward, rewards are divided by a running estimate of the return's spread.

    ParamsError for a device that is not there.
    """
    if params.normalize_reward:
        env = VecNormalize(env, norm_obs=False, gamma=params.gamma)
    kind = f"{policy_kind(env)}Policy"
    return PPO(kind, env, **ppo_arguments(params), policy_kwargs=nets(params), n_threads=params.n_threads)
