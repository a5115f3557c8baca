"""Structures in the extended XYZ format, which dpdata reads with labels alone.

As plain XYZ, dpdata puts them into a cell of its own and leaves out the one that they have.
"""

import re
from collections.abc import Sequence
from io import StringIO

import numpy as np

from wtemlp.core.formatting import first_line
from wtemlp.structures.record import Raw
from wtemlp.structures.text import Unreadable

NAMES = ("extxyz", "quip/gap/xyz", "mace/xyz", "nequip/xyz", "gpumd/xyz")

_KEYS = re.compile(r"(?i)\b(lattice|properties)=")  #: in small letters GPUMD's, which ASE leaves
_ELEMENTS = "call atoms by their elements, in the column species"


def is_extended_xyz(lines: Sequence[str]) -> bool:
    """Whether a file has the cell that plain XYZ has not."""
    return len(lines) > 2 and lines[0].strip().isdecimal() and "lattice=" in lines[1].lower()


def read_extended_xyz(lines: Sequence[str]) -> Raw:
    """Read the first frame.

    Raises
    ------
    Unreadable
        If there is none, or it has no cell.
    """
    if not is_extended_xyz(lines):
        raise Unreadable("is no extended XYZ with a cell (Lattice=) in line 2", "add the cell")
    import ase.io  # it and its readers take a moment
    from ase import Atoms

    try:
        n_lines = int(lines[0]) + 2
        if n_lines > len(lines):  # as many lines ASE would ask for, however long that takes
            raise ValueError(f"line 1 counts {n_lines - 2} atoms, {len(lines) - 2} lines follow")
        head = _KEYS.sub(lambda found: found[0].capitalize(), lines[1])
        shown = "\n".join([lines[0], head, *lines[2:n_lines]]) + "\n"
        atoms = ase.io.read(StringIO(shown), format="extxyz")
    except KeyError as error:
        raise Unreadable(f"has an atom {error}, which is no element", _ELEMENTS) from error
    except Exception as error:  # ASE's reader raises whatever it meets
        raise Unreadable(f"cannot be read as extended XYZ ({first_line(error)[:120]})") from error
    assert isinstance(atoms, Atoms)
    if "X" in atoms.get_chemical_symbols():
        raise Unreadable("has atoms of no element (X, or no column species)", _ELEMENTS)
    names, kinds = np.unique(atoms.get_chemical_symbols(), return_inverse=True)
    more = any(line.strip() for line in lines[n_lines:])
    notes = ["has more frames than one: MD starts from the first"] if more else []
    if not atoms.pbc.all():
        notes.append("is not periodic in all directions (pbc): MD is, in the cell that it has")
    cell = np.asarray(atoms.cell.array, dtype=float)
    return Raw(tuple(map(str, names)), kinds, atoms.get_positions(), cell, tuple(notes))
