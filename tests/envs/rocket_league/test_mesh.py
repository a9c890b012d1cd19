"""The generated arena: closed, right way round, cached safely, and proved in RocketSim itself."""

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from rlkit.envs.rocket_league import mesh
from rlkit.envs.rocket_league.arena import FIELD
from rlkit.envs.rocket_league.proofs import prove_mesh
from rlkit.errors import EnvError


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(mesh.platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    return tmp_path / "cache" / "meshes"


def test_every_proof_holds():
    failed = [proof for proof in prove_mesh(ticks=100_000) if not proof.ok]
    assert not failed


CLIMBS = {f"height a car climbs on the {wall}, uu" for wall in ("side wall", "corner wall", "back wall")}
BREAKS = {  # a change of ArenaSpec, or which triangles to keep: the proofs that have to fail
    "floor_ramp=128.0, back_ramp=256.0, goal_height=150.0": {
        "side ramp lifts a ball at x, uu",
        "back ramp lifts a ball at y, uu",
        "goals from one hit at the goal",
    },
    "ceiling_ramp=20.0, goal_half_width=700.0, goal_depth=400.0": {
        *CLIMBS,
        "a ball inside the post goes in, y in uu",
        "a car reaches the net, y in uu",
    },
    "goal_half_width=1400.0, goal_height=1000.0, corner_sum=8800.0": {
        "a ball outside the post stops, y in uu",
        "a ball over the bar stops, y in uu",
        "cars and balls outside the arena in random play",
    },
    "triangles[:, 0, 1] < 0.0": {"restitution of the corner wall", "restitution of the back wall"},
}
PROVE_BROKEN = """
import pathlib, sys
from dataclasses import replace
from rlkit.envs.rocket_league import mesh
from rlkit.envs.rocket_league.proofs import prove_mesh
folder, change = pathlib.Path(sys.argv[1]), sys.argv[2]
spec = eval(f"replace(mesh.FIELD, {change})") if "=" in change else mesh.FIELD
triangles = mesh.build(spec)
triangles = triangles if "=" in change else triangles[eval(change)]
for name, data in mesh.encode(triangles, spec).items():
    (folder / name).write_bytes(data)
print("\\n".join(proof.name for proof in prove_mesh(folder) if not proof.ok))
"""


def test_a_broken_arena_fails_its_proofs(tmp_path):
    """RocketSim takes one mesh per process, so that each break runs in its own, two at a time."""

    def failures(number: int, change: str) -> set[str]:
        folder = tmp_path / str(number)
        folder.mkdir()
        command = [sys.executable, "-c", PROVE_BROKEN, str(folder), change]
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())

    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(BREAKS, pool.map(failures, range(len(BREAKS)), BREAKS), strict=True))
    missed = {change: expected - found[change] for change, expected in BREAKS.items()}
    assert not any(missed.values()), missed


def test_open_edges_lie_on_the_planes_that_rocketsim_brings():
    edges = Counter()
    for a, b, c in mesh.build():
        for edge in ((a, b), (b, c), (c, a)):
            edges[tuple(sorted(map(tuple, edge)))] += 1
    for edge in (np.array(edge) for edge, count in edges.items() if count != 2):
        on_side = (np.abs(edge[:, 0]) == FIELD.side_wall_x).all()
        on_floor_or_ceiling = (edge[:, 2] == 0.0).all() or (edge[:, 2] == FIELD.ceiling_z).all()
        assert on_side or on_floor_or_ceiling, edge


def test_triangles_face_the_field_and_have_area():
    triangles = mesh.build()
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    centres = triangles.mean(axis=1)
    in_goal = np.abs(centres[:, 1]) > FIELD.back_wall_y + 1.0
    middle = np.where(in_goal[:, None], np.sign(centres) * (0.0, 5500.0, 320.0), (0.0, 0.0, 1000.0))
    assert (np.linalg.norm(normals, axis=1) > 100.0).all()
    facing = ((middle - centres) * normals).sum(axis=1) > 0.0
    assert facing.all(), centres[~facing][:5]


def test_both_halves_are_the_same():
    corners = {tuple(corner) for corner in mesh.build().reshape(-1, 3)}
    assert corners == {(-x, -y, z) for x, y, z in corners}


