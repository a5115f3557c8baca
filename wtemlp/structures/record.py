"""A structure that has been read and checked."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import dpdata


@dataclass(frozen=True)
class Structure:
    """A structure that MD can start from: two atoms or more, apart, in a cell with a volume.

    The order of the atoms is that of the file, or of its atom IDs where it has such.
    """

    file: Path
    elements: tuple[str, ...]  #: ``type_map``
    types: NDArray[np.int64]  #: (n_atoms,), indices in `elements`
    coords: NDArray[np.float64]  #: (n_atoms, 3), Angstrom, from the corner of the cell
    cell: NDArray[np.float64]  #: (3, 3), Angstrom, a vector a row, right-handed
    notes: tuple[str, ...] = field(default=())  #: what the file has and MD does not get

    @property
    def n_atoms(self) -> int:
        """The number of atoms."""
        return len(self.types)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The element of each atom."""
        return tuple(self.elements[kind] for kind in self.types)

    def system(self) -> "dpdata.System":
        """The structure in dpdata's form, in LAMMPS's orientation of the cell."""
        import dpdata  # takes a second

        numbers = [int((self.types == kind).sum()) for kind in range(len(self.elements))]
        system = dpdata.System(
            data={
                "atom_names": list(self.elements),
                "atom_numbs": numbers,
                "atom_types": self.types.copy(),
                "orig": np.zeros(3),
                "cells": self.cell[None].copy(),
                "coords": self.coords[None].copy(),
            }
        )
        if not _is_lower(self.cell):
            system.rot_lower_triangular()
        return system


def _is_lower(cell: NDArray[np.float64]) -> bool:
    """Whether a cell is in LAMMPS's orientation already."""
    return bool((np.diag(cell) > 0).all() and not np.triu(cell, 1).any())


@dataclass(frozen=True)
class Raw:
    """What a file says, before it is checked."""

    names: tuple[str, ...]  #: of the species
    kinds: NDArray[np.int64]  #: (n_atoms,), indices in `names`
    coords: NDArray[np.float64]  #: (n_atoms, 3), Angstrom
    cell: NDArray[np.float64]  #: (3, 3), Angstrom
    notes: tuple[str, ...] = field(default=())
