"""Labels many frames by one ASE calculator, in one process.

wtemlp copies this file into the job's folder; it needs Python, NumPy and ASE where it runs, and
nothing of wtemlp.
"""

import contextlib
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

SETTINGS, FRAMES, LABELS = "calculator.json", "frames.npz", "labels.npz"


def calculator(path: str, arguments: dict[str, Any]) -> Any:
    """The calculator of an import path, as ``ase.calculators.emt.EMT``."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)(**arguments)


def label(atoms: Any, settings: dict[str, Any]) -> tuple[float, np.ndarray, np.ndarray]:
    """Energy (eV), forces (eV/Angstrom) and virial (eV; NaN if there is none) of a frame."""
    from ase.calculators.calculator import PropertyNotImplementedError

    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    virial = np.full((3, 3), np.nan)
    if settings["periodic"]:
        with contextlib.suppress(NotImplementedError, PropertyNotImplementedError):
            virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
    return energy, forces, virial


def main() -> None:
    """Label the frames of the working directory."""
    from ase import Atoms

    settings = json.loads(Path(SETTINGS).read_text())
    sys.path.insert(0, "")  # calculators of the user's own
    method = calculator(settings["calculator"], settings["arguments"])
    frames = np.load(FRAMES)
    coords, cells = frames["coords"], frames["cells"]
    energies, forces = np.full(len(coords), np.nan), np.full(coords.shape, np.nan)
    virials, reasons, found = np.full((len(coords), 3, 3), np.nan), [], np.array(coords)
    for k in range(len(coords)):
        atoms = Atoms(settings["symbols"], coords[k], cell=cells[k], pbc=settings["periodic"])
        atoms.calc = method
        try:
            energies[k], forces[k], virials[k] = label(atoms, settings)
            reasons.append("")
        except Exception as error:  # whatever a calculator raises is the frame's failure
            said = str(error).strip().splitlines() or [type(error).__name__]
            reasons.append("the calculator failed: " + said[0])
        found[k] = atoms.get_positions()
        print(settings["names"][k], energies[k], reasons[-1], flush=True)
    np.savez(
        LABELS,
        energies=energies,
        forces=forces,
        virials=virials,
        coords=found,
        reasons=np.array(reasons, dtype=str),
    )


if __name__ == "__main__":
    main()
