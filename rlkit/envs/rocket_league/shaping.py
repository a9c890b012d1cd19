"""Rewards that lead the way without changing where it ends: potential-based shaping."""

from rlkit.envs.rocket_league.world import inlined

GAMMA = 0.99  # discount that the shaped terms are made for: with another one they are no longer neutral


@inlined
def shaping(potential: float, next_potential: float, terminated: bool, gamma: float) -> float:
    """F = gamma * phi(s') - phi(s), with phi = 0 where an episode terminates (Ng, Harada, Russell 1999, theorem 1).

    Added to the reward it lowers every value Q(s, a) by phi(s), and so changes no preference among actions; but only
    with the trainer's own gamma, and only with that 0 at the end. An episode that the clock cuts keeps the potential of
    its last state, from which the trainer bootstraps.
    """
    return (0.0 if terminated else gamma * next_potential) - potential
