"""The shape of the house: imports point one way, notebooks are stories, and the packaging files agree."""

import ast
import tomllib
from pathlib import Path

import nbformat
import papermill
import pytest
import yaml

from rlkit.phases import PHASES

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
LAYERS = [  # doors first; a module imports from its own layer or from those below
    {"__main__", "cli", "play_command"},
    {"notebook", "widgets"},
    {"studies"},
    {"checkup", "assess", "claims", "comparing", "reporting", "doctor"},
    {"playing"},
    {"experiment"},
    {"recorder", "best"},
    {"owner", "edits"},
    {"runs"},
    {"params", "control", "progress"},
    {"processes"},
    {"trainers"},
    {"phases"},
    {"curriculum"},
    {"league"},
    {"envs"},
    {"diagnostics"},
    {"checkpoint"},
    {"sealed"},
    {"files"},
    {"errors", "seeding", "kernels", "printing"},
]
STRANGERS = {("envs", "diagnostics"), ("diagnostics", "envs")}  # neither knows the other


def layer(part: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if part in names)


def imported_parts(path: Path) -> set[str]:
    """The first name below rlkit of everything that a file imports, at any depth of its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "rlkit":
            rest = node.module.split(".")[1:]
            names |= {rest[0]} if rest else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("rlkit.")}
    return names


MODULES = [path for path in sorted(ROOT.glob("rlkit/**/*.py")) if path != ROOT / "rlkit" / "__init__.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    own = path.relative_to(ROOT / "rlkit").parts[0].removesuffix(".py")
    for part in imported_parts(path):
        assert layer(own) <= layer(part), f"{path.name} is in '{own}' and imports '{part}' above it"
        assert (own, part) not in STRANGERS, f"'{own}' must not know '{part}'"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_are_small_and_documented(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    assert text.count("\n") <= 300
    for node in ast.walk(tree):
        assert not isinstance(node, ast.FunctionDef) or node.end_lineno - node.lineno < 80, node.name
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    members = [node for owner in (tree, *classes) for node in owner.body if isinstance(node, ast.FunctionDef)]
    for node in [*classes, *(node for node in members if not node.name.startswith("_"))]:
        assert ast.get_docstring(node), f"{node.name} has no docstring"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_a_story(path: Path) -> None:
    cells = nbformat.read(path, 4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert len(cells) <= 24
    assert not any(cell.outputs or cell.execution_count for cell in code)
    for cell in code:
        body = ast.parse(cell.source).body
        assert not any(isinstance(node, ast.FunctionDef | ast.ClassDef | ast.For | ast.While) for node in body)
        assert "parameters" in cell.metadata.get("tags", []) or len(cell.source.splitlines()) <= 8


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.stem.split("_", 1)[-1] in PHASES], ids=lambda p: p.stem)
def test_the_parameters_cell_is_the_model(path: Path) -> None:
    model = PHASES[path.stem.split("_", 1)[-1]]
    (cell,) = [cell for cell in nbformat.read(path, 4).cells if "parameters" in cell.metadata.get("tags", [])]
    values = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cell.source).body}
    assert values == model().model_dump()
    assert set(papermill.inspect_notebook(path)) == set(values)  # papermill --help-notebook shows them all
    for line, (name, field) in zip(cell.source.splitlines(), model.model_fields.items(), strict=True):
        assert line.startswith(f"{name} = ")
        assert line.endswith(f"  # {field.description}")


def test_the_conda_environment_is_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python, pip, rest = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert python == f"python{project['requires-python']}"
    assert (pip, rest) == ("pip", {"pip": ["--constraint constraints.txt", "--editable .[dev]"]})


def test_every_dependency_is_pinned_within_its_range() -> None:
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "constraints.txt").read_text().lower().replace("_", "-").split()
    pins = dict(line.split("==") for line in lines)
    wanted = [Requirement(text) for text in project["dependencies"] + project["optional-dependencies"]["dev"]]
    for requirement in wanted:
        assert requirement.specifier.contains(pins[requirement.name.lower()]), requirement


def test_the_public_names_resolve() -> None:
    import rlkit

    assert all(callable(getattr(rlkit, name)) for name in rlkit.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Start'"):
        rlkit.Start  # noqa: B018
