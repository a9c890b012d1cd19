"""PPO with any policy on any device: SB3's rollouts and updates in torch, without what makes them slow."""
