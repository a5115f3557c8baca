"""What PLUMED is handed on every step: LAMMPS's own arrays, and what comes back.

PLUMED's atom number is the LAMMPS atom ID.  PLUMED reads LAMMPS's positions and changes LAMMPS's
forces in place, told which local atom is which.

Biasing ENERGY, PLUMED rescales the forces *and the virial* that it is handed by 1 + dV/dU: so it
is handed the virial of the unbiased system whenever LAMMPS tallies one, and the difference is
this fix's own virial.  When LAMMPS tallies none on a step, nobody can ask for it on that step.

A step costs some tens of microseconds: what does not change is looked up once, and what seldom
changes is compared as memory.
"""

import ctypes
import math

import numpy as np

from wtemlp.lammps_plumed.kernel import Plumed
from wtemlp.lammps_plumed.lammps_cxx import LammpsCxx, read_pointer
from wtemlp.lammps_plumed.lammps_library import Lammps

_STYLE_GLOBAL, _TYPE_VECTOR = 0, 1
#: LAMMPS's order of a symmetric tensor, as rows and columns of a matrix.
_ROWS, _COLUMNS = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 2, 2])
_BOUNDS_BYTES, _TILT_BYTES, _VIRIAL_BYTES = 48, 24, 72
#: From this version of its interface on, PLUMED keeps the masses and charges of the first step.
_CONSTANT_MASSES_API = 10
TIMESTEP_CHANGED = "the timestep cannot change under it; set it before fix plumed"


class RunFailed(Exception):
    """The run cannot go on; the text says why."""


class InputProblem(Exception):
    """The script asks for what cannot be; the text says what."""


