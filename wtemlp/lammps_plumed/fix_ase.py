"""``fix ase``: a calculator of ASE as the force field of LAMMPS's MD.

``fix ID all ase calculator.json`` asks the calculator for the energy, forces and stress of each
step, in ``units metal``.  It must come before ``fix plumed``, whose bias on ENERGY then acts on the
calculator's forces as on any other's: LAMMPS's energy and virial hold the calculator's.
"""

import ctypes
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from wtemlp.core.errors import InputError
from wtemlp.lammps_plumed.external_style import ExternalStyle
from wtemlp.lammps_plumed.fix_plumed import PRESSURE_FIXES
from wtemlp.lammps_plumed.lammps_cxx import read_pointer
from wtemlp.lammps_plumed.lammps_library import Lammps
from wtemlp.md.systems import ase_program as program

STYLE = "ase"
USAGE = "write: fix ID all ase FILE, with the calculator in FILE"
#: LAMMPS's order of a symmetric tensor, as rows and columns of a matrix.
_ROWS, _COLUMNS = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 2, 2])


class CalculatorFailed(Exception):
    """The calculator cannot be made, or failed on a step."""


class FixAse(ExternalStyle):
    """The style: creates fixes for LAMMPS and answers for them.

    Parameters
    ----------
    lammps : Lammps
        The instance to register the style with.
    fail : callable
        Called with an exit code and a message when the run cannot go on; does not return.
    """

    style, about = STYLE, "calculators of ASE, by wtemlp"

    def __init__(self, lammps: Lammps, fail: Callable[[int, str], NoReturn]) -> None:
        self._step: AseStep | None = None
        super().__init__(
            lammps, fail, delete=self._delete, init=self._init, scalar=self._compute_scalar
        )

    def failure(self, error: BaseException) -> tuple[int, str]:
        """The exit code and the words of an error."""
        if isinstance(error, CalculatorFailed):
            return 1, f"fix ase: {error}"
        return super().failure(error)

    def create(self, words: list[str]) -> int:
        """A fix, made from the words of its command: its address."""
        where = " ".join(words[:3])
        if len(words) != 4 or words[1] != "all":
            raise InputError(where, "needs the group all and the name of a file", USAGE)
        self._check_context(where)
        self._step = AseStep(self._lammps, Path(words[3]))
        fix = self.new_fix(words[0])
        self._step.attach(lambda virial: self._cxx.external_set_virial(fix, virial.ctypes.data))
        return fix

    def post_force(self, step: int, n_local: int, tag: int, x: int, external: int) -> None:
        """A step."""
        if self._step is not None:
            self._step(step, n_local, tag, read_pointer(x), read_pointer(external))

    def _check_context(self, where: str) -> None:
        if self._lammps.setting("world_size") > 1:
            raise InputError(where, "runs on one MPI rank only", "start one process")
        if self._step is not None:
            raise InputError(where, "there must be only one fix ase", "unfix the first")
        if not self._lammps.setting("box_exist"):
            raise InputError(where, "comes before the simulation box is defined")
        units = ctypes.string_at(self._lammps.address("units")).decode()
        if units != "metal":
            raise InputError(where, f"is in units {units}", "write: units metal")

    def _delete(self, fix: int) -> None:
        self._step = None
        self._cxx.external_delete(fix)

    def _init(self, fix: int) -> None:
        self._cxx.external_init(fix)
        if self._step is not None:
            self._step.needs_stress = any(map(self._cxx.has_fix_of_style, PRESSURE_FIXES))

    def _compute_scalar(self, _fix: int) -> float:
        return self._step.energy if self._step else 0.0


