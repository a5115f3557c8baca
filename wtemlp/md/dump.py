"""LAMMPS text dumps to arrays and back.

Positions are relative to the corner of the cell, so that a cell needs no origin; atoms are sorted
by their ids, whatever order LAMMPS wrote them in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np

CHUNK_BYTES = 2**24  #: that are looked through at once


@dataclass(frozen=True)
class DumpFrame:
    """One frame of a dump, atoms sorted by id."""

    step: int
    cell: np.ndarray  #: (3, 3), cell vectors as rows, Angstrom
    types: np.ndarray  #: (n_atoms,), LAMMPS's, from 1
    coords: np.ndarray  #: (n_atoms, 3), Angstrom, relative to the corner of the cell
    forces: np.ndarray | None  #: (n_atoms, 3), in the run's unit, if the dump has them


@dataclass(frozen=True)
class Dump:
    """The frames of a dump as arrays."""

    steps: np.ndarray  #: (n_frames,)
    cells: np.ndarray  #: (n_frames, 3, 3), cell vectors as rows, Angstrom
    types: np.ndarray  #: (n_atoms,), LAMMPS's, from 1
    coords: np.ndarray  #: (n_frames, n_atoms, 3), Angstrom, relative to the corner of the cell
    forces: np.ndarray | None  #: (n_frames, n_atoms, 3), in the run's unit, if the dump has them

    def __len__(self) -> int:
        return len(self.steps)


def iter_dump(path: Path) -> Iterator[DumpFrame]:
    """Read a dump frame by frame.

    Parameters
    ----------
    path : Path
        A text dump with at least the columns ``id type x y z`` (or ``xu yu zu``), in any order
        and with ``fx fy fz`` or without.

    Yields
    ------
    DumpFrame

    Raises
    ------
    ValueError
        If the file is not such a dump or ends within a frame.
    """
    with path.open() as file:
        yield from _frames(file, str(path))


def parse_dump(text: str) -> list[DumpFrame]:
    """The frames of a dump's text, as :func:`iter_dump` reads them."""
    return list(_frames(StringIO(text), "a stored frame"))


def _frames(file: TextIO, name: str) -> Iterator[DumpFrame]:
    while line := file.readline():
        if line.strip() != "ITEM: TIMESTEP":
            raise ValueError(f"{name}: not a LAMMPS dump: {line.strip()[:60]!r}")
        try:
            yield _read_frame(file)
        except (ValueError, IndexError) as error:
            raise ValueError(f"{name}: a frame is damaged or incomplete: {error}") from error


def count_frames(path: Path) -> int:
    """The number of frames in a dump, without a look into them."""
    found, end, title = 0, b"", b"ITEM: TIMESTEP"
    with path.open("rb") as file:
        while block := file.read(CHUNK_BYTES):
            text = end + block
            found += text.count(title)
            end = text[1 - len(title) :]
    return found


def last_frames(path: Path, count: int) -> Iterator[DumpFrame]:
    """As :func:`iter_dump`, the last `count` frames only; one of them is in memory at a time."""
    return islice(iter_dump(path), max(0, count_frames(path) - count), None)


def read_dump(path: Path) -> Dump:
    """Read a whole dump, of one system, to arrays.

    Parameters
    ----------
    path : Path
        As for :func:`iter_dump`.

    Returns
    -------
    Dump

    Raises
    ------
    ValueError
        If the file is damaged, empty, or the atoms change on the way.
    """
    frames = list(iter_dump(path))
    if not frames:
        raise ValueError(f"{path}: no frames")
    types = frames[0].types
    if any(not np.array_equal(frame.types, types) for frame in frames):
        raise ValueError(f"{path}: the atoms are not the same in all frames")
    forces = [frame.forces for frame in frames if frame.forces is not None]
    return Dump(
        steps=np.array([frame.step for frame in frames]),
        cells=np.array([frame.cell for frame in frames]),
        types=types,
        coords=np.array([frame.coords for frame in frames]),
        forces=np.array(forces) if len(forces) == len(frames) else None,
    )