def test_files_hold_the_triangles():
    triangles = mesh.build()
    files = mesh.encode(triangles)
    assert len(files) == 18
    decoded = []
    for data in files.values():
        n_triangles, n_vertices = np.frombuffer(data[:8], "<i4")
        indices = np.frombuffer(data[8 : 8 + 12 * n_triangles], "<i4").reshape(-1, 3)
        vertices = np.frombuffer(data[8 + 12 * n_triangles :], "<f4").reshape(-1, 3)
        assert len(vertices) == n_vertices
        decoded.append(vertices[indices] * mesh.UU_PER_BULLET)
    decoded = np.round(np.concatenate(decoded).astype(np.float64) * 64.0) / 64.0
    assert sorted(map(tuple, decoded.reshape(-1, 9))) == sorted(map(tuple, triangles.reshape(-1, 9)))


def test_another_spec_is_another_mesh():
    assert len(mesh.build(replace(FIELD, ramp_facets=6))) < len(mesh.build())


def test_cache_is_written_once_and_repairs_itself(cache):
    folder = mesh.mesh_folder()
    assert folder.parent == cache
    files = sorted((folder / "soccar").iterdir())
    assert len(files) == 18
    before = [(path.stat().st_mtime_ns, path.read_bytes()) for path in files]
    mesh.mesh_folder()
    assert before == [(path.stat().st_mtime_ns, path.read_bytes()) for path in files]
    files[0].write_bytes(files[0].read_bytes()[:100])
    files[1].unlink()
    assert mesh.mesh_folder() == folder
    assert [path.read_bytes() for path in sorted((folder / "soccar").iterdir())] == [data for _, data in before]


def test_cache_may_be_raced(cache):
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: mesh.mesh_folder(), range(8)))
    assert len(folders) == 1
    assert len(list((folders.pop() / "soccar").iterdir())) == 18


def test_unwritable_cache_warns_and_plays_on(cache):
    cache.parent.write_text("a file where the cache folder should be")
    with pytest.warns(UserWarning, match="temporary folder"):
        folder = mesh.mesh_folder()
    assert len(list(folder.glob("soccar/*.cmf"))) == 18


def test_own_meshes(tmp_path, cache):
    (tmp_path / "soccar").mkdir()
    (tmp_path / "soccar" / "mesh_0.cmf").write_bytes(b"dumped")
    assert mesh.mesh_folder(tmp_path) == tmp_path.resolve()
    staged = mesh.mesh_folder(tmp_path / "soccar")
    assert [path.read_bytes() for path in staged.glob("soccar/*.cmf")] == [b"dumped"]


def test_folder_without_meshes(tmp_path):
    with pytest.raises(EnvError, match=r"neither \*\.cmf nor soccar"):
        mesh.mesh_folder(tmp_path / "nowhere")


def test_one_mesh_per_process(tmp_path):
    mesh.load_mesh()
    (tmp_path / "other.cmf").write_bytes(b"other")
    with pytest.raises(EnvError, match="one mesh per process"):
        mesh.load_mesh(tmp_path)


def test_damaged_meshes_are_told(tmp_path):
    (tmp_path / "damaged.cmf").write_bytes(b"\1\0\0\0")
    code = (
        "import sys\n"
        "from rlkit.envs.rocket_league.simulation import Simulation\n"
        "from rlkit.errors import EnvError\n"
        "try: Simulation(1, mesh=sys.argv[1])\n"
        "except EnvError as error: print(error)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    assert "refused the meshes" in told


def test_without_rocketsim_modules_import_and_simulation_says_how_to_get_it():
    code = (
        "import sys; sys.modules['RocketSim'] = None\n"
        "import rlkit.envs.rocket_league, rlkit.envs.rocket_league.render\n"
        "from rlkit.envs.rocket_league.simulation import Simulation\n"
        "from rlkit.errors import EnvError\n"
        "try: Simulation(1)\n"
        "except EnvError as error: print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install rocketsim" in told
    assert "Windows" in told


def test_wireframe_is_light_and_inside():
    lines = mesh.wireframe()
    assert lines.dtype == np.float32
    assert lines.shape[1:] == (2, 3)
    assert len(lines) <= 400
    largest = (FIELD.side_wall_x, FIELD.back_wall_y + FIELD.goal_depth, FIELD.ceiling_z)
    assert (np.abs(lines).reshape(-1, 3).max(axis=0) <= largest).all()
    assert (np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1) > 1.0).all()
