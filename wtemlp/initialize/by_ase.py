"""Structures of the formats that ASE reads."""

from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ase import Atoms

from wtemlp.structures import gro
from wtemlp.structures.elements import STANDARD_MASSES
from wtemlp.structures.record import Raw
from wtemlp.structures.text import Unreadable, read_lines

CIF, PDB, DUMP = "cif", "proteindatabank", "lammps-dump-text"  #: ASE's names
WHOLE = 0.99  #: occupancy of a site that each cell has filled


def read_atoms(file: Path, fmt: str | None = None, type_map: tuple[str, ...] = ()) -> Any:
    """Read a file with ASE, or what ASE misreads without it.

    ASE takes the labels of GRO and PDB files for elements: ``CL`` for carbon, ``CA`` for calcium,
    the virtual site ``MW`` for tungsten; types of LAMMPS for atomic numbers; of a site that several
    elements share one; of a file of several crystals the last.

    Parameters
    ----------
    file : Path
    fmt : str, optional
        ASE's name of its format; by default from the file.
    type_map : tuple of str, optional
        Elements that it may have.

    Returns
    -------
    Atoms or list of Atoms

    Raises
    ------
    Unreadable
        If ASE's answer would be another structure than is meant.
    Exception
        Whatever ASE's readers raise.
    """
    import ase.io  # it and its readers take a moment
    from ase.io.formats import filetype

    if fmt in gro.FORMATS or (fmt is None and file.suffix == gro.SUFFIX):
        return _atoms(gro.read_gro(read_lines(file), type_map))
    fmt = fmt or filetype(str(file))
    if fmt == DUMP:
        return _atoms(_read_dump(file, type_map))
    source: Any = StringIO(_pdb(read_lines(file), type_map)) if fmt == PDB else file
    found = ase.io.read(source, format=fmt, index=slice(None) if fmt in (CIF, PDB) else -1)
    if isinstance(found, list):
        there = [atoms for atoms in found if len(atoms)]
        if len(there) > 1:
            raise Unreadable(f"has {len(there)} structures", "give a file of one")
        found = there[0] if there else Atoms()
    _check_occupancies(found)
    return found


def _atoms(raw: Raw) -> Atoms:
    symbols = [raw.names[kind] for kind in raw.kinds]
    return Atoms(symbols, raw.coords, cell=raw.cell, pbc=bool(raw.cell.any()))


def _read_dump(file: Path, type_map: Sequence[str]) -> Raw:
    """A dump of LAMMPS, whose types may be numbers: these mean `type_map`, where there is one."""
    from wtemlp.structures.by_dpdata import dump_tells, read_by_dpdata

    if not type_map and not dump_tells(read_lines(file)):
        raise Unreadable(
            "names no elements: its types are numbers",
            "write it with the column element, and dump_modify element",
        )
    known = tuple(type_map or STANDARD_MASSES)
    masses = [STANDARD_MASSES.get(name, 0.0) for name in known]
    return read_by_dpdata(file, "lammps/dump", known, masses)


def _pdb(lines: Sequence[str], type_map: Sequence[str]) -> str:
    """A PDB file with elements in their columns, and without the unit cell that stands for none."""
    shown = []
    for line in lines:
        if line.startswith("CRYST1") and {*line[6:33].split()} <= {"1.000", "0.000"}:
            continue
        if line.startswith(("ATOM", "HETATM")) and not line[76:78].strip():
            element = gro.element_in(line[17:21].strip(), line[12:16].strip(), type_map)
            line = f"{line[:76]:76s}{element:>2s}"
        shown.append(line)
    return "\n".join(shown)


def _check_occupancies(atoms: Atoms) -> None:
    """That each site has one atom, in all cells."""
    sites = atoms.info.get("occupancy", {})
    shared = [kinds for kinds in sites.values() if len(kinds) > 1 or _partial([*kinds.values()])]
    if shared or _partial(atoms.arrays.get("occupancy", ())):
        of = ", ".join(f"{name} {part}" for kinds in shared[:1] for name, part in kinds.items())
        raise Unreadable(
            f"has sites that are filled in part{f' ({of})' if of else ''}",
            "make a supercell of whole atoms of it",
        )


def _partial(occupancies: Iterable[object]) -> bool:
    """Whether one is between 0 and 1; what is no number says nothing."""
    return any(isinstance(one, float) and 0 < one < WHOLE for one in occupancies)
