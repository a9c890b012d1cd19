"""Curricula: stages that a training goes through, as data, and the callback that leads any SB3 model through them."""
