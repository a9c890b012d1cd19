"""Parameters: precedence, names, types, and what each refusal says."""

from pathlib import Path

import pytest
import yaml

from rlkit import params
from rlkit.errors import ParamsError

PROFILES = sorted(Path(__file__).parents[1].glob("params/*/*.yaml"))


def test_precedence_is_profile_then_environment_then_explicit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = tmp_path / "p.yaml"
    profile.write_text("seed: 1\nn_steps: 100\nn_envs: 32\nbatch_size: 64\n")
    monkeypatch.setenv("RLKIT_N_STEPS", "200")
    monkeypatch.setenv("RLKIT_N_ENVS", "8")
    loaded = params.load_params("baseline", {"n_envs": 4}, profile=profile)
    assert (loaded.seed, loaded.n_steps, loaded.n_envs) == (1, 200, 4)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"n_step": 5}, ["parameters: unknown parameter 'n_step'", "Did you mean 'n_steps'?"]),
        ({"seed": "abc"}, ["seed='abc'", "integer"]),
        ({"seed": -1}, ["seed=-1", "greater than or equal to 0"]),
        ({"seed": True}, ["seed=True", "a number is needed"]),
        ({"learning_rate": 7}, ["learning_rate=7", "less than or equal to 1", "default 0.0007"]),
        ({"learning_rate": float("nan")}, ["learning_rate"]),
        ({"net_arch": []}, ["net_arch=[]", "at least one width"]),
        ({"env_kwargs": {"n_envs": 3}}, ["n_envs cannot stand here"]),
        ({"device": "gpu"}, ["device='gpu'", "'cuda'"]),
        ({"batch_size": 10**6}, ["batch_size=1000000", "64 x 256 = 16384"]),
    ],
)
def test_a_refusal_names_value_reason_and_fix(given: dict, words: list[str]) -> None:
    with pytest.raises(ParamsError) as caught:
        params.load_params("baseline", given)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [("3e-4", "learning_rate", 3e-4), ("1e6", "total_timesteps", 1_000_000), ("12", "seed", 12)],
)
def test_numbers_that_yaml_reads_as_text_are_numbers(text: str, name: str, value: float) -> None:
    loaded = params.load_params("baseline", {name: params.parse_value(text)})
    assert getattr(loaded, name) == value


def test_unknown_phase_and_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParamsError, match="Did you mean 'baseline'"):
        params.load_params("baselin")
    monkeypatch.setenv("RLKIT_SEEED", "3")
    with pytest.raises(ParamsError, match="Did you mean 'RLKIT_SEED'"):
        params.load_params("baseline")


@pytest.mark.parametrize("content", ["- 1\n", "a: [", "!!python/object/apply:os.system ['true']", "just text"])
def test_a_profile_that_is_no_plain_mapping_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(content)
    with pytest.raises(ParamsError, match=r"p\.yaml"):
        params.load_params("baseline", profile=tmp_path / "p.yaml")


def test_a_notebook_gives_the_names_of_its_parameter_cells_only() -> None:
    cells = ["", "import rlkit", "seed = 0\nn_steps = 256", "x = 3", "# Parameters\nseed = 7\n", "%matplotlib inline"]
    namespace = {"In": cells, "seed": 7, "n_steps": 256, "x": 3}
    assert params.load_params("baseline", namespace).seed == 7
    namespace |= {"In": [*cells, "# Parameters\nsed = 3\n"], "sed": 3}
    with pytest.raises(ParamsError, match="Did you mean 'seed'"):
        params.load_params("baseline", namespace)


def test_a_notebook_corrected_and_annotated() -> None:
    wrong = "seed: int = 5\nn_steps = 256\nn_epochs = 4\nsed = 3"
    namespace = {"In": [wrong], "seed": 5, "n_steps": 256, "n_epochs": 4, "sed": 3}
    with pytest.raises(ParamsError, match="unknown parameter 'sed'"):
        params.load_params("baseline", namespace)
    namespace["In"] = [wrong, wrong.replace("sed = 3", "")]
    assert params.load_params("baseline", namespace).seed == 5


def test_what_papermill_injects_is_explicit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLKIT_SEED", "5")
    namespace = {"In": ["seed = 3", "# Parameters\nseed = 0\n"], "seed": 0}
    assert params.load_params("baseline", namespace).seed == 0


def test_a_run_folder_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("seed: 3\nold_name: 1\n")
    with pytest.raises(ParamsError, match=r"params\.yaml: unknown parameter 'old_name'"):
        params.read_params("baseline", tmp_path / "params.yaml")


def test_a_notebook_default_yields_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLKIT_SEED", "5")
    namespace = {"In": ["seed = 0\nn_epochs = 3"], "seed": 0, "n_epochs": 3}
    loaded = params.load_params("baseline", namespace)
    assert (loaded.seed, loaded.n_epochs) == (5, 3)


@pytest.mark.parametrize("path", PROFILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_profile_is_flat_and_valid(path: Path) -> None:
    phase, name = path.parent.name, path.stem
    loaded = params.load_params(phase, profile=path)
    assert loaded.name == name
    for key, value in yaml.safe_load(path.read_text("utf-8")).items():
        assert not isinstance(value, dict) or isinstance(type(loaded).model_fields[key].default, dict), key


def test_what_is_dumped_loads_the_same(tmp_path: Path) -> None:
    first = params.load_params("baseline", {"learning_rate": 1e-5, "env_kwargs": {"mode": "2v2"}, "name": "näme"})
    (tmp_path / "params.yaml").write_text(params.dump_yaml(first), "utf-8")
    assert params.read_params("baseline", tmp_path / "params.yaml") == first
