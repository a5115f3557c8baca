"""Is energy plus bias conserved?  NVE with a bias that is held still, against plain NVE.

    python benchmarks/wte_conservation.py [--out DIR] [--biasfactor 16] [--ps 25]

The water and the biases are those that ``wte_law.py`` left in DIR.  From the end of the last
piece of its NVT run: NVE without PLUMED, then with the final bias of a bias factor, at the same
time step.  Printed and written to ``wte_conservation.json``: the drift of the conserved energy (a
straight line through it, with the error of its slope over blocks) and the standard deviation
about it.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
from wte_law import FORCE_FIELD, Bias, run_lammps
from wte_law_files import (
    END,
    HILLS,
    TEMPERATURE_K,
    TIMESTEP_FS,
    folder_of,
    pieces,
    read_series,
)

from wtemlp.analysis.energy import moments
from wtemlp.core.atomic_io import write_json
from wtemlp.core.units import KB_EV, KCAL_MOL_IN_EV
from wtemlp.md.reference_script import force_field_commands

RESULT = "wte_conservation.json"
EVERY = 20  #: steps between recorded energies
BLOCKS = 8


def script(steps: int, biased: bool) -> str:
    """NVE from ``start.data``; columns of ``energies``: etotal with the bias, U, bias."""
    plumed = """\
fix             plumed all plumed plumedfile plumed.dat outfile plumed.log
fix_modify      plumed energy yes
"""
    bias = "$(f_plumed:%.9f)" if biased else "0"
    return f"""\
{force_field_commands(FORCE_FIELD, "start.data")}
timestep        {TIMESTEP_FS}
{plumed if biased else ""}fix             integrate all nve
thermo          5000
variable        e equal etotal
variable        u equal pe
fix             watch all print {EVERY} "$(v_e:%.9f) $(v_u:%.9f) {bias}" file energies screen no
run             {steps}
"""


def conserved(table: np.ndarray, atoms: int) -> dict:
    """Drift and scatter of the conserved energy, in kT per atom (drift: and ns)."""
    kT = KB_EV * TEMPERATURE_K / KCAL_MOL_IN_EV
    energy = table[:, 0] / (kT * atoms)
    time_ns = np.arange(len(energy)) * EVERY * TIMESTEP_FS * 1e-6
    slope, start = np.polyfit(time_ns, energy, 1)
    rest = energy - slope * time_ns - start
    blocks = np.array_split(rest, BLOCKS)
    scatter = np.std([block.mean() for block in blocks], ddof=1)
    return {
        "drift_kT_per_atom_ns": float(slope),
        # Of a line through the means of the blocks, equally spaced in time.
        "drift_error": float(scatter * np.sqrt(12 / BLOCKS) / time_ns[-1]),
        "scatter_kT_per_atom": float(rest.std()),
        "potential_energy_sigma_kcal_mol": float((table[:, 1] - table[:, 2]).std()),
        "bias_sigma_kcal_mol": float(table[:, 2].std()),
    }


def run(folder: Path, start: Path, steps: int, bias: tuple[Path, str] | None) -> np.ndarray:
    """The recorded energies, (n, 3); `bias` is a HILLS file and the PLUMED input."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(start, folder / "start.data")
    if bias:
        shutil.copyfile(bias[0], folder / HILLS)
        (folder / "plumed.dat").write_text(f"RESTART\n{bias[1]}")
    run_lammps(folder, script(steps, bias is not None))
    return np.loadtxt(folder / "energies")


def main() -> None:
    """Run both and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/wte_law"))
    parser.add_argument("--biasfactor", type=float, default=16)
    parser.add_argument("--ps", type=float, default=25)
    options = parser.parse_args()
    out, g = options.out.resolve(), options.biasfactor
    steps = round(options.ps * 1000 / TIMESTEP_FS)
    start = pieces(folder_of(out))[-1] / END
    atoms = int((start.read_text().split(" atoms")[0]).split()[-1])
    first = moments(read_series(folder_of(out), stop=2).energy)
    text = Bias(g, first.std, first.mean, static=True).plumed()
    hills = folder_of(out, g, static=True) / "bias" / HILLS
    result = {
        "ps": options.ps,
        "timestep_fs": TIMESTEP_FS,
        "biasfactor": g,
        "plain": conserved(run(out / "nve" / "plain", start, steps, None), atoms),
        "biased": conserved(run(out / "nve" / "biased", start, steps, (hills, text)), atoms),
    }
    write_json(out / RESULT, result)
    for name in ("plain", "biased"):
        one = result[name]
        print(
            f"{name:7s} drift {one['drift_kT_per_atom_ns']:+.4f} +- {one['drift_error']:.4f}"
            f" kT per atom and ns, scatter {one['scatter_kT_per_atom']:.2e} kT per atom,"
            f" bias sigma {one['bias_sigma_kcal_mol']:.2f} kcal/mol"
        )


if __name__ == "__main__":
    main()
