"""Draw the figure of docs/examples/molecule.md from its run.

    python benchmarks/ethanol_figure.py runs/ethanol docs/images/molecule.png

Left: the torsions in the MD of ``wtemlp init``.  Right: the energy of ethanol as its OH group is
turned and all else held, by the models of the first and of the last iteration, and by GFN2-xTB.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import Calculator
from ase.optimize import BFGS
from deepmd.calculator import DP
from numpy.typing import NDArray
from tblite.ase import TBLite

from wtemlp.analysis.variables import variable
from wtemlp.md.dump import read_dump

matplotlib.use("Agg")
from matplotlib import pyplot

OH, METHYL = (0, 1, 2, 3), (2, 1, 0, 6)  #: in ASE's order of the atoms
TRANS_DEG = 180
DEGREES = np.arange(0, 361, 15)


def torsions(run: Path) -> NDArray[np.float64]:
    """Both torsions in the frames of a run of init, (2, n_frames), degrees from 0 to 360."""
    dump = read_dump(run / "frames.dump")
    return np.degrees([variable(atoms, dump.coords, dump.cells) for atoms in (OH, METHYL)]) % 360


def profile(atoms: Atoms, calculator: Calculator) -> NDArray[np.float64]:
    """Energies of the turned OH group, meV above trans."""
    energies = []
    for angle in DEGREES:
        turned = atoms.copy()
        turned.set_dihedral(*OH, angle, indices=[OH[-1]])
        turned.calc = calculator
        energies.append(1e3 * turned.get_potential_energy())
    return np.array(energies) - energies[DEGREES.tolist().index(TRANS_DEG)]


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("image", type=Path)
    given = parser.parse_args()
    drawing, (left, right) = pyplot.subplots(1, 2, figsize=(7.8, 3.4), layout="constrained")
    for run in sorted(given.run.glob("init/01.md.*/ethanol.*K*"), reverse=True):
        biased = ".g" in run.name
        style = {"color": "C1", "markersize": 2} if biased else {"color": "C0", "markersize": 4}
        left.plot(*torsions(run), "o", label="biased" if biased else "unbiased", **style)
    left.set(xlabel="torsion of the OH group (°)", ylabel="torsion of the methyl group (°)")
    left.set(xlim=(0, 360), ylim=(0, 360), title="MD of wtemlp init")
    reference = TBLite(method="GFN2-xTB", verbosity=0)
    atoms = molecule("CH3CH2OH")
    atoms.calc = reference
    BFGS(atoms, logfile=None).run(fmax=0.02)
    trainings = sorted(given.run.glob("iter.*/00.train"))
    for place, colour, of in ((0, "C1", "before the iteration"), (-1, "C0", "after it")):
        for number, graph in enumerate(sorted(trainings[place].glob("graph.*.pb"))):
            label = f"models {of}" if number == 0 else None
            right.plot(DEGREES, profile(atoms, DP(graph)), color=colour, label=label)
    right.plot(DEGREES, profile(atoms, reference), "k.-", linewidth=2, label="GFN2-xTB")
    right.set(xlabel="torsion of the OH group (°)", ylabel="energy above trans (meV)")
    right.set(title="the OH group turned, all else held")
    for axes in (left, right):
        axes.set_xticks(range(0, 361, 60))
        axes.legend(fontsize="small")
    drawing.savefig(given.image, dpi=100)


if __name__ == "__main__":
    main()
