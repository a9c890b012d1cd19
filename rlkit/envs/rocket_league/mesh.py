"""The soccar arena as collision meshes that RocketSim loads, generated once and kept in the user's cache folder.

RocketSim itself brings floor, ceiling and side walls as infinite planes. The mesh adds what opens and what curves:
back walls with goals, corner walls and all fillets. Every vertex follows from the numbers of `ArenaSpec`.
"""

import atexit
import functools
import hashlib
import math
import os
import secrets
import shutil
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import platformdirs

from rlkit.envs.rocket_league.arena import FIELD, HALF_TURN, ArenaSpec, goal_roof, rings
from rlkit.errors import EnvError

UU_PER_BULLET = 50.0  # uu per unit of length in mesh files; RocketSim, BT_TO_UU


def mesh_folder(mesh: str | os.PathLike[str] = "generated") -> Path:
    """A folder that RocketSim can load: it holds `soccar/*.cmf`.

    mesh: "generated" for the arena of `FIELD`, or a folder of your own meshes (`*.cmf` or `soccar/*.cmf`). Files made
    or copied here lie in the user's cache folder, under a name with the SHA-256 of their bytes, and are compared
    before every use, so that a damaged cache repairs itself. EnvError when a folder holds no meshes.
    """
    if mesh == "generated":
        return _store(_generated())
    folder = Path(mesh).expanduser().resolve()
    if any(folder.glob("soccar/*.cmf")):
        return folder
    files = {path.name: path.read_bytes() for path in folder.glob("*.cmf")}
    if not files:
        raise EnvError(
            f"mesh={str(mesh)!r}: {folder} holds neither *.cmf nor soccar/*.cmf files, so there is no arena. "
            "Name the folder of your dumped meshes, or use mesh='generated'."
        )
    return _store(files)


@functools.cache
def _generated() -> dict[str, bytes]:
    return encode(build(FIELD), FIELD)


_loaded: Path | None = None  # the folder whose meshes RocketSim holds in this process


def load_mesh(mesh: str | os.PathLike[str] = "generated") -> Path:
    """The folder of `mesh_folder(mesh)`, after giving it to RocketSim, which takes one per process.

    EnvError when RocketSim is missing, holds other meshes already, or cannot read these.
    """
    global _loaded
    try:
        import RocketSim  # here, so that everything else works where it has no wheel
    except ImportError as error:
        raise EnvError(
            f"Rocket League needs RocketSim, which this Python lacks ({error}). There are wheels for Linux x86-64 and "
            "aarch64 (glibc 2.27+), macOS 14+ on Apple silicon and Windows x86-64: pip install rocketsim"
        ) from error
    folder = mesh_folder(mesh)
    if _loaded is None:
        try:
            RocketSim.init(str(folder))
        except RuntimeError as error:
            raise EnvError(
                f"RocketSim refused the meshes of {folder}: {error}. 'Already inited' means that other code loaded its "
                "own meshes first: make the rlkit env before it, or in a process of its own."
            ) from error
        _loaded = folder
    if folder != _loaded:
        raise EnvError(
            f"mesh={str(mesh)!r} is {folder}, but RocketSim takes one mesh per process and holds {_loaded}. "
            "Use that one, or restart the process (in a notebook: the kernel)."
        )
    return folder


def build(spec: ArenaSpec = FIELD) -> np.ndarray:
    """Triangles of the arena, float64 (n_triangles, 3, 3) in uu, facing the field."""
    walls = np.concatenate([_triangles(stack) for stack in rings(spec)])
    on_side_plane = (np.abs(np.abs(walls[:, :, 0]) - spec.side_wall_x) < 1e-6).all(axis=1)
    roof = _triangles(goal_roof(spec))
    triangles = np.concatenate([walls[~on_side_plane], roof, roof * HALF_TURN])
    return np.round(triangles * 64.0) / 64.0  # to 1/64 uu, so that corners which triangles share are equal


