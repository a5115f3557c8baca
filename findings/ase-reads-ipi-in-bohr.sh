#!/usr/bin/env bash
# i-PI 3.1.10 and ASE 3.29.0: a trajectory of i-PI is read in the wrong unit and without its cell, and forces as positions.
#
# i-PI writes `xyz` in atomic units unless a unit is named, and says so in the comment line, with the cell. ASE reads the file
# without complaint: bohr are taken for Angstrom (all distances 1.89 times too long), cell and periodicity are dropped, and a
# trajectory of `forces` becomes one of positions. i-PI's own format `ase` is read rightly.
#
# Seen: `distance 1.0 A: read from xyz as 1.890, from ase as 1.000`, `cell read from xyz: 0.0`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check ipi==3.1.10 ase==3.29.0 numpy==2.4.6
cd "$dir"
cat > start.xyz <<'XYZ'
2
# CELL(abcABC): 10.0 10.0 10.0 90 90 90  positions{angstrom} cell{angstrom}
Ar 0.0 0.0 0.0
Ar 1.0 0.0 0.0
XYZ
cat > input.xml <<'XML'
<simulation mode='static' verbosity='low'>
  <output prefix='out'>
    <trajectory filename='pos' stride='1' format='xyz'> positions </trajectory>
    <trajectory filename='for' stride='1' format='xyz'> forces </trajectory>
    <trajectory filename='ase' stride='1' format='ase'> positions </trajectory>
  </output>
  <total_steps>1</total_steps>
  <ffdirect name='springs'><pes>harmonic</pes><parameters>{k1: 0.01}</parameters></ffdirect>
  <system>
    <initialize nbeads='1'><file mode='xyz'>start.xyz</file></initialize>
    <forces><force forcefield='springs'></force></forces>
    <motion mode='dynamics'><dynamics mode='nve'><timestep units='femtosecond'>1</timestep></dynamics></motion>
    <ensemble><temperature units='kelvin'>10</temperature></ensemble>
  </system>
</simulation>
XML
venv/bin/i-pi input.xml > log 2>&1
venv/bin/python - <<'PY'
import numpy as np
from ase.io import read

plain, own = read("out.pos_0.xyz", index=0), read("out.ase_0.extxyz", index=0)
forces = read("out.for_0.xyz", index=0)
print(f"distance 1.0 A: read from xyz as {plain.get_distance(0, 1):.3f}, from ase as {own.get_distance(0, 1):.3f}")
print(f"cell read from xyz: {plain.cell.lengths()[0]}")
assert np.isclose(plain.get_distance(0, 1), 1.0 / 0.529177, atol=1e-3), "the unit is minded now"
assert not plain.cell.any() and not plain.pbc.any(), "the cell is read now"
assert np.isclose(forces.positions[1, 0], -0.01 / 0.529177, atol=1e-3), "forces are told from positions now"
assert np.isclose(own.get_distance(0, 1), 1.0, atol=1e-3) and np.isclose(own.cell.lengths()[0], 10.0, atol=1e-3)
PY
