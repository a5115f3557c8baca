"""Boxes of molecules by Packmol."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from wtemlp.core.errors import CalculationError, MissingEngine

TOLERANCE_A = 2.0  #: smallest distance between atoms of different molecules, images included

#: O, H, H of one molecule, Angstrom: 0.9572 Angstrom and 104.52 degrees.
WATER_A = np.array([[0.0, 0.0, 0.0], [0.9572, 0.0, 0.0], [-0.239987, 0.926627, 0.0]])


def find_packmol() -> Path:
    """The Packmol program: of this Python's environment, or on the PATH.

    Raises
    ------
    MissingEngine
        If there is none.
    """
    own = Path(sys.executable).parent / "packmol"
    found = own if own.is_file() else shutil.which("packmol")
    if found is None:
        raise MissingEngine("packmol", "not found", "install it: pip install packmol")
    return Path(found)


def pack_water(n_molecules: int, length_A: float, seed: int) -> np.ndarray:
    """Place water molecules at random in a periodic cubic box.

    Parameters
    ----------
    n_molecules : int
    length_A : float
        Edge of the box, Angstrom.
    seed : int
        Packmol's; the same seed gives the same box.

    Returns
    -------
    (n_molecules, 3, 3) float
        Positions of O, H and H of each molecule, Angstrom.

    Raises
    ------
    MissingEngine
        If there is no Packmol.
    CalculationError
        If Packmol finds no packing.
    """
    program = find_packmol()
    with tempfile.TemporaryDirectory(prefix="packmol.") as name:
        folder = Path(name)
        (folder / "water.xyz").write_text(_xyz(WATER_A))
        script = folder / "packmol.inp"
        script.write_text(_script(n_molecules, length_A, seed))
        # A file and not a pipe: Packmol seeks in its input.
        with script.open() as stdin:
            done = subprocess.run(
                [program], stdin=stdin, cwd=folder, capture_output=True, text=True, check=False
            )
        packed = folder / "box.xyz"
        if done.returncode != 0 or not packed.is_file():
            raise CalculationError(
                f"Packmol found no box of {n_molecules} molecules in {length_A:.2f} Angstrom"
                f" (exit {done.returncode}); a lower density_g_cm3 makes it easier"
            )
        coords = np.loadtxt(packed, skiprows=2, usecols=(1, 2, 3))
    if coords.shape != (3 * n_molecules, 3):
        raise CalculationError(f"Packmol placed {len(coords)} atoms, not {3 * n_molecules}")
    return coords.reshape(n_molecules, 3, 3)


def _script(n_molecules: int, length_A: float, seed: int) -> str:
    edge = f"{length_A:.6f} {length_A:.6f} {length_A:.6f}"
    return (
        f"tolerance {TOLERANCE_A}\nfiletype xyz\nseed {seed}\noutput box.xyz\n"
        f"pbc 0.0 0.0 0.0 {edge}\n"
        f"structure water.xyz\n  number {n_molecules}\nend structure\n"
    )


def _xyz(molecule: np.ndarray) -> str:
    rows = "".join(
        f"{name} {x:.6f} {y:.6f} {z:.6f}\n" for name, (x, y, z) in zip("OHH", molecule, strict=True)
    )
    return f"3\nwater\n{rows}"
