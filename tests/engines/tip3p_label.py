"""A program of the user's own for ``fp_style: custom``: one frame labelled by LAMMPS.

Reads ``POSCAR_in``, writes ``labeled`` (deepmd/npy): what ``fp_params`` of the tests say.
"""

import os
import subprocess
import sys
from pathlib import Path

import dpdata
import numpy as np

from wtemlp.config.keys.labels import ForceField
from wtemlp.core.units import KCAL_MOL_IN_EV
from wtemlp.md.dump import read_dump
from wtemlp.md.reference_script import force_field_commands, water_data
from wtemlp.md.topology import make_whole, water_topology

FIELD = ForceField(cutoff_A=4.5, kspace_accuracy=1e-4)


def main() -> None:
    system = dpdata.System("POSCAR_in", fmt="vasp/poscar")
    types, cell = system["atom_types"], system["cells"][0]
    topology = water_topology(types, system["coords"][0], cell, tuple(system["atom_names"]))
    whole = make_whole(system["coords"], system["cells"], topology)[0]
    Path("one.data").write_text(water_data(FIELD, whole, cell, topology))
    script = force_field_commands(FIELD, "one.data") + (
        "dump            one all custom 1 one.dump id type x y z fx fy fz\n"
        'dump_modify     one sort id format float "%.12g"\n'
        "run             0\n"
        'print           "$(pe:%.12g)" file one.energy screen no\n'
    )
    Path("in.one").write_text(script)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "wtemlp.lammps_plumed.lmp",
            "-in",
            "in.one",
            "-log",
            "none",
            "-screen",
            "none",
        ],
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    energy = float(Path("one.energy").read_text()) * KCAL_MOL_IN_EV
    forces = read_dump(Path("one.dump")).forces * KCAL_MOL_IN_EV
    data = dict(system.data) | {"energies": np.array([energy]), "forces": forces}
    label = dpdata.LabeledSystem(data=data)
    label.to_deepmd_raw("labeled")
    label.to_deepmd_npy("labeled")


if __name__ == "__main__":
    main()
