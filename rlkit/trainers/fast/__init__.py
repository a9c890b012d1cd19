"""PPO on flat memory: native kernels for small networks on the CPU, each told next to what it replaces."""
