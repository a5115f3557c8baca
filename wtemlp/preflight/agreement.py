"""Initial data against the reference: agree, another unit, another sign, another zero or method.

Pure functions of one frame's two labels.  Scale and offset are told apart by the forces, which no
zero of energies changes: forces that agree up to a factor are of another unit, forces that agree
while the energies do not are of another zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MILLI = 1000.0
AT_REST = 0.01  #: eV/Angstrom: smaller forces tell nothing
#: Largest differences that are no other method (root mean square of the force components; of the
#: energy, and of the virial's elements, per atom), and those that are not even told.
FORCE_MEV_A, FORCE_SHARE = 100.0, 0.25
ENERGY_MEV_ATOM = 20.0
VIRIAL_MEV_ATOM, VIRIAL_SHARE = 100.0, 0.5
TOLD_FORCE_MEV_A, TOLD_FORCE_SHARE, TOLD_ENERGY_MEV_ATOM = 20.0, 0.03, 2.0
#: Forces of labels that no other frame of a system has: times those of its data, and themselves.
FAR, HOT_EV_A, COLD_EV_A = 10.0, 5.0, 0.1
ALIKE = 0.02  #: of a factor, to be that of a unit
#: How many times too large a stored number is whose unit was taken for eV or eV/Angstrom.
_ENERGY_UNITS = {
    "kcal/mol": 23.060548,
    "kJ/mol": 96.485332,
    "Hartree": 1 / 27.211386,
    "Rydberg": 1 / 13.605693,
}
_FORCE_UNITS = {
    "kcal/mol/Angstrom": 23.060548,
    "kJ/mol/Angstrom": 96.485332,
    "kJ/mol/nm": 964.85332,
    "Hartree/Bohr": 1 / 51.422067,
    "Hartree/Angstrom": 1 / 27.211386,
    "Rydberg/Bohr": 1 / 25.711034,
    "eV/Bohr": 0.529177,
}


@dataclass(frozen=True)
class TwoLabels:
    """A frame's label as it is stored, and by the reference; atoms in one order.

    Labels that are imported stand in the place of the stored ones, and those of the initial data in
    that of the reference: what is told apart is how the first numbers differ from the second.
    """

    stored_eV: float
    reference_eV: float
    stored_eV_A: NDArray[np.float64]  #: (n_atoms, 3)
    reference_eV_A: NDArray[np.float64]
    stored_virial_eV: NDArray[np.float64] | None = None  #: (3, 3)
    reference_virial_eV: NDArray[np.float64] | None = None
    first: str = "stored"  #: which labels are held, for people
    second: str = "the reference's"  #: and against which

    @property
    def n_atoms(self) -> int:
        """Atoms of the frame."""
        return len(self.stored_eV_A)


@dataclass(frozen=True)
class Agreement:
    """What two labels of a frame say of each other."""

    problems: tuple[str, ...]  #: reasons not to train on both
    notes: tuple[str, ...]  #: differences that its user should know of
    energy_meV_atom: float  #: stored less reference
    force_meV_A: float  #: root mean square difference of the components

    @property
    def in_words(self) -> str:
        """The two numbers."""
        return (
            f"energies differ by {self.energy_meV_atom:.3g} meV/atom, "
            f"forces by {self.force_meV_A:.3g} meV/Angstrom (rms)"
        )


def compare(two: TwoLabels) -> Agreement:
    """Hold a stored label against one of the reference."""
    energy = (two.stored_eV - two.reference_eV) / two.n_atoms * MILLI
    difference = rms(two.stored_eV_A - two.reference_eV_A) * MILLI
    problems, notes = _forces(two, difference)
    for found in (_energies(two, energy, forces_agree=not problems), _virials(two)):
        problems, notes = problems + found[0], notes + found[1]
    return Agreement(tuple(problems), tuple(notes), energy, difference)


def pushes_all_alike(two: TwoLabels) -> bool:
    """Whether the reference has one force for all atoms, so that none acts on another.

    No method has that; a program that stands in for one may.  Only a unit can be told of it.
    """
    reference = two.reference_eV_A
    between = rms(reference - reference.mean(axis=0))
    alike = two.n_atoms > 1 and between < AT_REST <= rms(reference)
    return alike and not _forces(two, 0.0)[0]


def energy_unit(labels_eV: Sequence[float], models_eV: Sequence[float]) -> str:
    """The unit that labels of several frames seem to have, by what models say of these frames.

    Models are wrong by far less than the factors between units, if they are trained at all.

    Parameters
    ----------
    labels_eV, models_eV : sequence of float
        Energies of the same frames, eV.

    Returns
    -------
    str
        "" where it seems to be eV, or where less than two frames tell.
    """
    pairs = [(a, b) for a, b in zip(labels_eV, models_eV, strict=True) if b]
    units = {_unit(label / model, _ENERGY_UNITS) for label, model in pairs}
    return (units.pop() or "") if len(units) == 1 and len(pairs) > 1 else ""


def force_unit(labels_eV_A: Sequence[float], data_eV_A: Sequence[float]) -> str:
    """The unit that labels seem to have, by the size of their forces and of those of initial data.

    Both must tell: forces some ten times as large or small as any of the data's, and larger or
    smaller than those of any matter at the temperatures of MD.  eV/Bohr is not found.

    Parameters
    ----------
    labels_eV_A, data_eV_A : sequence of float
        Root mean squares of the force components, of frames each, eV/Angstrom.

    Returns
    -------
    str
        "" where it seems to be eV/Angstrom, or where less than two labels tell.
    """
    known = [size for size in data_eV_A if size >= AT_REST]
    if len(labels_eV_A) < 2 or not known:
        return ""
    size = float(np.median(labels_eV_A))
    too_large = size > max(FAR * max(known), HOT_EV_A)
    if not too_large and not 0 < size < min(min(known) / FAR, COLD_EV_A):
        return ""
    ratio = size / float(np.median(known))
    return min(_FORCE_UNITS, key=lambda unit: abs(np.log(_FORCE_UNITS[unit] / ratio)))


Found = tuple[list[str], list[str]]  #: problems and notes


def _forces(two: TwoLabels, difference_meV_A: float) -> Found:
    stored, reference = two.stored_eV_A.ravel(), two.reference_eV_A.ravel()
    size = max(rms(stored), rms(reference))
    if size < AT_REST:
        return [], []
    scale, rest = _scale(stored, reference)
    if abs(scale - 1) > ALIKE and rest < 0.1:
        if (unit := _unit(scale, _FORCE_UNITS)) is not None:
            return [f"the {two.first} forces are {scale:.4g} times {two.second}: in {unit}?"], []
        if abs(scale + 1) < ALIKE:
            return [f"the {two.first} forces have the opposite sign: gradients?"], []
    words = f"the forces differ by {difference_meV_A:.3g} meV/Angstrom (rms) of {size * MILLI:.3g}"
    if difference_meV_A > max(FORCE_MEV_A, FORCE_SHARE * size * MILLI):
        factor = f", the {two.first} ones are {scale:.4g} times the others" if rest < 0.1 else ""
        return [f"{words}{factor}: another method"], []
    if difference_meV_A > max(TOLD_FORCE_MEV_A, TOLD_FORCE_SHARE * size * MILLI):
        return [], [f"{words}: another cut-off, basis or grid?"]
    return [], []


def _energies(two: TwoLabels, difference_meV_atom: float, forces_agree: bool) -> Found:
    if abs(difference_meV_atom) <= TOLD_ENERGY_MEV_ATOM:
        return [], []
    words = f"the {two.first} energy is {difference_meV_atom:+.4g} meV/atom off"
    if abs(difference_meV_atom) <= ENERGY_MEV_ATOM:
        return [], [f"{words}: another cut-off, basis or grid?"]
    if two.reference_eV:
        ratio = two.stored_eV / two.reference_eV
        if (unit := _unit(ratio, _ENERGY_UNITS)) is not None:
            return [f"the {two.first} energy is {ratio:.4g} times {two.second}: in {unit}?"], []
        if abs(ratio + 1) < ALIKE:
            return [f"the {two.first} energy has the opposite sign"], []
    if forces_agree:
        return [
            f"{words}, while the forces agree: another zero of the energy (energies of atoms "
            "subtracted, other pseudopotentials)"
        ], []
    return [words], []


def _virials(two: TwoLabels) -> Found:
    if two.stored_virial_eV is None or two.reference_virial_eV is None:
        return [], []
    stored, reference = two.stored_virial_eV.ravel(), two.reference_virial_eV.ravel()
    difference = rms(stored - reference) / two.n_atoms * MILLI
    size = max(rms(stored), rms(reference)) / two.n_atoms * MILLI
    if difference <= VIRIAL_MEV_ATOM and difference <= VIRIAL_SHARE * size:
        return [], []
    scale, rest = _scale(stored, reference)
    if rest < 0.2 and abs(scale + 1) < 0.1:
        return [
            f"the {two.first} virial has the opposite sign: a stress of the other convention"
        ], []
    if rest < 0.1 and (unit := _unit(scale, _ENERGY_UNITS)) is not None:
        return [f"the {two.first} virial is {scale:.4g} times {two.second}: in {unit}?"], []
    words = f"the virials differ by {difference:.3g} meV/atom (rms of the elements) of {size:.3g}"
    if difference > max(VIRIAL_MEV_ATOM, VIRIAL_SHARE * size):
        return [f"{words}: another unit or convention of the stress?"], []
    return [], [words] if difference > VIRIAL_MEV_ATOM else []


def _scale(stored: NDArray[np.float64], reference: NDArray[np.float64]) -> tuple[float, float]:
    """How many times the reference the stored numbers are, and the share that this leaves."""
    norm = float(reference @ reference)
    if not norm:
        return np.nan, np.inf
    scale = float(stored @ reference) / norm
    return scale, rms(stored - scale * reference) / max(rms(stored), 1e-300)


def _unit(factor: float, units: dict[str, float]) -> str | None:
    """The unit that a factor, of either sign, is that of."""
    return next((u for u, x in units.items() if abs(abs(factor) / x - 1) < ALIKE), None)


def rms(values: Sequence[float] | NDArray[np.float64]) -> float:
    """The root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))
