#!/usr/bin/env bash
# ASE 3.29.0: a site of a coarse or united-atom model in a LAMMPS data file becomes the element of the nearest mass.
#
# `ase.io.read(..., format="lammps-data")` chooses each type's element by its mass, without a tolerance and without a
# word: the water site of mW (18.015) is fluorine, CH3 (15.035) oxygen, CH2 (14.027) nitrogen, a Martini bead (72) germanium.
# Distances are right; whatever looks at elements (radii, type maps, selections, masses of another program) is wrong.
#
# Seen: `18.015: F, 15.035: O, 14.027: N, 72.0: Ge`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check ase==3.29.0 numpy==2.4.6
"$dir/venv/bin/python" -W error - <<'PY'
import io

from ase.io import read

DATA = """a site

1 atoms
1 atom types
0 10 xlo xhi
0 10 ylo yhi
0 10 zlo zhi

Masses

1 {mass}

Atoms # atomic

1 1 1.0 1.0 1.0
"""
found = {
    mass: read(io.StringIO(DATA.format(mass=mass)), format="lammps-data").get_chemical_symbols()[0]
    for mass in (18.015, 15.035, 14.027, 72.0)
}
print(", ".join(f"{mass}: {symbol}" for mass, symbol in found.items()))
assert list(found.values()) == ["F", "O", "N", "Ge"], "masses of no element are treated in another way now"
PY
