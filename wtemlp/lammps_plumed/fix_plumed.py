"""``fix plumed`` for a LAMMPS without its PLUMED package: registered from outside, in memory.

The style is LAMMPS's own ``fix external`` with another name, another way to be created, and a
callback that hands LAMMPS's arrays to the PLUMED kernel as they are
(:mod:`wtemlp.lammps_plumed.external_style`).  So LAMMPS reads the user's script itself, and loops,
jumps, includes and ``run every`` need nothing from here.

What differs from LAMMPS's own ``fix plumed``: ENERGY is the energy without the bias whatever
``fix_modify ID energy`` says; the scalar is the bias of this step, not of the one before; a step
that is evaluated again (the set-up of the next ``run``) adds no second hill and no second line;
atom IDs need not be consecutive.
"""

import ctypes
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from wtemlp.core.errors import InputError
from wtemlp.lammps_plumed.external_style import ExternalStyle
from wtemlp.lammps_plumed.kernel import Kernel, Plumed, PlumedError, find_kernel
from wtemlp.lammps_plumed.lammps_cxx import argument_array
from wtemlp.lammps_plumed.lammps_library import Lammps
from wtemlp.lammps_plumed.plumed_gaps import MAX_IDS, GapStep
from wtemlp.lammps_plumed.plumed_step import TIMESTEP_CHANGED, InputProblem, PlumedStep, RunFailed

STYLE = "plumed"
USAGE = "write: fix ID all plumed plumedfile FILE outfile FILE"
PE_ID, PRESSURE_ID = "plmd_pe", "plmd_press"

#: Energy unit in kJ/mol; the values are those of LAMMPS's fix plumed.
ENERGY_IN_KJ_MOL = {
    "real": 4.184,
    "metal": 96.48530749925792,
    "si": 0.001,
    "cgs": 6.0221418e13,
    "electron": 2625.5257,
}

#: Fixes that compute a pressure in their own set-up, which must come after this one's.
PRESSURE_FIXES = (
    "^nph",
    "^npt",
    "^press/berendsen",
    "^press/langevin",
    "^deform/pressure",
    "^msst",
    "^qbmsst",
    "^tgnpt/drude",
    "^rigid/nph",
    "^rigid/npt",
    "^box/relax",
)
PATH_INTEGRALS = ("^pimd", "^ipi")
OLDEST_API = 5


@dataclass(frozen=True)
class Arguments:
    """The words of a ``fix plumed`` command."""

    identifier: str
    group: str
    plumed_file: str | None = None
    log_file: str | None = None


def parse_arguments(words: list[str]) -> Arguments:
    """Read ``ID group plumed [plumedfile FILE] [outfile FILE]``.

    Raises
    ------
    InputError
        The words are not that.
    """
    identifier, group = words[0], words[1]
    where = f"fix {identifier} {group} {STYLE}"
    if not re.fullmatch(r"\w+", identifier, re.ASCII):
        raise InputError(where, "the fix ID must be alphanumeric or underscore characters")
    found: dict[str, str] = {}
    rest = iter(words[3:])
    for word in rest:
        if word not in ("plumedfile", "outfile"):
            raise InputError(where, f"unknown word {word!r}", USAGE)
        value = next(rest, None)
        if value is None:
            raise InputError(where, f"{word} without a file name", USAGE)
        found[word] = value
    return Arguments(identifier, group, found.get("plumedfile"), found.get("outfile"))


def energy_unit(units: str) -> float | None:
    """The energy unit of a LAMMPS unit style in kJ/mol, None for ``lj``, which is natural.

    Raises
    ------
    InputError
        PLUMED cannot handle the style.
    """
    if units == "lj":
        return None
    if units not in ENERGY_IN_KJ_MOL:
        raise InputError("fix plumed", f"cannot handle units {units}")
    return ENERGY_IN_KJ_MOL[units]


