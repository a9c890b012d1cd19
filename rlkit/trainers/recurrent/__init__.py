"""Recurrent PPO's inner loops, twice: in torch for any policy and device, and native for small networks on the CPU."""
