"""What a pool of opponents costs: training against 1, 2, 4 and 8 seated members, and against a script, by turns.

    python benchmarks/league.py [--seconds 2 --rounds 5] [--keep]

1v1 on real physics, 64 learning cars, half of the arenas self-play and the others against seated members, one drawn for
each episode; members are MLPs of two layers of 128, the policy that collects is one too. Everything of a training's
rollout counts: the env, the members' observations and nets, the policy. Figures are CPU-seconds of this process per env
step, in interleaved rounds; the ratio is of medians. The bar: 8 members cost at most 1.3 times one.
"""

import argparse
import time
from statistics import median

import numpy as np
from measuring import RESULTS

import rlkit
from rlkit.claims import write_results
from rlkit.league.importing import numpy_weights
from rlkit.league.member import Member, member_facts

SIDES = (0, 1, 2, 4, 8)  # members seated; 0 is the script `basic`
ROWS, WIDTH, STEPS = 64, 128, 64
SELF = 0.5


class Side:
    """A model that collects rollouts against some members."""

    def __init__(self, members: int) -> None:
        mix = {"self": SELF, "basic": 1 - SELF}
        self.env = rlkit.make_vec_env("rlkit/RocketLeague-v0", n_envs=ROWS, seed=0, n_workers=1, opponents=mix)
        kwargs = {"net_arch": [WIDTH, WIDTH]}
        self.model = rlkit.PPO(
            "MlpPolicy", self.env, n_steps=STEPS, batch_size=1024, policy_kwargs=kwargs, device="cpu"
        )
        weights, config = numpy_weights(self.model.policy.state_dict()), self.env.get_attr("config")[0]
        seated = [Member(member_facts(f"m{k}", weights, config, k, "tanh"), weights) for k in range(members)]
        if seated:
            share = (1 - SELF) / members
            self.env.env_method("set_opponents", {"self": SELF, **{one.name: share for one in seated}}, seated)
        _, self.callback = self.model._setup_learn(10**9, None)
        self.collect()

    def collect(self) -> int:
        """Collect a rollout; its env steps."""
        model = self.model
        model.collect_rollouts(model.env, self.callback, model.rollout_buffer, n_rollout_steps=STEPS)
        return ROWS * STEPS

    def turn(self, seconds: float) -> float:
        """CPU-microseconds per env step over some seconds."""
        began, steps = time.process_time(), 0
        while time.process_time() - began < seconds:
            steps += self.collect()
        return 1e6 * (time.process_time() - began) / steps


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="CPU-seconds of one turn")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    parser.add_argument("--keep", action="store_true", help="write the figures to benchmarks/results/, for README.md")
    args = parser.parse_args()
    sides = {members: Side(members) for members in SIDES}
    for side in sides.values():
        side.turn(args.seconds)  # episodes of the script end, and members drive all their cars
    rounds = [{members: side.turn(args.seconds) for members, side in sides.items()} for _ in range(args.rounds)]
    cost = {members: median(turn[members] for turn in rounds) for members in SIDES}
    spread = np.percentile([turn[8] / turn[1] for turn in rounds], [0, 100])
    print("opponents  CPU-us per env step  against one member")
    for members, micros in cost.items():
        print(f"{members or 'basic':>9}  {micros:19.1f}  {micros / cost[1]:.2f}x")
    print(f"8 against 1: {cost[8] / cost[1]:.2f}x (rounds {spread[0]:.2f} to {spread[1]:.2f}); bar 1.3x")
    if args.keep:
        figures = {f"{members} members": round(micros, 1) for members, micros in cost.items()}
        write_results(RESULTS / "league.json", {**figures, "8 against 1": cost[8] / cost[1]})


if __name__ == "__main__":
    main()