class FixPlumed(ExternalStyle):
    """The style: creates fixes for LAMMPS and answers for them.

    Parameters
    ----------
    lammps : Lammps
        The instance to register the style with.
    fail : callable
        Called with an exit code and a message when the run cannot go on; does not return (an
        exception must not unwind LAMMPS's C++ frames).
    """

    style, about = STYLE, "PLUMED kernel embedded by wtemlp"

    def __init__(self, lammps: Lammps, fail: Callable[[int, str], NoReturn]) -> None:
        self._kernel: Kernel | None = None
        self._current: PlumedStep | None = None
        super().__init__(
            lammps,
            fail,
            delete=self._delete,
            init=self._init,
            scalar=self._compute_scalar,
            reset_dt=self._reset_dt,
            modify_param=self._modify_param,
        )

    def failure(self, error: BaseException) -> tuple[int, str]:
        """The exit code and the words of an error."""
        if isinstance(error, InputProblem):
            return InputError.exit_code, f"fix plumed: {error}"
        if isinstance(error, RunFailed):
            return 1, f"fix plumed: {error}"
        if isinstance(error, PlumedError):
            return 1, f"fix plumed: PLUMED: {error}"
        return super().failure(error)

    # -- what LAMMPS calls

    def create(self, words: list[str]) -> int:
        """A fix, made from the words of its command: its address."""
        arguments = parse_arguments(words)
        where = f"fix {arguments.identifier} {arguments.group} {STYLE}"
        self._check_context(where)
        if arguments.group != "all":
            self._lammps.warn(f"{where}: the group is not 'all'; it is ignored")
        ids = self._atom_ids(where)
        highest = int(ids.max())
        plumed = self._start_plumed(arguments, where, highest)
        kind = PlumedStep if highest == len(ids) else GapStep
        step = kind(self._lammps, self._cxx, plumed, len(ids), highest)
        fix = self.new_fix(arguments.identifier)
        # ENERGY never includes the bias; thermo output does when the user asks for it.
        self._cxx.fix_modify_params(fix, *argument_array([b"energy", b"no"]))
        for identifier, style in ((PE_ID, "pe"), (PRESSURE_ID, "pressure NULL virial")):
            self._cxx.new_compute(f"{identifier} all {style}")
        step.attach(fix, PE_ID, PRESSURE_ID)
        self._current = step
        return fix

    def _delete(self, fix: int) -> None:
        step, self._current = self._current, None
        if step:
            step.plumed.finalize()
            step.release_computes()
        self._cxx.external_delete(fix)

    def _init(self, fix: int) -> None:
        self._cxx.external_init(fix)
        if self._lammps.address("respa_levels"):
            raise InputError("fix plumed", "run_style respa is not supported", "use verlet")
        if self._current:
            self._current.start_run()

    def _reset_dt(self, _fix: int) -> None:
        raise InputProblem(TIMESTEP_CHANGED)

    def _modify_param(self, _fix: int, count: int, words: ctypes.Array[ctypes.c_char_p]) -> int:
        keyword = os.fsdecode(words[0] or b"")
        if keyword not in ("pe", "press") or not self._current:
            return 0
        if count < 2:
            raise InputError(f"fix_modify {keyword}", "needs the ID of a compute")
        style = "pe" if keyword == "pe" else "pressure"
        self._current.use_compute(style, os.fsdecode(words[1] or b""))
        return 2

    def _compute_scalar(self, _fix: int) -> float:
        return self._current.bias if self._current else 0.0

    def post_force(self, step: int, n_local: int, tag: int, x: int, external: int) -> None:
        """A step."""
        if self._current:
            self._current(step, n_local, tag, x, external)

    # -- creation

    def _check_context(self, where: str) -> None:
        if self._lammps.setting("world_size") > 1 or self._lammps.setting("universe_size") > 1:
            raise InputError(
                where,
                "runs on one MPI rank only, the PLUMED at hand has no MPI",
                "start one process, or use a LAMMPS built with its PLUMED package",
            )
        if self._current:
            raise InputError(where, "there must be only one fix plumed", "unfix the first")
        if not self._lammps.setting("box_exist"):
            raise InputError(where, "comes before the simulation box is defined")
        for pattern in PATH_INTEGRALS:
            if self._cxx.has_fix_of_style(pattern):
                raise InputError(where, "is incompatible with path integrals")
        for pattern in PRESSURE_FIXES:
            if self._cxx.has_fix_of_style(pattern):
                raise InputError(
                    where, f"must come before fix {pattern[1:]}, which computes a pressure"
                )
        for identifier in (PE_ID, PRESSURE_ID):
            if self._lammps.has_id("compute", identifier):
                raise InputError(where, f"compute ID {identifier} is already used", "rename it")

    def _start_plumed(self, arguments: Arguments, where: str, n_atoms: int) -> Plumed:
        if self._kernel is None:
            self._kernel = Kernel(find_kernel())
        plumed = self._kernel.create()
        api = ctypes.c_int()
        plumed.cmd(b"getApiVersion", ctypes.addressof(api))
        if api.value < OLDEST_API:
            raise InputError(where, f"PLUMED API version {api.value} is too old")
        self._set_units(plumed)
        plumed.cmd(b"setMDEngine", b"LAMMPS")
        plumed.cmd(b"setNatoms", ctypes.addressof(ctypes.c_int(n_atoms)))
        plumed.cmd(b"setTimestep", self._lammps.address("dt"))
        if arguments.log_file is not None:
            plumed.cmd(b"setLogFile", os.fsencode(arguments.log_file))
        if arguments.plumed_file is not None:
            plumed.cmd(b"setPlumedDat", os.fsencode(arguments.plumed_file))
        try:
            plumed.cmd(b"init")
        except PlumedError as error:
            raise InputError(arguments.plumed_file or where, f"PLUMED: {error}") from None
        return plumed

    def _set_units(self, plumed: Plumed) -> None:
        energy = energy_unit(ctypes.string_at(self._lammps.address("units")).decode())
        if energy is None:
            plumed.cmd(b"setNaturalUnits")
            return
        angstrom = ctypes.c_double.from_address(self._lammps.address("angstrom")).value
        femtosecond = ctypes.c_double.from_address(self._lammps.address("femtosecond")).value
        for name, factor in (
            (b"setMDEnergyUnits", energy),
            (b"setMDLengthUnits", 0.1 / angstrom),
            (b"setMDTimeUnits", 0.001 / femtosecond),
        ):
            plumed.cmd(name, ctypes.addressof(ctypes.c_double(factor)))

    def _atom_ids(self, where: str) -> np.ndarray:
        """The IDs of the atoms that there are: (n_atoms,)."""
        n_local = self._lammps.setting("nlocal")
        address = self._lammps.library.lammps_extract_atom(self._lammps.pointer, b"id")
        if not n_local or not address:
            raise InputError(where, "comes before there are atoms")
        width = self._lammps.setting("tagint")
        raw = (ctypes.c_byte * (n_local * width)).from_address(address)
        ids: np.ndarray = np.frombuffer(memoryview(raw), f"i{width}")
        if ids.min() < 1:
            raise InputError(where, "needs atom IDs", "write: atom_modify id yes")
        if ids.max() > max(MAX_IDS, n_local):
            raise InputError(where, f"atom ID {ids.max()} is too high", "write: reset_atoms id")
        return ids