class PlumedStep:
    """Calls PLUMED for one fix, step after step.

    Parameters
    ----------
    lammps : Lammps
        The instance.
    cxx : LammpsCxx
        Its C++ side.
    plumed : Plumed
        Initialised for `n_ids` atoms.
    n_atoms : int
        Atoms in the system.
    n_ids : int
        The highest atom ID: `n_atoms` here, more in
        :class:`~wtemlp.lammps_plumed.plumed_gaps.GapStep`.
    """

    def __init__(
        self, lammps: Lammps, cxx: LammpsCxx, plumed: Plumed, n_atoms: int, n_ids: int
    ) -> None:
        self.plumed = plumed
        self.bias = 0.0  #: of the last step, in LAMMPS's energy unit
        self._lammps, self._cxx = lammps, cxx
        self._fix = 0
        self._n_atoms, self._n_ids = n_atoms, n_ids
        self._forces_bytes = 3 * n_atoms * ctypes.sizeof(ctypes.c_double)
        self._compute_ids = {"pe": "", "pressure": ""}
        self._owned: set[str] = set()
        self._pe = self._pressure = 0
        self._last_step = -1
        self._needed_before = False
        self._masses_due = False
        self._link_lammps()
        self._link_buffers()
        self._link_commands()

    # -- connections that last

    def _link_lammps(self) -> None:
        address = self._lammps.address
        self._pointer = self._lammps.pointer
        self._extract_atom = self._lammps.library.lammps_extract_atom
        self._eflag = ctypes.c_int64.from_address(address("eflag_global"))
        self._vflag = ctypes.c_int64.from_address(address("vflag_global"))
        self._bounds_address, self._tilt_address = address("boxlo"), address("xy")
        if address("boxhi") != self._bounds_address + _BOUNDS_BYTES // 2 or (
            address("yz") != self._tilt_address + _TILT_BYTES - 8
        ):
            raise InputProblem("this LAMMPS keeps its box in another way than is known here")
        self._nktv2p = ctypes.c_double.from_address(address("nktv2p")).value
        self._dt = ctypes.c_double.from_address(address("dt"))
        self._dt_of_plumed = self._dt.value
        self._dimension = self._lammps.setting("dimension")
        self._tag_type = np.dtype(f"i{self._lammps.setting('tagint')}")
        self._compare = ctypes.PyDLL(None).memcmp
        self._compare.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)

    def _link_buffers(self) -> None:
        self._box, self._virial = np.zeros((3, 3)), np.zeros((3, 3))
        self._virial_address = self._virial.ctypes.data
        self._virial_of_fix = np.zeros(6)
        self._bounds, self._tilt = np.full(6, np.nan), np.zeros(3)
        self._bounds_copy, self._tilt_copy = self._bounds.ctypes.data, self._tilt.ctypes.data
        self._tags = np.zeros(0, self._tag_type)
        self._tags_copy = self._tags_bytes = 0
        self._index = np.zeros(0, np.intc)
        self._masses, self._charges = np.zeros(0), np.zeros(0)
        self._step = ctypes.c_long()
        self._stop, self._needed = ctypes.c_int(), ctypes.c_int()
        self._energy, self._bias = ctypes.c_double(), ctypes.c_double()
        self._x_address = self._f_address = 0

    def _link_commands(self) -> None:
        fast, of = self.plumed.fast, ctypes.addressof
        self._failed = self.plumed.failed
        self._set_step = fast(b"setStepLong", of(self._step))
        self._set_box = fast(b"setBox", self._box.ctypes.data)
        self._set_virial = fast(b"setVirial", self._virial_address)
        self._set_energy = fast(b"setEnergy", of(self._energy))
        self._prepare = fast(b"prepareCalc")
        self._prepare_next = fast(b"prepareDependencies")
        self._ask_energy = fast(b"isEnergyNeeded", of(self._needed))
        self._perform = fast(b"performCalc")
        self._perform_again = fast(b"performCalcNoUpdate")
        self._get_bias = fast(b"getBias", of(self._bias))
        self.plumed.cmd(b"setStopFlag", of(self._stop))
        api = ctypes.c_int()
        self.plumed.cmd(b"getApiVersion", of(api))
        self._constant_masses = api.value >= _CONSTANT_MASSES_API

    def attach(self, fix: int, pe_id: str, pressure_id: str) -> None:
        """Take the fix object and the computes that were made for it."""
        self._fix = fix
        self._compute_ids = {"pe": pe_id, "pressure": pressure_id}
        self._owned = {pe_id, pressure_id}
        self.start_run()

    def use_compute(self, style: str, identifier: str) -> None:
        """Take another compute of style ``pe`` or ``pressure`` than the fix's own.

        Raises
        ------
        InputProblem
            There is no such compute, or it is not a plain one of that style.
        """
        compute = self._cxx.compute(identifier)
        if not compute or not self._cxx.is_exactly(compute, style):
            raise InputProblem(f"{identifier} is not the ID of a compute {style}")
        self._release(self._compute_ids[style])
        self._compute_ids[style] = identifier
        self.start_run()

    def release_computes(self) -> None:
        """Delete the computes that were made for the fix."""
        while self._owned:
            self._release(next(iter(self._owned)))

    def _release(self, identifier: str) -> None:
        if identifier in self._owned:
            self._owned.remove(identifier)
            self._cxx.remove_compute(identifier)

    def start_run(self) -> None:
        """See that what the script may have changed since is as it was.

        Raises
        ------
        InputProblem
            A compute was deleted, or the timestep changed.
        """
        if self._dt.value != self._dt_of_plumed:
            raise InputProblem(TIMESTEP_CHANGED)
        for identifier in self._compute_ids.values():
            if not self._cxx.compute(identifier):
                raise InputProblem(f"compute {identifier} does not exist any more")
        self._pe, self._pressure = map(self._cxx.compute, self._compute_ids.values())

    # -- a step

    def __call__(self, step: int, n_local: int, tag: int, x: int, external: int) -> None:
        """One evaluation: the forces in LAMMPS's array become the biased ones.

        Parameters
        ----------
        step : int
            LAMMPS's time step.
        n_local : int
            Atoms that LAMMPS has.
        tag, x, external : int
            Addresses of LAMMPS's atom IDs, of its positions (``double **``, length unit) and of
            the forces that ``fix external`` will add (``double **``).
        """
        if n_local != self._n_atoms:
            raise RunFailed(f"Lost atoms: {self._n_atoms} expected, {n_local} there on step {step}")
        if not self._tags_bytes or self._compare(tag, self._tags_copy, self._tags_bytes):
            self._reorder(tag)
        if self._compare(self._bounds_address, self._bounds_copy, _BOUNDS_BYTES) or (
            self._compare(self._tilt_address, self._tilt_copy, _TILT_BYTES)
        ):
            self._new_box()
        ctypes.memset(read_pointer(external), 0, self._forces_bytes)
        ctypes.memset(self._virial_address, 0, _VIRIAL_BYTES)
        self._step.value = step
        self._set_step()  # before all else: it makes PLUMED forget the last step's
        self._set_arrays(read_pointer(x), read_pointer(self._extract_atom(self._pointer, b"f")))
        self._set_box()
        self._set_virial()
        if self._masses_due:
            self._set_masses()
        self._prepare()
        self._ask_energy()
        needed = self._needed.value != 0
        with_virial = needed and self._vflag.value == step
        if needed:
            self._set_potential_energy(step)
        if with_virial:
            self._set_unbiased_virial(step)
        # PLUMED also raises the flag on steps on which it has nothing to do.
        self._stop.value = 0
        if step == self._last_step:
            self._perform_again()
        else:
            self._perform()
        self._get_bias()
        if self._failed:
            self.plumed.raise_error()
        self._last_step = step
        self._take_back(step, with_virial)
        if needed and self._needed_before:
            # Needed twice in a row: tallied on the next step too, without asking.
            self._cxx.compute_addstep(self._pe, step + 1)
        else:
            self._look_ahead(step)
        self._needed_before = needed

    def _reorder(self, tag: int) -> None:
        """Tell PLUMED which atom is where; LAMMPS sorts its atoms now and then."""
        raw = (ctypes.c_byte * (self._n_atoms * self._tag_type.itemsize)).from_address(tag)
        self._tags = np.frombuffer(memoryview(raw), self._tag_type).copy()
        self._tags_copy, self._tags_bytes = self._tags.ctypes.data, self._tags.nbytes
        self._index = (self._tags - 1).astype(np.intc)
        if self._index.min() < 0 or self._index.max() >= self._n_ids:
            raise RunFailed("the atom IDs have changed under fix plumed")
        self._place()
        self._masses_due = True

    def _place(self) -> None:
        """Masses, charges and places of the atoms in PLUMED's order."""
        n_atoms = ctypes.c_int(self._n_atoms)
        self.plumed.cmd(b"setAtomsNlocal", ctypes.addressof(n_atoms))
        self.plumed.cmd(b"setAtomsGatindex", self._index.ctypes.data)
        self._masses, self._charges = self._per_atom_masses(), self._per_atom_charges()

    def _set_masses(self) -> None:
        self.plumed.cmd(b"setMasses", self._masses.ctypes.data)
        self.plumed.cmd(b"setCharges", self._charges.ctypes.data)
        self._masses_due = not self._constant_masses

    def _per_atom_masses(self) -> np.ndarray:
        per_atom = self._array(b"rmass", self._n_atoms, ctypes.c_double)
        if per_atom is not None:
            return per_atom.copy()
        n_types = self._lammps.setting("ntypes")
        per_type = self._array(b"mass", n_types + 1, ctypes.c_double)
        kind = self._array(b"type", self._n_atoms, ctypes.c_int)
        if per_type is None or kind is None:
            raise RunFailed("LAMMPS has no masses")
        return np.asarray(per_type[kind])

    def _per_atom_charges(self) -> np.ndarray:
        charges = self._array(b"q", self._n_atoms, ctypes.c_double)
        return np.zeros(self._n_atoms) if charges is None else charges.copy()

    def _array(
        self, name: bytes, length: int, kind: type[ctypes.c_int] | type[ctypes.c_double]
    ) -> np.ndarray | None:
        place = self._extract_atom(self._pointer, name)
        if not place:
            return None
        return np.frombuffer(memoryview((kind * length).from_address(place)), kind)

    def _new_box(self) -> None:
        ctypes.memmove(self._bounds_copy, self._bounds_address, _BOUNDS_BYTES)
        ctypes.memmove(self._tilt_copy, self._tilt_address, _TILT_BYTES)
        np.fill_diagonal(self._box, self._bounds[3:] - self._bounds[:3])
        xy, xz, yz = self._tilt
        self._box[1, 0], self._box[2, 0], self._box[2, 1] = xy, xz, yz

    def _set_arrays(self, positions: int, forces: int) -> None:
        """Hand PLUMED LAMMPS's own arrays of positions and forces."""
        if positions != self._x_address or forces != self._f_address:
            self._x_address, self._f_address = positions, forces
            self._set_positions = self.plumed.fast(b"setPositions", positions)
            self._set_forces = self.plumed.fast(b"setForces", forces)
        self._set_positions()
        self._set_forces()

    def _set_potential_energy(self, step: int) -> None:
        """The energy of this step without the bias."""
        if self._eflag.value != step:
            raise RunFailed(f"the potential energy was not tallied on step {step}")
        # Zero while the energy is summed: with fix_modify energy yes it would include the bias.
        self.bias = 0.0
        energy = self._cxx.pe_scalar(self._pe)
        if not math.isfinite(energy):
            raise RunFailed(f"Non-numeric potential energy {energy} on step {step}")
        self._energy.value = energy
        self._set_energy()

    def _set_unbiased_virial(self, step: int) -> None:
        """Hand PLUMED the virial of this step, so that it is rescaled with the forces."""
        vector = self._lammps.library.lammps_extract_compute(
            self._pointer, self._compute_ids["pressure"].encode(), _STYLE_GLOBAL, _TYPE_VECTOR
        )
        self._lammps.raise_error()
        if step == self._last_step:
            # Asked a second time on one step, LAMMPS gives what it had the first time.
            self._cxx.pressure_vector(self._pressure)
        pressure = np.frombuffer(memoryview((ctypes.c_double * 6).from_address(vector)))
        if not np.isfinite(pressure).all():
            raise RunFailed(f"Non-numeric virial on step {step}")
        volume = math.prod(self._box.diagonal()[: self._dimension].tolist())
        self._virial_of_fix[:] = pressure * volume / self._nktv2p
        self._virial[_ROWS, _COLUMNS] = -self._virial_of_fix

    def _take_back(self, step: int, with_virial: bool) -> None:
        self.bias = self._bias.value
        if math.isnan(self.bias):
            raise RunFailed(f"Non-numeric bias on step {step}")
        if self._vflag.value == step:
            change = -self._virial[_ROWS, _COLUMNS]
            if with_virial:
                change -= self._virial_of_fix
            self._virial_of_fix[:] = change
            self._cxx.external_set_virial(self._fix, self._virial_of_fix.ctypes.data)
        if self._stop.value:
            self._lammps.library.lammps_force_timeout(self._pointer)

    def _look_ahead(self, step: int) -> None:
        """Have the energy tallied on the next step if PLUMED will need it then."""
        self._step.value = step + 1
        self._set_step()
        self._prepare_next()
        self._ask_energy()
        if self._failed:
            self.plumed.raise_error()
        if self._needed.value:
            self._cxx.compute_addstep(self._pe, step + 1)
