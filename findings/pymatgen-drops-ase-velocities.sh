#!/usr/bin/env bash
# pymatgen-core 2026.10.16 and ASE 3.29.0: pymatgen reads a POSCAR that ASE wrote without its velocities, and says nothing.
#
# ASE writes a line `Cartesian` before the velocities, pymatgen an empty one; VASP's manual has both. pymatgen splits a file at empty lines, so
# the velocities of an ASE file are lines behind the positions that nobody reads: `Poscar.velocities` is None. The other way round
# ASE reads them, in the right unit. A structure that goes from ASE through pymatgen back starts its MD at rest.
#
# Seen: `1 A/fs: from ASE's file pymatgen has None, from pymatgen's file ASE has 1.000`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pymatgen-core==2026.10.16 ase==3.29.0 numpy==2.4.6
cd "$dir"
venv/bin/python - <<'PY'
from ase import Atoms, units
from ase.io import read, write
from pymatgen.core import Lattice, Structure
from pymatgen.io.vasp import Poscar

atoms = Atoms("Ar2", [[0, 0, 0], [3.8, 0, 0]], cell=[10, 10, 10], pbc=True)
atoms.set_velocities([[1 / units.fs, 0, 0], [0, 0, 0]])
write("by_ase", atoms, format="vasp")
by_pymatgen = Poscar.from_file("by_ase", check_for_potcar=False).velocities
structure = Structure(Lattice.cubic(10), ["Ar", "Ar"], [[0, 0, 0], [0.38, 0, 0]])
Poscar(structure, velocities=[[1, 0, 0], [0, 0, 0]]).write_file("by_pymatgen")
by_ase = read("by_pymatgen", format="vasp").get_velocities()[0, 0] * units.fs
print(f"1 A/fs: from ASE's file pymatgen has {by_pymatgen}, from pymatgen's file ASE has {by_ase:.3f}")
assert read("by_ase", format="vasp").get_velocities()[0, 0] > 0
assert by_pymatgen is None, "pymatgen reads them now"
assert abs(by_ase - 1) < 1e-3, "ASE reads them otherwise now"
PY