def encode(triangles: np.ndarray, spec: ArenaSpec = FIELD) -> dict[str, bytes]:
    """Mesh files by name: int32 n_triangles, int32 n_vertices, int32 (n_triangles, 3), float32 (n_vertices, 3).

    They are 18 thin parts, because for every arena it makes RocketSim tests each grid cell inside a part's bounding
    box: 230 ms an arena with a single part, 7 ms with thin ones.
    """
    part_of = _part_numbers(triangles.mean(axis=1), spec)
    files = {}
    for part in np.unique(part_of):
        corners = triangles[part_of == part].reshape(-1, 3)
        vertices, indices = np.unique(corners, axis=0, return_inverse=True)
        sizes = np.array([len(corners) // 3, len(vertices)])
        ints = np.concatenate([sizes, indices.ravel()]).astype("<i4")
        files[f"part_{part:02d}.cmf"] = ints.tobytes() + (vertices / UU_PER_BULLET).astype("<f4").tobytes()
    return files


def wireframe(spec: ArenaSpec = FIELD) -> np.ndarray:
    """About 300 line segments that outline the arena for pictures and players, float32 (n_segments, 2, 3) in uu."""
    coarse = replace(spec, ramp_facets=3, corner_facets=1, cell=math.inf)
    lower, upper = rings(coarse)
    crossbar, net_bar = goal_roof(coarse)
    halfway = np.array([[spec.floor_ramp - spec.side_wall_x, 0.0, 0.0], [spec.side_wall_x - spec.floor_ramp, 0.0, 0.0]])
    level = [lower[0], lower[coarse.ramp_facets], upper[-1 - coarse.ramp_facets], upper[-1], halfway]
    bars = [bar * turn for bar in (crossbar, net_bar) for turn in (1.0, HALF_TURN)]
    uprights = [line for stack in (lower, upper) for line in stack[:, :-1].swapaxes(0, 1)]
    lines = [*level, *bars, *uprights]
    return np.concatenate([np.stack([line[:-1], line[1:]], axis=1) for line in lines]).astype(np.float32)


def _triangles(grid: np.ndarray) -> np.ndarray:
    """Two triangles for each cell of a grid of points (m, n, 3), as (2 * (m - 1) * (n - 1), 3, 3)."""
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]
    return np.stack([a, c, b, a, d, c], axis=2).reshape(-1, 3, 3)


def _part_numbers(centres: np.ndarray, spec: ArenaSpec) -> np.ndarray:
    """The part of each triangle, from its centre (n, 3): by side, end and storey, corners and goals whole."""
    side = np.sign(centres[:, 0]) * (np.abs(centres[:, 0]) > spec.corner_sum - spec.back_wall_y)
    end = np.sign(centres[:, 1]) * (np.abs(centres[:, 1]) > spec.corner_sum - spec.side_wall_x)
    in_goal = np.abs(centres[:, 1]) > spec.back_wall_y + 1.0
    storey = np.digitize(centres[:, 2], [spec.floor_ramp, spec.ceiling_z - spec.ceiling_ramp])
    storey = np.where(in_goal, 3, np.where((side != 0) & (end != 0), 0, storey))
    return np.unique(np.stack([side, end, storey]), axis=1, return_inverse=True)[1].ravel()


def _store(files: dict[str, bytes]) -> Path:
    """The cache folder that holds these mesh files; a temporary one, with a warning, if the cache cannot be written."""
    digest = hashlib.sha256(b"".join(name.encode() + data for name, data in sorted(files.items()))).hexdigest()
    folder = Path(platformdirs.user_cache_dir("rlkit", appauthor=False), "meshes", digest[:16])
    try:
        return _write(folder, files)
    except OSError as error:
        warnings.warn(f"{folder} cannot hold the meshes ({error}); a temporary folder does for now", stacklevel=4)
        temporary = Path(tempfile.mkdtemp(prefix="rlkit-mesh-"))
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return _write(temporary, files)


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    """The folder, each file that was missing or different replaced whole, so that processes which race see no half."""
    (folder / "soccar").mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        path = folder / "soccar" / name
        if not path.is_file() or path.read_bytes() != data:
            temporary = path.with_suffix(f".{secrets.token_hex(4)}")
            temporary.write_bytes(data)
            temporary.replace(path)
    return folder
