#!/usr/bin/env bash
# mdtraj 1.11.1.post2: LAMMPS's default dump is read with all atoms within one Angstrom.
#
# `dump ... atom` writes scaled coordinates, `xs ys zs`. mdtraj takes them for Angstrom: in a box of 10 Angstrom, atoms 1 and 2 Angstrom
# from the corner are at 0.1 and 0.2, the box is right, and nothing is said. With `x y z` it reads the same frame rightly. The times
# are the numbers of the frames, and a box whose corner is not at the origin keeps positions as they are.
#
# Seen: `x y z: distance 1.00, box 10.0; xs ys zs: distance 0.10, box 10.0`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check mdtraj==1.11.1.post2 numpy==2.4.6
cd "$dir"
"$dir/venv/bin/python" -W error::UserWarning - <<'PY'
from pathlib import Path

import mdtraj

HEAD = """ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
0 10
0 10
0 10
ITEM: ATOMS id type {}
"""
topology = mdtraj.Topology()
chain = topology.add_chain()
for _ in range(2):
    topology.add_atom("Ar", mdtraj.element.argon, topology.add_residue("Ar", chain))


def read(columns, rows):
    Path("dump.lammpstrj").write_text(HEAD.format(columns) + rows)
    frame = mdtraj.load("dump.lammpstrj", top=topology)
    return 10 * (frame.xyz[0, 1, 0] - frame.xyz[0, 0, 0]), 10 * frame.unitcell_lengths[0, 0]


plain, box = read("x y z", "1 1 1 0 0\n2 1 2 0 0\n")
scaled, box_of_scaled = read("xs ys zs", "1 1 0.1 0 0\n2 1 0.2 0 0\n")
print(f"x y z: distance {plain:.2f}, box {box:.1f}; xs ys zs: distance {scaled:.2f}, box {box_of_scaled:.1f}")
assert abs(plain - 1) < 1e-4
assert abs(scaled - 0.1) < 1e-4, "scaled coordinates are minded now"
PY
