"""Ways of training: a table from phase to the function that builds its model on a VecEnv.

By name, so that a training need not import them all.
"""

TRAINERS: dict[str, str] = {
    "baseline": "rlkit.trainers.baseline:baseline_ppo",
    "speed": "rlkit.trainers.speed:speed_ppo",
    "recurrent": "rlkit.trainers.memory:memory_ppo",
    "curriculum": "rlkit.trainers.curriculum:curriculum_ppo",
    "self_play": "rlkit.trainers.self_play:self_play_ppo",
    "dodge": "rlkit.trainers.dodge:dodge_model",
    "cartpole": "rlkit.trainers.cartpole:cartpole_dqn",
}
