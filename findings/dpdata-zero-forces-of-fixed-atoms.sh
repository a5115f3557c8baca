#!/usr/bin/env bash
# dpdata 1.1.0 and ASE 3.29.0: labels taken from ASE atoms have zero forces on fixed atoms; taken from the same atoms' file, they do not.
#
# `dpdata.LabeledSystem(atoms, fmt="ase/structure")` calls `atoms.get_forces()`, which applies constraints: the force on an atom of
# `FixAtoms` is zero, and as a training label it says that this atom is in equilibrium wherever it stands. Written to an extended
# XYZ, the file has the true force (and a column `move_mask`); dpdata's `extxyz` reader gives the true force, ASE's reader makes
# the constraint again, so that `get_forces()` is zero once more.
#
# Seen: `true -0.824, from atoms 0.000, from the file by dpdata -0.824, from the file by ASE 0.000`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check dpdata==1.1.0 ase==3.29.0 numpy==2.4.6
cd "$dir"
venv/bin/python - <<'PY'
import dpdata
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.io import read, write

atoms = bulk("Cu", cubic=True)
atoms.rattle(0.1, seed=1)
atoms.calc = EMT()
true = atoms.get_forces()[0, 0]
atoms.set_constraint(FixAtoms([0]))
write("fixed.extxyz", atoms)
from_atoms = dpdata.LabeledSystem(atoms, fmt="ase/structure")["forces"][0, 0, 0]
from_file = dpdata.LabeledSystem("fixed.extxyz", fmt="extxyz")["forces"][0, 0, 0]
by_ase = read("fixed.extxyz").get_forces()[0, 0]
print(f"true {true:.3f}, from atoms {from_atoms:.3f}, from the file by dpdata {from_file:.3f}, by ASE {by_ase:.3f}")
assert abs(true) > 0.5 and abs(from_file - true) < 1e-6
assert from_atoms == 0 and by_ase == 0, "forces on fixed atoms are no longer dropped"
PY
