"""Matches between any two players, by whatever names them: scripts, members of a league, files, runs."""

from dataclasses import replace
from pathlib import Path

from rlkit.diagnostics.evaluation import ModelPredict
from rlkit.envs.registry import ROCKET_LEAGUE
from rlkit.envs.rocket_league.scripts import SCRIPTS
from rlkit.envs.rocket_league.seats import Player, Policy
from rlkit.errors import ParamsError, RunError, did_you_mean
from rlkit.experiment import load_model, make_params_env, torch_threads
from rlkit.files import slug
from rlkit.league.importing import from_zip
from rlkit.league.matches import Matches, play_matches
from rlkit.league.member import load_member, shipped
from rlkit.league.pool import LEAGUE
from rlkit.league.wave import name_of
from rlkit.runs import Run, attach
from rlkit.sealed import MANIFEST
from rlkit.seeding import seed_everything

EVALUATION_SEED = 2**31  # above every seed of a training (params.py), so that no evaluation replays its games


def play(
    one: str | Player,
    other: str | Player,
    games: int = 100,
    mode: str = "1v1",
    record: int | list[int] = 0,
    start: str = "kickoff",
    seed: int = EVALUATION_SEED,
) -> Matches:
    """Matches between any two players, on both sides where teams are equal; see `play_matches`.

    one, other: Players, or words for them, see `find_player`. record: how many of the first games are filmed, or the
    numbers of those that are. start: "kickoff", "scatter" for games that begin anywhere, or a drill. The same call
    gives the same games.
    """
    players = [find_player(who) for who in (one, other)]
    if name_of(players[0]) == name_of(players[1]) and not isinstance(players[0], str):  # two checkpoints of a run
        players = [replace(p, name=f"{p.name} ({k})") if isinstance(p, Policy) else p for k, p in enumerate(players, 1)]
    seed_everything(EVALUATION_SEED)  # for the agents' sampled actions
    with torch_threads(1):
        return play_matches(*players, games=games, seed=seed, mode=mode, record=record, start=start)


def find_player(who: str | Player) -> str | Player:
    """The player that a word means, and a Player itself.

    A script; a member that comes with the kit; the folder of a member; the zip of a stable-baselines3 PPO; a run (its
    newest checkpoint), RUN/STEP, RUN/best, or RUN/MEMBER of its league.
    RunError, with the closest name, for a word that means nobody; CheckpointError for a file that cannot play.
    """
    if not isinstance(who, str) or who in SCRIPTS:
        return who
    if who in shipped():
        return load_member(shipped()[who])
    path = Path(who)
    if path.suffix == ".zip" and path.is_file():
        return from_zip(path, slug(path.stem))
    if (path / MANIFEST).is_file():
        return load_member(path)
    return _of_run(who)


def _of_run(who: str) -> Player:
    """The player that a run, or RUN/PART, means."""
    run_name, slash, part = who.rpartition("/")
    if not slash or (Path(who) / "params.yaml").is_file():
        run_name, part = who, "newest"
    try:
        run = attach(run_name)
    except RunError as error:
        known = [*SCRIPTS, *shipped()]
        raise RunError(f"no player is called '{who}'. {did_you_mean(who, known)} Nor is it a run: {error}") from None
    member = run.folder / LEAGUE / slug(part)
    if (member / MANIFEST).is_file():
        return load_member(member)
    return player(run, part)


def player(run: Run, checkpoint: str = "newest") -> Policy:
    """The run's agent as a player of matches; it samples its actions, as it did in training."""
    params = run.params
    if params.env_id != ROCKET_LEAGUE:
        raise ParamsError(f"run {run.id} was trained on {params.env_id}, and matches are played in {ROCKET_LEAGUE}.")
    env = make_params_env(params, n_workers=1)
    try:
        model, config = load_model(run, env, checkpoint), env.get_attr("config")[0]
    finally:
        env.close()
    predict = ModelPredict(model, deterministic=False)
    kinds = {name: config[name] for name in ("observation", "actions", "reward_weights")}
    kinds["seats"] = config["seats"] or config["mode"]
    return Policy(params.name, predict, **kinds)
