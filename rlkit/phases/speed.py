"""The parameters of the speed phase: PPO's own, and the switches that make the same training take less time."""

from typing import ClassVar, Literal

from pydantic import Field

from rlkit.phases.ppo import PPOParams

Variant = Literal["threads", "compile", "amp", "compile+amp", "pinned", "one process", "subproc"]


class SpeedParams(PPOParams):
    """Phase 1: rlkit.PPO, whose switches are one value each; with fast off it runs stable-baselines3's own code."""

    phase: ClassVar[str] = "speed"

    total_timesteps: int = Field(500_000, ge=1, description="env steps of each training, over all rows")
    n_threads: int = Field(1, ge=0, le=256, description="threads of the update; 0 measures first whether more pay")
    fast: bool = Field(True, description="rlkit.PPO's own loops; false runs stable-baselines3's code")
    use_amp: bool = Field(False, description="half precision in the update")
    amp_dtype: Literal["bfloat16", "float16"] = Field("bfloat16", description="the half precision of use_amp")
    use_torch_compile: bool = Field(False, description="the update as one compiled graph; needs a C++ compiler")
    compile_mode: Literal["default", "reduce-overhead", "max-autotune"] = Field(
        "default", description="of torch.compile; reduce-overhead records CUDA graphs"
    )
    use_pinned_memory: bool = Field(False, description="observations reach a CUDA device through pinned memory")
    vec_env: Literal["auto", "dummy", "subproc", "native"] = Field(
        "auto", description="how a Gymnasium env is stepped; auto measures, native is for the kit's own"
    )
    action_repeat: int = Field(0, ge=0, le=100, description="env steps that an action is held; 0 means the env's own")
    n_seeds: int = Field(3, ge=1, le=100, description="trainings of each side, from seed on")
    goal_return: float = Field(0.0, description="return whose reaching is timed; 0 takes one that all reached")
    ablation: list[Variant] = Field(
        ["threads", "compile", "amp", "compile+amp", "pinned", "one process", "subproc"],
        description="switches to try in turn",
    )
    n_rounds: int = Field(9, ge=6, le=1000, description="turns of each side; fewer than 6 give no interval")
