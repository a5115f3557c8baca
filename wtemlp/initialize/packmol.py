"""Boxes of molecules by Packmol."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wtemlp.core.errors import CalculationError, MissingEngine

TOLERANCE_A = 2.0  #: smallest distance between atoms of different molecules, images included
PATIENCE_S = 900.0  #: for one box

#: O, H, H of one molecule, Angstrom: 0.9572 Angstrom and 104.52 degrees.
WATER_A = np.array([[0.0, 0.0, 0.0], [0.9572, 0.0, 0.0], [-0.239987, 0.926627, 0.0]])


@dataclass(frozen=True)
class Molecules:
    """A number of molecules of one kind."""

    symbols: tuple[str, ...]
    coords: np.ndarray  #: (n_atoms, 3), Angstrom
    count: int


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


def pack(molecules: Sequence[Molecules], length_A: float, seed: int) -> np.ndarray:
    """Place molecules at random in a periodic cubic box.

    Parameters
    ----------
    molecules : sequence of Molecules
    length_A : float
        Edge of the box, Angstrom.
    seed : int
        Packmol's; the same seed gives the same box.

    Returns
    -------
    (n_atoms, 3) float
        Positions, molecule by molecule in the order that is given, Angstrom.

    Raises
    ------
    MissingEngine
        If there is no Packmol.
    CalculationError
        If Packmol finds no packing.
    """
    program = find_packmol()
    total = sum(one.count for one in molecules)
    with tempfile.TemporaryDirectory(prefix="packmol.") as name:
        folder = Path(name)
        for k, one in enumerate(molecules):
            (folder / f"{k}.xyz").write_text(_xyz(one))
        script = folder / "packmol.inp"
        script.write_text(_script(molecules, length_A, seed))
        # A file and not a pipe: Packmol seeks in its input.
        with script.open() as stdin:
            try:
                done = subprocess.run(
                    [program],
                    stdin=stdin,
                    cwd=folder,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=PATIENCE_S,
                )
                said = f"exit {done.returncode}"
            except subprocess.TimeoutExpired:
                said = f"after {PATIENCE_S:.0f} s"
        packed = folder / "box.xyz"
        if said != "exit 0" or not packed.is_file():
            raise CalculationError(
                f"Packmol found no box of {total} molecules in {length_A:.2f} Angstrom"
                f" ({said}); a lower density_g_cm3 makes it easier"
            )
        coords = np.loadtxt(packed, skiprows=2, usecols=(1, 2, 3), ndmin=2)
    n_atoms = sum(one.count * len(one.symbols) for one in molecules)
    if coords.shape != (n_atoms, 3):
        raise CalculationError(f"Packmol placed {len(coords)} atoms, not {n_atoms}")
    return coords


def _script(molecules: Sequence[Molecules], length_A: float, seed: int) -> str:
    edge = f"{length_A:.6f} {length_A:.6f} {length_A:.6f}"
    head = (
        f"tolerance {TOLERANCE_A}\nfiletype xyz\nseed {seed}\noutput box.xyz\n"
        f"pbc 0.0 0.0 0.0 {edge}\n"
    )
    return head + "".join(
        f"structure {k}.xyz\n  number {one.count}\nend structure\n"
        for k, one in enumerate(molecules)
    )


def _xyz(molecule: Molecules) -> str:
    rows = "".join(
        f"{name} {x:.6f} {y:.6f} {z:.6f}\n"
        for name, (x, y, z) in zip(molecule.symbols, molecule.coords, strict=True)
    )
    return f"{len(molecule.symbols)}\nmolecule\n{rows}"
