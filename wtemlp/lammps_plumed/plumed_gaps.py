"""Atom IDs with gaps: PLUMED's arrays are then as long as the highest ID.

LAMMPS's own ``fix plumed`` refuses such IDs.  Here positions and forces are copied to and fro, and
an atom that does not exist is refused when a collective variable asks for it.
"""

import ctypes

import numpy as np

from wtemlp.lammps_plumed.kernel import Plumed
from wtemlp.lammps_plumed.lammps_cxx import LammpsCxx
from wtemlp.lammps_plumed.lammps_library import Lammps
from wtemlp.lammps_plumed.plumed_step import InputProblem, PlumedStep

MAX_IDS = 20_000_000  #: beyond, the arrays would take gigabytes


class GapStep(PlumedStep):
    """A :class:`PlumedStep` for atom IDs that are not 1 ... N."""

    def __init__(
        self, lammps: Lammps, cxx: LammpsCxx, plumed: Plumed, n_atoms: int, n_ids: int
    ) -> None:
        # An atom that does not exist is nowhere: what is computed from it is not a number.
        self._x = np.full((n_ids, 3), np.nan)
        self._f = np.zeros((n_ids, 3))
        super().__init__(lammps, cxx, plumed, n_atoms, n_ids)
        self._set_positions = plumed.fast(b"setPositions", self._x.ctypes.data)
        self._set_forces = plumed.fast(b"setForces", self._f.ctypes.data)

    def _place(self) -> None:
        self._masses, self._charges = np.zeros(self._n_ids), np.zeros(self._n_ids)
        self._masses[self._index] = self._per_atom_masses()
        self._charges[self._index] = self._per_atom_charges()

    def _set_arrays(self, positions: int, forces: int) -> None:
        self._x[self._index] = self._view(positions)
        self._lammps_forces = self._view(forces)
        self._f[self._index] = self._lammps_forces
        self._set_positions()
        self._set_forces()

    def _take_back(self, step: int, with_virial: bool) -> None:
        self._lammps_forces[:] = self._f[self._index]
        super()._take_back(step, with_virial)
        self._refuse_missing_atoms()

    def _view(self, address: int) -> np.ndarray:
        raw = (ctypes.c_double * (3 * self._n_atoms)).from_address(address)
        return np.frombuffer(memoryview(raw)).reshape(self._n_atoms, 3)

    def _refuse_missing_atoms(self) -> None:
        """See that the atoms that PLUMED used on this step exist."""
        count, address = ctypes.c_int(), ctypes.c_void_p()
        self.plumed.cmd(b"createFullList", ctypes.addressof(count))
        self.plumed.cmd(b"getFullList", ctypes.addressof(address))
        if count.value and address.value:
            raw = (ctypes.c_int * count.value).from_address(address.value)
            missing = np.setdiff1d(np.frombuffer(memoryview(raw), np.intc), self._index)
            if missing.size:
                raise InputProblem(
                    f"PLUMED uses atom {missing[0] + 1}, and there is no atom of that ID"
                )
        self.plumed.cmd(b"clearFullList")
