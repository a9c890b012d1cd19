"""A Jupyter kit for reinforcement-learning experiments that measures what it claims."""