def write_dump(
    path: Path,
    steps: np.ndarray,
    cells: np.ndarray,
    types: np.ndarray,
    coords: np.ndarray,
    boundary: str = "p p p",
) -> None:
    """Write frames as a dump that LAMMPS's ``rerun`` reads back without loss.

    Parameters
    ----------
    path : Path
        The file; replaced if it exists.
    steps : (n_frames,) int
        Their time steps; LAMMPS wants them ascending.
    cells : (n_frames, 3, 3) float
        Cell vectors as rows, lower triangular as LAMMPS's are, Angstrom.
    types : (n_atoms,) int
        LAMMPS's, from 1; the ids are the places in this array, from 1.
    coords : (n_frames, n_atoms, 3) float
        Positions, Angstrom.
    boundary : str
        LAMMPS's.
    """
    n_atoms, flags = len(types), " ".join(2 * word for word in boundary.split())
    table = np.empty((n_atoms, 5))
    table[:, 0] = np.arange(1, n_atoms + 1)
    table[:, 1] = types
    row = "%d %d %.17g %.17g %.17g\n" * n_atoms
    with path.open("w") as file:
        for step, cell, positions in zip(steps, cells, coords, strict=True):
            table[:, 2:] = positions
            file.write(f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{n_atoms}\n")
            file.write(_box_lines(cell, flags))
            file.write("ITEM: ATOMS id type x y z\n")
            file.write(row % tuple(table.ravel()))


def _read_frame(file: TextIO) -> DumpFrame:
    """The frame whose ``ITEM: TIMESTEP`` line has just been read."""
    step = int(file.readline())
    _expect(file.readline(), "ITEM: NUMBER OF ATOMS")
    n_atoms = int(file.readline())
    box = _expect(file.readline(), "ITEM: BOX BOUNDS")
    if "abc" in box:
        raise ValueError("a general triclinic box; dump it with triclinic/general no")
    bounds = np.array([file.readline().split() for _ in range(3)], dtype=float)
    tilt = bounds[:, 2] if "xy" in box else np.zeros(3)
    over = _overhang(tilt)
    origin, high = bounds[:, 0] - over[0], bounds[:, 1] - over[1]
    cell = np.diag(high - origin)
    cell[1, 0], cell[2, 0], cell[2, 1] = tilt
    columns = _expect(file.readline(), "ITEM: ATOMS")
    lines = list(islice(file, n_atoms))
    if len(lines) != n_atoms or not lines[-1].endswith("\n"):
        raise ValueError(f"step {step} has {len(lines)} of {n_atoms} atoms")
    table = np.loadtxt(lines, usecols=_numeric(columns), ndmin=2)
    table = table[np.argsort(table[:, 0])]
    return DumpFrame(
        step=step,
        cell=cell,
        types=table[:, 1].astype(int),
        coords=table[:, 2:5] - origin,
        forces=table[:, 5:8] if table.shape[1] == 8 else None,
    )


def _expect(line: str, item: str) -> list[str]:
    """The words after an ``ITEM:`` line's head."""
    if not line.startswith(item):
        raise ValueError(f"expected {item!r}, found {line.strip()[:60]!r}")
    return line[len(item) :].split()


def _numeric(columns: list[str]) -> list[int]:
    """Where id, type, positions and, if there, forces are."""
    positions = ["x", "y", "z"] if "x" in columns else ["xu", "yu", "zu"]
    wanted = ["id", "type", *positions]
    if "fx" in columns:
        wanted += ["fx", "fy", "fz"]
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise ValueError(f"no column {', '.join(missing)}")
    return [columns.index(name) for name in wanted]


def _overhang(tilt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far a cell with tilts reaches below and above its edges: a dump has what holds it all."""
    xy, xz, yz = tilt
    along_x, along_y = (0.0, xy, xz, xy + xz), (0.0, yz)
    return (
        np.array([min(along_x), min(along_y), 0.0]),
        np.array([max(along_x), max(along_y), 0.0]),
    )


def _box_lines(cell: np.ndarray, flags: str) -> str:
    """The box of a frame, its corner at zero."""
    tilt = np.array([cell[1, 0], cell[2, 0], cell[2, 1]])
    lows, highs = _overhang(tilt)
    bounds = list(zip(lows, np.diagonal(cell) + highs, strict=True))
    if not tilt.any():
        rows = "".join(f"{low:.17g} {high:.17g}\n" for low, high in bounds)
        return f"ITEM: BOX BOUNDS {flags}\n{rows}"
    rows = "".join(
        f"{low:.17g} {high:.17g} {t:.17g}\n" for (low, high), t in zip(bounds, tilt, strict=True)
    )
    return f"ITEM: BOX BOUNDS xy xz yz {flags}\n{rows}"
