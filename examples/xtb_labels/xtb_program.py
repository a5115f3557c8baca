"""GFN-xTB by the program ``xtb`` (Debian: ``apt-get install xtb``) as a calculator of ASE.

For molecules: the program looks at no cell, so atoms that are periodic are refused.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.units import Bohr, Hartree


class Xtb(Calculator):
    """Energy (eV) and forces (eV/Angstrom) of a molecule.

    Parameters
    ----------
    gfn : int
        1 or 2: the parametrisation.
    charge : int
        Of the molecule, in e.
    program : str
        The command.
    """

    implemented_properties = ("energy", "forces")

    def __init__(self, gfn: int = 2, charge: int = 0, program: str = "xtb") -> None:
        super().__init__()
        self.command = [program, "in.xyz", "--grad", "--gfn", str(gfn), "--chrg", str(charge)]

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """Run the program in a folder that is thrown away."""
        super().calculate(atoms, properties, system_changes)
        if self.atoms.pbc.any():
            raise ValueError('xtb looks at no cell: give fp_params "periodic": false')
        n = len(self.atoms)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            rows = zip(self.atoms.get_chemical_symbols(), self.atoms.positions, strict=True)
            lines = [f"{symbol} {x:.12f} {y:.12f} {z:.12f}" for symbol, (x, y, z) in rows]
            (folder / "in.xyz").write_text("\n".join([str(n), "", *lines, ""]))
            done = subprocess.run(
                self.command, cwd=folder, capture_output=True, text=True, check=False
            )
            if done.returncode or not (folder / "gradient").exists():
                raise RuntimeError(f"xtb ended with status {done.returncode}: {done.stderr[-200:]}")
            rows = (folder / "gradient").read_text().replace("D", "E").splitlines()
        # $grad, a line with the energy, the positions, the gradients, $end
        self.results["energy"] = float(rows[1].split("energy =")[1].split()[0]) * Hartree
        gradient = np.array([row.split() for row in rows[2 + n : 2 + 2 * n]], dtype=float)
        self.results["forces"] = -gradient * Hartree / Bohr
