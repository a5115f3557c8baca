"""A label program for ``fp_style: custom``: ``POSCAR_in`` of copper to ``labeled`` (deepmd/npy)."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import dpdata
import numpy as np

from wtemlp.md.dump import read_dump

SCRIPT = """units metal
boundary p p p
box tilt large
read_data one.data
mass 1 63.546
pair_style eam
pair_coeff 1 1 Cu_u3.eam
dump one all custom 1 one.dump id type x y z fx fy fz
dump_modify one sort id format float "%.12g"
run 0
print "$(pe:%.12g)" file one.energy screen no
"""
LAMMPS = ["-m", "wtemlp.lammps_plumed.lmp", "-in", "in.one", "-log", "none", "-screen", "none"]


def main() -> None:
    """Label the one frame of this folder."""
    system: Any = dpdata.System("POSCAR_in", fmt="vasp/poscar")
    system.to_lammps_lmp("one.data")
    Path("in.one").write_text(SCRIPT)
    subprocess.run([sys.executable, *LAMMPS], check=True)
    found = {
        "energies": np.array([float(Path("one.energy").read_text())]),
        "forces": read_dump(Path("one.dump")).forces,
    }
    label: Any = dpdata.LabeledSystem(data=dict(system.data) | found)
    label.to_deepmd_raw("labeled")
    label.to_deepmd_npy("labeled")


if __name__ == "__main__":
    main()
