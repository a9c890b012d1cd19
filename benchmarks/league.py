"""What a pool of opponents costs: training against 1 and 8 seated members, against 8 drawn anew for each rollout, and
against a script, by turns.

    python benchmarks/league.py [--seconds 2 --rounds 5] [--keep]

1v1 on real physics, 64 learning cars, half of the arenas self-play and the others against seated members, one drawn for
each episode; members are MLPs of two layers of 128, the policy that collects is one too. Everything of a training's
rollout counts: the env, the members' observations and nets, the policy. Members drawn anew join those who sit until
their episodes end, so that more than 8 play at a time. Figures are CPU-seconds of this process per env step, in
interleaved rounds; the ratio is of medians. The bar: 8 members cost at most 1.3 times one.
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

SIDES = {"script": (0, 0), "one": (1, 1), "eight": (8, 8), "eight_of_32": (8, 32)}  # seated, drawn from how many
ROWS, WIDTH, STEPS = 64, 128, 256
SELF = 0.5


class Side:
    """A model that collects rollouts against some members."""

    def __init__(self, seated: int, pool: int) -> None:
        mix = {"self": SELF, "basic": 1 - SELF}
        self.env = rlkit.make_vec_env("rlkit/RocketLeague-v0", n_envs=ROWS, seed=0, n_workers=1, opponents=mix)
        kwargs = {"net_arch": [WIDTH, WIDTH]}
        self.model = rlkit.PPO(
            "MlpPolicy", self.env, n_steps=STEPS, batch_size=1024, policy_kwargs=kwargs, device="cpu"
        )
        weights, config = numpy_weights(self.model.policy.state_dict()), self.env.get_attr("config")[0]
        self.pool = [Member(member_facts(f"m{k}", weights, config, k, "tanh"), weights) for k in range(pool)]
        self.seated, self.rng = seated, np.random.default_rng(0)
        _, self.callback = self.model._setup_learn(10**9, None)
        self.collect()

    def collect(self) -> int:
        """Draw the members, as a league does, and collect a rollout; its env steps."""
        model = self.model
        if self.seated:
            drawn = [self.pool[k] for k in self.rng.permutation(len(self.pool))[: self.seated]]
            shares = {"self": SELF, **{one.name: (1 - SELF) / len(drawn) for one in drawn}}
            self.env.env_method("set_opponents", shares, drawn)
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
    sides = {name: Side(*members) for name, members in SIDES.items()}
    for side in sides.values():
        side.turn(args.seconds)  # episodes of the script end, and members drive all their cars
    rounds = [{name: side.turn(args.seconds) for name, side in sides.items()} for _ in range(args.rounds)]
    cost = {name: median(turn[name] for turn in rounds) for name in SIDES}
    ratios = {name: micros / cost["one"] for name, micros in cost.items()}
    print(f"{'opponents':<12}CPU-us per env step  against 1 member, median (rounds)")
    for name, micros in cost.items():
        low, high = np.percentile([turn[name] / turn["one"] for turn in rounds], [0, 100])
        print(f"{name:<12}{micros:19.1f}  {ratios[name]:.2f}x ({low:.2f} to {high:.2f})")
    if args.keep:
        write_results(RESULTS / "league.json", {"microseconds": cost, "against_one": ratios})


if __name__ == "__main__":
    main()
