"""Reading a structure that MD starts from, and what makes MD from it impossible."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.core.errors import InputError
from wtemlp.structures import extended_xyz, gro
from wtemlp.structures.elements import element_of
from wtemlp.structures.lammps_data import read_data
from wtemlp.structures.lammps_elements import elements_of_atoms
from wtemlp.structures.poscar import read_poscar
from wtemlp.structures.record import Raw, Structure
from wtemlp.structures.text import Unreadable, read_lines

POSCAR = ("vasp/poscar", "poscar", "vasp/contcar", "contcar")
LAMMPS = ("lammps/lmp", "lmp")
STRU = ("abacus/stru", "stru")
XYZ = ("xyz", *extended_xyz.NAMES)
CLOSEST_A = 0.2  #: two atoms are never so near, at any temperature that MD can have
FLAT = 1e-4  #: least volume of a cell, of that of a rectangular one with the same edges
THINNEST_A = 1.2  #: opposite faces of a cell: no atom is so near to its own image
LARGEST_A = 1e5  #: LAMMPS's files have fifteen digits for a coordinate
_CORRECT = "correct the file, or sys_format"
_SPINS = "has magnetic moments: they are dropped, MD has none"


def format_remedy(name: str) -> str | None:
    """None if there is a format of that name; else what to write for it."""
    if name.lower() in (*POSCAR, *LAMMPS, *STRU, *XYZ, *gro.FORMATS):
        return None
    from wtemlp.structures.by_dpdata import nearest_format  # dpdata takes a second to import

    near = nearest_format(name)
    if near is None:
        return None
    meant = f'did you mean "{near}"?' if near else "its documentation lists them"
    return f"must be a format of dpdata: {meant}"


def read_structure(
    file: Path, fmt: str, type_map: Sequence[str], masses: Sequence[float]
) -> Structure:
    """Read a structure and check that MD can start from it.

    Parameters
    ----------
    file : Path
    fmt : str
        dpdata's name of its format (``sys_format``).
    type_map : sequence of str
        Elements that it may have.
    masses : sequence of float
        Theirs, u: with the masses that a LAMMPS data file has, they tell its elements.

    Returns
    -------
    Structure

    Raises
    ------
    InputError
        If it cannot be read or MD cannot start from it, with the file, the reason and the remedy.
    """
    fmt = fmt.lower() if fmt.lower() != "auto" else file.suffix[1:].lower()
    try:
        raw = _read(file, fmt, type_map, masses)
        return _checked(file, raw, type_map)
    except Unreadable as error:
        raise InputError(
            str(file), error.problem, _other_format(file, fmt) or error.remedy or _CORRECT
        ) from error
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise InputError(str(file), f"cannot be read ({said})", "correct sys_configs") from error


def check_raw(file: Path, raw: Raw, type_map: Sequence[str]) -> Structure:
    """Check a structure that is not from a file of these formats.

    Parameters
    ----------
    file : Path
        Where it is from, for messages.
    raw : Raw
    type_map : sequence of str
        Elements that it may have.

    Raises
    ------
    InputError
        If MD cannot start from it, with the reason and the remedy.
    """
    try:
        return _checked(file, raw, type_map)
    except Unreadable as error:
        raise InputError(str(file), error.problem, error.remedy or "correct it") from error


def _read(file: Path, fmt: str, type_map: Sequence[str], masses: Sequence[float]) -> Raw:
    if file.is_fifo():  # reading it would wait without end
        raise Unreadable("is a pipe", "name a file in sys_configs")
    if file.is_dir() and fmt in (*POSCAR, *LAMMPS, *STRU, *XYZ, *gro.FORMATS):
        raise Unreadable(
            "is a folder", f"name the file in it, as {file.name}/POSCAR, in sys_configs"
        )
    if fmt in POSCAR:
        return read_poscar(read_lines(file))
    if fmt in gro.FORMATS:
        return gro.read_gro(read_lines(file), type_map)
    if fmt in XYZ and (fmt != "xyz" or extended_xyz.is_extended_xyz(read_lines(file))):
        return extended_xyz.read_extended_xyz(read_lines(file))
    if fmt not in LAMMPS:
        from wtemlp.structures.by_dpdata import read_by_dpdata

        return read_by_dpdata(file, fmt, type_map, masses)
    data = read_data(read_lines(file))
    names, kinds = elements_of_atoms(data, type_map, masses)
    return Raw(names, kinds, data.coords, data.cell, (_SPINS,) if data.spins else ())


def _other_format(file: Path, fmt: str) -> str:
    """The remedy for a file that is of another format than `fmt`."""
    readers: list[tuple[tuple[str, ...], Callable[[list[str]], object]]] = [
        (POSCAR, read_poscar),
        (LAMMPS, read_data),
    ]
    for names, read in readers:
        if fmt not in names and file.is_file():
            try:
                read(read_lines(file))
            except Unreadable:
                continue
            return f'it is of the format "{names[0]}": correct sys_format'
    return ""


def _checked(file: Path, raw: Raw, type_map: Sequence[str]) -> Structure:
    kinds = np.asarray(raw.kinds, dtype=np.int64)
    types = _types(raw.names, kinds, type_map)
    coords, cell = raw.coords, raw.cell
    if len(types) == 0:
        raise Unreadable("has no atoms", "add them")
    if not (np.isfinite(coords).all() and np.isfinite(cell).all()):
        raise Unreadable("has a coordinate or a cell that is not a finite number", "correct it")
    if len(types) == 1:
        raise Unreadable(
            "has one atom, which has no temperature once the whole is at rest: MD needs two",
            "use a supercell",
        )
    _check_cell(cell)
    far = float(np.abs(coords).max())
    if far > LARGEST_A:
        raise Unreadable(f"has an atom at {far:g} Angstrom, out of range", "correct it")
    if np.linalg.det(cell) < 0:
        # The same lattice, right-handed; the atoms move as one, to stay inside of it.
        cell = -cell
        coords = coords + cell.sum(axis=0)
    _check_distances(coords, cell)
    return Structure(file, tuple(type_map), types, coords, cell, raw.notes)


def _types(
    names: Sequence[str], kinds: NDArray[np.int64], type_map: Sequence[str]
) -> NDArray[np.int64]:
    """The index in `type_map` of each atom."""
    used = {names[kind]: element_of(names[kind], type_map) for kind in sorted(set(kinds.tolist()))}
    if lacking := [name for name, element in used.items() if element not in type_map]:
        said = ", ".join(dict.fromkeys(used[name] or f'"{name}"' for name in lacking))
        known = "" if all(used[name] for name in lacking) else " (not the name of an element)"
        raise Unreadable(
            f"has {said}{known}, which type_map lacks", "add it to type_map, or correct the file"
        )
    place = {name: type_map.index(used[name]) for name in used if used[name] is not None}
    return np.array([place[names[kind]] for kind in kinds], dtype=np.int64)


def _check_cell(cell: NDArray[np.float64]) -> None:
    edges = np.linalg.norm(cell, axis=1)
    volume = abs(float(np.linalg.det(cell)))
    if edges.min() < CLOSEST_A or volume < FLAT * float(edges.prod()):
        raise Unreadable(
            f"has a flat cell ({volume:g} cubic Angstrom; edges of "
            f"{', '.join(f'{edge:g}' for edge in edges)} Angstrom)",
            "correct the cell's vectors",
        )
    heights = volume / np.linalg.norm(np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1)
    if heights.min() < THINNEST_A:
        raise Unreadable(
            f"has a cell with faces {heights.min():g} Angstrom apart: no room for an atom",
            "give the cell in Angstrom (in PDB, 1 x 1 x 1 stands for none)",
        )
    if edges.max() > LARGEST_A:
        raise Unreadable(
            f"has a cell with an edge of {edges.max():g} Angstrom, out of range", "correct it"
        )


def _check_distances(coords: NDArray[np.float64], cell: NDArray[np.float64]) -> None:
    """That no two atoms, images included, are at one place."""
    from scipy.spatial import cKDTree  # SciPy takes its time

    inside = coords @ np.linalg.inv(cell)
    inside = np.mod(np.mod(inside, 1.0), 1.0)  # the second: of what was -1e-17
    shortest = np.linalg.svd(cell, compute_uv=False).min()
    tree = cKDTree(inside, boxsize=1.0)
    pairs = tree.query_pairs(min(CLOSEST_A / shortest, 0.5), output_type="ndarray")
    between = inside[pairs[:, 0]] - inside[pairs[:, 1]]
    between = (between - np.round(between)) @ cell
    distances = np.linalg.norm(between, axis=1)
    if (distances < CLOSEST_A).any():
        nearest = int(distances.argmin())
        one, other = sorted((pairs[nearest] + 1).tolist())
        raise Unreadable(
            f"has the atoms {one} and {other} at one place ({distances[nearest]:.3g} Angstrom "
            "apart)",
            "take one away, or move it",
        )