class AseStep:
    """Calls the calculator for one fix, step after step.

    Parameters
    ----------
    lammps : Lammps
        The instance, whose atoms are there.
    file : Path
        What the calculator is: ``calculator`` (an import path), ``arguments``, ``elements`` of
        LAMMPS's types, ``charge`` and ``spin``.
    """

    def __init__(self, lammps: Lammps, file: Path) -> None:
        self.energy = 0.0  #: of the last step, eV
        self.needs_stress = False  #: whether something asks for the pressure
        self._lammps = lammps
        self._set_virial: Callable[[np.ndarray], None] = lambda virial: None
        try:
            settings: dict[str, Any] = json.loads(file.read_text())
            self._elements = np.array(settings["elements"])
        except (OSError, ValueError, KeyError) as error:
            raise InputError(str(file), f"cannot be read ({error})", USAGE) from None
        sys.path.insert(0, "")  # calculators of the user's own
        try:
            self._calculator, self._info, _ = program.made(settings)
        except program.MethodRefused as refused:
            raise InputError(settings["calculator"], *refused.args) from None
        self._atoms: Any = None
        self._vflag = ctypes.c_int64.from_address(lammps.address("vflag_global"))
        self._tag_type = np.dtype(f"i{lammps.setting('tagint')}")
        self._no_stress = False

    def attach(self, set_virial: Callable[[np.ndarray], None]) -> None:
        """Take what hands LAMMPS a virial (6,), eV."""
        self._set_virial = set_virial

    def __call__(self, step: int, n_local: int, tag: int, x: int, external: int) -> None:
        """One evaluation: energy, virial, and the forces in LAMMPS's array.

        Parameters
        ----------
        step : int
            LAMMPS's time step.
        n_local : int
            Atoms that LAMMPS has.
        tag, x, external : int
            Addresses of LAMMPS's atom IDs, of its positions and of the forces that it will add.
        """
        tags = np.frombuffer(_bytes(tag, n_local * self._tag_type.itemsize), self._tag_type)
        order = np.argsort(tags)
        positions = np.frombuffer(_bytes(x, 24 * n_local)).reshape(-1, 3)
        low, cell = self._box()
        if self._atoms is None:
            self._atoms = self._first(n_local, order)
        elif len(self._atoms) != n_local:
            raise CalculatorFailed(f"{len(self._atoms)} atoms expected, {n_local} there: some left")
        # A calculator begins where it was: the atoms keep their order and their images' cell.
        self._atoms.set_cell(cell)
        self._atoms.set_positions(positions[order] - low)
        try:
            self.energy, _ = program.energy_of(self._atoms)
            forces = self._atoms.get_forces()
            virial = self._virial() if self._vflag.value == step else None
        except CalculatorFailed:
            raise
        except Exception as error:  # whatever a calculator raises
            raise CalculatorFailed(
                f"the calculator failed on step {step}: {program.first_line(error)}"
            ) from error
        if not (np.isfinite(self.energy) and np.isfinite(forces).all()):
            raise CalculatorFailed(f"Non-numeric energy or forces on step {step}")
        np.frombuffer(_bytes(external, 24 * n_local)).reshape(-1, 3)[order] = forces
        if virial is not None:
            self._set_virial(virial)

    def _first(self, n_local: int, order: np.ndarray) -> Any:
        """The atoms, in the order of their IDs."""
        from ase import Atoms

        pointer, extract = self._lammps.pointer, self._lammps.library.lammps_extract_atom
        types = np.frombuffer(_bytes(extract(pointer, b"type"), 4 * n_local), "i4")[order]
        address = self._lammps.address("periodicity")
        periodic = np.frombuffer(_bytes(address, 12), "i4").astype(bool)
        atoms = Atoms(self._elements[types - 1], np.zeros((n_local, 3)), pbc=periodic)
        atoms.info.update(self._info)
        atoms.calc = self._calculator
        return atoms

    def _box(self) -> tuple[np.ndarray, np.ndarray]:
        """The corner and the vectors of the cell, Angstrom."""
        low = np.frombuffer(_bytes(self._lammps.address("boxlo"), 24))
        high = np.frombuffer(_bytes(self._lammps.address("boxhi"), 24))
        cell = np.diag(high - low)
        for name, place in (("xy", (1, 0)), ("xz", (2, 0)), ("yz", (2, 1))):
            cell[place] = ctypes.c_double.from_address(self._lammps.address(name)).value
        return low.copy(), cell

    def _virial(self) -> np.ndarray:
        """(6,), eV; zero where the calculator has no stress and nothing follows from it."""
        if self._no_stress:
            return np.zeros(6)
        try:
            stress = self._atoms.get_stress(voigt=False)
        except Exception as error:  # NotImplementedError and its own, as of a molecule
            if self.needs_stress:
                raise CalculatorFailed(
                    f"the pressure is to be held, and the calculator gives no stress "
                    f"({program.first_line(error)}): hold the volume"
                ) from error
            self._no_stress = True
            self._lammps.warn(
                "fix ase: the calculator gives no stress, the pressure lacks its part"
            )
            return np.zeros(6)
        return np.array(-stress[_ROWS, _COLUMNS] * self._atoms.get_volume())


def _bytes(address: int, n: int) -> memoryview:
    return memoryview((ctypes.c_byte * n).from_address(address))
